// The isolation matrix: one part of the hardened shop is down; what a buyer can still do is written here and holds.
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

struct Row {
  const char *down, *what;   // a node; "redis" also is the queue
  bool browse, order, query, pay_wallet, pay_channel, delivered;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.what; }

constexpr Row kMatrix[] = {
    {"payment", "Payment", true, true, true, true, true, true},   // a channel payment is written down and made when payment is back
    {"delivery", "Delivery", true, true, true, true, true, false},
    {"inventory", "Inventory", true, true, true, true, true, false},
    {"catalog", "Catalog", false, true, true, true, true, true},
    {"order-1", "OneOrderInstance", true, true, true, true, true, true},
    {"redis", "RedisAndTheQueue", true, true, true, true, true, true},
};

class IsolationTest : public Hardened, public ::testing::WithParamInterface<Row> {};

TEST_P(IsolationTest, ABuyerGoesOnAsFarAsTheTableSays) {
  const Row& row = GetParam();
  configure();
  const bool redis = std::string(row.down) == "redis";   // in these tests nobody is at its address
  if (redis) {
    for (auto& n : nodes_) n.queue_url = n.redis_url;
  }
  start_here({row.down});
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods").status == 200, row.browse);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods/steam-50").status == 200, row.browse);

  const auto created = create("b1", "steam-50", 1, "k1"), other = create("b1", "qcoin-10", 1, "k2");
  EXPECT_EQ(created.status == 201, row.order) << created.body;
  const std::string no = created.json["order_no"].text(), second = other.json["order_no"].text();
  EXPECT_EQ(show("b1", no).status == 200, row.query);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/wallet").status == 200, row.query);
  EXPECT_EQ(pay("b1", no, "wallet").status == 200, row.pay_wallet);
  EXPECT_EQ(pay("b1", second, "alpha").status == 200, row.pay_channel);
  if (row.delivered) {
    EXPECT_TRUE(reaches("b1", no, "delivered")) << show("b1", no).body;
  } else {
    const std::string status = show("b1", no).json["status"].text();
    EXPECT_TRUE(status == "paid" || status == "delivering") << status;
  }

  // What was left undone is done when it is back.
  if (!redis) start(node(row.down));
  EXPECT_TRUE(reaches("b1", no, "delivered", 20s)) << show("b1", no).body;
  EXPECT_TRUE(reaches("b1", second, "delivered", 20s)) << show("b1", second).body;
  EXPECT_EQ(partners_->charges(second), 1);
}

// Half of the buyers have their rows in the other database: they notice nothing; everybody browses.
TEST_F(Hardened, OneDatabaseOfTwoThatIsAwayIsNoMatterToTheBuyersOfTheOther) {
  if (kDatabases < 2) GTEST_SKIP() << "CARDSTORM_TEST_DATABASES=2";
  configure();
  start_here();
  const std::string here = buyer_in(0), there = buyer_in(1);
  ASSERT_TRUE(wait_until([&] { return as_buyer(url_, here, "GET", "/goods").status == 200; }));
  set_away(1, true);
  EXPECT_GE(create(there, "steam-50", 1, "k0").status, 500);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(as_buyer(url_, here, "GET", "/goods/steam-50").status, 200);
    const std::string no = order(here, "steam-50");
    EXPECT_EQ(pay(here, no, "wallet").status, 200);
    EXPECT_TRUE(reaches(here, no, "delivered"));
  }
  set_away(1, false);
  EXPECT_TRUE(wait_until([&] { return create(there, "steam-50", 1, "k0").status == 201; }));
}

INSTANTIATE_TEST_SUITE_P(Down, IsolationTest, ::testing::ValuesIn(kMatrix), [](const auto& param) { return param.param.what; });

}  // namespace
}  // namespace platform::services_test
