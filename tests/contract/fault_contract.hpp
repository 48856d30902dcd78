// fault contract: what every registered fault must do on a platform with all abilities. Include it in one file of a
// test program and instantiate EveryFault over fault_cases(a lab).
#pragma once

#include "harness/fault/fault.hpp"
#include "harness/lease/run_undo.hpp"
#include "tests/contract/lab.hpp"
#include "tests/support/eventually.hpp"

namespace cardstorm::test {

struct FaultCase {
  FaultEntry fault;
  OpenLab lab;
};

inline std::vector<FaultCase> fault_cases(const OpenLab& lab) {
  std::vector<FaultCase> out;
  for (const FaultEntry& fault : fault_registry()) out.push_back({fault, lab});
  return out;
}
inline std::string name_of_fault(const testing::TestParamInfo<FaultCase>& test) { return test.param.fault.name; }
inline void PrintTo(const FaultCase& one, std::ostream* out) { *out << one.fault.name; }

class EveryFault : public InLab<FaultCase> {
 protected:
  static const FaultEntry& entry() { return GetParam().fault; }
  static FaultSpec spec(const std::string& on) {
    FaultSpec out;
    out.fault = entry().name;
    out.on = on;
    return out;
  }
  /// Never none: a contract that was kept nowhere was not kept.
  static std::vector<std::string> places() {
    auto out = lab_->places(entry().needs);
    EXPECT_FALSE(out.empty()) << entry().needs;
    return out;
  }
  std::unique_ptr<Fault> fault(const std::string& on) {
    auto made = entry().make(spec(on), *target_);
    EXPECT_TRUE(made) << on << ": " << made.error().what;
    return made ? std::move(*made) : nullptr;
  }
  static testing::AssertionResult becomes(Fault& fault, Probe wanted) {
    std::string note;
    const auto look = [&] {
      if (wanted == Probe::in_force) (void)fault.inject();  // renewed until it is seen, as the lane does
      return fault.probe(&note) == wanted;
    };
    if (eventually(look, 10s)) return testing::AssertionSuccess();
    return testing::AssertionFailure() << note;
  }
};

TEST_P(EveryFault, IsNormalThenInForceThenNormalAndThePlatformSellsAgain) {
  for (const std::string& on : places()) {
    const auto fault = this->fault(on);
    ASSERT_TRUE(fault);
    EXPECT_TRUE(becomes(*fault, Probe::normal)) << on;
    ASSERT_TRUE(fault->inject()) << on;
    EXPECT_TRUE(becomes(*fault, Probe::in_force)) << on;
    ASSERT_TRUE(fault->heal()) << on;
    EXPECT_TRUE(becomes(*fault, Probe::normal)) << on;
    EXPECT_TRUE(eventually([] { return lab_->sells(); }, 10s)) << on;
  }
}

TEST_P(EveryFault, HealsTwiceAndWithoutAnInject) {
  for (const std::string& on : places()) {
    const auto fault = this->fault(on);
    ASSERT_TRUE(fault);
    EXPECT_TRUE(fault->heal()) << on;
    ASSERT_TRUE(fault->inject()) << on;
    EXPECT_TRUE(fault->inject()) << on << ": again renews";
    EXPECT_TRUE(fault->heal()) << on;
    EXPECT_TRUE(fault->heal()) << on;
    EXPECT_TRUE(becomes(*fault, Probe::normal)) << on;
  }
}

TEST_P(EveryFault, KnowsBeforeItIsMadeWhatUndoesItWithoutUs) {
  for (const std::string& on : places()) {
    const auto fault = this->fault(on);
    ASSERT_TRUE(fault);
    const auto undo = fault->undo();
    ASSERT_TRUE(undo) << on << ": " << undo.error().what;
    EXPECT_TRUE(fault->one_shot() || !std::holds_alternative<NoUndo>(*undo))
        << on << ": only what the target's own supervisor mends needs none";
    ASSERT_TRUE(fault->inject()) << on;
    ASSERT_TRUE(becomes(*fault, Probe::in_force)) << on;
    const UndoResult undone = run_undo(*undo, *AllowList::parse({"127.0.0.0/8"}), 10s);
    EXPECT_TRUE(undone.reverted) << on << ": " << undone.note;
    EXPECT_TRUE(becomes(*fault, Probe::normal)) << on;
    EXPECT_TRUE(fault->heal()) << on;
  }
}

TEST_P(EveryFault, EndsByItselfWhenItIsNotRenewed) {
  for (const std::string& on : places()) {
    const auto fault = this->fault(on);
    ASSERT_TRUE(fault);
    if (fault->one_shot()) GTEST_SKIP() << "happens once";
    ASSERT_TRUE(fault->inject()) << on;
    ASSERT_TRUE(becomes(*fault, Probe::in_force)) << on;
    EXPECT_TRUE(becomes(*fault, Probe::normal)) << on << ": a lease of 2 s";
  }
}

TEST_P(EveryFault, IsUnavailableWhereTheAbilityIsMissing) {
  const auto poor = lab_->untouchable();
  ASSERT_TRUE(poor->start(10s));
  const auto made = entry().make(spec(places().front()), *poor);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::unavailable);
  EXPECT_NE(made.error().what.find("'" + entry().needs + "'"), std::string::npos) << made.error().what;
  EXPECT_FALSE(made.error().remedy.empty());
}

TEST_P(EveryFault, RefusesAVictimThatDoesNotExist) { EXPECT_FALSE(entry().make(spec("nobody"), *target_)); }

}  // namespace cardstorm::test
