// shop_load: see shop_load.hpp.
#include "harness/bench/shop_load.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <queue>

#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/net/http_client.hpp"
#include "harness/stats/stats.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kCall = 10s, kDrain = 20s, kBuyerPatience = 30s;
constexpr Nanos kFirstLook = 400ms, kLook = 250ms, kAfterRefusal = 500ms;
constexpr const char* kChannels[] = {"alpha", "beta", "wallet"};

class Buyers {
 public:
  Buyers(const ShopLoad& load, const AllowList& allow, const std::stop_token& stop)
      : load_(load), stop_(stop), client_(make_http_client(clock_, allow, limits())) {}

  Result<ShopSeen> run() {
    for (int i = 0; i < load_.buyers; ++i) {
      buyers_.push_back({load_.prefix + "-" + std::to_string(i), i < load_.bulk_buyers});
      at(Nanos(i) * 5'000'000, [this, i] { order(i); });  // not all in one moment
    }
    const Nanos end = load_.warm + load_.length;
    while (clock_.now() < end + kDrain && !stop_.stop_requested()) {
      if (clock_.now() >= end && client_->in_flight() == 0 && active_ == 0) break;
      fire();
      client_->drive(timers_.empty() ? clock_.now() + 50ms : std::min(timers_.top().at, clock_.now() + 50ms));
    }
    if (stop_.stop_requested()) return Error{Errc::cancelled, "stopped"};
    for (const Buyer& b : buyers_)
      if (b.waits && !b.bulk) seen_.gave_up_s.push_back(seconds(clock_.now() - b.began));
    std::sort(seen_.wait_s.begin(), seen_.wait_s.end());
    std::sort(seen_.gave_up_s.begin(), seen_.gave_up_s.end());
    seen_.seconds = seconds(load_.length);
    return std::move(seen_);
  }

