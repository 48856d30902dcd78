// bank: partners on real sockets, a platform that takes their notifies, and what tests of every dialect need.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"
#include "harness/net/http_client.hpp"
#include "harness/partners/message.hpp"
#include "harness/partners/partners.hpp"
#include "harness/partners/signature.hpp"

namespace cardstorm {

namespace fs = std::filesystem;

inline bool eventually(const std::function<bool()>& condition) {
  for (const Nanos end = monotonic_now() + 10s; monotonic_now() < end; std::this_thread::yield())
    if (condition()) return true;
  return false;
}

/// The platform's side: notes every notify and answers as told.
class Receiver {
 public:
  using Answer = std::function<ServerResponse(int nth)>;
  explicit Receiver(Answer answer =
                        [](int) {
                          return ServerResponse{200, "success", "text/plain"};
                        })
      : answer_(std::move(answer)) {
    server_ = serve(0, [this](const ServerRequest& request, HttpServer::Reply reply) {
                take(request, std::move(reply));
              }).value();
  }
  [[nodiscard]] std::string root() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + "/notify/alpha?from=bank";
  }
  /// Keeps answers back until release().
  void keep_back() {
    const std::lock_guard lock(mutex_);
    keeping_ = true;
  }
  void release() {
    std::vector<std::pair<HttpServer::Reply, ServerResponse>> kept;
    {
      const std::lock_guard lock(mutex_);
      keeping_ = false;
      kept.swap(kept_);
    }
    for (auto& [reply, response] : kept) reply(response);
  }
  bool wait_for(std::size_t count, Nanos limit = 5s) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return seen_.size() >= count; });
  }
  std::vector<ServerRequest> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  void take(const ServerRequest& request, HttpServer::Reply reply) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(request);
    const ServerResponse response = answer_(static_cast<int>(seen_.size()));
    if (keeping_)
      kept_.emplace_back(std::move(reply), response);
    else
      reply(response);
    changed_.notify_all();
  }
  Answer answer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool keeping_ = false;
  std::vector<ServerRequest> seen_;
  std::vector<std::pair<HttpServer::Reply, ServerResponse>> kept_;
  std::unique_ptr<HttpServer> server_;
};

struct Bank : ::testing::Test {
  Bank() {
    std::string name = (fs::temp_directory_path() / "cs-partners-XXXXXX").string();
    setup.journal_dir = mkdtemp(name.data());
    setup.key = "key";
    setup.control_token = "token";
    setup.time_scale = 1500;  // 15 s become 10 ms
    setup.answer = 2ms;
    setup.confirm = 5ms;
    setup.duplicate_share = 0;
    setup.allow = AllowList::parse({"127.0.0.0/8"}).value();
  }
  ~Bank() override {
    bank.reset();
    fs::remove_all(setup.journal_dir);
  }

  void open() {
    auto started = start_partners(setup);
    ASSERT_TRUE(started) << started.error().what;
    bank = std::move(started).value();
  }
  struct Reply {
    int status;
    Json body;
    Nanos took;
  };
  Reply call(const std::string& method, const std::string& path, const std::string& body = "",
             const std::string& key = "key") {
    const std::string now = partners::timestamp_text();
    return raw({method,
                url(path),
                body,
                {{"X-Timestamp", now}, {"X-Sign", partners::signature(key, method, path, now, body)}},
                5s});
  }
  Reply control(const std::string& body, const std::string& token = "token") {
    return raw({"POST", url("/control/channel/alpha/delay"), body, {{"X-Control-Token", token}}, 5s});
  }
  static Reply raw(const HttpRequest& request) {
    const HttpResponse response = fetch(request);
    EXPECT_EQ(response.outcome, Outcome::ok) << response.error;
    auto json = Json::parse(response.body);
    return {response.status, json ? *json : Json(), response.done - response.sent};
  }
  [[nodiscard]] std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(bank->port()) + path;
  }

  Reply pay(const std::string& out_trade_no, std::int64_t cents = 500,
            const std::string& notify_url = "http://127.0.0.1:1/none") {
    return call("POST", "/channel/alpha/pay",
                Json::object({{"out_trade_no", out_trade_no},
                              {"order", "o-" + out_trade_no},
                              {"amount_cents", cents},
                              {"notify_url", notify_url},
                              {"buyer", "b1"}})
                    .dump());
  }
  Reply refund(const std::string& out_trade_no, const std::string& refund_no, std::int64_t cents) {
    return call(
        "POST", "/channel/alpha/refund",
        Json::object({{"out_trade_no", out_trade_no}, {"refund_no", refund_no}, {"amount_cents", cents}}).dump());
  }
  std::string status_of(const std::string& out_trade_no) {
    return call("GET", "/channel/alpha/pay?out_trade_no=" + out_trade_no).body["status"].string();
  }
  void wait_for_status(const std::string& out_trade_no, const std::string& status) {
    ASSERT_TRUE(eventually([&] { return status_of(out_trade_no) == status; }));
  }
  [[nodiscard]] std::string book_text(const std::string& book) const {
    return read_file(setup.journal_dir + "/" + book + ".jsonl").value();
  }
  /// Lines of a kind, from whole lines only.
  [[nodiscard]] std::vector<Json> lines(const std::string& book, const std::string& kind) const {
    std::vector<Json> out;
    for (const std::string& line : split(book_text(book), '\n')) {
      const auto json = Json::parse(line);
      if (json && (*json)["kind"].string() == kind) out.push_back(*json);
    }
    return out;
  }

  /// A partner as `partners up` would take it; keys in a folder of this test.
  void take_channel(const std::string& text) {
    setup.keys_dir = setup.journal_dir + "/keys";
    put_partner(setup.channels, parse_partner(text).value());
  }
  void take_supplier(const std::string& text) {
    setup.keys_dir = setup.journal_dir + "/keys";
    put_partner(setup.suppliers, parse_partner(text).value());
  }
  /// Key pairs take long to make: all tests share two.
  void lay_keys(const std::string& name) const {
    static const RsaKeys merchant = make_rsa_keys().value(), partner = make_rsa_keys().value();
    const std::string folder = setup.keys_dir + "/" + name;
    fs::create_directories(folder);
    for (const auto& [file, text] :
         {std::pair("merchant_private.pem", merchant.private_pem),
          std::pair("merchant_public.pem", merchant.public_pem), std::pair("partner_private.pem", partner.private_pem)})
      ASSERT_TRUE(write_file(folder + "/" + file, text));
  }
  [[nodiscard]] std::string key_text(const std::string& name, const std::string& file) const {
    return std::string(trim(read_file(setup.keys_dir + "/" + name + "/" + file).value()));
  }
  HttpResponse ask(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::vector<std::pair<std::string, std::string>>& headers = {}) const {
    return fetch({method, url(path), body, headers, 5s});
  }
  HttpResponse post_form(const std::string& path, const partners::Params& params) const {
    return ask("POST", path, partners::form_text(params), {{"Content-Type", "application/x-www-form-urlencoded"}});
  }
  [[nodiscard]] bool wait_for_lines(const std::string& book, const std::string& kind, std::size_t count) const {
    return eventually([&] { return lines(book, kind).size() >= count; });
  }

  PartnersSetup setup;
  std::unique_ptr<Partners> bank;
};

}  // namespace cardstorm
