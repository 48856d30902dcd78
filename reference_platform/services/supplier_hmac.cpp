// supplier_hmac: another shop's cards in the manner of dujiao-next: JSON below /api/v1/upstream. downstream_order_no
// orders once, and sent again it finds the order that is there: so a lost answer costs nothing but another call.
#include <ctime>
#include <mutex>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/supplier.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;

constexpr edge::CallOptions kHmacCall{200ms, 2000ms};

class HmacSupplier final : public SupplierClient {
 public:
  explicit HmacSupplier(const SupplierSetup& setup)
      : setup_(setup),
        prefix_(setup.url.substr(std::min(setup.url.size(), setup.url.find('/', setup.url.find("//") + 2)))) {}

  SupplyAnswer order(const SupplyRequest& r) override {
    const auto id = product_id(r.sku);
    if (!id) return {Supplied::unsent, false, {}, "the product is not known yet"};
    const auto answer = call(
        "POST", "/orders",
        JsonObject().add("sku_id", *id).add("quantity", r.quantity).add("downstream_order_no", r.request_no).done());
    SupplyAnswer a = read(answer);
    // No stock, no money, or a wrong signature: nothing was made.
    if (answer.status == 400 || answer.status == 401 || answer.status == 402) a.what = Supplied::refused;
    if (answer.status == 409) a.what = Supplied::failed;
    return a;
  }
  SupplyAnswer query(const SupplyRequest& r) override {
    return r.supply_no.empty() ? order(r) : read(call("GET", "/orders/" + r.supply_no, ""));
  }
  bool alive() override { return call("POST", "/ping", "{}").status == 200; }

  std::optional<std::vector<Offer>> offers() override {
    const auto answer = call("GET", "/products", "");
    const auto json = Json::parse(answer.body);
    if (answer.status != 200 || !json || !(*json)["items"].is_array()) return std::nullopt;
    std::vector<Offer> out;
    const std::lock_guard lock(mutex_);
    for (const Json& product : (*json)["items"].items()) {
      for (const Json& sku : product["skus"].items()) {
        if (!sku["is_active"].boolean() || !sku["id"].is_integer() || !sku["stock_quantity"].is_integer()) continue;
        ids_[sku["sku_code"].text()] = sku["id"].integer();
        out.push_back({sku["sku_code"].text(), sku["stock_quantity"].integer(),
                       cents_of(sku["price_amount"].text()).value_or(0)});
      }
    }
    return out;
  }

 private:
  edge::CallResult call(const std::string& method, const std::string& what, const std::string& body) const {
    const std::string path = "/api/v1/upstream" + what, at = std::to_string(std::time(nullptr));
    return edge::call(method, setup_.url + path, body,
                      {{"Content-Type", "application/json"},
                       {"Dujiao-Next-Api-Key", setup_.id},
                       {"Dujiao-Next-Timestamp", at},
                       {"Dujiao-Next-Signature", upstream_sign(setup_.key, method, prefix_ + path, at, body)}},
                      kHmacCall);
  }

  std::optional<std::int64_t> product_id(const std::string& code) {
    for (const bool asked : {false, true}) {
      {
        const std::lock_guard lock(mutex_);
        if (const auto it = ids_.find(code); it != ids_.end()) return it->second;
      }
      if (!asked) offers();
    }
    return std::nullopt;
  }

  static SupplyAnswer read(const edge::CallResult& answer) {
    SupplyAnswer a;
    a.alive = answer.status > 0 && answer.status < 500;
    a.why = answer.status == 0 ? answer.error : std::to_string(answer.status);
    const auto json = Json::parse(answer.body);
    if (answer.status == 404) a.what = Supplied::absent;
    if (answer.status == 0 && !answer.sent) a.what = Supplied::unsent;
    if (answer.status != 200 || !json || !(*json)["ok"].boolean()) return a;
    const std::string& status = (*json)["status"].text();
    a.supply_no = std::to_string((*json)["order_id"].integer());
    a.cards = lines_of((*json)["fulfillment"]["payload"].text());
    a.delivered = static_cast<int>(a.cards.size());
    // "delivered" without its cards: they come with the next question.
    if (status == "completed" || status == "delivered")
      a.what = a.cards.empty() ? Supplied::accepted : Supplied::done;
    else if (status == "partially_delivered")
      a.what = Supplied::partial;
    else if (status == "canceled")
      a.what = Supplied::failed;
    else if (status == "paid" || status == "fulfilling" || status == "pending_payment")
      a.what = Supplied::accepted;
    return a;
  }

  const SupplierSetup setup_;
  const std::string prefix_;  // what stands before /api in the path: signed too
  std::mutex mutex_;
  std::map<std::string, std::int64_t> ids_;  // of their products, by code
};

}  // namespace

std::unique_ptr<SupplierClient> make_hmac_supplier(const SupplierSetup& setup) {
  return std::make_unique<HmacSupplier>(setup);
}

}  // namespace platform::services
