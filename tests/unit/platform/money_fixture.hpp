// money_fixture: the payment node alone, with the fake channels, and the rows that the order service would write. What
// the order service would be told is read from the message table.
#pragma once

#include <ctime>

#include "reference_platform/store/shards.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {

class MoneyTest : public ServicesTest {
 protected:
  MoneyTest() : ServicesTest("hardened") {}

  /// Starts the payment node here; `tweak` changes its settings before.
  void start_payment(const std::function<void(ops::NodeConfig&)>& tweak = {}) {
    config_ = config("payment", "payment", "hardened");
    config_.options["reconcile_settle_s"] = "0";
    if (tweak) tweak(config_);
    url_ = start(config_);
  }
  void start_payment_with(domain::Bug bug) {
    start_payment([bug](ops::NodeConfig& c) { c.switches.set(bug, true); });
  }

  /// An order number in `database`.
  std::string number_in(int database) {
    const int partition = database * store::kPartitions / kDatabases;
    return store::order_number({partition, false}, "test" + std::to_string(++numbers_) + "abcdefghijkl");
  }
  store::Pool& db_of(const std::string& number) {
    return *dbs_.at(static_cast<std::size_t>(store::place_of(number)->partition * kDatabases / store::kPartitions));
  }
  /// The order service's wish to be paid; its order number. `state` other than new: as if that had happened before.
  std::string wish(const std::string& channel, std::int64_t amount, const std::string& state = "new",
                   int database = 0) {
    const std::string no = number_in(database);
    db_of(no).take()->run(
        "INSERT INTO payments(order_no, channel, out_trade_no, amount_cents, buyer, state, next_at) VALUES ($1, $2, $1 "
        "|| '-' || $2, $3, 'b1', $4, "
        "CASE WHEN $4 = 'new' THEN now() ELSE now() + interval '1 hour' END)",
        {no, channel, std::to_string(amount), state});
    return no;
  }
  void want_refund(const std::string& no, const std::string& channel, const std::string& refund_no,
                   std::int64_t amount) {
    db_of(no).take()->run(
        "INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason) VALUES ($1, $2, $3, $2 "
        "|| '-' || $3, $4, 'order')",
        {refund_no, no, channel, std::to_string(amount)});
  }
  /// A payment that is paid here and there.
  std::string paid(const std::string& channel, std::int64_t amount, int database = 0) {
    const std::string no = wish(channel, amount, "paid", database);
    db_of(no).take()->run(
        "UPDATE payments SET trade_no = 'T-' || order_no, created_at = now() - interval '10 s' WHERE order_no = $1",
        {no});
    db_of(no).take()->run(
        "INSERT INTO charges(channel, trade_no, out_trade_no, order_no, amount_cents, at) VALUES ($2, 'T-' || $1, $1 "
        "|| '-' || $2, $1, $3, now() - interval '5 s')",
        {no, channel, std::to_string(amount)});
    partners_->plant(trade_of(no, channel, amount));
    return no;
  }
  static FakePartners::Trade trade_of(const std::string& no, const std::string& channel, std::int64_t amount) {
    FakePartners::Trade t;
    t.channel = channel;
    t.out_trade_no = no + "-" + channel;
    t.trade_no = "T-" + no;
    t.order = no;
    t.status = "SUCCESS";
    t.amount = amount;
    t.paid_at = std::time(nullptr) - 5;
    return t;
  }
  static std::string notify_body(const std::string& no, const std::string& channel, std::int64_t amount,
                                 const std::string& trade_no) {
    return domain::JsonObject()
        .add("channel", channel)
        .add("trade_no", trade_no)
        .add("out_trade_no", no + "-" + channel)
        .add("order", no)
        .add("amount_cents", amount)
        .add("status", "SUCCESS")
        .add("notify_no", "n-" + trade_no)
        .done();
  }
  edge::CallResult tell(const std::string& channel, const std::string& body, const std::string& key = kKey) {
    return services::partner_call({url_, key}, "POST", "/notify/" + channel, body, "",
                                  {std::chrono::milliseconds(1000), std::chrono::milliseconds(4000)});
  }
  std::string messages(const std::string& topic) {
    return text("SELECT string_agg(order_no || ' ' || body, ', ' ORDER BY id) FROM outbox WHERE topic = '" + topic +
                "'");
  }
  /// How many messages, over all databases.
  std::int64_t count(const std::string& topic) {
    return number("SELECT count(*) FROM outbox WHERE topic = '" + topic + "'");
  }

  ops::NodeConfig config_;
  std::string url_;

 private:
  int numbers_ = 0;
};

}  // namespace platform::services_test
