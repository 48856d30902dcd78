// selling_sharedstock: our stock for shops of the acg-faka kind: forms below /shared, md5 without time, HTTP 200
// whatever happens. Unlike the original, a request_no that comes again gets its order and its cards again.
#include <algorithm>
#include <charconv>

#include "reference_platform/edge/wire.hpp"
#include "reference_platform/services/selling.hpp"
#include "reference_platform/services/supplier.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::JsonObject;
using edge::Request;
using edge::Response;

constexpr auto kWait = 900ms;
constexpr std::size_t kSharedstockNumberMax = 64;

Response refuse(const std::string& why) { return json_answer(200, JsonObject().add("code", 0).add("msg", why).done()); }
Response good(const std::string& data) {
  return json_answer(200, JsonObject().add("code", 200).add("msg", "success").raw("data", data).done());
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out.append(out.empty() ? "" : "\n").append(line);
  return out;
}

std::string row(const SoldGood& g) {
  const std::string price = yuan_of(g.price_cents);
  return JsonObject()
      .add("id", g.id)
      .add("code", g.sku)
      .add("name", g.name)
      .add("price", price)
      .add("user_price", price)
      .add("factory_price", price)
      .add("delivery_way", 0)
      .add("draft_status", 0)
      .add("config", "")
      .add("is_category", false)
      .add("count", g.stock)
      .done();
}

std::string value(const Form& form, const char* name, const char* other = "") {
  const auto it = form.find(name);
  if (it != form.end()) return it->second;
  const auto second = form.find(other);
  return second == form.end() ? "" : second->second;
}

/// What was percent-encoded could not be looked at by the server.
bool clean(const Form& form) {
  Request all;
  for (const auto& [name, value] : form) all.body.append(name).append("&").append(value).append("&");
  return edge::clean_text(all);
}

std::int64_t pieces(const Form& form) {
  const std::string text = value(form, "num");
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() ? out : 0;
}

Response trade(SellingDesk& desk, const Request& r, const Merchant& m, const Form& form, const SoldGood& g) {
  const std::string number = value(form, "request_no");
  if (number.empty() || number.size() > kSharedstockNumberMax) return refuse("request_no is missing or too long");
  const SoldOrder order = desk.buy(r, m, g.sku, pieces(form), number, "", kWait);
  if (order.refused == "sold_out") return refuse("库存不足");
  if (order.refused == "no_money") return refuse("余额不足");
  if (order.refused == "bad_quantity") return refuse("购买数量错误");
  if (order.refused == "conflict") return refuse("The request ID already exists");
  if (order.refused == "unknown_sku") return refuse("商品不存在");
  if (!order.refused.empty()) return error_answer(503, "try_again");
  if (order.state != "delivered" && order.state != "paid" && order.state != "delivering") return refuse("下单失败");
  return good(JsonObject()
                  .add("tradeNo", order.order_no)
                  .add("amount", yuan_of(order.amount_cents))
                  .add("url", "")
                  .add("secret", joined(order.cards))
                  .done());
}

Response query(SellingDesk& desk, const Request& r, const Merchant& m, const std::string& number) {
  const SoldOrder order = desk.look(r, m, number);
  if (!order.refused.empty()) return refuse("订单不存在");
  return good(JsonObject()
                  .add("secret", joined(order.cards))
                  .raw("widget", "null")
                  .add("status", order.cards.empty() ? 0 : 1)
                  .done());
}

Response items(const std::vector<SoldGood>& goods) {
  std::vector<std::string> rows;
  for (const SoldGood& g : goods) rows.push_back(row(g));
  return good("[" + JsonObject().add("id", 1).add("name", "卡密").raw("children", domain::json_array(rows)).done() +
              "]");
}

}  // namespace

Response sharedstock_answer(SellingDesk& desk, const Request& r) {
  const auto form = parse_form(r.body);
  if (r.method != "POST" || !form || !clean(*form)) return refuse("a form by POST is wanted");
  const auto m = desk.merchant(r, value(*form, "app_id"));
  if (!m) return refuse("商户ID不存在");
  if (!same_secret(sharedstock_sign(*form, m->secret), value(*form, "sign"))) return refuse("密钥错误");
  if (r.path == "/shared/authentication/connect") {
    const auto balance = desk.balance(*m);
    return balance ? good(JsonObject()
                              .add("shopName", "CardStorm")
                              .add("username", m->account)
                              .add("balance", yuan_of(*balance))
                              .done())
                   : error_answer(503, "try_again");
  }
  const std::string root = "/shared/commodity/", what = r.path.starts_with(root) ? r.path.substr(root.size()) : "";
  if (what == "query") return query(desk, r, *m, value(*form, "tradeNo"));
  const auto goods = desk.goods();
  if (!goods) return error_answer(503, "try_again");
  if (what == "items") return items(*goods);
  const std::string code = value(*form, "shared_code", "sharedCode");
  const auto g = std::find_if(goods->begin(), goods->end(), [&](const SoldGood& x) { return x.sku == code; });
  if (g == goods->end()) return refuse("商品不存在");
  if (what == "trade") return trade(desk, r, *m, *form, *g);
  if (what == "item")
    return good("[" + JsonObject().add("id", 1).add("name", "卡密").raw("children", "[" + row(*g) + "]").done() + "]");
  if (what == "inventory" || what == "stock") return good(row(*g));
  const std::int64_t n = pieces(*form);
  if (what == "inventoryState")
    return n < 1 ? refuse("购买数量错误") : g->stock < n ? refuse("库存不足") : good("null");
  if (what == "valuation") {
    return n < 1 || n > 1000 ? refuse("购买数量错误")
                             : good(JsonObject()
                                        .add("price", yuan_of(g->price_cents * n))
                                        .done());  // at most: levels and steps make it less
  }
  return refuse("404");
}

}  // namespace platform::services
