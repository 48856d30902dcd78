// shop: see shop.hpp. Routing, and what is decided once: limits, queue, readiness, background work.
#include "reference_platform/services/shop.hpp"

#include <algorithm>
#include <cstdio>

#include "reference_platform/observe/log.hpp"
#include "reference_platform/observe/trade.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/store/schema.hpp"

namespace platform::services {

using namespace std::chrono_literals;

namespace {

constexpr int kShopWorkers = 16;
constexpr int kShopPoolSize = 8;
constexpr int kChannelWorkers = 6;  // per channel
constexpr int kTries = 3;
constexpr auto kWindowKeep = 1s;
constexpr auto kStuck = 1s;  // all workers busy and none done for so long: not ready

ShopLimits limits(bool absurd) {
  if (absurd) return {{60s, 60s}, 30s, 0ms};
  return {{200ms, 1500ms}, 100ms, 1s};
}

int job_lease_ms(const ShopLimits& l) { return static_cast<int>(10 * (l.call.connect + l.call.total).count()); }

std::vector<std::string> topup_suppliers(const ops::NodeConfig& config, bool single) {
  const auto found = config.options.find("suppliers");
  std::vector<std::string> out;
  std::string list = found == config.options.end() ? "topup" : found->second;
  for (list += ','; !list.empty(); list.erase(0, list.find(',') + 1)) {
    const std::string name = list.substr(0, list.find(','));
    if (name.starts_with("topup")) out.push_back(name);
  }
  if (out.empty()) out.emplace_back("topup");
  if (single) out.resize(1);
  return out;
}

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Urgency urgency_of(const Request& r, const std::vector<std::string>& parts) {
  const std::string head = parts.empty() ? "" : parts[0];
  const bool post = r.method == "POST";
  if (head == "notify") return Urgency::callback;
  if (head == "orders" && post) return parts.size() >= 3 ? Urgency::pay : Urgency::create;
  if (head == "wallet" || (head == "orders" && parts.size() == 2)) return Urgency::query;
  return Urgency::list;
}

/// For metrics: only names that we know, or whoever sends requests makes the labels.
std::string path_label(const std::vector<std::string>& parts) {
  static constexpr const char* kKnown[] = {"goods", "orders", "wallet", "notify", "audit", "pay", "refund"};
  const auto known = [](const std::string& name) {
    return std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
  };
  if (parts.empty() || !known(parts[0])) return "other";
  return "/" + parts[0] + (parts.size() == 3 && known(parts[2]) ? "/" + parts[2] : "");
}

}  // namespace

Shop::Shop(const ops::NodeConfig& config)
    : switches_(config.switches),
      limits_(limits(on(Trait::A02))),
      partner_{config.partners_url, config.partners_key},
      public_url_(config.public_url),
      suppliers_(topup_suppliers(config, on(Trait::A15))),
      channel_names_(channel_names(config)),
      unpaid_s_(option(config, "unpaid_close_s", 300)),
      log_(config.name),
      progress_ms_(steady_ms()),
      pool_(store::make_pool({config.database_url(), kShopPoolSize, limits_.borrow, limits_.statement})),
      limiter_(on(Trait::A09) ? fixed_window(option(config, "limit_per_s", 2000))
                              : token_buckets(option(config, "limit_per_s", 2000))),
      // A06: no cache; or, when asked for, one in which everything expires for everybody at once.
      window_(on(Trait::A06) ? std::chrono::milliseconds(option(config, "cache_ttl_ms", 0)) : kWindowKeep,
              !on(Trait::A06)) {
  observe::log_synchronously(on(Trait::A14));
  store::connect(config.database_url())->script(store::fragile_order_indexes(!on(Trait::A05)).c_str());
  start_background(config);
}

void Shop::start_background(const ops::NodeConfig& config) {
  courier_ = std::make_unique<ShopCourier>(
      *pool_, on(Trait::A11), std::chrono::milliseconds(option(config, "job_lease_ms", job_lease_ms(limits_))),
      [this](const ShopJob& job) { return do_job(job); });
  const auto loop = [this](const char* name, std::chrono::milliseconds period, std::function<bool()> step) {
    loops_.push_back(std::make_unique<Loop>(name, period, std::move(step)));
  };
  for (const std::string& channel : channel_names_) {
    if (!on(Trait::A01)) channels_[channel] = std::make_unique<Workers>(channel, kChannelWorkers);
    if (!on(Trait::A03)) loop("payment questions", 200ms, [this, channel] { return ask(channel); });
  }
  if (!on(Trait::A07)) loop("unpaid orders", 1s, [this] { return close_old(); });
  if (on(Trait::A14))
    loop("report", std::chrono::milliseconds(option(config, "report_ms", 5000)), [this] { return report(); });
}

void Shop::stop() {
  loops_.clear();
  channels_.clear();
  courier_.reset();
  observe::log_synchronously(false);
}

edge::ServerOptions Shop::server() const {
  edge::ServerOptions o;
  o.threads = kShopWorkers;
  if (on(Trait::A10)) return o;  // whoever comes waits, however many and however long
  o.queue_max = 200;
  o.queue_age_max = 1s;
  return o;
}

// A12: it lives, so it says that it can serve.
std::string Shop::not_ready() {
  if (on(Trait::A12)) return "";
  if (busy_ >= kShopWorkers && steady_ms() - progress_ms_ > std::chrono::milliseconds(kStuck).count())
    return "all workers are stuck";
  try {
    pool_->take(100ms)->run("SELECT 1");
    return "";
  } catch (const store::PoolTimeout&) {
    return "no database connection is free";
  } catch (const store::SqlError& e) {
    return std::string("the database does not serve: ") + e.what();
  }
}

std::string Shop::metrics() {
  metrics_.set("shop_calls_in_flight", calls_);
  metrics_.set("shop_jobs_in_memory", static_cast<double>(courier_ ? courier_->in_memory() : 0));
  return metrics_.text();
}

void Shop::reached(const char* outcome, const ShopOrder& order, const std::string& why) const {
  observe::trade_reached(outcome, order.goods_class, order.paid_via, order.mark);
  log_.event(std::string("order_") + outcome, order.order_no, order.mark, why);
}

bool Shop::insist(const std::function<bool()>& once) const {
  if (!on(Trait::A03)) return once();
  for (int here = 0; here < kTries; ++here) {
    for (int in_the_client = 0; in_the_client < kTries; ++in_the_client) {
      if (once()) return true;
    }
  }
  return false;
}

Response Shop::handle(const Request& r) {
  const auto parts = path_parts(r.path);
  metrics_.add("requests_total{path=\"" + path_label(parts) + "\"}");
  if (!limiter_->admit(urgency_of(r, parts))) {
    Response refused = error_answer(429, "too_many_requests");
    refused.headers.emplace_back("Retry-After", "1");
    return refused;
  }
  if (++busy_ >= kShopWorkers) progress_ms_ = steady_ms();
  const std::shared_ptr<void> done(nullptr, [this](void*) {
    progress_ms_ = steady_ms();
    --busy_;
  });
  try {
    return route(r, parts);
  } catch (const store::PoolTimeout& e) {
    return error_answer(503, "pool_starved", e.what());
  } catch (const store::SqlError& e) {
    std::fprintf(stderr, "error: %s %s: %s\n", r.method.c_str(), r.path.c_str(), e.what());
    return error_answer(503, "database");
  }
}

Response Shop::route(const Request& r, const std::vector<std::string>& parts) {
  const std::string head = parts.empty() ? "" : parts[0];
  const bool post = r.method == "POST", get = r.method == "GET";
  if (!get && !post) return error_answer(405, "bad_method");
  if (head == "audit") {
    auto db = pool_->take();
    return audit_page(*db, r);
  }
  if (head == "goods" && get && parts.size() <= 2) return goods(parts.size() == 2 ? parts[1] : "");
  if (head == "notify" && parts.size() == 2 && post) return parts[1] == "topup" ? notify_topup(r) : notify(r, parts[1]);
  const std::string buyer = buyer_of(r);
  if (head != "orders" && head != "wallet") return error_answer(404, "not_found");
  if (buyer.empty()) return error_answer(400, "bad_buyer", "X-Buyer names the buyer: up to 32 letters, digits, dashes");
  if (head == "wallet") return get && parts.size() == 1 ? wallet(buyer) : error_answer(404, "not_found");
  if (post && parts.size() == 1) return create(r, buyer);
  if (post && parts.size() == 3 && parts[2] == "pay") return pay(r, buyer, parts[1]);
  if (post && parts.size() == 3 && parts[2] == "refund") return refund(buyer, parts[1]);
  if (get && parts.size() == 1) return list(r, buyer);
  if (get && parts.size() == 2) return show(buyer, parts[1]);
  return error_answer(404, "not_found");
}

ops::Service make_shop(const ops::NodeConfig& config) {
  auto shop = std::make_shared<Shop>(config);
  ops::Service service;
  service.server = shop->server();
  service.server.port = config.port;
  service.business = [shop](const Request& r) { return shop->handle(r); };
  service.pool = shop->pool();
  service.not_ready = [shop] { return shop->not_ready(); };
  service.metrics = [shop] { return shop->metrics(); };
  service.stop = [shop] { shop->stop(); };
  service.watched_by_workers = config.switches.on(Trait::A13);
  return service;
}

}  // namespace platform::services
