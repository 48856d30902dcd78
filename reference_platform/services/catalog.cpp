// catalog: the shop window of the hardened variant. Looks go to memory (1 s), then to Redis, then, one at a time, to the database; when
// that is out of reach, what was last known is shown for as long as it takes.
#include <condition_variable>
#include <memory>
#include <mutex>

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/store/redis.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Good;
using domain::Json;
using edge::Request;
using edge::Response;
using Goods = std::shared_ptr<const std::vector<Good>>;

constexpr int kWorkers = 6, kPoolSize = 3;
constexpr auto kMemoryAge = 1000ms, kRedisAge = 2000ms;
constexpr auto kFirstWait = 500ms;   // for the one that loads, when there is nothing to show yet
const char kRedisKey[] = "cardstorm:goods";

std::string cache_text(const std::vector<Good>& goods) {
  std::vector<std::string> items;
  for (const Good& good : goods) items.push_back(goods_json(good, true));
  return domain::json_array(items);
}

std::optional<std::vector<Good>> of_cache_text(const std::string& text) {
  const auto json = Json::parse(text);
  if (!json || json->items().empty()) return std::nullopt;
  std::vector<Good> out;
  for (const Json& g : json->items()) {
    Good good{g["sku"].text(), g["name"].text(), g["class"].text(), g["price_cents"].integer(), g["stock"].integer(), false, {}};
    for (const Json& step : g["wholesale"].items()) good.wholesale.push_back({step["from_quantity"].integer(), step["price_cents"].integer()});
    out.push_back(std::move(good));
  }
  return out;
}

class Catalog {
 public:
  explicit Catalog(const ops::NodeConfig& config)
      : log_(config.name), pool_(store::make_pool({config.database_url(), kPoolSize, 1000ms, 1000ms})), redis_(store::make_redis(config.redis_url)) {}

  Response handle(const Request& r) {
    const auto parts = path_parts(r.path);
    if (r.method != "GET" || parts.empty() || parts[0] != "goods" || parts.size() > 2) return error_answer(404, "not_found");
    const Goods goods = current();
    if (!goods) return error_answer(503, "no_catalogue");
    if (parts.size() == 1) return json_answer(200, goods_list_json(*goods));
    for (const Good& good : *goods) {
      if (good.sku == parts[1]) return json_answer(200, goods_json(good, true));
    }
    return error_answer(404, "unknown_sku");
  }
  store::Pool& pool() { return *pool_; }
  bool empty() const {
    const std::lock_guard lock(mutex_);
    return goods_ == nullptr;
  }
  [[nodiscard]] std::string metrics() const { return metrics_.text(); }

 private:
  /// Single flight: one caller loads, all others take what is there, however old.
  Goods current() {
    std::unique_lock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (goods_ && (now - at_ < kMemoryAge || loading_)) return goods_;
    if (loading_) {
      loaded_.wait_for(lock, kFirstWait, [this] { return !loading_; });
      return goods_;
    }
    loading_ = true;
    lock.unlock();
    Goods fresh = load();
    lock.lock();
    loading_ = false;
    at_ = now;   // also when it failed: the next try is due in a second, not with the next request
    if (fresh) goods_ = std::move(fresh);
    loaded_.notify_all();
    return goods_;
  }

  Goods load() {
    if (const auto text = redis_->get(kRedisKey)) {
      if (auto goods = of_cache_text(*text)) {
        metrics_.add("cache_requests_total{tier=\"redis\",result=\"hit\"}");
        return std::make_shared<const std::vector<Good>>(std::move(*goods));
      }
    }
    metrics_.add("cache_requests_total{tier=\"redis\",result=\"miss\"}");
    try {
      auto goods = read();
      redis_->set(kRedisKey, cache_text(goods), kRedisAge);
      return std::make_shared<const std::vector<Good>>(std::move(goods));
    } catch (const std::exception& e) {
      log_.event("catalogue", "", "", std::string("stale: ") + e.what());
      metrics_.add("catalogue_stale_total");
      return nullptr;
    }
  }

  std::vector<Good> read() {
    auto db = pool_->take(kBorrowMax);
    auto goods = domain::read_goods(*db);
    const auto counts = db->run("SELECT sku, count(*) FROM cards WHERE order_no IS NULL AND NOT sold GROUP BY sku");
    for (Good& good : goods) {
      if (!domain::needs_cards(good.goods_class)) continue;
      good.stock = 0;
      for (int i = 0; i < counts.size(); ++i) {
        if (counts.text(i, 0) == good.sku) good.stock = counts.number(i, 1);
      }
    }
    return goods;
  }

  BusinessLog log_;
  Metrics metrics_;
  std::unique_ptr<store::Pool> pool_;
  std::unique_ptr<store::Redis> redis_;
  mutable std::mutex mutex_;
  std::condition_variable loaded_;
  Goods goods_;
  std::chrono::steady_clock::time_point at_{};
  bool loading_ = false;
};

}  // namespace

ops::Service make_catalog(const ops::NodeConfig& config) {
  auto catalog = std::make_shared<Catalog>(config);
  ops::Service service;
  service.server = backend_server(config, kWorkers);
  service.business = backend_handler(catalog->pool(), [catalog](const Request& r) { return catalog->handle(r); });
  service.pool = &catalog->pool();
  service.not_ready = [catalog] { return catalog->empty() ? pool_not_ready(catalog->pool()) : std::string(); };   // what it knows it can show
  service.metrics = [catalog] { return catalog->metrics(); };
  service.stop = [] {};
  return service;
}

}  // namespace platform::services
