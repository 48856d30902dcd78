// The verdict's order (rule 12): a broken invariant, then anything unknown, then a missed expectation, then pass.
#include "harness/judge/verdict.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace cardstorm {
namespace {

struct Case {
  Scorecard card;
  RecordProblems problems;
  std::vector<Expectation> expect;
};

Case fine() {
  Case c;
  Finding f;
  f.name = "card_unique";
  f.verdict = Verdict::pass;
  f.examined = 1;
  c.card.checks = {f};
  Episode e;
  e.fault = "payment_delay";
  e.on = "alpha";
  e.verified = e.reverted = e.absorbed = true;
  c.card.episodes = {e};
  c.card.success_rate = 0.999;
  c.expect = {{"success_rate", ">=", 0.995}};
  return c;
}

struct Row {
  std::string code;
  Verdict verdict;
  std::function<void(Case&)> spoil;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"invariant_broken", Verdict::fail, [](Case& c) { c.card.checks[0].verdict = Verdict::fail; }},
      {"aborted", Verdict::fail,
       [](Case& c) {
         c.problems.aborted = "good_share >= 0.9, found 0.2 at 12 s";
         c.problems.drained = false;
       }},
      {"guard_stopped", Verdict::unknown,
       [](Case& c) {
         c.problems.guard = "cpu, found 99 at 12 s";
         c.problems.drained = false;
       }},
      {"fault_unverified", Verdict::unknown, [](Case& c) { c.card.episodes[0].verified = false; }},
      {"fault_not_reverted", Verdict::unknown, [](Case& c) { c.card.episodes[0].reverted = false; }},
      {"generator_untrusted", Verdict::unknown, [](Case& c) { c.problems.generator_doubt = "sent late"; }},
      {"not_steady", Verdict::unknown, [](Case& c) { c.card.episodes[0].steady = false; }},
      {"too_few_samples", Verdict::unknown, [](Case& c) { c.card.episodes[0].judged = false; }},
      {"check_unknown", Verdict::unknown,
       [](Case& c) {
         c.card.checks.push_back({"wallet_exact", Verdict::unknown, "", 0, 0, {}, 0});
       }},
      {"sums_do_not_add_up", Verdict::unknown, [](Case& c) { c.problems.broken_sums = {"trades: 3, 2, 2"}; }},
      {"history_damaged", Verdict::unknown, [](Case& c) { c.problems.damage = {"drive.hist: torn"}; }},
      {"interrupted", Verdict::unknown,
       [](Case& c) {
         c.problems.interrupted = true;
         c.problems.drained = false;
       }},
      {"not_drained", Verdict::unknown, [](Case& c) { c.problems.drained = false; }},
      {"harness_error", Verdict::unknown, [](Case& c) { c.problems.harness_errors = {"disk full"}; }},
      {"expectation_unknown", Verdict::unknown,
       [](Case& c) {
         c.expect.push_back({"beauty", ">=", 1});
       }},
      {"expectation_missed", Verdict::fail, [](Case& c) { c.card.success_rate = 0.9; }},
  };
  return all;
}

TEST(Verdict, PassesWhenNothingIsWrong) {
  auto c = fine();
  decide(c.card, c.problems, c.expect);
  EXPECT_EQ(c.card.verdict, Verdict::pass);
  EXPECT_TRUE(c.card.why.empty());
}

TEST(Verdict, AWaivedAuditPassesButNeverSilently) {
  auto c = fine();
  c.card.checks.clear();
  c.problems.audit_waived = true;
  decide(c.card, c.problems, c.expect);
  EXPECT_EQ(c.card.verdict, Verdict::pass);
  ASSERT_EQ(c.card.why.size(), 1U);
  EXPECT_EQ(c.card.why[0].code, "audit_waived");
  c.problems.audit_waived = false;  // no check at all, by mistake
  decide(c.card, c.problems, c.expect);
  EXPECT_EQ(c.card.verdict, Verdict::unknown);
}

TEST(Verdict, RoundsAMissedFigureUnlessItWouldReadAsTheBound) {
  const auto said = [](double rate) {
    auto c = fine();
    c.expect = {{"success_rate", ">=", 0.99}};
    c.card.success_rate = rate;
    decide(c.card, c.problems, c.expect);
    return c.card.why.empty() ? "" : c.card.why[0].text;
  };
  EXPECT_EQ(said(28.0 / 33), "wanted success_rate >= 0.99, got 0.848485");
  EXPECT_EQ(said(0.5), "wanted success_rate >= 0.99, got 0.5");
  EXPECT_EQ(said(0.98999999), "wanted success_rate >= 0.99, got 0.98999999");
}

