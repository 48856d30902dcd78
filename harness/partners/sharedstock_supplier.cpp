// sharedstock_supplier: a card supplier in the manner of acg-faka's shared stock: forms below /shared, md5 without time
// or nonce, HTTP 200 whatever happens. A request number that comes again is an error, and a query wants the supplier's
// own number: a shop whose call timed out cannot find out through this interface what became of it.
#include <charconv>

#include "harness/core/text.hpp"
#include "harness/partners/dialects.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::int64_t kSharedstockPiecesMax = 1000;

Answer sharedstock_error(const std::string& why) { return json_answer(200, Json::object({{"code", 0}, {"msg", why}})); }
Answer good_answer(Json data) {
  return json_answer(200, Json::object({{"code", 200}, {"msg", "success"}, {"data", std::move(data)}}));
}

class SharedStock final : public SupplierDialect {
 public:
  SharedStock(Supplier& supplier, Merchant merchant) : supplier_(supplier), merchant_(std::move(merchant)) {}

  Answer handle(const ServerRequest& request, const std::string& call) override {
    if (!call.starts_with("shared/")) return json_answer(404, Json::object({{"code", 0}, {"msg", "404"}}));
    const Params params = params_of(std::string_view(request.body));
    if (request.method != "POST" || value_of(params, "app_id") != merchant_.id)
      return sharedstock_error("商户ID不存在");
    if (!same_secret(md5_hex(sign_text(params, "sign") + "&key=" + merchant_.secret), value_of(params, "sign")))
      return sharedstock_error("密钥错误");
    if (call == "shared/authentication/connect")
      return good_answer(
          Json::object({{"shopName", supplier_.name()}, {"username", "cardstorm"}, {"balance", "1000000.00"}}));
    const std::string what = call.substr(call.rfind('/') + 1);
    if (call != "shared/commodity/" + what) return sharedstock_error("404");
    if (what == "items") return items();
    if (what == "query") return query(value_of(params, "tradeNo"));
    if (what == "trade") return trade(params);
    const auto product = product_of(params);
    if (!product) return sharedstock_error("商品不存在");
    if (what == "item")
      return good_answer(Json::array().push(
          Json::object({{"id", 1}, {"name", "卡密"}, {"children", Json::array().push(row(*product))}})));
    if (what == "inventory" || what == "stock") {
      Json data = row(*product);
      data.set("count", product->stock < 0 ? 999'999 : product->stock);
      return good_answer(std::move(data));
    }
    if (what == "inventoryState")
      return product->stock >= 0 && product->stock < pieces_of(params) ? sharedstock_error("库存不足")
                                                                       : good_answer(Json());
    if (what == "valuation")
      return good_answer(
          Json::object({{"price", money_text(product->price * std::max<std::int64_t>(1, pieces_of(params)))}}));
    return sharedstock_error("404");
  }

  // The cards are in the answer, or nowhere.
  bool tells() const override { return false; }
  HttpRequest tell(const Supply& supply, const std::string&) const override {
    return {"GET", supply.notify_url, "", {}};
  }
  bool acknowledged(int, const std::string&) const override { return true; }
  std::vector<Nanos> gaps() const override { return {}; }
  Json card(const std::string& base) const override {
    return Json::object(
        {{"address", base}, {"app_id", merchant_.id}, {"key_file", "secret"}, {"calls", base + "/shared"}});
  }

 private:
  static std::int64_t pieces_of(const Params& params) {
    const std::string text = value_of(params, "num");
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() ? out : 0;
  }
  std::optional<Product> product_of(const Params& params) const {
    const std::string code =
        value_of(params, "shared_code").empty() ? value_of(params, "sharedCode") : value_of(params, "shared_code");
    for (const Product& product : supplier_.products())
      if (product.name == code) return product;
    return std::nullopt;
  }
  static Json row(const Product& product) {
    return Json::object({{"id", product.id},
                         {"code", product.name},
                         {"name", product.name},
                         {"price", money_text(product.price)},
                         {"user_price", money_text(product.price)},
                         {"factory_price", money_text(product.price)},
                         {"delivery_way", 0},
                         {"draft_status", 0},
                         {"config", ""},
                         {"is_category", false}});
  }
  Answer items() const {
    Json children = Json::array();
    for (const Product& product : supplier_.products()) children.push(row(product));
    return good_answer(
        Json::array().push(Json::object({{"id", 1}, {"name", "卡密"}, {"children", std::move(children)}})));
  }

  Answer trade(const Params& params) {
    const auto product = product_of(params);
    if (!product) return sharedstock_error("商品不存在");
    const std::int64_t pieces = pieces_of(params);
    if (pieces < 1 || pieces > kSharedstockPiecesMax) return sharedstock_error("购买数量错误");
    SupplyWanted wanted;
    wanted.request_no = value_of(params, "request_no");
    if (!wanted.request_no.empty() && supplier_.knows(wanted.request_no))
      return sharedstock_error("The request ID already exists");
    if (wanted.request_no.empty()) wanted.request_no = "unnamed-" + std::to_string(++unnamed_);
    wanted.order = wanted.request_no;
    wanted.product = product->name;
    wanted.amount = product->price * pieces;
    wanted.quantity = static_cast<int>(pieces);
    wanted.at_once = true;
    const Ordered ordered = supplier_.order(wanted);
    if (ordered.taken != Taken::ok) return sharedstock_error("库存不足");
    const Supply& supply = *ordered.supply;
    if (supply.status == SupplyStatus::failed) return sharedstock_error("下单失败");
    return good_answer(Json::object({{"tradeNo", supply.supply_no},
                                     {"amount", money_text(supply.amount)},
                                     {"url", ""},
                                     {"secret", join(supply.cards, "\n")}}));
  }

  Answer query(const std::string& trade_no) const {
    const Supply* supply = supplier_.find_numbered(trade_no);
    Answer answer = supply == nullptr ? sharedstock_error("订单不存在")
                                      : good_answer(Json::object({{"secret", join(supply->cards, "\n")},
                                                                  {"widget", nullptr},
                                                                  {"status", supply->delivered > 0 ? 1 : 0}}));
    answer.is_query = true;
    return answer;
  }

  Supplier& supplier_;
  Merchant merchant_;
  std::uint64_t unnamed_ = 0;
};

}  // namespace

SupplierEntry sharedstock_supplier() {
  return {"sharedstock",
          "cards, in the manner of acg-faka: forms below /shared, md5, cards in the answer",
          {.id = "1000", .secret_size = 16, .rsa = false},
          {"shared"},
          SupplierKind::cards,
          [](Supplier& supplier, Credentials credentials) -> std::unique_ptr<SupplierDialect> {
            return std::make_unique<SharedStock>(supplier, std::move(credentials.merchant));
          }};
}

}  // namespace cardstorm::partners