 private:
  struct Buyer {
    std::string name;
    bool bulk = false, waits = false;
    std::string order_no = {};
    Nanos began{0};
    std::uint64_t n = 0;
  };
  struct Timer {
    Nanos at;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Timer& o) const { return at != o.at ? at > o.at : order > o.order; }
  };

  static HttpClientLimits limits() {
    HttpClientLimits l;
    l.connections_max = 4000;
    return l;
  }
  void at(Nanos when, std::function<void()> run) { timers_.push({when, ++timers_made_, std::move(run)}); }
  void fire() {
    while (!timers_.empty() && timers_.top().at <= clock_.now()) {
      const auto run = timers_.top().run;
      timers_.pop();
      run();
    }
  }
  [[nodiscard]] bool over() const { return clock_.now() >= load_.warm + load_.length; }

  void call(int i, const std::string& method, const std::string& path, const std::string& body,
            std::function<void(const HttpResponse&)> then) {
    HttpRequest r;
    r.method = method;
    r.url = load_.url + path;
    r.body = body;
    r.timeout = kCall;
    const Buyer& b = buyers_[static_cast<std::size_t>(i)];
    r.headers = {{"X-Buyer", b.name}};
    if (method == "POST") {
      r.headers.emplace_back("Idempotency-Key", path + std::to_string(b.n));
      r.headers.emplace_back("Content-Type", "application/json");
    }
    client_->submit(std::move(r), std::move(then));
  }

  void order(int i) {
    if (over()) return;
    Buyer& b = buyers_[static_cast<std::size_t>(i)];
    b.began = clock_.now();
    b.waits = true;
    ++b.n;
    ++active_;
    const int quantity = b.bulk ? load_.bulk_quantity : load_.quantity;
    call(i, "POST", "/orders", R"({"sku":")" + load_.sku + R"(","quantity":)" + std::to_string(quantity) + "}",
         [this, i](const HttpResponse& r) {
           if (r.status != 201 && r.status != 202) return lost(i, "order", r.status);
           const auto json = Json::parse(r.body);
           if (!json) return lost(i, "order body", r.status);
           buyers_[static_cast<std::size_t>(i)].order_no = (*json)["order_no"].string();
           if (r.status == 201) return pay(i);
           at(clock_.now() + kLook, [this, i] { look_queued(i); });
         });
  }

  /// 202: the order waits in the queue; it is shown (404 until then) when it is made, and a 409 says that it was not.
  void look_queued(int i) {
    const Buyer& b = buyers_[static_cast<std::size_t>(i)];
    call(i, "GET", "/orders/" + b.order_no, "", [this, i](const HttpResponse& r) {
      if (r.status == 200) return pay(i);
      if (r.status != 404 || clock_.now() - buyers_[static_cast<std::size_t>(i)].began > kBuyerPatience)
        return lost(i, "queued order", r.status);
      at(clock_.now() + kLook, [this, i] { look_queued(i); });
    });
  }

  void pay(int i) {
    const Buyer& b = buyers_[static_cast<std::size_t>(i)];
    call(i, "POST", "/orders/" + b.order_no + "/pay",
         std::string(R"({"channel":")") + kChannels[b.n % std::size(kChannels)] + "\"}",
         [this, i](const HttpResponse& r) {
           if (r.status != 200) return lost(i, "pay", r.status);
           at(clock_.now() + kFirstLook, [this, i] { look(i); });
         });
  }

  void look(int i) {
    const Buyer& b = buyers_[static_cast<std::size_t>(i)];
    call(i, "GET", "/orders/" + b.order_no, "", [this, i](const HttpResponse& r) {
      const Buyer& buyer = buyers_[static_cast<std::size_t>(i)];
      const auto json = Json::parse(r.body);
      const std::string status = r.status == 200 && json ? (*json)["status"].string() : "";
      if (status == "delivered") return delivered(i);
      if (clock_.now() - buyer.began > kBuyerPatience || status == "refunded" || status == "closed" ||
          status == "failed")
        return lost(i, "status " + status, r.status);
      at(clock_.now() + kLook, [this, i] { look(i); });
    });
  }

  void delivered(int i) {
    Buyer& b = buyers_[static_cast<std::size_t>(i)];
    --active_;
    b.waits = false;
    if (!b.bulk && clock_.now() >= load_.warm && !over()) {
      ++seen_.delivered;
      seen_.wait_s.push_back(seconds(clock_.now() - b.began));
    }
    order(i);
  }

  void lost(int i, const std::string& what, int status) {
    Buyer& b = buyers_[static_cast<std::size_t>(i)];
    const bool refused = status == 409 || status == 429;
    --active_;
    b.waits = false;
    ++seen_.answers[what + " " + std::to_string(status)];
    if (!b.bulk && !over()) ++(refused ? seen_.refused : seen_.failed);
    if (!b.bulk && !refused) seen_.gave_up_s.push_back(seconds(clock_.now() - b.began));
    at(clock_.now() + kAfterRefusal, [this, i] { order(i); });
  }

  const ShopLoad& load_;
  const std::stop_token& stop_;
  MonotonicClock clock_;
  std::unique_ptr<HttpClient> client_;
  std::vector<Buyer> buyers_;
  std::priority_queue<Timer> timers_;
  std::uint64_t timers_made_ = 0;
  int active_ = 0;
  ShopSeen seen_;
};

}  // namespace

Result<ShopSeen> load_shop(const ShopLoad& load, const std::stop_token& stop) {
  const auto allow = AllowList::parse({"127.0.0.0/8"});
  if (!allow) return allow.error();
  return Buyers(load, *allow, stop).run();
}

Wait wait_quantile(const ShopSeen& seen, double q) {
  std::vector<double> all = seen.wait_s;
  all.insert(all.end(), seen.gave_up_s.begin(), seen.gave_up_s.end());
  std::sort(all.begin(), all.end());
  const double at = closest_rank<double>(all, q);
  return {at, !seen.gave_up_s.empty() && at >= seen.gave_up_s.front()};
}

}  // namespace cardstorm
