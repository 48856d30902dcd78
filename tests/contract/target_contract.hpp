// target contract: what every target must do, for a platform that is not there (EveryTarget) and for one that is
// (EveryRunningTarget). Include it in one file of a test program and instantiate both.
#pragma once

#include <algorithm>
#include <set>

#include "harness/net/http_client.hpp"
#include "tests/contract/lab.hpp"
#include "tests/support/temp_dir.hpp"

namespace cardstorm::test {

/// The entry of this kind; null when there is none.
inline const TargetEntry* target_entry(const std::string& kind) {
  const auto& registry = target_registry();
  const auto found =
      std::find_if(registry.begin(), registry.end(), [&](const TargetEntry& e) { return e.name == kind; });
  return found == registry.end() ? nullptr : &*found;
}

/// A target file whose platform is not there: nothing answers at any of its addresses.
struct TargetCase {
  std::string name;
  TargetSpec spec;
};
struct LabCase {
  std::string name;
  OpenLab lab;
};
template <class Case>
std::string name_of_case(const testing::TestParamInfo<Case>& test) {
  return test.param.name;
}
inline void PrintTo(const TargetCase& one, std::ostream* out) { *out << one.name; }
inline void PrintTo(const LabCase& one, std::ostream* out) { *out << one.name; }

class EveryTarget : public testing::TestWithParam<TargetCase> {
 protected:
  static const TargetSpec& spec() { return GetParam().spec; }
  void SetUp() override {
    const TargetEntry* entry = target_entry(spec().kind);
    ASSERT_NE(entry, nullptr) << spec().kind;
    abilities_.insert(entry->abilities.begin(), entry->abilities.end());
    TargetSetup setup;
    setup.run_dir = setup.binary_dir = dir_.path();  // no binary lies there
    target_ = entry->make(spec(), setup);
  }
  TempDir dir_;
  std::set<std::string> abilities_;
  std::unique_ptr<Target> target_;
};

TEST_P(EveryTarget, SaysWhyItCannotStartAndLeavesNothing) {
  const auto started = target_->start(200ms);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::unavailable);
  EXPECT_FALSE(started.error().what.empty());
  EXPECT_FALSE(started.error().remedy.empty());
  EXPECT_EQ(target_->supervisor_pid(), 0);
}

TEST_P(EveryTarget, StopsTwiceAndWithoutAStart) {
  EXPECT_TRUE(target_->stop());
  EXPECT_TRUE(target_->stop());
}

TEST_P(EveryTarget, OffersNoMoreAbilitiesThanItsKindNames) {
  EXPECT_TRUE(abilities_.contains("pool") || target_->pool() == nullptr);
  EXPECT_TRUE(abilities_.contains("nodes") || target_->nodes() == nullptr);
  EXPECT_TRUE(abilities_.contains("channels") || target_->channels() == nullptr);
}

TEST_P(EveryTarget, ResolvesTheAliasesOfTheTargetFile) {
  EXPECT_FALSE(spec().nodes.empty());
  for (const auto& [alias, node] : spec().nodes)
    EXPECT_EQ(target_->resolve(alias), target_->resolve(node.node.empty() ? alias : node.node))
        << "the alias and what it stands for are one node";
  EXPECT_EQ(target_->resolve("nobody"), "nobody");
}

TEST_P(EveryTarget, HasNoAudit) { EXPECT_FALSE(target_->audit()); }

class EveryRunningTarget : public InLab<LabCase> {
 protected:
  static std::vector<std::string> places(const std::string& ability) { return lab_->places(ability); }
};

TEST_P(EveryRunningTarget, KnowsWhatRunsAndWhere) {
  HttpRequest look;
  look.url = target_->url() + "/";
  EXPECT_GT(fetch(look).status, 0);
  EXPECT_EQ(target_->facts()["url"].string(), target_->url());
  EXPECT_NE(target_->version(), "");
  EXPECT_NE(target_->version(), "unknown");
}

TEST_P(EveryRunningTarget, OffersWhatItsFileLetsBeTouchedAndNothingElse) {
  EXPECT_EQ(target_->nodes() != nullptr, !places("nodes").empty());
  EXPECT_EQ(target_->pool() != nullptr, !places("pool").empty());
  EXPECT_EQ(target_->channels() != nullptr, !places("channels").empty());
  const auto poor = lab_->untouchable();
  ASSERT_TRUE(poor->start(10s)) << "it can be loaded all the same";
  EXPECT_EQ(poor->nodes(), nullptr);
  EXPECT_EQ(poor->pool(), nullptr);
  EXPECT_EQ(poor->channels(), nullptr);
}

TEST_P(EveryRunningTarget, ShowsEveryPlaceAtPeace) {
  for (const std::string& name : places("nodes")) {
    const auto node = target_->nodes()->node(target_->resolve(name));
    ASSERT_TRUE(node) << node.error().what;
    EXPECT_TRUE(node->ready) << name;
    EXPECT_FALSE(node->instance.empty()) << name;
  }
  for (const std::string& name : places("pool")) {
    const auto state = target_->pool()->state(name);
    ASSERT_TRUE(state) << state.error().what;
    EXPECT_GT(state->max, 0) << name;
    EXPECT_EQ(state->held, 0) << name;
  }
  for (const std::string& name : places("channels")) {
    const auto took = target_->channels()->probe(name, 5s);
    EXPECT_TRUE(took) << took.error().what;
  }
}

TEST_P(EveryRunningTarget, SaysWhichPlacesThereAreWhenOneIsNot) {
  if (NodeControl* nodes = target_->nodes()) {
    const auto none = nodes->node("nobody");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::not_found);
    EXPECT_NE(none.error().remedy.find(target_->resolve(places("nodes").front())), std::string::npos)
        << none.error().remedy;
  }
  if (PoolControl* pool = target_->pool()) {
    EXPECT_FALSE(pool->state("nobody"));
    EXPECT_FALSE(pool->undo("nobody"));
  }
  if (ChannelControl* channels = target_->channels()) {
    EXPECT_FALSE(channels->probe("nobody", 5s));
  }
}

TEST_P(EveryRunningTarget, ReadsTheBooksTwiceAlike) {
  ASSERT_TRUE(lab_->sells()) << "so that there is an order";
  const auto first = target_->audit(), second = target_->audit();
  ASSERT_TRUE(first && second) << (first ? second : first).error().what;
  ASSERT_GT(first->size(), 1U);
  EXPECT_EQ(first->front()["row"].string(), "source");
  EXPECT_EQ(first->at(1)["row"].string(), "order");
  EXPECT_EQ(*first, *second);
}

TEST_P(EveryRunningTarget, StopsTwiceAndEndsOnlyWhatItStarted) {
  const bool ours = target_->supervisor_pid() > 0;
  EXPECT_TRUE(target_->stop());
  EXPECT_TRUE(target_->stop());
  EXPECT_EQ(lab_->sells(), !ours) << "a platform of somebody else runs on";
}

}  // namespace cardstorm::test
