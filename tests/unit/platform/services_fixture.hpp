// services_fixture: what the tests of the shop stand on: a real PostgreSQL for the whole executable with a fresh database per
// test, and partners that answer as harness/partners/api.md says, with faults at hand. Shares no source with the harness.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
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
  std::atomic<bool> notifies{true};        // false: all notifies are lost for good
  std::atomic<int> notify_copies{1};       // sent at the same time
  std::atomic<int> confirm_ms{30};
  std::atomic<bool> buyers_pay{true};      // false: nobody confirms: created trades stay WAIT_BUYER_PAY

  struct Trade { std::string channel, out_trade_no, trade_no, order, notify_url, status = "WAIT_BUYER_PAY"; std::int64_t amount = 0, refunded = 0; };
  std::vector<Trade> trades();
  /// How many charges an order had, and how much of them is with the shop now.
  int charges(const std::string& order);
  std::int64_t kept_cents(const std::string& order);
  int topups(const std::string& order);
  int creates(const std::string& channel);

 private:
  struct Task { std::chrono::steady_clock::time_point at; std::function<void()> run; };
  edge::Response handle(const edge::Request& r);
  edge::Response channel(const edge::Request& r, const std::vector<std::string>& parts);
  edge::Response topup(const edge::Request& r);
  void later(std::chrono::milliseconds wait, std::function<void()> run);
  void confirm(const std::string& out_trade_no);
  void notify(const std::string& url, const std::string& body);
  std::chrono::milliseconds delay_of(const std::string& channel);
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Trade> trades_;              // by out_trade_no
  std::map<std::string, std::string> topups_;        // request_no -> order
  std::map<std::string, std::chrono::milliseconds> delays_;
  std::map<std::string, int> creates_;
  std::set<std::string> refunds_;
  std::vector<Task> tasks_;
  bool quit_ = false;
  std::unique_ptr<edge::Server> server_;
  std::vector<std::thread> threads_;
};

/// One HTTP call as a buyer makes it.
struct Answer { int status = 0; domain::Json json; std::string body; };
Answer as_buyer(const std::string& url, const std::string& buyer, const std::string& method, const std::string& path, const std::string& body = "",
                const std::string& key = "");
bool wait_until(const std::function<bool()>& done, std::chrono::milliseconds limit = std::chrono::milliseconds(10000));

/// Fresh database with schema and the built-in catalogue.
class ServicesTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] ops::NodeConfig config(const std::string& name, const std::string& role, const std::string& variant) const;
  /// Runs a role inside this process; its url.
  std::string start(const ops::NodeConfig& config);
  void stop_all();
  /// Runs a role as a process of its own (this executable again), which can be killed.
  ops::Process spawn(const ops::NodeConfig& config);
  std::int64_t number(const std::string& sql);
  std::string text(const std::string& sql);
  void execute(const std::string& sql);

  std::string database_url_;
  std::unique_ptr<store::Pool> db_;
  std::unique_ptr<FakePartners> partners_;

 private:
  struct Running { ops::Service service; std::unique_ptr<edge::Server> server; };
  std::vector<Running> running_;
  std::vector<std::string> files_;
};

/// A port that is free now and stays ours.
int free_port();

}  // namespace platform::services_test
