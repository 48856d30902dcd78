// services_fixture: what the tests of the shop stand on: a real PostgreSQL for the whole executable with a fresh
// database per test, and partners that answer as harness/partners/api.md says, with faults at hand. Shares no source
// with the harness.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/node.hpp"
#include "reference_platform/ops/process.hpp"
#include "reference_platform/services/partner.hpp"
#include "reference_platform/store/pg.hpp"
#include "tests/unit/platform/wait_until.hpp"

namespace platform::services_test {

inline constexpr char kKey[] = "test-key";

/// Two channels and a supplier. They charge once per out_trade_no and say so in `charges`.
class FakePartners {
 public:
  FakePartners();
  ~FakePartners();
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

  /// Every answer and notify of a channel comes so much later; a charge does not.
  void delay(const std::string& channel, std::chrono::milliseconds d);
  std::atomic<bool> notifies{true};   // false: all notifies are lost for good
  std::atomic<int> notify_copies{1};  // sent at the same time
  std::atomic<int> confirm_ms{30};
  std::atomic<bool> buyers_pay{true};        // false: nobody confirms: created trades stay WAIT_BUYER_PAY
  std::atomic<bool> refunds_pending{false};  // refunds are only accepted, until settle_refunds()
  std::atomic<int> lost_refund_answers{0};   // so many refunds are made and answered 500

  struct Trade {
    std::string channel, out_trade_no, trade_no, order, notify_url, status = "WAIT_BUYER_PAY";
    std::int64_t amount = 0, refunded = 0, paid_at = 0;
  };
  std::vector<Trade> trades();
  /// A trade that the channel has, as it is given: for bills that differ. No notify.
  void plant(const Trade& trade);
  /// Its notify once more, now; the shop's status, 0 for none.
  int say_again(const Trade& trade);
  /// A trade that the channel has not.
  void forget(const std::string& out_trade_no);
  /// Decides all pending refunds. A failed one moves no money and may be asked for again.
  void settle_refunds(bool good);
  int refund_count();
  void set_down(bool down) { down_ = down; }  // every call is answered 503, without effect
  /// Only those of this kind, channel or supplier; "": nobody.
  void refuse(const std::string& kind);
  /// How many charges an order had, and how much of them is with the shop now.
  int charges(const std::string& order);
  std::int64_t kept_cents(const std::string& order);
  int topups(const std::string& order);
  int creates(const std::string& channel);

 private:
  struct Task {
    std::chrono::steady_clock::time_point at;
    std::function<void()> run;
  };
  edge::Response handle(const edge::Request& r);
  edge::Response channel(const edge::Request& r, const std::vector<std::string>& parts);
  edge::Response topup(const edge::Request& r);
  void later(std::chrono::milliseconds wait, std::function<void()> run);
  void confirm(const std::string& out_trade_no);
  static std::string notify_of(const Trade& trade);
  bool is_refused(const std::string& path);
  void notify(const std::string& url, const std::string& body);
  std::chrono::milliseconds delay_of(const std::string& channel);
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Trade> trades_;        // by out_trade_no
  std::map<std::string, std::string> topups_;  // request_no -> order
  std::map<std::string, std::chrono::milliseconds> delays_;
  std::map<std::string, int> creates_;
  struct FakeRefund {
    std::string out_trade_no, status;
    std::int64_t amount = 0;
  };
  edge::Response refund(const edge::Request& r, Trade& t, const domain::Json& body);
  edge::Response bill(const edge::Request& r, const std::string& channel);
  std::map<std::string, FakeRefund> refunds_;  // by refund_no
  std::vector<Task> tasks_;
  std::atomic<bool> down_{false};
  std::string refused_;
  bool quit_ = false;
  std::unique_ptr<edge::Server> server_;
  std::vector<std::thread> threads_;
};

struct Answer {
  int status = 0;
  domain::Json json;
  std::string body;
};
/// Sends an order, and as api.md has buyers do, again while it is only accepted (202): for six seconds, as a queued
/// order lives for five.
Answer until_known(const std::function<Answer()>& order);
/// One HTTP call as a buyer makes it; an order under a key until its outcome is known.
Answer as_buyer(const std::string& url, const std::string& buyer, const std::string& method, const std::string& path,
                const std::string& body = "", const std::string& key = "");

/// How many databases the tests of the hardened variant have; CARDSTORM_TEST_DATABASES says otherwise.
inline const int kDatabases =
    std::getenv("CARDSTORM_TEST_DATABASES") == nullptr ? 2 : std::atoi(std::getenv("CARDSTORM_TEST_DATABASES"));

/// Fresh databases with the variant's schema and the built-in catalogue.
class ServicesTest : public ::testing::Test {
 protected:
  explicit ServicesTest(std::string variant) : variant_(std::move(variant)) {}
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] ops::NodeConfig config(const std::string& name, const std::string& role,
                                       const std::string& variant) const;
  /// Gives every database shadow tables; before the configs are made.
  void add_shadow();
  /// A database that refuses every connection, those that are there too; and back.
  void set_away(int database, bool away);
  /// A buyer whose orders are in this database.
  static std::string buyer_in(int database);
  /// Runs a role inside this process; its url.
  std::string start(const ops::NodeConfig& config);
  void stop_all();
  /// Ends the one that start() has started with this config.
  void stop_one(const ops::NodeConfig& config);
  /// Runs a role as a process of its own (this executable again), which can be killed. `log` empty: a file, whose end
  /// is shown when the test fails.
  ops::Process spawn(const ops::NodeConfig& config, const std::string& log = "");
  /// One number, summed over all databases.
  std::int64_t number(const std::string& sql);
  /// One text of each database that has one, joined by ", ".
  std::string text(const std::string& sql);
  /// In every database.
  void execute(const std::string& sql);

