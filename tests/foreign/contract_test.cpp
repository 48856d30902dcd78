// contract: the promises of every fault and of every target, kept on a platform that is not ours: the PHP shop as its
// shipped target file describes it. The tests themselves are those of tests/contract.
#include <iostream>

#include "harness/judge/figures.hpp"
#include "harness/scenario/load.hpp"
#include "tests/contract/fault_contract.hpp"
#include "tests/contract/target_contract.hpp"
#include "tests/foreign/site.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm::test {
namespace {

/// What a target file says, with a plan of the shipped drill; of no kind when it cannot be read.
Loaded load_shop(const std::string& target) {
  Known known;
  for (const FaultEntry& fault : fault_registry()) {
    KnownFault one{fault.name, fault.needs, {}};
    for (const auto& p : fault.params) one.params.push_back({p.name, p.type, p.default_text});
    known.faults.push_back(std::move(one));
  }
  known.metrics = figure_names();
  Request request;
  request.scenario_path = kScenarios + "php-drill.yaml";
  request.target = target;
  request.root = testing_paths::source_dir();
  request.set = {{"checks", "[]"}};
  auto loaded = load(request, known);
  if (const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded)) {
    std::cerr << text_of(*mistakes);
    return {};
  }
  return std::get<Loaded>(std::move(loaded));
}

/// The shipped target file, with nobody behind its addresses.
TargetCase shop_that_is_gone() {
  TargetSpec spec = load_shop("php-shop").target;
  spec.url = "http://127.0.0.1:1";
  spec.partners = {};
  for (auto& [name, database] : spec.databases) {
    database.url.replace(database.url.find(":3306"), 5, ":1");
    database.password_file.clear();
  }
  return {"php_shop", spec};
}

/// The shop with everything around it.
class ShopLab final : public Lab {
 public:
  ShopLab() {
    if (!site_.ready()) return;
    loaded_ = load_shop(site_.target_file());
    std::filesystem::create_directories(site_.at("logs"));
    ready_ = loaded_.target.kind == "external";
  }
  [[nodiscard]] bool ready() const override { return ready_; }
  [[nodiscard]] std::unique_ptr<Target> target() const override { return make(loaded_.target.touch); }
  [[nodiscard]] std::unique_ptr<Target> untouchable() const override { return make({}); }
  [[nodiscard]] std::vector<std::string> places(const std::string& ability) const override {
    if (ability == "channels") return {"alpha"};
    return ability == "pool" ? std::vector<std::string>{"row", "slots"} : std::vector<std::string>{"php"};
  }
  /// The goods whose row is locked when the database is.
  [[nodiscard]] bool sells() override { return site_.shop().order("steam-50")["code"].integer() == 1; }

 private:
  [[nodiscard]] std::unique_ptr<Target> make(const std::vector<std::string>& touch) const {
    TargetSpec spec = loaded_.target;
    spec.touch = touch;
    TargetSetup setup;
    setup.run_dir = site_.at("");
    setup.plan = &loaded_.plan;
    return target_entry(spec.kind)->make(spec, setup);
  }
  Site site_;
  Loaded loaded_;
  bool ready_ = false;
};

INSTANTIATE_TEST_SUITE_P(PhpShop, EveryFault, testing::ValuesIn(fault_cases(shared_lab<ShopLab>)), name_of_fault);
INSTANTIATE_TEST_SUITE_P(PhpShop, EveryTarget, testing::Values(shop_that_is_gone()), name_of_case<TargetCase>);
INSTANTIATE_TEST_SUITE_P(PhpShop, EveryRunningTarget, testing::Values(LabCase{"php_shop", shared_lab<ShopLab>}),
                         name_of_case<LabCase>);

}  // namespace
}  // namespace cardstorm::test
