// preflight: no load for a shop that pays at a bank that is not the target file's, that does not sell, or from which a
// real partner can be reached. A mistake of this kind would cost money, or look like an outage.
#include "harness/db/db.hpp"
#include "harness/lease/undo_journal.hpp"
#include "tests/foreign/site.hpp"

namespace cardstorm::test {
namespace {

/// Number of orders in the shop's books; -1 when they cannot be read.
int orders_of(const Shop& shop) {
  const auto allow = AllowList::parse({"127.0.0.0/8"});
  const auto session = DbSession::open(
      *parse_db_url("mysql://audit@" + shop.fact("database"), shop.fact("audit_password_file")), {}, *allow);
  if (!session) return -1;
  const auto rows = (*session)->query("SELECT COUNT(*) AS n FROM orders");
  return rows && rows->size() == 1 ? std::atoi(rows->front()["n"].string().c_str()) : -1;
}

/// The orders that a bank was asked to take money for.
std::vector<std::string> orders_at(const std::string& journal) {
  std::vector<std::string> out;
  const auto text = read_file(journal + "/alpha.jsonl");
  for (const std::string& line : text ? split(*text, '\n') : std::vector<std::string>{}) {
    const auto row = Json::parse(line);
    if (row && (*row)["kind"].string() == "created") out.push_back((*row)["order"].string());
  }
  return out;
}

void expect_that_nothing_was_broken(const std::string& run) {
  const auto faults = read_undo_journal(run);
  ASSERT_TRUE(faults) << faults.error().what;
  EXPECT_TRUE(faults->entries.empty()) << faults->entries.front().fault;
  EXPECT_TRUE(faults->closed) << "the guardian has nothing left to do";
}

TEST(PhpPreflight, AShopThatPaysElsewhereGetsOneOrderAndNoLoad) {
  const Site site({.pays_elsewhere = true});
  ASSERT_TRUE(site.ready());
  const Said said = site.command({"run", kScenarios + "php-drill.yaml"});
  EXPECT_EQ(said.code, 2) << said.err;
  EXPECT_EQ(said.out, "") << "no verdict on a platform that was not tried";

  const auto paid = orders_at(site.at("elsewhere"));
  ASSERT_EQ(paid.size(), 1U) << said.err;
  EXPECT_NE(said.err.find("preflight: order " + paid.front() +
                          " was bought, and the simulator never saw its payment: the platform pays somewhere else"),
            std::string::npos)
      << said.err;
  EXPECT_NE(
      said.err.find("point the platform's payment channel at the partners (their merchant.json says what to enter)"),
      std::string::npos)
      << said.err;
  EXPECT_TRUE(orders_at(site.at("bank")).empty());
  EXPECT_EQ(orders_of(site.shop()), 1) << "the marked one";
  EXPECT_EQ(site.asked_for("GET /goods.php"), 1U) << "which every buyer looks at";
  expect_that_nothing_was_broken(site.at("run"));
}

TEST(PhpPreflight, ARealPartnerInReachOrAShopThatDoesNotSellGetsNoLoad) {
  const Site site;
  ASSERT_TRUE(site.ready());
  const std::string file = *read_file(site.target_file());
  // An address of the documentation's: it leads out of this machine, and nothing is ever sent there.
  ASSERT_TRUE(write_file(site.target_file(), file + "\nmust_not_resolve: [198.51.100.7]\n"));
  const Said reachable = site.command({"run", kScenarios + "php-drill.yaml"}, "reachable");
  EXPECT_EQ(reachable.code, 2) << reachable.err;
  EXPECT_NE(reachable.err.find("preflight: '198.51.100.7' must not resolve, but does"), std::string::npos)
      << reachable.err;
  EXPECT_EQ(orders_of(site.shop()), 0) << "not even the marked one";
  expect_that_nothing_was_broken(site.at("reachable"));

  ASSERT_TRUE(write_file(site.target_file(), file));
  ASSERT_EQ(site.shop().fpm("kill"), 0);
  const Said dead = site.command({"run", kScenarios + "php-drill.yaml"}, "dead");
  EXPECT_EQ(dead.code, 4) << dead.err;
  EXPECT_NE(dead.err.find("preflight: one trade of 'buy_by_api' did not succeed: step 'home', "), std::string::npos)
      << dead.err;
  EXPECT_NE(dead.err.find("HTTP 502"), std::string::npos) << dead.err;
  EXPECT_NE(dead.err.find("Try that step by hand"), std::string::npos) << dead.err;
  EXPECT_EQ(site.asked_for("POST /api.php"), 0U);
  expect_that_nothing_was_broken(site.at("dead"));
}

}  // namespace
}  // namespace cardstorm::test
