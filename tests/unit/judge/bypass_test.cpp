// What counts as having met a slow channel, and what nobody can tell.
#include "harness/judge/bypass.hpp"

#include <gtest/gtest.h>

#include "harness/judge/journals.hpp"
#include "tests/unit/judge/run_on_disk.hpp"

namespace cardstorm {
namespace {

using testing::healthy;
using testing::judged;
using testing::lists;
using testing::RunOnDisk;

const Segment kSegment{0, 0s, 10s, 15s, 30s, 32s, {"payment_delay", "beta", 5s, Json::object({{"delay", "4s"}})}, 1};

FaultTimes in_force() {
  FaultTimes times;
  times.injecting = 10s;
  times.verified = 10s + 90ms;
  times.healed = 15s;
  times.cleared = 15s + 20ms;
  return times;
}

/// A line of beta's journal.
std::string line(Nanos at, const std::string& kind, const std::string& trade_no = "b1") {
  return R"({"mono_ns":)" + std::to_string(at.count()) + R"(,"kind":")" + kind + R"(","trade_no":")" + trade_no +
         R"(","out_trade_no":"o","order":"n0","attempt":1,"acknowledged":true,"took_ms":1,"amount_cents":1})"
         "\n";
}

Evidence beta_says(const std::string& lines) {
  Evidence e;
  e.journals_whole = true;
  read_journal("beta",
               R"({"journal":"beta","version":1,"mono_ns":0})"
               "\n" +
                   lines +
                   R"({"kind":"closed","mono_ns":99000000000})"
                   "\n",
               0s, e);
  return e;
}

bool bypassed(const std::string& lines, std::vector<Nanos> pays = {}) {
  return was_bypassed(kSegment, in_force(), pays, beta_says(lines));
}

TEST(Bypass, AJournalWithoutALineFromThatTimeSaysSo) {
  EXPECT_TRUE(bypassed(""));
  EXPECT_TRUE(bypassed(line(9s, "created") + line(9s, "charged") + line(9s, "notify")));
  EXPECT_TRUE(bypassed(line(16s, "created") + line(16s, "charged") + line(18s, "notify")));
}

TEST(Bypass, WhateverWasAskedOfTheChannelMetIt) {
  for (const char* kind : {"created", "charged", "refunded", "trade_closed"})
    EXPECT_FALSE(bypassed(line(12s, kind))) << kind;
  EXPECT_FALSE(bypassed("", {12s}));  // a buyer who chose it, whatever became of that
  EXPECT_TRUE(bypassed("", {9s, 20s}));
}

TEST(Bypass, ANotifyThatWasDueThenIsSeenLater) {
  EXPECT_FALSE(bypassed(line(9s, "charged") + line(12s, "notify")));
  EXPECT_FALSE(bypassed(line(9s, "charged") + line(18s, "notify")));
  EXPECT_TRUE(bypassed(line(9s, "charged") + line(20s, "notify")));  // later than the delay can explain
}

TEST(Bypass, NobodyCanTellWithoutAWholeJournalOrAProvenFault) {
  Evidence torn = beta_says("");
  torn.journals_whole = false;
  EXPECT_FALSE(was_bypassed(kSegment, in_force(), {}, torn));
  Evidence none;
  none.journals_whole = true;
  EXPECT_FALSE(was_bypassed(kSegment, in_force(), {}, none));
  FaultTimes unproven = in_force();
  unproven.verified.reset();
  EXPECT_FALSE(was_bypassed(kSegment, unproven, {}, beta_says("")));
  Segment kill = kSegment;
  kill.fault.fault = "node_kill";
  EXPECT_FALSE(was_bypassed(kill, in_force(), {}, beta_says("")));
}

// ---- over a whole run

/// The fault is on beta, where this shop's buyers do not pay.
RunOnDisk slow_elsewhere() {
  RunOnDisk r = healthy();
  r.plan.segments[0].fault.on = "beta";
  for (auto& e : r.fault) std::get<FaultChanged>(e).on = "beta";
  return r;
}

TEST(JudgeBypass, AFaultThatNothingMetIsNoMerit) {
  auto run = slow_elsewhere();
  const auto c = judged(run);
  ASSERT_EQ(c.episodes.size(), 1U);
  EXPECT_TRUE(c.episodes[0].bypassed && !c.episodes[0].absorbed);
  EXPECT_TRUE(lists(c, "payment_delay on beta"));
  EXPECT_EQ(c.mttr.at("payment_delay").absorbed, 0);
  EXPECT_EQ(c.verdict, Verdict::pass);  // what did not occur blocks only a certification
  const Json json = json_of_scorecard(c);
  EXPECT_TRUE(json["episodes"].items()[0]["bypassed"].boolean());
  EXPECT_TRUE(scorecard_of_json(json)->episodes[0].bypassed);
}

TEST(JudgeBypass, AFaultThatWasMetIsAbsorbed) {
  auto met = healthy();
  const auto c = judged(met);
  EXPECT_TRUE(c.episodes.at(0).absorbed && !c.episodes[0].bypassed);
  EXPECT_FALSE(lists(c, "payment_delay on alpha"));
  EXPECT_FALSE(json_of_scorecard(c)["episodes"].items()[0].has("bypassed"));
}

TEST(JudgeBypass, HarmIsShownWhateverItCameFrom) {
  auto run = slow_elsewhere();
  run.broken(11s, 14s);
  const auto c = judged(run);
  EXPECT_FALSE(c.episodes.at(0).bypassed);
  EXPECT_TRUE(c.episodes[0].ttr_s.has_value());
  EXPECT_TRUE(lists(c, "payment_delay on beta"));
}

}  // namespace
}  // namespace cardstorm
