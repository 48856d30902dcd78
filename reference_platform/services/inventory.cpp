// inventory: hands out the cards of the hardened variant. Reserving happens inside the order's transaction
// (inventory_reserve in store/schema_goods_sql.hpp: FOR UPDATE SKIP LOCKED, all or nothing); this node turns
// reservations into deliveries, many at a time, and moves free goods between the databases where one of them has too
// few.
#include <map>
#include <memory>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/trade.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/moves.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Bug;
using domain::Json;
using edge::Request;
using edge::Response;

constexpr int kInventoryWorkers = 6, kInventoryPoolSize = 4;
constexpr std::size_t kOrdersMax = 200;
constexpr int kChunk = 50;  // cards of one order per claim

struct Asked {
  std::vector<std::string> numbers, quantities;
};

class Inventory {
 public:
  explicit Inventory(const ops::NodeConfig& config)
      : switches_(config.switches),
        log_(config.name),
        shards_(config.database_urls, config.shadow_urls, {"", kInventoryPoolSize, 1000ms, 2000ms}),
        moves_(shards_, switches_, log_, metrics_),
        patience_(option(config, "move_patience_ms", 2000)),
        janitor_("moves", 500ms, [this] { return moves_.tidy(patience_); }) {}

  Response handle(const Request& r) {
    if (r.method == "POST" && r.path == "/internal/claim") return claim(r);
    if (r.method == "POST" && r.path == "/internal/move") return move(r);
    return error_answer(404, "not_found");
  }
  store::Shards& shards() { return shards_; }
  [[nodiscard]] std::string metrics() const { return metrics_.text(); }

 private:
  Response claim(const Request& r);
  Response move(const Request& r);

  const domain::Switches switches_;
  BusinessLog log_;
  Metrics metrics_;
  store::Shards shards_;
  Moves moves_;
  const std::chrono::milliseconds patience_;
  Loop janitor_;  // last: ends first
};

/// The orders of a claim by database; nullopt when anything in it is malformed.
std::optional<std::map<store::Pool*, Asked>> read_claim(const Json& body, store::Shards& shards) {
  std::map<store::Pool*, Asked> out;
  const auto& orders = body["orders"].items();
  if (!body["orders"].is_array() || orders.size() > kOrdersMax) return std::nullopt;
  for (const Json& order : orders) {
    const auto place = store::place_of(order["order_no"].text());
    const std::int64_t quantity = order["quantity"].integer();
    if (!place || quantity < 1 || quantity > domain::kQuantityMax) return std::nullopt;
    Asked& asked = out[&shards.at(*place)];
    asked.numbers.push_back(order["order_no"].text());
    asked.quantities.push_back(std::to_string(quantity));
  }
  return out;
}

/// POST /internal/claim {"orders":[{"order_no","quantity"}]} → {"claimed":[...],"part":[...],"short":[...]}: all cards
/// are delivered; some are, ask again; they are not all there, and none was given. Repeating a claim changes nothing
/// that is done.
Response Inventory::claim(const Request& r) {
  const auto body = Json::parse(r.body);
  const auto asked = body ? read_claim(*body, shards_) : std::nullopt;
  if (!asked) return error_answer(400, "bad_request");
  std::vector<std::string> claimed, part, missing;
  for (const auto& [pool, of] : *asked) {
    auto db = borrow(*pool, r);
    if (switches_.on(Bug::B01)) db->run("SELECT inventory_claim_unlocked($1)", {pg_array(of.numbers)});
    const auto rows = db->run(
        "SELECT c.order_no, c.had, c.given, a.quantity FROM inventory_claim($1, $2, $3) c JOIN unnest($1::text[], "
        "$2::int[]) AS a(no, quantity) ON a.no = c.order_no",
        {pg_array(of.numbers), pg_array(of.quantities), std::to_string(kChunk)});
    for (int i = 0; i < rows.size(); ++i) {
      const bool whole = rows.number(i, 1) == rows.number(i, 3), done = rows.number(i, 2) == rows.number(i, 3);
      (!whole ? missing : done ? claimed : part).push_back(domain::json_quoted(rows.text(i, 0)));
    }
  }
  metrics_.add("claims_total{outcome=\"ok\"}", static_cast<double>(claimed.size()));
  metrics_.add("claims_total{outcome=\"part\"}", static_cast<double>(part.size()));
  metrics_.add("claims_total{outcome=\"short\"}", static_cast<double>(missing.size()));
  return json_answer(200, domain::JsonObject()
                              .raw("claimed", domain::json_array(claimed))
                              .raw("part", domain::json_array(part))
                              .raw("short", domain::json_array(missing))
                              .done());
}

/// POST /internal/move {"sku","quantity","to":<database>,"shadow":bool} → {"moved":n}: free goods that came to database
/// `to`; 0 when no other has any, -1 when others hold what there is at this moment.
Response Inventory::move(const Request& r) {
  const auto body = Json::parse(r.body);
  if (!body || !(*body)["to"].is_integer()) return error_answer(400, "bad_request");
  const std::string& sku = (*body)["sku"].text();
  const std::int64_t quantity = (*body)["quantity"].integer(), to = (*body)["to"].integer();
  if (sku.empty() || quantity < 1 || quantity > domain::kQuantityMax || to < 0 || to >= shards_.databases())
    return error_answer(400, "bad_request");
  const std::int64_t moved = moves_.move(sku, static_cast<int>(quantity), static_cast<int>(to),
                                         (*body)["shadow"].boolean() && shards_.has_shadow(), time_left(r));
  return json_answer(200, domain::JsonObject().add("moved", moved).done());
}

}  // namespace

ops::Service make_inventory(const ops::NodeConfig& config) {
  return backend_service(config, kInventoryWorkers, std::make_shared<Inventory>(config));
}

}  // namespace platform::services
