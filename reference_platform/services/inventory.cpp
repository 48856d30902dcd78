// inventory: hands out the cards of the hardened variant. Reserving happens inside the order's transaction (inventory_reserve in
// store/schema_sql.hpp: FOR UPDATE SKIP LOCKED, all or nothing); this node turns reservations into deliveries, many at a time.
#include <memory>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/roles.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Json;
using edge::Request;
using edge::Response;

constexpr int kWorkers = 4, kPoolSize = 3;

class Inventory {
 public:
  explicit Inventory(const ops::NodeConfig& config) : log_(config.name), pool_(store::make_pool({config.database_url(), kPoolSize, 1000ms, 2000ms})) {}

  /// POST /internal/claim {"orders":[{"order_no","quantity"}]} → {"claimed":[...],"short":[...]}. Repeating a claim changes nothing.
  Response handle(const Request& r) {
    const auto body = Json::parse(r.body);
    if (r.method != "POST" || r.path != "/internal/claim") return error_answer(404, "not_found");
    if (!body || !(*body)["orders"].is_array()) return error_answer(400, "bad_request");
    std::vector<std::string> numbers, quantities;
    for (const Json& order : (*body)["orders"].items()) {
      numbers.push_back(order["order_no"].text());
      quantities.push_back(std::to_string(order["quantity"].integer()));
    }
    auto db = borrow(*pool_, r);
    const auto rows = db->run("SELECT o.no, inventory_claim(o.no, o.quantity) = o.quantity FROM unnest($1::text[], $2::int[]) AS o(no, quantity) ORDER BY o.no",
                              {pg_array(numbers), pg_array(quantities)});
    std::vector<std::string> claimed, missing;
    for (int i = 0; i < rows.size(); ++i) (rows.text(i, 1) == "t" ? claimed : missing).push_back(domain::json_quoted(rows.text(i, 0)));
    metrics_.add("claims_total{outcome=\"ok\"}", static_cast<double>(claimed.size()));
    metrics_.add("claims_total{outcome=\"short\"}", static_cast<double>(missing.size()));
    return json_answer(200, domain::JsonObject().raw("claimed", domain::json_array(claimed)).raw("short", domain::json_array(missing)).done());
  }
  store::Pool& pool() { return *pool_; }
  [[nodiscard]] std::string metrics() const { return metrics_.text(); }

 private:
  BusinessLog log_;
  Metrics metrics_;
  std::unique_ptr<store::Pool> pool_;
};

}  // namespace

ops::Service make_inventory(const ops::NodeConfig& config) {
  auto inventory = std::make_shared<Inventory>(config);
  ops::Service service;
  service.server = backend_server(config, kWorkers);
  service.business = backend_handler(inventory->pool(), [inventory](const Request& r) { return inventory->handle(r); });
  service.pool = &inventory->pool();
  service.not_ready = [inventory] { return pool_not_ready(inventory->pool()); };
  service.metrics = [inventory] { return inventory->metrics(); };
  service.stop = [] {};
  return service;
}

}  // namespace platform::services
