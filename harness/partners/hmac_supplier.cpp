// hmac_supplier: a card supplier in the manner of dujiao-next's site integration: JSON below /api/v1/upstream, HMAC
// over method, path, time and the md5 of the body; a callback with the cards, and queries for those who missed it.
#include <charconv>

#include "harness/core/text.hpp"
#include "harness/partners/dialects.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::string_view kRoot = "api/v1/upstream";
constexpr std::int64_t kSkewSecondsMax = 60, kPiecesMax = 1000;

Answer hmac_error(int status, const std::string& code, const std::string& message) {
  return json_answer(status, Json::object({{"ok", false}, {"error_code", code}, {"error_message", message}}));
}

const char* hmac_state(SupplyStatus status) {
  switch (status) {
    case SupplyStatus::accepted:
      return "paid";
    case SupplyStatus::success:
      return "completed";
    case SupplyStatus::partial:
      return "partially_delivered";
    case SupplyStatus::failed:
    case SupplyStatus::cancelled:
    case SupplyStatus::revoked:
      return "canceled";
  }
  return "";
}

class HmacSupplier final : public SupplierDialect {
 public:
  HmacSupplier(Supplier& supplier, Merchant merchant) : supplier_(supplier), merchant_(std::move(merchant)) {}

  Answer handle(const ServerRequest& request, const std::string& call) override {
    if (!call.starts_with(kRoot)) return hmac_error(404, "not_found", "no such call");
    if (const std::string refused = refusal_of(request, call); !refused.empty())
      return hmac_error(401, refused, "authentication failed");
    const std::vector<std::string> path = split(call.substr(kRoot.size()), '/');  // "/orders/1" is "", "orders", "1"
    const bool post = request.method == "POST", get = request.method == "GET";
    const std::string what = path.size() > 1 ? path[1] : "", id = path.size() > 2 ? path[2] : "",
                      verb = path.size() > 3 ? path[3] : "";
    if (what == "ping" && post) return ping();
    if (what == "categories" && get)
      return json_answer(200, Json::object({{"ok", true}, {"categories", Json::array().push(category())}}));
    if (what == "products" && get) return id.empty() ? products() : product(id);
    if (what == "orders" && post && id.empty()) return order(Form(request.body));
    if (what == "orders" && get && !id.empty()) return query(id);
    if (what == "orders" && post && verb == "cancel") return cancel(id);
    return hmac_error(404, "not_found", "no such call");
  }

  HttpRequest tell(const Supply& supply, const std::string& notify_no) const override {
    Json said = Json::object({{"event", "order.status"},
                              {"order_id", supply.id},
                              {"order_no", supply.supply_no},
                              {"downstream_order_no", supply.request_no},
                              {"status", hmac_state(supply.status)},
                              {"timestamp", unix_now()},
                              {"notify_no", notify_no}});
    if (!supply.cards.empty()) said.set("fulfillment", fulfillment(supply));
    const std::string body = said.dump(), timestamp = std::to_string(unix_now());
    return {"POST",
            supply.notify_url,
            body,
            {{"Content-Type", "application/json"},
             {"Dujiao-Next-Api-Key", merchant_.id},
             {"Dujiao-Next-Timestamp", timestamp},
             {"Dujiao-Next-Signature", sign("POST", bare_path(path_of_url(supply.notify_url)), timestamp, body)}}};
  }
  bool acknowledged(int status, const std::string& body) const override {
    const auto json = Json::parse(body);
    return status == 200 && json && (*json)["ok"].boolean();
  }
  std::vector<Nanos> gaps() const override { return {1s, 2s, 4s}; }
  Json card(const std::string& base) const override {
    return Json::object({{"address", base},
                         {"api_key", merchant_.id},
                         {"key_file", "secret"},
                         {"calls", base + "/" + std::string(kRoot)}});
  }

 private:
  static std::string bare_path(const std::string& path) { return path.substr(0, path.find('?')); }

  [[nodiscard]] std::string sign(const std::string& method, const std::string& path, const std::string& timestamp,
                                 const std::string& body) const {
    return hmac_sha256_hex(merchant_.secret, method + "\n" + path + "\n" + timestamp + "\n" + md5_hex(body));
  }

