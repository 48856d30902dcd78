// databases: two of them with their shadows, in a cluster of ours and in a database that was given; the audit sees all;
// old orders disturb nothing.
#include <gtest/gtest.h>

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/ops/database.hpp"
#include "reference_platform/ops/stores.hpp"
#include "reference_platform/store/history.hpp"
#include "reference_platform/store/schema.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::ops {
namespace {

using namespace std::chrono_literals;

Parts real_parts() {
  Parts p;
  p.schema = [](const UpOptions& o, int number) {
    return o.variant == "fragile" ? store::fragile_schema() : store::hardened_schema(number, o.databases);
  };
  p.audit_views = [](const UpOptions& o, const std::vector<std::string>& others) {
    return o.variant == "fragile" ? "" : store::audit_views(others);
  };
  p.load = [](store::Connection& db, const UpOptions& o, int number, bool) {
    if (o.variant == "fragile")
      domain::load_catalogue(db, "");
    else
      domain::load_catalogue(db, "", {number, o.databases});
  };
  p.seed = [](store::Connection& db, const UpOptions& o, int number) {
    if (o.variant == "fragile")
      store::seed_fragile_orders(db, o.orders);
    else
      store::seed_hardened_orders(db, o.orders, number, o.databases);
  };
  return p;
}

class DatabasesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<StoreFolder>(false);
    store_ = make_postgres({folder_->path(), folder_->path(), store_account(), &ports_});
    process_ = std::make_unique<Process>(Process::spawn(store_.command));
    wait_ready(store_, *process_, 30s);
  }
  static void TearDownTestSuite() {
    stop_store(store_, *process_);
    process_.reset();
    folder_.reset();
  }
  static UpOptions options() {
    UpOptions o;
    o.variant = "hardened";
    o.databases = 2;
    o.shadow = true;
    o.orders = 5003;
    return o;
  }
  static std::string one(const std::string& url, const std::string& sql) {
    return std::string(store::connect(url)->run(sql.c_str()).text(0, 0));
  }
  static void order(const std::string& url, const std::string& number, int part) {
    store::connect(url)->run(
        "INSERT INTO orders(part, order_no, buyer, sku, class, quantity, amount_cents, status) VALUES ($1, $2, 'b', "
        "'s', 'game_card', 1, 1, 'created')",
        {std::to_string(part), number});
  }
  static void checks(const Databases& d) {
    ASSERT_EQ(d.urls.size(), 2U);
    ASSERT_EQ(d.shadow_urls.size(), 2U);
    order(d.urls[0], "H0A", 0);
    order(d.urls[1], "HFA", 15);
    order(d.shadow_urls[1], "SFA", 15);
    EXPECT_EQ(one(d.auditor_url, "SELECT string_agg(order_no, ',' ORDER BY order_no) FROM audit_orders"),
              "H0A,HFA");  // and none of the old ones
    EXPECT_THROW(store::connect(d.auditor_url)->script("DELETE FROM orders"), store::SqlError);
    for (const auto& url : {d.shadow_urls[0], d.shadow_urls[1]})
      EXPECT_EQ(one(url, "SELECT count(*) FROM orders WHERE id < 0"), "0");
    EXPECT_NE(one(d.shadow_urls[0], "SELECT count(*) FROM cards"), "0");
    EXPECT_EQ(one(d.shadow_urls[0], "SELECT string_agg(order_no, ',') FROM audit_orders"), "SFA");
  }
  inline static std::unique_ptr<StoreFolder> folder_;
  inline static Ports ports_;
  inline static Store store_;
  inline static std::unique_ptr<Process> process_;
};

TEST_F(DatabasesTest, TwoOfOurOwnAreOneForTheAuditor) {
  const auto d = prepare_databases(store_.url, true, options(), real_parts());
  checks(d);
  EXPECT_NE(one(d.urls[0], "SELECT current_database()"), one(d.urls[1], "SELECT current_database()"));
}

TEST_F(DatabasesTest, TwoInAGivenOneLeaveNothing) {
  const char* schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'cardstorm%'";
  const auto d = prepare_databases(store_.url, false, options(), real_parts());
  checks(d);
  EXPECT_EQ(one(store_.url, schemas), "4");
  drop_databases(d);
  EXPECT_EQ(one(store_.url, schemas), "0");
}

TEST_F(DatabasesTest, OldOrdersAreWhereTheirBuyersAreWithAllIndexes) {
  auto o = options();
  o.shadow = false;
  const auto d = prepare_databases(store_.url, false, o, real_parts());
  std::int64_t rows = 0;
  for (const auto& url : d.urls) {
    const auto db = store::connect(url);
    const auto all = db->run("SELECT part, buyer, order_no FROM orders");
    rows += all.size();
    for (int i = 0; i < all.size(); ++i) {
      ASSERT_EQ(store::partition_of(all.text(i, 1)), all.number(i, 0)) << all.text(i, 1);
      ASSERT_EQ(store::place_of(all.text(i, 2))->partition, all.number(i, 0));
    }
  }
  EXPECT_EQ(rows, 5003);
  // As many indexes as on a partition that never was filled, and one that is used.
  const auto indexes = [](const std::string& url, const std::string& table) {
    return one(url, "SELECT count(*) FROM pg_index WHERE indrelid = '" + table + "'::regclass");
  };
  auto empty = o;
  empty.orders = 0;
  const auto plain = prepare_databases(store_.url, false, empty, real_parts());
  EXPECT_EQ(indexes(d.urls[0], "orders_3"), indexes(plain.urls[0], "orders_3"));
  EXPECT_EQ(
      one(d.urls[0], "SELECT count(*) FROM pg_constraint WHERE conrelid = 'orders_3'::regclass AND contype = 'c'"),
      one(plain.urls[0], "SELECT count(*) FROM pg_constraint WHERE conrelid = 'orders_3'::regclass AND contype = 'c'"));
  drop_databases(plain);
  drop_databases(d);
}

TEST_F(DatabasesTest, FragileHasItsOldOrdersToo) {
  UpOptions o;
  o.variant = "fragile";
  o.orders = 3000;
  const auto d = prepare_databases(store_.url, false, o, real_parts());
  EXPECT_EQ(one(d.urls[0],
                "SELECT count(*) FROM orders WHERE status = 'delivered' AND created_at < now() - interval '1 hour'"),
            "3000");
  EXPECT_EQ(one(d.auditor_url, "SELECT count(*) FROM audit_orders"), "0");
  auto empty = o;
  empty.orders = 0;
  const auto plain = prepare_databases(store_.url, false, empty, real_parts());
  const char* indexes = "SELECT count(*) FROM pg_index WHERE indrelid = 'orders'::regclass";
  EXPECT_EQ(one(d.urls[0], indexes), one(plain.urls[0], indexes));
  drop_databases(plain);
  drop_databases(d);
}

}  // namespace
}  // namespace platform::ops
