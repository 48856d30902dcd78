// account: see account.hpp.
#include "reference_platform/services/account.hpp"

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/coupon.hpp"

namespace platform::services {

using domain::Json;
using domain::JsonObject;
using edge::Request;
using edge::Response;

namespace {

constexpr std::int64_t kWhole = 10'000;            // hundredths of a percent
constexpr std::int64_t kCentsMax = 1'000'000'000;  // of one price or discount
constexpr std::size_t kTextMax = 64;

/// A share in hundredths of a percent, or an amount in cents.
bool good_value(const Json& kind, const Json& value) {
  return value.integer() >= 1 && value.integer() <= (kind.text() == "percent" ? kWhole : kCentsMax);
}

/// Not there, or what it has to be.
bool text_or_none(const Json& value) { return value.is_null() || value.is_string(); }
bool whole_or_none(const Json& value) { return value.is_null() || value.is_integer(); }

Response put_account(store::Shards& shards, OrderTerms& terms, const Request& r, const Json& body) {
  const std::string name = body["name"].text();
  const auto role = domain::role_of(body["role"].text());
  const std::int64_t level = body["level"].integer();
  if (!domain::valid_buyer(name)) return error_answer(400, "bad_buyer");
  if (!role || level < 0 || level > domain::kLevelMax || !whole_or_none(body["level"])) {
    return error_answer(400, "bad_account", "role is buyer, agent or merchant, level 0 to 3");
  }
  borrow(shards.at(shards.of_buyer(name, !mark_of(r).empty())), r)
      ->run(
          "INSERT INTO accounts(name, role, level, mark) VALUES ($1,$2,$3,$4) ON CONFLICT (name) DO UPDATE SET role = "
          "excluded.role, level = excluded.level",
          {name, std::string(domain::name_of(*role)), std::to_string(level), mark_of(r)});
  terms.refresh();
  return json_answer(200,
                     JsonObject().add("name", name).add("role", domain::name_of(*role)).add("level", level).done());
}

Response put_coupon(store::Shards& shards, const Request& r, const Json& body) {
  const std::string code = body["code"].text(), kind = body["kind"].text();
  if (!valid_coupon(code)) return error_answer(400, "bad_coupon", "a code is up to 32 letters, digits, dashes");
  const std::int64_t min = body["min_cents"].integer();
  if ((kind != "amount" && kind != "percent") || !good_value(body["kind"], body["value"]) || min < 0 ||
      min > kCentsMax || !whole_or_none(body["min_cents"]) || !text_or_none(body["sku"]) ||
      !plain_text(body["sku"].text(), kTextMax)) {
    return error_answer(400, "bad_coupon",
                        "kind is amount (cents) or percent (hundredths of a percent, 1 to 10000), min_cents 0 or more");
  }
  const std::int64_t to = body["to_ms"].integer(4'102'444'800'000);  // 2100
  if (to < 0 || to > 4'102'444'800'000 || !whole_or_none(body["to_ms"]))
    return error_answer(400, "bad_coupon", "to_ms is a time in milliseconds since 1970");
  const auto made =
      borrow(shards.at({store::partition_of(code), !mark_of(r).empty() && shards.has_shadow()}), r)
          ->run(
              "INSERT INTO coupons(code, kind, value, min_cents, sku, valid_to, mark) VALUES "
              "($1,$2,$3,$4,nullif($5,''),to_timestamp($6::bigint / 1000.0),$7) ON CONFLICT (code) DO NOTHING",
              {code, kind, std::to_string(body["value"].integer()), std::to_string(min), body["sku"].text(),
               std::to_string(to), mark_of(r)});
  return json_answer(200, JsonObject().add("code", code).add("made", made.affected() == 1).done());
}

Response show_coupon(store::Shards& shards, const Request& r) {
  const std::string code = query_value(r.query, "code");
  if (!valid_coupon(code)) return error_answer(400, "bad_coupon");
  const auto rows = borrow(shards.at({store::partition_of(code), !mark_of(r).empty() && shards.has_shadow()}), r)
                        ->run(
                            "SELECT json_build_object('code', code, 'kind', kind, 'value', value, 'min_cents', "
                            "min_cents, 'sku', sku, 'state', state, 'order_no', order_no) FROM coupons WHERE code = $1",
                            {code});
  return rows.empty() ? error_answer(404, "unknown_coupon") : json_answer(200, std::string(rows.text(0, 0)));
}

// In every database, as the catalogue, a drill's in the shadow of every one: one that is away now would never hear of
// it, so all or an error; the same again completes it.
Response put_promotion(store::Shards& shards, OrderTerms& terms, const Request& r, const Json& body) {
  const std::string id = body["id"].text(), sku = body["sku"].text(), kind = body["kind"].text();
  const std::int64_t from = body["from_ms"].integer(-1), to = body["to_ms"].integer(-1);
  const bool shaped = !id.empty() && plain_text(id, kTextMax) && (kind == "price" || kind == "percent") &&
                      good_value(body["kind"], body["value"]) && from >= 0 && to > from && to <= 4'102'444'800'000;
  if (!shaped)
    return error_answer(400, "bad_promotion", R"(wanted "id","sku","kind":"price|percent","value","from_ms","to_ms")");
  if (!terms.good(sku)) return error_answer(404, "unknown_sku");
  const bool drill = !mark_of(r).empty() && shards.has_shadow();
  for (const auto& each : shards.each()) {
    if (each.shadow != drill) continue;
    borrow(*each.pool, r)
        ->run(
            "INSERT INTO promotions(id, sku, kind, value, from_at, to_at, mark) VALUES "
            "($1,$2,$3,$4,to_timestamp($5::bigint / 1000.0),to_timestamp($6::bigint / 1000.0),$7) "
            "ON CONFLICT (id) DO UPDATE SET sku = excluded.sku, kind = excluded.kind, value = excluded.value, from_at "
            "= excluded.from_at, to_at = excluded.to_at",
            {id, sku, kind, std::to_string(body["value"].integer()), std::to_string(from), std::to_string(to),
             mark_of(r)});
  }
  terms.refresh();
  return json_answer(200, JsonObject().add("id", id).done());
}

}  // namespace

Response operate(store::Shards& shards, OrderTerms& terms, const Request& r) {
  const auto parts = path_parts(r.path);
  const std::string what = parts.size() == 2 ? parts[1] : "";
  if (r.method == "GET" && what == "coupons") return show_coupon(shards, r);
  if (r.method != "POST" || (what != "accounts" && what != "coupons" && what != "promotions"))
    return error_answer(404, "not_found");
  const auto body = Json::parse(r.body);
  if (!body || !body->is_object()) return error_answer(400, "bad_request");
  if (what == "accounts") return put_account(shards, terms, r, *body);
  return what == "coupons" ? put_coupon(shards, r, *body) : put_promotion(shards, terms, r, *body);
}

Response show_account(OrderTerms& terms, const std::string& buyer, bool shadow) {
  const domain::Account a = terms.account(buyer, shadow);
  return json_answer(200, JsonObject()
                              .add("buyer", buyer)
                              .add("role", domain::name_of(a.role))
                              .add("level", a.level)
                              .add("discount_bp", domain::level_discount(a))
                              .add("quantity_max", domain::quantity_max(a))
                              .done());
}

}  // namespace platform::services
