// shop: top-ups from suppliers. How many there are is A15, under how many numbers and how often they are asked is A03.
#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/shop.hpp"

namespace platform::services {

using domain::Json;
using domain::JsonObject;

namespace {

/// The first supplier has the address that shops have built in; all have one by name (harness/partners/api.md).
std::string supplier_path(const std::string& supplier) {
  return supplier == "topup" ? "/topup/order" : "/supplier/" + supplier + "/order";
}

}  // namespace

edge::CallResult Shop::order_topup(const ShopOrder& order, const std::string& supplier, const std::string& number) {
  const std::string body = JsonObject()
                               .add("request_no", number)
                               .add("order", order.order_no)
                               .add("phone", order.phone)
                               .add("amount_cents", order.amount_cents)
                               .add("notify_url", public_url_ + "/notify/topup")
                               .done();
  ++calls_;
  auto answer = partner_call(partner_, "POST", supplier_path(supplier), body, order.mark, limits_.call);
  --calls_;
  return answer;
}

edge::CallResult Shop::ask_topup(const ShopOrder& order, const std::string& supplier, const std::string& number) {
  return partner_call(partner_, "GET", supplier_path(supplier) + "?request_no=" + number, "", order.mark, limits_.call);
}

Shop::Supply Shop::supply(const Run& run, ShopOrder order) {
  return on(Trait::A03) ? supply_naively(run, order) : supply_carefully(run, std::move(order));
}

// A03: a new number for each try. The supplier's notify ends the order; when it is lost, nothing does.
Shop::Supply Shop::supply_naively(const Run& run, const ShopOrder& order) {
  if (order.status == "delivering") return Supply::over;
  run("UPDATE orders SET status = 'delivering' WHERE order_no = $1", {order.order_no});
  for (const std::string& supplier : suppliers_) {
    if (insist([&] { return order_topup(order, supplier, "T" + random_id().substr(0, 19)).status == 200; }))
      return Supply::over;
  }
  return Supply::nowhere;
}

/// One number per supplier for ever. The next supplier only when this one surely has not delivered and will not; not
/// found is not a failure.
Shop::Supply Shop::supply_carefully(const Run& run, ShopOrder order) {
  bool first = false;  // nothing was ever sent to this supplier
  if (order.status == "paid") {
    first = run("UPDATE orders SET status = 'delivering', supplier = 1 WHERE order_no = $1 AND status = 'paid'",
                {order.order_no})
                .affected() == 1;
    if (!first) return Supply::over;
    order.supplier = 1;
  }
  for (auto which = static_cast<std::size_t>(order.supplier) - 1; which < suppliers_.size(); ++which) {
    const std::string& supplier = suppliers_[which];
    const std::string number = order.order_no + "-t" + std::to_string(which + 1);
    auto answer = first ? order_topup(order, supplier, number) : ask_topup(order, supplier, number);
    if (!first && answer.status == 404) answer = order_topup(order, supplier, number);
    if (answer.status == 200) {
      const std::string status = Json::parse(answer.body).value_or(Json())["status"].text();
      if (status == "SUCCESS") {
        run("UPDATE orders SET status = 'delivered', receipt = $2 WHERE order_no = $1 AND status = 'delivering'",
            {order.order_no, number});
        return Supply::over;
      }
      if (status != "FAILED") return Supply::again;
    } else if (!first || (answer.status == 0 && answer.sent) || answer.status >= 500) {
      return Supply::again;  // it may have been taken
    }
    run("UPDATE orders SET supplier = $2 WHERE order_no = $1 AND status = 'delivering'",
        {order.order_no, std::to_string(which + 2)});
    first = true;
  }
  return Supply::nowhere;
}

}  // namespace platform::services
