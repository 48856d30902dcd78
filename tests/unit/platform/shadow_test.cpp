// Marked traffic and the shadow (全链路压测): real and marked orders side by side, with everything that follows from
// them, and the check that no row is on the wrong side: it looks into every table that there is.
#include "reference_platform/services/partner.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using domain::Json;

class Shadow : public Hardened {
 protected:
  void start_shop(const std::map<std::string, std::string>& options = {}, domain::Switches switches = {}) {
    add_shadow();
    configure(options);
    for (auto& n : nodes_) n.switches = switches;
    start_here();
  }
  static Answer send(const std::string& url, const std::string& mark, const std::string& buyer,
                     const std::string& method, const std::string& path, const std::string& body,
                     const std::string& key) {
    edge::Headers headers{{"X-Buyer", buyer}, {"Idempotency-Key", key}};
    if (!mark.empty()) headers.emplace_back("X-Cardstorm-Mark", mark);
    const auto r = edge::call(method, url + path, body, headers, {1000ms, 10000ms});
    return {r.status, Json::parse(r.body).value_or(Json()), r.body};
  }
  Answer to(const std::string& mark, const std::string& buyer, const std::string& method, const std::string& path,
            const std::string& body = "", const std::string& key = "") {
    return send(url_, mark, buyer, method, path, body, key);
  }
  /// Ordered and paid; its number.
  std::string buy(const std::string& mark, const std::string& buyer, const std::string& order,
                  const std::string& channel) {
    const std::string key = "k" + std::to_string(++keys_);
    const auto made = to(mark, buyer, "POST", "/orders", order, key);
    EXPECT_EQ(made.status, 201) << order << made.body;
    EXPECT_EQ(to(mark, buyer, "POST", "/orders", order, key).json["order_no"].text(), made.json["order_no"].text())
        << "the same again";
    const std::string no = made.json["order_no"].text();
    EXPECT_EQ(to(mark, buyer, "POST", "/orders/" + no + "/pay", R"({"channel":")" + channel + "\"}", "p" + key).status,
              200);
    return no;
  }
  bool comes_to(const std::string& mark, const std::string& buyer, const std::string& no, const std::string& status) {
    return wait_until([&] { return to(mark, buyer, "GET", "/orders/" + no).json["status"].text() == status; }, 20s);
  }
  /// Everything that a shop does, for one side.
  void whole_life(const std::string& mark) {
    const std::string me = mark.empty() ? "real" : "drill",
                      at_order = "http://127.0.0.1:" + std::to_string(node("order-1").port);
    EXPECT_EQ(send(at_order, mark, me, "POST", "/operator/coupons",
                   R"({"code":"C)" + me + R"(","kind":"amount","value":100})", "")
                  .status,
              200);
    const std::string cards =
        buy(mark, me + "1", R"({"sku":"steam-50","quantity":2,"coupon":"C)" + me + "\"}", "alpha");
    const std::string bulk = buy(mark, me + "2", R"({"sku":"steam-50","quantity":400})",
                                 "beta");  // more than one database has: the goods move
    const std::string membership = buy(mark, me + "3", R"({"sku":"video-month","quantity":1})", "beta");
    const std::string topup = buy(mark, me + "4", R"({"sku":"phone-30","quantity":1,"phone":"13800000000"})", "wallet");
    for (const auto& [buyer, no] :
         std::vector<std::pair<std::string, std::string>>{{"1", cards}, {"2", bulk}, {"3", membership}, {"4", topup}}) {
      EXPECT_EQ(no[0], mark.empty() ? 'H' : 'S');
      EXPECT_TRUE(comes_to(mark, me + buyer, no, "delivered")) << no;
    }
    EXPECT_EQ(to(mark, me + "3", "POST", "/orders/" + membership + "/refund", "{}", "r").status, 200);
    EXPECT_TRUE(comes_to(mark, me + "3", membership, "refunded"));
    EXPECT_EQ(to(mark, me + "5", "POST", "/wallet/recharge", R"({"amount_cents":700,"channel":"alpha"})", "w").status,
              201);
    EXPECT_TRUE(
        wait_until([&] { return to(mark, me + "5", "GET", "/wallet").json["balance_cents"].integer() == 10'000'700; }));
    EXPECT_EQ(to(mark, me + "6", "POST", "/orders", R"({"sku":"qcoin-10","quantity":1})", "u").status,
              201);  // never paid: its goods come back
  }
  Json audit() {
    const auto a = as_buyer(url_, "x", "GET", "/audit/marked");
    EXPECT_EQ(a.status, 200) << a.body;
    return a.json;
  }
  std::int64_t in_shadow(const std::string& sql) {
    std::int64_t sum = 0;
    for (const auto& url : shadow_urls_) sum += store::connect(url)->run(sql.c_str()).number(0, 0);
    return sum;
  }
};