  /// "" when the request is signed; else the error code. Shops sign the path as they know it: with or without what
  /// stands before /api.
  std::string refusal_of(const ServerRequest& request, const std::string& call) const {
    const std::string &key = request.header("dujiao-next-api-key"),
                      &timestamp = request.header("dujiao-next-timestamp"),
                      &signature = request.header("dujiao-next-signature");
    if (key.empty() || timestamp.empty() || signature.empty()) return "missing_auth_headers";
    if (key != merchant_.id) return "invalid_api_key";
    std::int64_t at = 0;
    const auto [end, error] = std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), at);
    if (error != std::errc{} || end != timestamp.data() + timestamp.size()) return "invalid_timestamp";
    if (at < unix_now() - kSkewSecondsMax || at > unix_now() + kSkewSecondsMax) return "timestamp_expired";
    const bool good = same_secret(sign(request.method, request.path, timestamp, request.body), signature) ||
                      same_secret(sign(request.method, "/" + call, timestamp, request.body), signature);
    return good ? "" : "invalid_signature";
  }

  Answer ping() const {
    return json_answer(200, Json::object({{"ok", true},
                                          {"site_name", supplier_.name()},
                                          {"protocol_version", "1.0"},
                                          {"user_id", 1},
                                          {"balance", "1000000.00"},
                                          {"currency", "CNY"},
                                          {"member_level", nullptr}}));
  }
  static Json category() {
    return Json::object({{"id", 1},
                         {"parent_id", 0},
                         {"slug", "cards"},
                         {"name", Json::object({{"zh-CN", "卡密"}, {"en", "Cards"}})},
                         {"icon", ""},
                         {"sort_order", 1}});
  }

  static Json row(const Product& product) {
    const char* stock = product.stock < 0     ? "unlimited"
                        : product.stock == 0  ? "out_of_stock"
                        : product.stock <= 20 ? "low_stock"
                                              : "in_stock";
    const Json sku = Json::object({{"id", product.id},
                                   {"sku_code", product.name},
                                   {"spec_values", Json::object()},
                                   {"price_amount", money_text(product.price)},
                                   {"stock_status", stock},
                                   {"stock_quantity", product.stock},
                                   {"is_active", true}});
    const Json title = Json::object({{"zh-CN", product.name}, {"en", product.name}});
    return Json::object({{"id", product.id},
                         {"slug", product.name},
                         {"title", title},
                         {"description", Json::object()},
                         {"content", Json::object()},
                         {"images", Json::array()},
                         {"tags", Json::array()},
                         {"price_amount", money_text(product.price)},
                         {"fulfillment_type", "auto"},
                         {"manual_form_schema", nullptr},
                         {"is_active", true},
                         {"category_id", 1},
                         {"skus", Json::array().push(sku)}});
  }
  Answer products() const {
    Json items = Json::array();
    for (const Product& product : supplier_.products()) items.push(row(product));
    const auto total = static_cast<std::int64_t>(items.items().size());
    return json_answer(
        200,
        Json::object({{"ok", true}, {"items", std::move(items)}, {"total", total}, {"page", 1}, {"page_size", total}}));
  }
  Answer product(const std::string& id) const {
    for (const Product& product : supplier_.products())
      if (std::to_string(product.id) == id)
        return json_answer(200, Json::object({{"ok", true}, {"product", row(product)}}));
    return hmac_error(404, "product_not_found", "product not found");
  }

  static Json fulfillment(const Supply& supply) {
    return Json::object({{"type", "auto"},
                         {"status", "delivered"},
                         {"payload", join(supply.cards, "\n")},
                         {"delivery_data", nullptr},
                         {"delivered_at", china_time_rfc3339(supply.done_at)}});
  }

  Json head(const Supply& supply) const {
    return Json::object({{"ok", true},
                         {"order_id", supply.id},
                         {"order_no", supply.supply_no},
                         {"status", hmac_state(supply.status)},
                         {"amount", money_text(supply.amount)},
                         {"currency", "CNY"}});
  }

  Answer order(Form form) {
    const std::int64_t sku = form.json()["sku_id"].integer(), quantity = form.json()["quantity"].integer();
    SupplyWanted wanted;
    wanted.request_no = form.text_or_none("downstream_order_no");
    wanted.notify_url = form.text_or_none("callback_url");
    if (!form.good() || quantity < 1 || quantity > kPiecesMax)
      return hmac_error(400, "bad_request", "invalid parameters");
    if (wanted.request_no.empty())
      wanted.request_no = "unnamed-" + std::to_string(++unnamed_);  // without a number nothing is repeated
    wanted.order = wanted.request_no;
    wanted.quantity = static_cast<int>(quantity);
    for (const Product& product : supplier_.products())
      if (product.id == sku) {
        wanted.product = product.name;
        wanted.amount = product.price * quantity;
      }
    if (wanted.product.empty()) return hmac_error(400, "sku_unavailable", "sku not found");
    const Ordered ordered = supplier_.order(wanted);
    if (ordered.taken == Taken::no_stock) return hmac_error(409, "insufficient_stock", "insufficient stock");
    return json_answer(200, head(*ordered.supply));  // a repeat returns the order that is there, whatever it asks for
  }

  const Supply* asked_for(const std::string& id) const {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    return error == std::errc{} && end == id.data() + id.size() ? supplier_.find_id(number) : nullptr;
  }

  Answer query(const std::string& id) const {
    const Supply* supply = asked_for(id);
    Answer answer = hmac_error(404, "order_not_found", "order not found");
    if (supply != nullptr) {
      Json said = head(*supply);
      said.set("items", Json::array().push(Json::object({{"title", Json::object({{"zh-CN", supply->product}})},
                                                         {"quantity", supply->quantity},
                                                         {"total_price", money_text(supply->amount)},
                                                         {"fulfillment_type", "auto"}})));
      if (supply->delivered > 0) said.set("fulfillment", fulfillment(*supply));
      answer = json_answer(200, said);
    }
    answer.is_query = true;
    return answer;
  }

  Answer cancel(const std::string& id) {
    const Supply* supply = asked_for(id);
    if (supply == nullptr) return hmac_error(404, "order_not_found", "order not found");
    if (!supplier_.cancel(supply->request_no))
      return hmac_error(409, "cancel_not_allowed", "order cannot be canceled in current status");
    return json_answer(
        200, Json::object(
                 {{"ok", true}, {"order_id", supply->id}, {"order_no", supply->supply_no}, {"status", "canceled"}}));
  }

  Supplier& supplier_;
  Merchant merchant_;
  std::uint64_t unnamed_ = 0;
};

}  // namespace

SupplierEntry hmac_supplier() {
  return {"hmac",
          "cards, in the manner of dujiao-next: /api/v1/upstream, HMAC with a time stamp",
          {.id = "cardstorm", .secret_size = 32, .rsa = false},
          {"api"},
          SupplierKind::cards,
          [](Supplier& supplier, Credentials credentials) -> std::unique_ptr<SupplierDialect> {
            return std::make_unique<HmacSupplier>(supplier, std::move(credentials.merchant));
          }};
}

}  // namespace cardstorm::partners
