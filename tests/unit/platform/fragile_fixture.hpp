// fragile_fixture: the monolith with exactly the traits that a test names, to see each symptom alone beside its cure.
#pragma once

#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/roles.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {

using domain::Trait;
using Options = std::map<std::string, std::string>;

/// A partner that a test answers for itself, and what it was asked.
class Stub {
 public:
  explicit Stub(edge::Handler answer)
      : answer_(std::move(answer)), server_(edge::serve({}, [this](const edge::Request& r) {
          {
            const std::lock_guard lock(mutex_);
            asked_.push_back(r.method + " " + r.path + " " + r.body);
          }
          return answer_(r);
        })) {}
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  /// Requests that start so.
  std::vector<std::string> asked(const std::string& start) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    std::copy_if(asked_.begin(), asked_.end(), std::back_inserter(out),
                 [&](const auto& a) { return a.starts_with(start); });
    return out;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> asked_;
  edge::Handler answer_;
  std::unique_ptr<edge::Server> server_;
};

class FragileTraits : public ServicesTest {
 protected:
  struct Shop {
    ops::Service service;
    std::unique_ptr<edge::Server> server;
    std::string url;
  };

  FragileTraits() : ServicesTest("fragile") {}
  void TearDown() override {
    for (const char* channel : {"alpha", "beta"}) partners_->delay(channel, std::chrono::milliseconds(0));
    for (auto& t : threads_) t.join();
    partners_->notifies = false;
    shops_.clear();
    ServicesTest::TearDown();
  }

  [[nodiscard]] ops::NodeConfig with(const std::vector<Trait>& on, const Options& options = {}) const {
    auto c = config("shop", "shop", "fragile");
    c.switches = domain::Switches();
    for (const Trait t : on) c.switches.set(t, true);
    c.options = options;
    return c;
  }
  Shop& run(const ops::NodeConfig& c) {
    auto shop = std::make_unique<Shop>();
    shop->service = services::find_role("fragile", "shop")->make(c);
    shop->server = edge::serve(shop->service.server, shop->service.business);
    shop->url = c.public_url;
    shops_.push_back({shop.release(), [](Shop* s) {
                        s->server.reset();
                        s->service.stop();
                        delete s;
                      }});
    return *shops_.back();
  }
  /// Ends all shops: they share the message table, so one must not do another's work.
  void quit() { shops_.clear(); }
  Shop& shop(const std::vector<Trait>& on, const Options& options = {}) { return run(with(on, options)); }

  std::string order(const std::string& url, const std::string& buyer, const std::string& sku, int quantity = 1,
                    const std::string& phone = "") {
    return order_again(url, buyer, sku, quantity, "k" + std::to_string(++keys_), phone);
  }
  /// 503 is no outcome: nothing was made, come again.
  static std::string order_again(const std::string& url, const std::string& buyer, const std::string& sku, int quantity,
                                 const std::string& key, const std::string& phone = "") {
    Answer a;
    wait_until([&] {
      return (a = as_buyer(
                  url, buyer, "POST", "/orders",
                  R"({"sku":")" + sku + R"(","quantity":)" + std::to_string(quantity) + R"(,"phone":")" + phone + "\"}",
                  key))
                 .status != 503;
    });
    EXPECT_EQ(a.status, 201) << a.body;
    return a.json["order_no"].text();
  }
  static Answer pay(const std::string& url, const std::string& buyer, const std::string& no,
                    const std::string& channel) {
    return as_buyer(url, buyer, "POST", "/orders/" + no + "/pay", R"({"channel":")" + channel + "\"}", "p" + no);
  }
  /// Pays for new memberships all at once and does not wait for the answers.
  void pay_many(const std::string& url, int count, const std::string& channel) {
    std::vector<std::string> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(order(url, "b1", "video-month"));
    for (const auto& no : numbers) threads_.emplace_back([=] { pay(url, "b1", no, channel); });
  }
  static std::string status(const std::string& url, const std::string& buyer, const std::string& no) {
    return as_buyer(url, buyer, "GET", "/orders/" + no).json["status"].text();
  }
  static bool reaches(const std::string& url, const std::string& buyer, const std::string& no,
                      const std::string& wanted) {
    return wait_until([&] { return status(url, buyer, no) == wanted; });
  }
  std::string status_of(const std::string& no) {
    return text("SELECT status FROM orders WHERE order_no = '" + no + "'");
  }
  /// The status of a GET, 0 when nothing came within `limit`.
  static int get(const std::string& url, const std::string& path, std::chrono::milliseconds limit) {
    return edge::call("GET", url + path, "", {{"X-Buyer", "b1"}}, {limit, limit}).status;
  }
  /// What a channel tells; its answer.
  static edge::CallResult tell(const std::string& url, const std::string& no, const std::string& trade_no,
                               std::int64_t cents, std::chrono::milliseconds limit) {
    const std::string body = domain::JsonObject()
                                 .add("channel", "alpha")
                                 .add("trade_no", trade_no)
                                 .add("out_trade_no", no + "-alpha")
                                 .add("order", no)
                                 .add("amount_cents", cents)
                                 .add("status", "SUCCESS")
                                 .add("notify_no", trade_no)
                                 .done();
    const std::string stamp = std::to_string(std::time(nullptr));
    return edge::call(
        "POST", url + "/notify/alpha", body,
        {{"X-Timestamp", stamp}, {"X-Sign", services::partner_sign(kKey, "POST", "/notify/alpha", stamp, body)}},
        {limit, limit});
  }
  /// A value of a shop's metrics, 0 when it is not there.
  static double metric(const Shop& shop, const std::string& name) {
    const std::string text = "\n" + shop.service.metrics();
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? 0 : std::atof(text.c_str() + at + name.size() + 2);
  }
  /// Rows of a table that were read so far, as the database counts them. Call it when no shop is there: each connection
  /// adds its own when it ends.
  std::int64_t rows_read(const std::string& table) {
    EXPECT_TRUE(wait_until([&] {
      return number(
                 "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client "
                 "backend' AND pid <> pg_backend_pid()") == 0;
    }));
    return number("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = '" +
                  table + "'");
  }
  /// Keeps a table from everybody until the connection is gone.
  [[nodiscard]] std::unique_ptr<store::Connection> lock(const std::string& table) const {
    auto db = store::connect(database_urls_[0]);
    db->script(("BEGIN; LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE").c_str());
    return db;
  }

  std::vector<std::thread> threads_;

 private:
  std::atomic<int> keys_{0};
  std::vector<std::unique_ptr<Shop, void (*)(Shop*)>> shops_;
};

}  // namespace platform::services_test
