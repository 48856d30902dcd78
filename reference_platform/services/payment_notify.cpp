// payment_notify: see payment_notify.hpp.
#include "reference_platform/services/payment_notify.hpp"

#include <algorithm>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/partner.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {
namespace {

using domain::Bug;
using domain::Json;

constexpr std::size_t kBodyMax = 16 << 10, kNumberMax = 64;
constexpr std::int64_t kNotifyAmountMax = 1'000'000'000'000;  // ten thousand million yuan: above it somebody is playing

/// Letters, digits and what numbers are glued with: nothing that a database or a log could misread.
bool is_number(const std::string& text) {
  return !text.empty() && text.size() <= kNumberMax && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

// B28: the signature is held against the text that we would have written, not against the one that came.
edge::Request written_again(const edge::Request& request) {
  const Json body = Json::parse(request.body).value_or(Json());
  edge::Request out = request;
  out.body = domain::JsonObject()
                 .add("channel", body["channel"].text())
                 .add("trade_no", body["trade_no"].text())
                 .add("out_trade_no", body["out_trade_no"].text())
                 .add("order", body["order"].text())
                 .add("amount_cents", body["amount_cents"].integer())
                 .add("status", body["status"].text())
                 .add("notify_no", body["notify_no"].text())
                 .done();
  return out;
}

NotifyRead refused(int status, const char* code) { return {std::nullopt, status, code}; }

}  // namespace

NotifyRead read_channel_notify(const std::string& key, const std::string& channel, const edge::Request& request,
                               const domain::Switches& switches) {
  if (request.body.size() > kBodyMax) return refused(413, "too_large");
  if (!partner_signed(key, switches.on(Bug::B28) ? written_again(request) : request)) return refused(401, "bad_sign");
  const auto json = Json::parse(request.body);
  if (!json || !json->is_object()) return refused(400, "bad_json");
  const Json& told = *json;
  if (told["channel"].text() != channel && !switches.on(Bug::B06)) return refused(400, "wrong_merchant");
  if (told["status"].text() != "SUCCESS") return refused(400, "bad_status");
  const Charge charge{channel, told["out_trade_no"].text(), told["trade_no"].text(), told["order"].text(),
                      told["amount_cents"].integer()};
  const bool order_named = !told["order"].is_null() && told["order"].text() != "";
  if (!is_number(charge.trade_no) || (!told["order"].is_null() && !told["order"].is_string()) ||
      (order_named && !is_number(charge.order_no)))
    return refused(400, "bad_number");
  if (!told["amount_cents"].is_integer() || charge.amount_cents <= 0 || charge.amount_cents > kNotifyAmountMax)
    return refused(400, "bad_amount");
  if (!is_number(charge.out_trade_no) || !store::place_of(charge.out_trade_no)) return refused(404, "unknown_payment");
  return {charge, 200, ""};
}

}  // namespace platform::services