TEST_F(Shadow, RealAndMarkedWorkAtTheSameTimeStaysApart) {
  start_shop({{"unpaid_close_s", "3600"}});
  const char few[] =
      "DELETE FROM cards WHERE sku = 'steam-50' AND (part, id) NOT IN (SELECT part, id FROM cards WHERE sku = "
      "'steam-50' ORDER BY id LIMIT 250)";
  execute(few);
  for (const auto& url : shadow_urls_) store::connect(url)->run(few);
  std::thread marked([this] { whole_life("drill-7"); });
  whole_life("");
  marked.join();
  const char age[] = "UPDATE orders SET created_at = now() - interval '2 hours' WHERE status = 'created'";
  execute(age);
  for (const auto& url : shadow_urls_) store::connect(url)->run(age);
  const char closed[] = "SELECT count(*) FROM orders WHERE status = 'closed'";
  EXPECT_TRUE(wait_until([&] { return number(closed) == 1 && in_shadow(closed) == 1; }, 20s));
  const std::string bank = "http://127.0.0.1:" + std::to_string(node("payment").port);
  const auto runs = [&] { return as_buyer(bank, "x", "GET", "/ops/reconciliation").json["runs"].integer(); };
  const auto before = runs();
  EXPECT_EQ(as_buyer(bank, "x", "POST", "/ops/reconciliation/run", "{}").status, 202);
  EXPECT_TRUE(wait_until([&] { return runs() > before; }));
  const Json seen = audit();
  EXPECT_EQ(seen["real_rows_with_mark"].integer(-1), 0) << as_buyer(url_, "x", "GET", "/audit/marked").body;
  EXPECT_EQ(seen["shadow_rows_without_mark"].integer(-1), 0) << as_buyer(url_, "x", "GET", "/audit/marked").body;
  // Each side has all of its own, and the partners were told which is which.
  for (const char* sql :
       {"SELECT count(*) FROM orders", "SELECT count(*) FROM deliveries", "SELECT count(*) FROM charges",
        "SELECT count(*) FROM refunds", "SELECT count(*) FROM supplies",
        "SELECT count(*) FROM coupons WHERE order_no IS NOT NULL", "SELECT count(*) FROM ledger"}) {
    EXPECT_GT(number(sql), 0) << sql;
    EXPECT_EQ(number(sql), in_shadow(sql)) << sql;
  }
  if (kDatabases > 1) {
    EXPECT_GT(in_shadow("SELECT count(*) FROM cards WHERE sold AND order_no LIKE 'S%'"), 400);
  }
}

TEST_F(Shadow, ADrillsPromotionChangesNoRealPrice) {
  start_shop();
  const std::string at_order = "http://127.0.0.1:" + std::to_string(node("order-1").port);
  const std::string promotion =
                        R"({"id":"p1","sku":"video-month","kind":"price","value":1,"from_ms":0,"to_ms":4000000000000})",
                    wanted = R"({"sku":"video-month","quantity":1})";
  EXPECT_EQ(send(at_order, "drill-7", "x", "POST", "/operator/promotions", promotion, "").status, 200);
  EXPECT_EQ(send(at_order, "", "b1", "POST", "/orders", wanted, "k").json["amount_cents"].integer(), 2500);
  EXPECT_EQ(send(at_order, "drill-7", "b1", "POST", "/orders", wanted, "k").json["amount_cents"].integer(), 1);
  EXPECT_EQ(number("SELECT count(*) FROM promotions"), 0);
  EXPECT_EQ(send(at_order, "", "x", "POST", "/operator/promotions",
                 R"({"id":"p2","sku":"qcoin-10","kind":"price","value":7,"from_ms":0,"to_ms":4000000000000})", "")
                .status,
            200);
  EXPECT_EQ(send(at_order, "drill-7", "b1", "POST", "/orders", R"({"sku":"qcoin-10","quantity":1})", "q")
                .json["amount_cents"]
                .integer(),
            7)
      << "a drill sees the true prices";
  EXPECT_EQ(audit()["shadow_rows_without_mark"].integer(-1), 0) << as_buyer(url_, "x", "GET", "/audit/marked").body;
}

