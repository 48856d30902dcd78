// lane: the life of a fault, with scripted faults and with the real ones on a real port.
#include "harness/fault/lane.hpp"

#include <gtest/gtest.h>

#include "harness/core/files.hpp"
#include "tests/unit/fault/support.hpp"

namespace cardstorm {
namespace {

using test::segment;

class Lane : public testing::Test {
 protected:
  std::vector<FaultResult> run(const std::vector<Segment>& segments, test::Script* script = nullptr) {
    return lane(segments, script)->wait();
  }
  std::unique_ptr<FaultLane> lane(const std::vector<Segment>& segments, test::Script* script = nullptr) {
    segments_ = segments;
    clock_ = std::make_unique<MonotonicClock>();
    FaultLaneParts parts{segments_, target_, *clock_, recorder_, *journal_, limits_};
    if (script != nullptr) parts.make = test::scripted(*script);
    return std::make_unique<FaultLane>(parts);
  }
  UndoRecord record() { return *read_undo_journal(dir_.path()); }

  test::TempDir dir_;
  test::FakePlatform platform_;
  test::FakeTarget target_{platform_.url()};
  test::Recorder recorder_;
  std::unique_ptr<UndoJournal> journal_ = *UndoJournal::create(dir_.path(), {"127.0.0.0/8"});
  FaultLimits limits_ = test::quick();
  std::vector<Segment> segments_;
  std::unique_ptr<MonotonicClock> clock_;
};

TEST_F(Lane, APoolIsHeldFromItsTimeToItsTime) {
  const auto results = run(
      {segment("db_pool_exhaustion", "order", Nanos(0), 1500ms, 1800ms)});  // time for a renewal, however slow the disk
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].verified && results[0].reverted && !results[0].residue) << results[0].note;
  EXPECT_EQ(recorder_.names(), "injecting injected verified healing healed cleared");
  EXPECT_GE(recorder_.at(FaultEdge::injecting), Nanos(40ms));
  EXPECT_GE(recorder_.at(FaultEdge::healing), Nanos(1500ms));
  EXPECT_FALSE(platform_.held());
  EXPECT_FALSE(record().anything_open());
  EXPECT_GE(platform_.count("POST /admin/pool/hold"), 3) << "inject, at least one renewal, release";
}

TEST_F(Lane, AChannelIsDelayedAndFreeAgain) {
  auto slow = segment("payment_delay", "alpha", Nanos(0), 1500ms, 1600ms);
  slow.fault.params = Json::object({{"delay", "600ms"}});
  const auto results = run({slow});
  EXPECT_TRUE(results[0].verified && results[0].reverted) << results[0].note;
  EXPECT_EQ(recorder_.names(), "injecting injected verified healing healed cleared");
  EXPECT_FALSE(platform_.delayed());
}

TEST_F(Lane, AKillIsSeenByTheExitOfThatVeryProcessAndClearedByAnotherOne) {
  const ProcessId victim = platform_.child();
  const auto results = run({segment("node_kill", "order", Nanos(0), 60s, 90s)});
  EXPECT_TRUE(results[0].verified && results[0].reverted) << results[0].note;
  EXPECT_EQ(recorder_.names(), "injecting injected verified healing healed cleared");
  EXPECT_FALSE(alive(victim));
  EXPECT_NE(platform_.child(), victim);
  EXPECT_LT(recorder_.at(FaultEdge::healed), Nanos(30s)) << "a kill has ended when it is done";
  EXPECT_FALSE(record().anything_open());
}

TEST_F(Lane, AKillThatNobodyMendsIsNotClearedAndNoResidueOfOurs) {
  platform_.never_restart();
  limits_.clear = 50ms;
  const auto results = run({segment("node_kill", "order", Nanos(0), 400ms, 2s)});
  EXPECT_TRUE(results[0].verified);
  EXPECT_FALSE(results[0].reverted);
  EXPECT_FALSE(results[0].residue);
  EXPECT_TRUE(recorder_.has(FaultEdge::not_cleared));
  EXPECT_GE(recorder_.at(FaultEdge::not_cleared), Nanos(2s)) << "the target's supervisor has until the horizon";
}

TEST_F(Lane, TheUndoIsOnTheDiskBeforeTheFaultIsMade) {
  test::Script script;
  std::string seen;
  script.inject = [&] {
    if (seen.empty()) seen = *read_file(dir_.path() + "/faults.jsonl");
    return ok();
  };
  limits_.clear = 50ms;
  (void)run({segment("scripted", "x")}, &script);
  EXPECT_NE(
      seen.find(
          R"("id":"0-scripted","fault":"scripted","on":"x","undo":{"kind":"argv","argv":["true"],"within_ms":1000,"log":""},"state":"planned")"),
      std::string::npos)
      << seen;
  EXPECT_EQ(seen.find("active"), std::string::npos);
}

TEST_F(Lane, AFaultWithoutAKnownUndoIsNotMade) {
  test::Script script;
  bool made = false;
  script.undo = Error{Errc::not_found, "no such place"};
  script.inject = [&] {
    made = true;
    return ok();
  };
  const auto results = run({segment("scripted", "x")}, &script);
  EXPECT_FALSE(made);
  EXPECT_EQ(recorder_.names(), "failed");
  EXPECT_GE(recorder_.at(FaultEdge::failed), Nanos(40ms)) << "at its planned time";
  EXPECT_FALSE(results[0].residue);
  EXPECT_EQ(results[0].note, "it is not known how to undo scripted on x: no such place");
}

