// buyer_api: see buyer_api.hpp.
#include "reference_platform/services/buyer_api.hpp"

#include <algorithm>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/answers.hpp"

namespace platform::services {

using domain::Json;
using domain::JsonObject;

namespace {

constexpr std::size_t kBuyerApiTextMax = 64;
constexpr std::int64_t kAmountMax = 1'000'000'000'000;

}  // namespace

bool plain_text(std::string_view text, std::size_t size_max) {
  return text.size() <= size_max &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

std::string buyer_of(const edge::Request& request) {
  const std::string& name = request.header("x-buyer");
  return domain::valid_buyer(name) ? name : "";
}

std::optional<CreateBody> read_create(const std::string& body) {
  const auto json = Json::parse(body);
  if (!json || (*json)["sku"].text().empty() || !(*json)["quantity"].is_integer()) return std::nullopt;
  for (const char* name : {"sku", "phone", "coupon"}) {
    const Json& member = (*json)[name];
    if ((!member.is_null() && !member.is_string()) || !plain_text(member.text(), kBuyerApiTextMax)) return std::nullopt;
  }
  return CreateBody{(*json)["sku"].text(), (*json)["phone"].text(), (*json)["quantity"].integer(),
                    (*json)["coupon"].text()};
}

std::string read_channel(const std::string& body, const std::vector<std::string>& channels) {
  const auto json = Json::parse(body);
  if (!json) return "";
  const std::string channel = (*json)["channel"].text();
  return channel == "wallet" || std::find(channels.begin(), channels.end(), channel) != channels.end() ? channel : "";
}

edge::Response bad_channel(const std::vector<std::string>& channels, bool wallet_too) {
  std::string known;
  for (const std::string& name : channels) known += (known.empty() ? "" : ", ") + name;
  return error_answer(400, "bad_channel", R"(wanted {"channel"}: )" + known + (wallet_too ? ", wallet" : ""));
}

std::optional<ChannelNotify> read_notify(const std::string& body) {
  const auto json = Json::parse(body);
  if (!json || (*json)["status"].text() != "SUCCESS" || (*json)["amount_cents"].integer() < 1 ||
      (*json)["amount_cents"].integer() > kAmountMax)
    return std::nullopt;
  for (const char* name : {"channel", "trade_no", "out_trade_no", "order"}) {
    const std::string& value = (*json)[name].text();
    if (value.empty() || !plain_text(value, kBuyerApiTextMax)) return std::nullopt;
  }
  return ChannelNotify{(*json)["channel"].text(), (*json)["trade_no"].text(), (*json)["out_trade_no"].text(),
                       (*json)["order"].text(), (*json)["amount_cents"].integer()};
}

std::string goods_json(const domain::Good& good, bool with_steps) {
  JsonObject o;
  o.add("sku", good.sku)
      .add("name", good.name)
      .add("class", good.goods_class)
      .add("price_cents", good.price_cents)
      .add("stock", good.unlimited ? domain::kUnlimitedStock : good.stock);
  if (with_steps) {
    std::vector<std::string> steps;
    for (const auto& step : good.wholesale)
      steps.push_back(
          JsonObject().add("from_quantity", step.from_quantity).add("price_cents", step.price_cents).done());
    o.raw("wholesale", domain::json_array(steps));
  }
  return o.done();
}

std::string goods_list_json(const std::vector<domain::Good>& goods) {
  std::vector<std::string> items;
  for (const domain::Good& good : goods) items.push_back(goods_json(good, false));
  return JsonObject().raw("goods", domain::json_array(items)).done();
}

std::string created_json(const std::string& order_no, const std::string& status, const std::string& sku,
                         std::int64_t quantity, std::int64_t amount_cents) {
  return JsonObject()
      .add("order_no", order_no)
      .add("status", status)
      .add("sku", sku)
      .add("quantity", quantity)
      .add("amount_cents", amount_cents)
      .done();
}

std::string pay_json(const std::string& order_no, const std::string& status) {
  return JsonObject().add("order_no", order_no).add("status", status == "delivering" ? "paid" : status).done();
}

std::string refund_json(const std::string& order_no, const std::string& status, std::int64_t amount_cents) {
  return JsonObject().add("order_no", order_no).add("status", status).add("amount_cents", amount_cents).done();
}

std::string wallet_json(const std::string& buyer, std::int64_t balance_cents) {
  return JsonObject().add("buyer", buyer).add("balance_cents", balance_cents).done();
}

}  // namespace platform::services
