// Who judges the judge: every planted bug must be caught by its check in every seed, and a healthy shop must never be
// blamed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "harness/judge/judge.hpp"
#include "tests/tester/fake_shop.hpp"

namespace cardstorm {
namespace {

constexpr std::uint64_t kSeeds = 200;

Scorecard judged(std::uint64_t seed, Bug bug) {
  auto run = fake_run(seed, bug);
  auto card = judge_record(run.record, run.history());
  EXPECT_TRUE(card) << "seed " << seed;
  return card ? *std::move(card) : Scorecard{};
}

const Finding& finding(const Scorecard& card, const std::string& name) {
  static const Finding none;
  for (const auto& f : card.checks)
    if (f.name == name) return f;
  return none;
}

std::string all_of(const Scorecard& card) {
  std::string out;
  for (const auto& r : card.why) out += r.code + ": " + r.text + "\n";
  return out;
}

TEST(PlantedBugs, HealthyShopIsNeverBlamed) {
  std::set<std::string> never;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto card = judged(seed, Bug::none);
    ASSERT_EQ(to_text(card.verdict), "pass") << "seed " << seed << "\n" << all_of(card);
    const std::set<std::string> missed(card.not_exercised.begin(), card.not_exercised.end());
    if (seed == 1)
      never = missed;
    else
      std::erase_if(never, [&](const std::string& n) { return !missed.contains(n); });
  }
  EXPECT_FALSE(never.contains("sold_out")) << "the healthy shop must be an interesting one";
  EXPECT_FALSE(never.contains("late_notify"));
  EXPECT_FALSE(never.contains("refund"));
  EXPECT_FALSE(never.contains("payment_answer_lost"));
}

struct Planted {
  Bug bug;
  std::string check;
};

class EachBug : public testing::TestWithParam<Planted> {};

TEST_P(EachBug, IsCaughtByItsCheckInEverySeed) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto card = judged(seed, GetParam().bug);
    const auto& f = finding(card, GetParam().check);
    ASSERT_EQ(to_text(f.verdict), "fail") << "seed " << seed << ": " << f.why;
    ASSERT_FALSE(f.witnesses.empty());
    ASSERT_EQ(card.verdict, Verdict::fail);
    ASSERT_EQ(card.why.front().code, "invariant_broken");
  }
}

TEST_P(EachBug, LeavesTheOthersAlone) {
  // What each bug truly breaks besides its own promise: a double charge is money that the books do not know, and so on.
  const std::map<Bug, std::set<std::string>> also{{Bug::double_card, {}},
                                                  {Bug::lost_credit, {}},
                                                  {Bug::double_charge, {"money_conserved"}},
                                                  {Bug::double_credit, {}},
                                                  {Bug::foreign_card, {}},
                                                  {Bug::oversell, {"paid_then_credited"}},
                                                  {Bug::wallet_drift, {"money_conserved"}},
                                                  {Bug::money_drift, {}}};
  for (std::uint64_t seed = 1; seed <= kSeeds / 4; ++seed) {
    const auto card = judged(seed, GetParam().bug);
    for (const auto& f : card.checks) {
      const bool expected = f.name == GetParam().check || also.at(GetParam().bug).contains(f.name);
      ASSERT_TRUE(f.verdict == Verdict::pass || expected) << "seed " << seed << ": " << f.name << ": " << f.why;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, EachBug,
    testing::Values(Planted{Bug::double_card, "card_unique"}, Planted{Bug::lost_credit, "paid_then_credited"},
                    Planted{Bug::double_charge, "one_charge_per_intent"},
                    Planted{Bug::double_credit, "one_credit_per_charge"}, Planted{Bug::foreign_card, "card_genuine"},
                    Planted{Bug::oversell, "no_oversell"}, Planted{Bug::wallet_drift, "wallet_exact"},
                    Planted{Bug::money_drift, "money_conserved"}),
    [](const auto& param) { return std::string(to_text(param.param.bug)); });

TEST(PlantedBugs, SameSeedGivesTheSameBytes) {
  const auto a = json_of_scorecard(judged(7, Bug::double_card)).dump(2),
             b = json_of_scorecard(judged(7, Bug::double_card)).dump(2);
  EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace cardstorm