TEST_F(Lane, OnlyAOneShotMayLeaveItToOthersToMendIt) {
  test::Script script;
  script.undo = Undo(NoUndo{});
  const auto results = run({segment("scripted", "x")}, &script);
  EXPECT_EQ(recorder_.names(), "failed");
  EXPECT_EQ(results[0].note, "it is not known how to undo scripted on x");
}

TEST_F(Lane, AnEffectThatIsNeverSeenIsNotVerifiedButStillHealed) {
  platform_.hold_nothing();
  const auto results = run({segment("db_pool_exhaustion", "order")});
  EXPECT_FALSE(results[0].verified);
  EXPECT_TRUE(results[0].reverted);
  EXPECT_EQ(recorder_.names(), "injecting injected not_verified healing healed cleared");
}

TEST_F(Lane, AHalfDoneInjectIsHealed) {
  test::Script script;
  int heals = 0;
  script.inject = [] { return Status(Error{Errc::timeout, "no answer"}); };
  script.heal = [&] {
    ++heals;
    return ok();
  };
  script.probe = [&] { return heals > 0 ? Probe::normal : Probe::in_force; };
  const auto results = run({segment("scripted", "x", Nanos(0), 60s, 90s)}, &script);
  EXPECT_EQ(recorder_.names(), "injecting failed healing healed cleared");
  EXPECT_FALSE(results[0].verified);
  EXPECT_TRUE(results[0].reverted);
  EXPECT_LT(recorder_.at(FaultEdge::healing), Nanos(30s)) << "at once, not at heal_at";
}

TEST_F(Lane, AStopHealsAtOnceAndMakesNoMore) {
  auto lane = this->lane(
      {segment("db_pool_exhaustion", "order", Nanos(0), 60s, 90s), segment("db_pool_exhaustion", "order", 100s)});
  ASSERT_TRUE(test::eventually([&] { return recorder_.has(FaultEdge::verified); }));
  EXPECT_EQ(lane->on(), 0);
  const Nanos asked = monotonic_now();
  lane->stop();
  EXPECT_LT(monotonic_now() - asked, Nanos(10s));
  EXPECT_FALSE(platform_.held());
  EXPECT_EQ(lane->on(), -1);
  EXPECT_TRUE(lane->done());
  const auto results = lane->wait();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].reverted);
  EXPECT_FALSE(record().anything_open());
}

TEST_F(Lane, AStopBeforeTheTimeMakesNothing) {
  auto lane = this->lane({segment("db_pool_exhaustion", "order", 30s)});
  lane->stop();
  EXPECT_EQ(recorder_.names(), "");
  EXPECT_EQ(platform_.count("POST /admin/pool/hold"), 0);
}

TEST_F(Lane, WhatCannotBeHealedIsResidueAndNothingMoreIsBroken) {
  test::Script script;
  int injects = 0;
  script.inject = [&] {
    ++injects;
    return ok();
  };
  script.heal = [] { return Status(Error{Errc::timeout, "no answer"}); };
  limits_.clear = 100ms;
  const auto results = run({segment("scripted", "x"), segment("scripted", "x", 1s)}, &script);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_TRUE(results[0].residue);
  EXPECT_FALSE(results[0].reverted);
  const auto edges = recorder_.edges();
  EXPECT_TRUE(recorder_.has(FaultEdge::not_cleared));
  EXPECT_EQ(edges.back().edge, FaultEdge::failed);
  EXPECT_EQ(edges.back().segment, 1u);
  EXPECT_EQ(record().entries[0].state, UndoState::residue);
}

TEST_F(Lane, ResidueThatMendsLaterIsNoneAndTheNextFaultIsMade) {
  test::Script script;
  bool stubborn = true;
  script.heal = [&] { return stubborn ? Status(Error{Errc::timeout, "no answer"}) : ok(); };
  script.probe = [&] {
    if (recorder_.has(FaultEdge::not_cleared)) stubborn = false;  // restarted in the gap
    return stubborn ? Probe::in_force
           : (recorder_.edges().back().segment == 1 && recorder_.edges().back().edge == FaultEdge::injected)
               ? Probe::in_force
               : Probe::normal;
  };
  limits_.clear = 100ms;
  const auto results = run({segment("scripted", "x"), segment("scripted", "x", 1s)}, &script);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_FALSE(results[0].residue);
  EXPECT_FALSE(results[0].reverted) << "but not within its time";
  EXPECT_TRUE(results[1].verified && results[1].reverted) << recorder_.names();
  EXPECT_FALSE(record().anything_open());
}

TEST_F(Lane, ALeaseThatRanOutIsTold) {
  auto lane = this->lane({segment("db_pool_exhaustion", "order", Nanos(0), 60s, 90s)});
  ASSERT_TRUE(test::eventually([&] { return recorder_.has(FaultEdge::verified); }));
  platform_.refuse(true);
  ASSERT_TRUE(test::eventually([&] { return recorder_.has(FaultEdge::failed); }, 10s));
  EXPECT_TRUE(test::eventually([&] { return !platform_.held(); })) << "the primitive reverts itself";
  platform_.refuse(false);
  lane->stop();
  EXPECT_TRUE(lane->wait()[0].reverted);
}

TEST_F(Lane, AMissingAbilityOrNodeIsAFailureAndNoCrash) {
  test::FakeTarget poor(platform_.url(), false);
  const auto clock = MonotonicClock();
  const std::vector<Segment> segments{segment("db_pool_exhaustion", "order")};
  FaultLane lane({segments, poor, clock, recorder_, *journal_, limits_});
  EXPECT_FALSE(lane.wait()[0].verified);
  EXPECT_EQ(recorder_.names(), "failed");
  const auto results = run({segment("node_kill", "nobody")});
  EXPECT_NE(results[0].note.find("nobody"), std::string::npos);
}

}  // namespace
}  // namespace cardstorm
