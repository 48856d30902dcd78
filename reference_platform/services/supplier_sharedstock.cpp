// supplier_sharedstock: another shop's cards in the manner of acg-faka: forms below /shared, HTTP 200 whatever happens,
// the cards in the answer. A number that was used is an error, and questions want the other side's number: what a lost
// answer held is lost.
#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/supplier.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Json;

constexpr edge::CallOptions kSharedstockCall{200ms, 2000ms};
constexpr char kUsedBefore[] = "The request ID already exists";

class SharedStock final : public SupplierClient {
 public:
  explicit SharedStock(const SupplierSetup& setup) : setup_(setup) {}

  SupplyAnswer order(const SupplyRequest& r) override {
    const auto answer = call("/commodity/trade", {{"shared_code", r.sku},
                                                  {"num", std::to_string(r.quantity)},
                                                  {"request_no", r.request_no},
                                                  {"contact", r.order_no}});
    SupplyAnswer a;
    a.alive = answer.status == 200;
    a.why = answer.status == 0 ? answer.error : std::to_string(answer.status);
    if (answer.status == 0 && !answer.sent) a.what = Supplied::unsent;
    const auto json = Json::parse(answer.body);
    if (answer.status != 200 || !json || !(*json)["code"].is_integer()) return a;
    if ((*json)["code"].integer() != 200) {
      a.why = (*json)["msg"].text();
      a.what = a.why == kUsedBefore ? Supplied::taken : Supplied::failed;
      return a;
    }
    a.supply_no = (*json)["data"]["tradeNo"].text();
    a.cards = lines_of((*json)["data"]["secret"].text());
    a.delivered = static_cast<int>(a.cards.size());
    a.what = a.delivered == r.quantity ? Supplied::done : a.delivered > 0 ? Supplied::partial : Supplied::unknown;
    return a;
  }
  // Without their number there is nothing to ask by: the same order again, which either was not taken, or says that it
  // was.
  SupplyAnswer query(const SupplyRequest& r) override { return order(r); }
  bool alive() override { return call("/authentication/connect", {}).status == 200; }

  std::optional<std::vector<Offer>> offers() override {
    const auto list = read(call("/commodity/items", {}));
    if (!list) return std::nullopt;
    std::vector<Offer> out;
    for (const Json& category : (*list)["data"].items()) {
      for (const Json& item : category["children"].items()) {
        const std::string& code = item["code"].text();
        const auto stock = read(call("/commodity/inventory", {{"shared_code", code}}));
        if (stock && (*stock)["data"]["count"].is_integer())
          out.push_back({code, (*stock)["data"]["count"].integer(), cents_of(item["user_price"].text()).value_or(0)});
      }
    }
    return out;
  }

 private:
  edge::CallResult call(const std::string& what, Form form) const {
    form["app_id"] = setup_.id;
    form["sign"] = sharedstock_sign(form, setup_.key);
    return edge::call("POST", setup_.url + "/shared" + what, form_text(form),
                      {{"Content-Type", "application/x-www-form-urlencoded"}}, kSharedstockCall);
  }
  static std::optional<Json> read(const edge::CallResult& answer) {
    auto json = Json::parse(answer.body);
    return answer.status == 200 && json && (*json)["code"].integer() == 200 ? json : std::nullopt;
  }

  const SupplierSetup setup_;
};

}  // namespace

std::unique_ptr<SupplierClient> make_sharedstock_supplier(const SupplierSetup& setup) {
  return std::make_unique<SharedStock>(setup);
}

}  // namespace platform::services
