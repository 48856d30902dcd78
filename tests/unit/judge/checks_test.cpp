// Each check against small hand-written histories: what is right, what is wrong, and what nobody can know.
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/judge/little_shop.hpp"

namespace cardstorm {
namespace {

void expect_table(const std::string& check, std::vector<Told> table) {
  EXPECT_GE(table.size(), 6U);
  for (auto& row : table) {
    const Finding f = row.shop.judged_by(check);
    EXPECT_EQ(to_text(f.verdict), to_text(row.verdict)) << check << ": " << row.story << ": " << f.why;
    EXPECT_EQ(f.violations, row.violations) << check << ": " << row.story << ": " << f.why;
    EXPECT_EQ(f.name, check);
    EXPECT_FALSE(f.why.empty()) << row.story;
    EXPECT_EQ(f.witnesses.size(), std::min<std::size_t>(row.violations, 48)) << row.story;
    EXPECT_TRUE(f.verdict != Verdict::pass || f.examined > 0) << row.story;
  }
}

LittleShop shop() { return {}; }

TEST(MoneyConserved, TellsBooksFromBank) {
  expect_table(
      "money_conserved",
      {
          {"a sale that stands in all books", shop().good_sale("a", 0), Verdict::pass, 0},
          {"a refund that stands in all books",
           shop().charge("a", 300).refund("a", 300).booked("a", "vip", "refunded", 1, 300, 300), Verdict::pass, 0},
          {"a wallet payment moves money inside the house",
           shop()
               .order("a", "game", 1, 1000)
               .pay("a", "wallet")
               .booked("a", "game", "delivered", 1, 1000, 0, {0}, "wallet")
               .wallet("w", 5000, 4000)
               .entry("w", "a", -1000, 4000),
           Verdict::pass, 0},
          {"the bank was paid and the books know nothing",
           shop().charge("a", 1000).booked("a", "game", "created", 1, 0), Verdict::fail, 1},
          {"booked as paid, the bank knows nothing", shop().booked("a", "game", "delivered", 1, 1000, 0, {0}),
           Verdict::fail, 1},
          {"a wallet grew that nobody paid into", shop().good_sale("a", 0).wallet("w", 5000, 6000), Verdict::fail, 1},
          {"nothing happened", shop(), Verdict::unknown, 0},
          {"no audit to compare with", shop().good_sale("a", 0).no_audit(), Verdict::unknown, 0},
          {"the refund may stand in the torn tail",
           shop().charge("a", 300).booked("a", "vip", "refunded", 1, 300, 300).torn(), Verdict::unknown, 0},
          {"money that moved a moment before the end may still be booked",
           shop().charge("a", 1000, 95s).booked("a", "game", "paying", 1, 0), Verdict::unknown, 0},
          {"the run was stopped", shop().charge("a", 1000).booked("a", "game", "paying", 1, 0).not_drained(),
           Verdict::unknown, 0},
      });
}

TEST(PaidThenCredited, FindsPaidOrdersThatGotNothing) {
  expect_table(
      "paid_then_credited",
      {
          {"paid and delivered", shop().good_sale("a", 0), Verdict::pass, 0},
          {"the buyer never saw it, and the audit shows the card delivered",
           shop().order("a", "game", 1, 1000).charge("a", 1000).booked("a", "game", "delivered", 1, 1000, 0, {4}),
           Verdict::pass, 0},
          {"paid and refunded by the channel",
           shop()
               .order("a", "game", 1, 1000)
               .charge("a", 1000)
               .refund("a", 1000)
               .booked("a", "game", "refunded", 1, 1000, 1000),
           Verdict::pass, 0},
          {"paid from the wallet and given back to it",
           shop()
               .order("a", "game", 1, 1000)
               .pay("a", "wallet")
               .booked("a", "game", "refunded", 1, 1000, 1000, {}, "wallet")
               .entry("w", "a", -1000, 0)
               .entry("w", "a", 1000, 1000),
           Verdict::pass, 0},
          {"a membership revoked and refunded",
           shop()
               .order("a", "vip", 1, 300)
               .charge("a", 300)
               .receipt("a", "membership", "r1")
               .refund("a", 300)
               .booked("a", "vip", "refunded", 1, 300, 300),
           Verdict::pass, 0},
          {"a top-up that the supplier has done",
           shop().order("a", "phone", 1, 700).charge("a", 700).topup("a").booked("a", "phone", "delivering", 1, 700),
           Verdict::pass, 0},
          {"paid, nothing delivered",
           shop().order("a", "game", 1, 1000).charge("a", 1000).booked("a", "game", "paid", 1, 1000), Verdict::fail, 1},
          {"the platform says delivered and shows no card",
           shop().order("a", "game", 1, 1000).charge("a", 1000).booked("a", "game", "delivered", 1, 1000),
           Verdict::fail, 1},
          {"paid, and the platform knows no such order", shop().charge("a", 1000), Verdict::fail, 1},
          {"the wallet was debited for nothing",
           shop()
               .order("a", "game", 1, 1000)
               .pay("a", "wallet")
               .booked("a", "game", "paid", 1, 1000, 0, {}, "wallet")
               .entry("w", "a", -1000, 0),
           Verdict::fail, 1},
          {"an apology was handed out as the card",
           shop()
               .order("a", "game", 1, 1000)
               .charge("a", 1000)
               .foreign("a", "d1")
               .booked("a", "game", "delivered", 1, 1000),
           Verdict::fail, 1},
          {"two of three cards",
           shop()
               .order("a", "game", 3, 3000)
               .charge("a", 3000)
               .card("a", 1, 0)
               .card("a", 1, 1)
               .booked("a", "game", "delivered", 3, 3000, 0, {0, 1}),
           Verdict::fail, 1},
          {"accepted by the supplier is not done",
           shop()
               .order("a", "phone", 1, 700)
               .charge("a", 700)
               .topup("a", false)
               .booked("a", "phone", "delivered", 1, 700),
           Verdict::fail, 1},
          {"card kept and money back", shop().good_sale("a", 0).refund("a", 1000), Verdict::fail, 1},
          {"nobody paid", shop().order("a", "game", 1, 1000), Verdict::unknown, 0},
          {"not seen, and no audit to ask", shop().order("a", "game", 1, 1000).charge("a", 1000).no_audit(),
           Verdict::unknown, 0},
          {"all seen by the buyers themselves", shop().good_sale("a", 0).no_audit(), Verdict::pass, 0},
          {"a wallet payment without audit",
           shop().good_sale("a", 0).order("b", "game", 1, 1000).pay("b", "wallet").no_audit(), Verdict::unknown, 0},
          {"journals torn",
           shop().order("a", "game", 1, 1000).charge("a", 1000).booked("a", "game", "paid", 1, 1000).torn(),
           Verdict::unknown, 0},
          {"charged 5 s before the end",
           shop().order("a", "game", 1, 1000).charge("a", 1000, 95s).booked("a", "game", "paid", 1, 1000),
           Verdict::unknown, 0},
          {"a proved loss outweighs an open case",
           shop()
               .charge("a", 1000, 95s)
               .booked("a", "game", "paid", 1, 1000)
               .charge("b", 1000)
               .booked("b", "game", "paid", 1, 1000),
           Verdict::fail, 1},
      });
}

TEST(OneChargePerIntent, FindsOrdersPaidTwice) {
  expect_table(
      "one_charge_per_intent",
      {
          {"charged once", shop().good_sale("a", 0), Verdict::pass, 0},
          {"charged twice, surplus returned", shop().good_sale("a", 0).charge("a", 1000, 3s).refund("a", 1000),
           Verdict::pass, 0},
          {"charged twice", shop().good_sale("a", 0).charge("a", 1000, 3s), Verdict::fail, 1},
          {"charged twice, refunded once, and the shop calls it refunded",
           shop().charge("a", 300).charge("a", 300, 3s).refund("a", 300).booked("a", "vip", "refunded", 1, 300, 300),
           Verdict::fail, 1},
          {"debited twice from the wallet",
           shop()
               .booked("a", "game", "delivered", 1, 1000, 0, {0}, "wallet")
               .entry("w", "a", -1000, 1000)
               .entry("w", "a", -1000, 0),
           Verdict::fail, 1},
          {"charged by channel and by wallet", shop().good_sale("a", 0).entry("w", "a", -1000, 0), Verdict::fail, 1},
          {"nobody was charged", shop().order("a", "game", 1, 1000), Verdict::unknown, 0},
          {"journals torn", shop().good_sale("a", 0).torn(), Verdict::unknown, 0},
          {"charged twice, but the refund may stand in the torn tail",
           shop().good_sale("a", 0).charge("a", 1000).torn(), Verdict::unknown, 0},
          {"the second charge came at the end", shop().good_sale("a", 0).charge("a", 1000, 99s), Verdict::unknown, 0},
          {"a wallet payment without audit", shop().good_sale("a", 0).pay("b", "wallet").no_audit(), Verdict::unknown,
           0},
      });
}

TEST(OneCreditPerCharge, FindsOnePaymentDeliveredTwice) {
  expect_table("one_credit_per_charge",
               {
                   {"one card for one payment", shop().good_sale("a", 0), Verdict::pass, 0},
                   {"the same card shown twice", shop().good_sale("a", 0).card("a", 1, 0, 9s), Verdict::pass, 0},
                   {"three cards for three",
                    shop()
                        .order("a", "game", 3, 3000)
                        .charge("a", 3000)
                        .card("a", 1, 0)
                        .card("a", 1, 1)
                        .card("a", 1, 2)
                        .booked("a", "game", "delivered", 3, 3000, 0, {0, 1, 2}),
                    Verdict::pass, 0},
                   {"two cards for one", shop().good_sale("a", 0).card("a", 1, 1), Verdict::fail, 1},
                   {"the buyer saw one card, the audit shows another for the same order",
                    shop()
                        .order("a", "game", 1, 1000)
                        .charge("a", 1000)
                        .card("a", 1, 0)
                        .booked("a", "game", "delivered", 1, 1000, 0, {7}),
                    Verdict::fail, 1},
                   {"two top-ups",
                    shop()
                        .order("a", "phone", 1, 700)
                        .charge("a", 700)
                        .topup("a")
                        .topup("a")
                        .booked("a", "phone", "delivered", 1, 700),
                    Verdict::fail, 1},
                   {"two activation codes",
                    shop()
                        .order("a", "vip", 1, 300)
                        .charge("a", 300)
                        .receipt("a", "membership", "x")
                        .receipt("a", "membership", "y")
                        .booked("a", "vip", "delivered", 1, 300),
                    Verdict::fail, 1},
                   {"refunded twice to the wallet",
                    shop()
                        .booked("a", "vip", "refunded", 1, 300, 300, {}, "wallet")
                        .entry("w", "a", -300, 0)
                        .entry("w", "a", 300, 300)
                        .entry("w", "a", 300, 600),
                    Verdict::fail, 1},
                   {"nothing was delivered", shop().order("a", "game", 1, 1000).charge("a", 1000), Verdict::unknown, 0},
                   {"no audit", shop().good_sale("a", 0).no_audit(), Verdict::unknown, 0},
                   {"journals torn: a second charge may be lost", shop().good_sale("a", 0).card("a", 1, 1).torn(),
                    Verdict::unknown, 0},
               });
}

TEST(CardUnique, FindsOneCardInTwoHands) {
  expect_table(
      "card_unique",
      {
          {"two orders, two cards", shop().good_sale("a", 0).good_sale("b", 1), Verdict::pass, 0},
          {"shown twice to the same order", shop().good_sale("a", 0).card("a", 1, 0), Verdict::pass, 0},
          {"the same index of another SKU is another card",
           shop().good_sale("a", 0).order("b", "rare", 1, 500).card("b", 2, 0), Verdict::pass, 0},
          {"two buyers saw the same card", shop().good_sale("a", 0).good_sale("b", 0), Verdict::fail, 1},
          {"three buyers: two too many", shop().good_sale("a", 0).good_sale("b", 0).good_sale("c", 0), Verdict::fail,
           2},
          {"the audit gives the buyer's card to someone else",
           shop().good_sale("a", 0).booked("b", "game", "delivered", 1, 1000, 0, {0}), Verdict::fail, 1},
          {"no card was handed out", shop().order("a", "game", 1, 1000), Verdict::unknown, 0},
          {"without an audit the buyers' eyes still tell", shop().good_sale("a", 0).no_audit(), Verdict::pass, 0},
          {"without an audit a double is still proved", shop().good_sale("a", 0).good_sale("b", 0).no_audit(),
           Verdict::fail, 1},
          {"torn journals do not matter here", shop().good_sale("a", 0).good_sale("b", 0).torn(), Verdict::fail, 1},
          {"a shop without our mint: one text twice", shop().foreign("a", "d").foreign("b", "d").no_mint(),
           Verdict::fail, 1},
          {"a text that is not ours is not this check's business",
           shop().good_sale("a", 0).foreign("a", "d").foreign("b", "d"), Verdict::pass, 0},
      });
}

TEST(CardGenuine, FindsTextsThatAreNoCards) {
  expect_table(
      "card_genuine",
      {
          {"a card of the right kind", shop().good_sale("a", 0), Verdict::pass, 0},
          {"only the audit shows it, and it is genuine", shop().booked("a", "game", "delivered", 1, 1000, 0, {3}),
           Verdict::pass, 0},
          {"a text that nobody minted", shop().good_sale("a", 0).foreign("b", "d"), Verdict::fail, 1},
          {"a card of a cheaper kind", shop().order("a", "game", 1, 1000).card("a", 2, 0), Verdict::fail, 1},
          {"an index beyond the mint", shop().order("a", "game", 1, 1000).card("a", 1, 10), Verdict::fail, 1},
          {"nothing was handed out", shop(), Verdict::unknown, 0},
          {"no manifest: nobody can tell", shop().good_sale("a", 0).foreign("b", "d").no_mint(), Verdict::unknown, 0},
          {"torn journals and no audit do not matter here",
           shop().good_sale("a", 0).foreign("b", "d").torn().no_audit(), Verdict::fail, 1},
      });
}

LittleShop sold_rare(int n, Nanos at = 2s) {
  LittleShop s;
  for (int i = 0; i < n; ++i) s.order("o" + std::to_string(i), "rare", 1, 500).charge("o" + std::to_string(i), 500, at);
  return s;
}

TEST(NoOversell, ComparesSalesWithTheMint) {
  expect_table(
      "no_oversell",
      {
          {"two of two", sold_rare(2), Verdict::pass, 0},
          {"three of two", sold_rare(3), Verdict::fail, 1},
          {"two of two, but one was sold before the run", sold_rare(2).earlier(2, 1), Verdict::fail, 1},
          {"other goods were sold before the run", sold_rare(2).earlier(1, 1), Verdict::pass, 0},
          {"three of two, one refunded", sold_rare(3).refund("o1", 500), Verdict::pass, 0},
          {"one order of three pieces", shop().order("a", "rare", 3, 1500).charge("a", 1500), Verdict::fail, 1},
          {"the third was paid from a wallet",
           sold_rare(2).booked("w1", "rare", "paid", 1, 500, 0, {}, "wallet").entry("w", "w1", -500, 0), Verdict::fail,
           1},
          {"memberships have no stock", shop().order("a", "vip", 1, 300).charge("a", 300), Verdict::unknown, 0},
          {"nobody paid", shop().order("a", "rare", 3, 1500), Verdict::unknown, 0},
          {"the surplus was charged at the end and may be refunded", sold_rare(3, 95s), Verdict::unknown, 0},
          {"journals torn", sold_rare(3).torn(), Verdict::unknown, 0},
          {"no manifest", sold_rare(3).no_mint(), Verdict::unknown, 0},
          {"a paid order of which nobody knows what it was", sold_rare(1).charge("x", 500), Verdict::unknown, 0},
      });
}

TEST(WalletExact, ReckonsEveryBalanceAgain) {
  expect_table(
      "wallet_exact",
      {
          {"one debit",
           shop().wallet("w", 5000, 4000).entry("w", "a", -1000, 4000).balance("w", 4000).balance("w", 5000),
           Verdict::pass, 0},
          {"the opening is an entry of its own",
           shop().wallet("w", 5000, 4000).entry("w", "", 5000, 5000).entry("w", "a", -1000, 4000), Verdict::pass, 0},
          {"an untouched wallet that was read", shop().wallet("w", 5000, 5000).balance("w", 5000), Verdict::pass, 0},
          {"a lost update", shop().wallet("w", 5000, 4000).entry("w", "a", -1000, 4000).entry("w", "b", -1000, 4000),
           Verdict::fail, 2},
          {"the balance drifted from its entries", shop().wallet("w", 5000, 4100).entry("w", "a", -1000, 4000),
           Verdict::fail, 1},
          {"below zero", shop().wallet("w", 500, -500).entry("w", "a", -1000, -500), Verdict::fail, 1},
          {"a buyer read what the wallet never held",
           shop().wallet("w", 5000, 4000).entry("w", "a", -1000, 4000).balance("w", 4500), Verdict::fail, 1},
          {"booked as paid from the wallet, no debit",
           shop().wallet("w", 5000, 5000).booked("a", "game", "delivered", 1, 1000, 0, {0}, "wallet"), Verdict::fail,
           1},
          {"entries of a wallet that does not exist", shop().entry("w", "a", -1000, 4000), Verdict::fail, 1},
          {"no wallet was used", shop().wallet("w", 5000, 5000), Verdict::unknown, 0},
          {"no audit", shop().balance("w", 5000).no_audit(), Verdict::unknown, 0},
          {"no audit, but a negative balance was read", shop().balance("w", -1).no_audit(), Verdict::fail, 1},
          {"a wallet that the audit does not know", shop().wallet("w", 5000, 5000).balance("other", 5000),
           Verdict::unknown, 0},
      });
}

TEST(Checks, KeepFirstLastAndWorstOfManyWitnesses) {
  LittleShop s;
  for (int i = 0; i < 100; ++i)
    s.charge("o" + std::to_string(i), i == 70 ? 99'999 : 1000, 1s + std::chrono::milliseconds(i));
  const Finding f = s.judged_by("paid_then_credited");
  EXPECT_EQ(f.violations, 100U);
  ASSERT_EQ(f.witnesses.size(), 48U);
  EXPECT_EQ(f.witnesses.front().order, "o0");
  EXPECT_EQ(f.witnesses.back().order, "o99");
  EXPECT_EQ(f.witnesses[46].amount_cents, 99'999);
  EXPECT_EQ(f.amount_cents, 99 * 1000 + 99'999);
}

TEST(Checks, RegistryNamesEachOnceInBothLanguages) {
  std::set<std::string> names;
  for (const auto& entry : check_registry()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_FALSE(entry.title_en.empty());
    EXPECT_FALSE(entry.title_zh.empty());
    EXPECT_EQ(entry.make()->conclude({}).verdict, Verdict::unknown) << entry.name << " says something about nothing";
  }
  EXPECT_EQ(names.size(), 8U);
}

}  // namespace
}  // namespace cardstorm