  const std::string variant_;
  std::vector<std::string> database_urls_, database_names_, shadow_urls_;
  std::vector<std::unique_ptr<store::Pool>> dbs_;
  std::unique_ptr<FakePartners> partners_;

 private:
  struct Running {
    ops::Service service;
    std::unique_ptr<edge::Server> server;
  };
  std::vector<Running> running_;
  std::vector<std::string> files_;
  std::set<std::string> logs_;
};

/// All nodes of the hardened variant in this process, behind its gateway.
class Hardened : public ServicesTest {
 protected:
  Hardened() : ServicesTest("hardened") {}
  /// Configs of all nodes that know each other. `tweak` changes them before the start.
  void configure(const std::map<std::string, std::string>& options = {}) {
    for (const auto& [name, role] : std::vector<std::pair<std::string, std::string>>{{"catalog", "catalog"},
                                                                                     {"inventory", "inventory"},
                                                                                     {"order-1", "order"},
                                                                                     {"order-2", "order"},
                                                                                     {"payment", "payment"},
                                                                                     {"delivery", "delivery"},
                                                                                     {"gateway", "gateway"}}) {
      nodes_.push_back(config(name, role, "hardened"));
    }
    std::map<std::string, std::vector<std::string>> peers;
    for (const auto& n : nodes_) peers[n.role].push_back("http://127.0.0.1:" + std::to_string(n.port));
    url_ = peers["gateway"].front();
    for (auto& n : nodes_) {
      n.peers = peers;
      n.public_url = url_;
      for (const auto& [name, value] : options) n.options[name] = value;
    }
  }
  void start_here(const std::set<std::string>& without = {}) {
    for (const auto& n : nodes_) {
      if (!without.contains(n.name)) start(n);
    }
  }
  ops::NodeConfig& node(const std::string& name) {
    return *std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n.name == name; });
  }
  Answer post(const std::string& buyer, const std::string& path, const std::string& body, const std::string& key) {
    return as_buyer(url_, buyer, "POST", path, body, key);
  }
  Answer create(const std::string& buyer, const std::string& sku, int quantity, const std::string& key,
                const std::string& phone = "") {
    return post(buyer, "/orders",
                R"({"sku":")" + sku + R"(","quantity":)" + std::to_string(quantity) + R"(,"phone":")" + phone + "\"}",
                key);
  }
  std::string order(const std::string& buyer, const std::string& sku, int quantity = 1, const std::string& phone = "") {
    const std::string key = "k" + std::to_string(++keys_);
    Answer a;
    wait_until(
        [&] { return (a = create(buyer, sku, quantity, key, phone)).status != 503; });  // 503 is no outcome: come again
    EXPECT_EQ(a.status, 201) << a.body;
    return a.json["order_no"].text();
  }
  Answer pay(const std::string& buyer, const std::string& no, const std::string& channel) {
    return post(buyer, "/orders/" + no + "/pay", R"({"channel":")" + channel + "\"}", "p-" + no);
  }
  Answer show(const std::string& buyer, const std::string& no) { return as_buyer(url_, buyer, "GET", "/orders/" + no); }
  bool reaches(const std::string& buyer, const std::string& no, const std::string& status,
               std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    return wait_until([&] { return show(buyer, no).json["status"].text() == status; }, limit);
  }
  std::string url_;
  std::vector<ops::NodeConfig> nodes_;
  std::atomic<int> keys_{0};
};

/// A port that is free now and stays ours.
int free_port();

}  // namespace platform::services_test