// The same buyer's, and in the same partition: only the mark tells them apart.
TEST_F(Shadow, AMarkedRequestChangesNoRealOrderNorTheOtherWayRound) {
  start_shop();
  const auto made = [&](const std::string& mark) {
    return to(mark, "b1", "POST", "/orders", R"({"sku":"video-month","quantity":1})", "k").json["order_no"].text();
  };
  const std::string real = made(""), drill = made("drill-7");
  for (const auto& [mark, no] : std::vector<std::pair<std::string, std::string>>{{"drill-7", real}, {"", drill}}) {
    EXPECT_EQ(to(mark, "b1", "POST", "/orders/" + no + "/pay", R"({"channel":"wallet"})").status, 404) << no;
    EXPECT_EQ(to(mark, "b1", "POST", "/orders/" + no + "/refund", "{}").status, 404) << no;
    EXPECT_EQ(to(mark, "b1", "GET", "/orders/" + no).json["status"].text(), "created") << no;
  }
  EXPECT_EQ(number("SELECT count(*) FROM ledger"), 0);
}

// Dropped on its way it would be real work.
TEST_F(Shadow, AMarkThatCannotBeCarriedIsRefused) {
  start_shop();
  const std::string wanted = R"({"sku":"video-month","quantity":1})";
  EXPECT_EQ(to(std::string(128, 'm'), "b1", "POST", "/orders", wanted, "k").json["order_no"].text()[0], 'S');
  EXPECT_EQ(to(std::string(129, 'm'), "b1", "POST", "/orders", wanted, "l").json["error"].text(), "bad_mark");
  EXPECT_EQ(number("SELECT count(*) FROM orders"), 0);
}

TEST_F(Shadow, B29LeaksTopUpsAndTheCheckSaysWhere) {
  domain::Switches bug;
  ASSERT_FALSE(bug.set_bug("B29"));
  start_shop({}, bug);
  buy("drill-7", "b1", R"({"sku":"phone-30","quantity":1,"phone":"13800000000"})", "wallet");
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM supplies") == 1; }));
  const Json seen = audit();
  EXPECT_GE(seen["real_rows_with_mark"].integer(), 1);
  EXPECT_NE(as_buyer(url_, "x", "GET", "/audit/marked").body.find("real.supplies"), std::string::npos);
}

TEST_F(Shadow, TheCheckLooksIntoTablesThatNobodyHasThoughtOf) {
  start_shop();
  for (const char* columns : {"mark text", "order_no text", "refund_no text"}) {
    const std::string column = std::string(columns).substr(0, std::string(columns).find(' '));
    execute("CREATE TABLE later_" + column + " (" + columns + ")");
    execute("INSERT INTO later_" + column + " VALUES ('S0123456789abcdef-r1')");
    EXPECT_NE(as_buyer(url_, "x", "GET", "/audit/marked").body.find("real.later_" + column), std::string::npos)
        << column;
  }
}

// A new table must carry a sign by which the check knows it, or stand here with the reason why it needs none.
TEST_F(Shadow, EveryTableHasASignOrAReason) {
  const std::map<std::string, std::string> reasons{
      {"goods", "what is sold, not who bought it"},
      {"wholesale", "prices"},
      {"wallets", "a balance moves with a row of ledger only, which has the order's number"},
      {"card_moves", "goods on their way between databases of one side"},
      {"reconciled", "how far the bills were read"}};
  const std::string unsigned_tables =
      "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class c WHERE relnamespace = "
      "current_schema()::regnamespace AND relkind IN ('r','p') AND NOT relispartition "
      "AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN "
      "('mark','order_no','refund_no','out_trade_no','session_id'))";
  std::string wanted;
  for (const auto& [table, reason] : reasons) wanted += (wanted.empty() ? "" : " ") + table;
  EXPECT_EQ(std::string(dbs_.front()->take()->run(unsigned_tables.c_str()).text(0, 0)), wanted);
}

}  // namespace
}  // namespace platform::services_test
