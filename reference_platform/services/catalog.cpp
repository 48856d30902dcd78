// catalog: the shop window of the hardened variant: goods with the stock of all databases together, through a cache in
// tiers (catalog_cache.hpp). The list is kept warm whether anybody looks or not, so that there is something to show
// when the databases go.
#include <algorithm>
#include <memory>

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/catalog_cache.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/store/redis.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Good;
using domain::Trait;
using edge::Request;
using edge::Response;

constexpr int kWorkers = 6, kPoolSize = 3;
constexpr std::size_t kSkuMax = 64, kTogether = 200;  // goods that a look at the list makes warm
constexpr auto kWarmEvery = 1000ms;
const char kList[] = "";  // the list's key; a sku's is the sku

/// Cards that are free, or the counter of goods without cards of ours; $2 is planted bug B11: always the counter.
constexpr char kGoods[] =
    "SELECT sku, name, class, price_cents, unlimited, "
    "CASE WHEN class = 'game_card' AND source = 'own' AND NOT $2::boolean THEN (SELECT count(*) FROM cards c WHERE "
    "c.sku = g.sku AND c.order_no IS NULL AND NOT c.sold) ELSE stock END "
    "FROM goods g WHERE $1 = '' OR sku = $1 ORDER BY number, sku";
constexpr char kSteps[] =
    "SELECT sku, from_quantity, price_cents FROM wholesale WHERE $1 = '' OR sku = $1 ORDER BY sku, from_quantity";

class Catalog {
 public:
  explicit Catalog(const ops::NodeConfig& config)
      : uncached_(config.switches.on(Trait::A06)),
        counter_(config.switches.on(domain::Bug::B11)),
        shards_(config.database_urls, {}, {"", kPoolSize, 1000ms, 1000ms}),
        redis_(store::make_redis(config.redis_url)),
        cache_({}, "cardstorm:goods:", *redis_, metrics_, [this](const std::string& key) { return load(key); }) {
    if (!uncached_)
      warm_ = std::make_unique<Loop>("catalogue", kWarmEvery, [this] {
        cache_.get(kList);
        return false;
      });
  }

  Response handle(const Request& r) {
    const auto parts = path_parts(r.path);
    if (r.method != "GET" || parts.empty() || parts[0] != "goods" || parts.size() > 2)
      return error_answer(404, "not_found");
    const std::string key = parts.size() == 1 ? kList : parts[1];
    if (key.size() > kSkuMax) return error_answer(404, "unknown_sku");
    const auto answer = uncached_ ? at_the_source(key) : cache_.get(key);
    if (answer.state == CatalogCache::State::found) return json_answer(200, answer.text);
    return answer.state == CatalogCache::State::absent
               ? error_answer(404, "unknown_sku")
               : error_answer(503, "no_catalogue", "nothing is known yet, and the databases do not answer");
  }
  store::Shards& shards() { return shards_; }
  /// What it knows it can show.
  std::string not_ready() {
    if (!uncached_ && cache_.knows(kList)) return "";
    const std::string reason = pool_not_ready(shards_);
    return reason.empty() && !uncached_ ? "the catalogue is not known yet" : reason;
  }
  [[nodiscard]] std::string metrics() const { return metrics_.text(); }

 private:
  CatalogCache::Answer at_the_source(const std::string& key) {
    auto loaded = load(key);
    return {loaded.text ? CatalogCache::State::found : CatalogCache::State::absent, loaded.text.value_or("")};
  }

  CatalogCache::Loaded load(const std::string& key) {
    const auto goods = read(key);
    if (key != kList) return {goods.empty() ? std::nullopt : std::optional(goods_json(goods.front(), true)), {}};
    CatalogCache::Loaded out{goods_list_json(goods), {}};
    for (std::size_t i = 0; i < std::min(goods.size(), kTogether); ++i)
      out.others.emplace_back(goods[i].sku, goods_json(goods[i], true));
    return out;
  }

  /// The catalogue is the same in every database, its stock is dealt over them.
  std::vector<Good> read(const std::string& sku) {
    std::vector<Good> goods;
    for (int d = 0; d < shards_.databases(); ++d) {
      auto db = shards_.at(d).take(kBorrowMax);
      const auto rows = db->run(kGoods, {sku, counter_ ? "true" : "false"});
      if (d == 0) {
        for (int i = 0; i < rows.size(); ++i) goods.push_back(good_of(rows, i));
        add_steps(goods, db->run(kSteps, {sku}));
        continue;
      }
      for (int i = 0; i < rows.size(); ++i) {
        const auto good =
            std::find_if(goods.begin(), goods.end(), [&](const Good& g) { return g.sku == rows.text(i, 0); });
        if (good != goods.end()) good->stock += rows.number(i, 5);
      }
    }
    return goods;
  }

  static Good good_of(const store::Rows& rows, int i) {
    Good good;
    good.sku = rows.text(i, 0);
    good.name = rows.text(i, 1);
    good.goods_class = rows.text(i, 2);
    good.price_cents = rows.number(i, 3);
    good.unlimited = rows.text(i, 4) == "t";
    good.stock = rows.number(i, 5);
    return good;
  }

  static void add_steps(std::vector<Good>& goods, const store::Rows& steps) {
    for (int i = 0; i < steps.size(); ++i) {
      const auto good =
          std::find_if(goods.begin(), goods.end(), [&](const Good& g) { return g.sku == steps.text(i, 0); });
      if (good != goods.end()) good->wholesale.push_back({steps.number(i, 1), steps.number(i, 2)});
    }
  }

  const bool uncached_, counter_;
  Metrics metrics_;
  store::Shards shards_;
  std::unique_ptr<store::Redis> redis_;
  CatalogCache cache_;
  std::unique_ptr<Loop> warm_;  // last: ends first
};

}  // namespace

ops::Service make_catalog(const ops::NodeConfig& config) {
  const auto catalog = std::make_shared<Catalog>(config);
  ops::Service service = backend_service(config, kWorkers, catalog);
  service.not_ready = [catalog] { return catalog->not_ready(); };
  return service;
}

}  // namespace platform::services
