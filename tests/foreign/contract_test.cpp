// contract: the promises of every fault and of a target, kept on a platform that is not ours: the PHP shop as its shipped target file
// describes it. A new fault is covered by its line in registry.def.
#include <algorithm>

#include "harness/fault/fault.hpp"
#include "harness/plan/load.hpp"
#include "harness/target/target.hpp"
#include "tests/foreign/site.hpp"

namespace cardstorm::test {
namespace {

/// One site for all, and the target as a run would make it.
class Foreign {
 public:
  Foreign() {
    if (!site_.ready()) return;
    Known known;
    for (const FaultEntry& fault : fault_registry()) {
      KnownFault one{fault.name, fault.needs, {}};
      for (const auto& p : fault.params) one.params.push_back({p.name, p.type, p.default_text});
      known.faults.push_back(std::move(one));
    }
    Request request;
    request.scenario_path = std::string(kScenarios) + "php-drill.yaml";
    request.target = site_.target_file();
    request.root = CARDSTORM_ROOT;
    request.set = {{"checks", "[]"}};
    auto loaded = load(request, known);
    if (const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded)) {
      ADD_FAILURE() << text_of(*mistakes);
      return;
    }
    loaded_ = std::get<Loaded>(std::move(loaded));
    TargetSetup setup;
    setup.run_dir = site_.at("");
    std::filesystem::create_directories(site_.at("logs"));
    setup.channels_url = site_.bank()["url"].string();
    const auto token = read_file(site_.bank()["token_file"].string());
    setup.channels_token = token ? std::string(trim(*token)) : "";
    setup.plan = &loaded_.plan;
    const auto& registry = target_registry();
    const auto entry = std::find_if(registry.begin(), registry.end(), [](const TargetEntry& e) { return e.name == "external"; });
    target_ = entry->make(loaded_.target, setup);
    const auto started = target_->start(10s);
    EXPECT_TRUE(started) << started.error().what;
  }
  [[nodiscard]] const Site& site() const { return site_; }
  [[nodiscard]] Target* target() const { return target_.get(); }

 private:
  Site site_;
  Loaded loaded_;
  std::unique_ptr<Target> target_;
};

class EveryFaultAbroad : public testing::TestWithParam<FaultEntry> {
 protected:
  static void SetUpTestSuite() { foreign_ = std::make_unique<Foreign>(); }
  static void TearDownTestSuite() { foreign_.reset(); }
  void SetUp() override { ASSERT_NE(foreign_->target(), nullptr); }

  static std::vector<std::string> places() {
    if (GetParam().needs == "channels") return {"alpha"};
    return GetParam().needs == "pool" ? std::vector<std::string>{"row", "slots"} : std::vector<std::string>{"php"};
  }
  static std::unique_ptr<Fault> fault(const std::string& on) {
    FaultSpec spec;
    spec.fault = GetParam().name;
    spec.on = on;
    auto made = GetParam().make(spec, *foreign_->target());
    EXPECT_TRUE(made) << made.error().what;
    return made ? std::move(*made) : nullptr;
  }
  static bool becomes(Fault& fault, Probe wanted, std::string* note) {
    return eventually(10s, [&] { return fault.probe(note) == wanted; });
  }
  static inline std::unique_ptr<Foreign> foreign_;
};

TEST_P(EveryFaultAbroad, IsNormalThenInForceThenNormalAndTheShopSellsAgain) {
  for (const std::string& on : places()) {
    const auto fault = this->fault(on);
    ASSERT_TRUE(fault) << on;
    std::string note;
    EXPECT_TRUE(becomes(*fault, Probe::normal, &note)) << on << ": " << note;
    ASSERT_TRUE(fault->inject()) << on;
    EXPECT_TRUE(becomes(*fault, Probe::in_force, &note)) << on << ": " << note;
    ASSERT_TRUE(fault->heal()) << on;
    EXPECT_TRUE(fault->heal()) << on << ": twice is fine";
    EXPECT_TRUE(becomes(*fault, Probe::normal, &note)) << on << ": " << note;
    EXPECT_TRUE(eventually(10s, [&] { return foreign_->site().shop().order("steam-50")["code"].integer() == 1; })) << on;
  }
}

TEST_P(EveryFaultAbroad, EndsByItselfWhenItIsNotRenewed) {
  for (const std::string& on : places()) {
    const auto fault = this->fault(on);
    ASSERT_TRUE(fault) << on;
    if (fault->one_shot()) GTEST_SKIP() << "happens once";
    std::string note;
    ASSERT_TRUE(fault->inject()) << on;
    ASSERT_TRUE(becomes(*fault, Probe::in_force, &note)) << on << ": " << note;
    EXPECT_TRUE(becomes(*fault, Probe::normal, &note)) << on << ": a lease of 2 s; " << note;
  }
}

TEST_P(EveryFaultAbroad, RefusesAVictimThatDoesNotExist) {
  FaultSpec spec;
  spec.fault = GetParam().name;
  spec.on = "nobody";
  EXPECT_FALSE(GetParam().make(spec, *foreign_->target()));
}

TEST_P(EveryFaultAbroad, LeavesBooksThatCanBeRead) {
  const auto rows = foreign_->target()->audit();
  ASSERT_TRUE(rows) << rows.error().what;
  EXPECT_GT(rows->size(), 0U);
  EXPECT_EQ(foreign_->target()->version(), "1.4.2");
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryFaultAbroad, testing::ValuesIn(fault_registry()), [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace cardstorm::test