TEST(Verdict, OfAStoppedRunOnlyTheStopIsTheReason) {
  auto c = fine();
  c.problems.interrupted = true;
  c.card.episodes = {Episode{}, Episode{}};
  c.card.episodes[0].verified = c.card.episodes[0].reverted = c.card.episodes[0].steady = true;
  c.card.episodes[0].judged = false;   // stopped while the fault was in force
  c.card.episodes[1].reverted = true;  // and before this one was made
  decide(c.card, c.problems, c.expect);
  for (const auto& reason : c.card.why) {
    EXPECT_NE(reason.code, "too_few_samples");
    EXPECT_NE(reason.code, "not_steady");
  }
  EXPECT_EQ(c.card.verdict, Verdict::unknown);
}

TEST(Verdict, WhereNothingIsAuditedAndNothingExpectedNoRunPasses) {
  auto c = fine();
  c.card.checks.clear();
  c.card.success_rate = 0.02;
  c.problems.audit_waived = true;
  c.expect.clear();
  decide(c.card, c.problems, c.expect);
  EXPECT_EQ(c.card.verdict, Verdict::unknown);
  ASSERT_EQ(c.card.why.size(), 2U);
  EXPECT_EQ(c.card.why[0].code, "nothing_expected");
}

TEST(Verdict, EachReasonAloneHasItsCodeAndRemedy) {
  for (const auto& row : rows()) {
    auto c = fine();
    row.spoil(c);
    decide(c.card, c.problems, c.expect);
    EXPECT_EQ(c.card.verdict, row.verdict) << row.code;
    ASSERT_EQ(c.card.why.size(), 1U) << row.code;
    EXPECT_EQ(c.card.why[0].code, row.code);
    EXPECT_FALSE(c.card.why[0].text.empty());
    EXPECT_FALSE(c.card.why[0].remedy.empty());
  }
}

TEST(Verdict, StoppedRunDoesNotBlameAKillThatNobodyCouldUndo) {
  for (const auto& [fault, blamed] : {std::pair{"node_kill", false}, std::pair{"payment_delay", true}}) {
    auto c = fine();
    c.card.episodes[0].fault = fault;
    c.card.episodes[0].reverted = false;
    c.problems.interrupted = true;
    decide(c.card, c.problems, c.expect);
    EXPECT_EQ(c.card.verdict, Verdict::unknown);
    EXPECT_EQ(c.card.why.front().code == "fault_not_reverted", blamed) << fault;
    for (std::string RecordProblems::*condition : {&RecordProblems::aborted, &RecordProblems::guard}) {
      auto early = fine();
      early.card.episodes[0].fault = fault;
      early.card.episodes[0].reverted = false;
      early.problems.*condition = "good_share >= 0.5 over 10s, found 0.2";
      decide(early.card, early.problems, early.expect);
      EXPECT_EQ(std::any_of(early.card.why.begin(), early.card.why.end(),
                            [](const Reason& r) { return r.code == "fault_not_reverted"; }),
                blamed)
          << fault;
    }
  }
}

TEST(Verdict, EarlierClassWinsOverLater) {
  for (std::size_t i = 0; i < rows().size(); ++i)
    for (std::size_t k = i + 1; k < rows().size(); ++k) {
      auto c = fine();
      rows()[i].spoil(c);
      rows()[k].spoil(c);
      decide(c.card, c.problems, c.expect);
      EXPECT_EQ(c.card.verdict, rows()[i].verdict) << rows()[i].code << " with " << rows()[k].code;
    }
}

TEST(Verdict, MissingAuditIsToldBesideTheCheckThatNeededIt) {
  auto c = fine();
  c.problems.audit_missing = true;
  decide(c.card, c.problems, c.expect);
  EXPECT_EQ(c.card.verdict, Verdict::pass) << "no check missed it";
  c.card.checks.push_back({"wallet_exact", Verdict::unknown, "missing: the final audit", 0, 0, {}, 0});
  decide(c.card, c.problems, c.expect);
  EXPECT_EQ(c.card.verdict, Verdict::unknown);
  ASSERT_EQ(c.card.why.size(), 2U);
  EXPECT_EQ(c.card.why[1].code, "audit_missing");
}

TEST(Verdict, NoCheckAtAllIsUnknown) {
  auto c = fine();
  c.card.checks.clear();
  decide(c.card, c.problems, c.expect);
  EXPECT_EQ(c.card.verdict, Verdict::unknown);
}

TEST(Verdict, TargetThatNeverRecoveredMissesEveryBoundOnTtr) {
  auto c = fine();
  c.card.episodes[0].absorbed = false;
  c.card.episodes[0].censored = true;
  c.expect = {{"ttr_s", "<=", 1e9}};
  decide(c.card, c.problems, c.expect);
  EXPECT_EQ(c.card.verdict, Verdict::fail);
  EXPECT_NE(c.card.why[0].text.find("never"), std::string::npos);
}

}  // namespace
}  // namespace cardstorm
