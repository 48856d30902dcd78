// native_channel: our own channel words: JSON, integer cents, HMAC (partners/api.md). The reference platform speaks
// them.
#include <charconv>
#include <limits>
#include <optional>

#include "harness/partners/dialects.hpp"
#include "harness/partners/signature.hpp"

namespace cardstorm::partners {

namespace {

const char* native_state(TradeStatus status) {
  switch (status) {
    case TradeStatus::wait:
      return "WAIT_BUYER_PAY";
    case TradeStatus::success:
      return "SUCCESS";
    case TradeStatus::closed:
      return "CLOSED";
    case TradeStatus::refunded:
      return "REFUNDED";
  }
  return "";
}

const char* native_state(RefundStatus status) {
  switch (status) {
    case RefundStatus::pending:
      return "PROCESSING";
    case RefundStatus::success:
      return "SUCCESS";
    case RefundStatus::failed:
      return "FAILED";
  }
  return "";
}

/// Unix seconds as a limit of the bill: `without` for an empty text, nothing for one that is no such number.
std::optional<std::int64_t> limit_of(const std::string& text, std::int64_t without) {
  if (text.empty()) return without;
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out < 0) return std::nullopt;
  return out;
}

class NativeChannel final : public ChannelDialect {
 public:
  NativeChannel(Channel& channel, std::string key) : channel_(channel), key_(std::move(key)) {}

  Answer handle(const ServerRequest& request, const std::string& call) override {
    if (!is_signed(key_, request)) return refusal(401, "bad_sign");
    const bool post = request.method == "POST", get = request.method == "GET";
    if (call == "pay" && post) return pay(Form(request.body));
    if (call == "pay" && get) return query(query_value(request.query, "out_trade_no"));
    if (call == "close" && post) return close(Form(request.body));
    if (call == "refund" && post) return refund(Form(request.body));
    if (call == "refund" && get) return query_refund(query_value(request.query, "refund_no"));
    if (call == "bill" && get) return bill(query_value(request.query, "since"), query_value(request.query, "until"));
    return refusal(404, "no_such_call");
  }

  HttpRequest tell(const ChannelEvent& event) const override;
  bool tells(ChannelEvent::Kind kind) const override { return kind == ChannelEvent::Kind::paid; }
  bool acknowledged(int status, const std::string& body) const override { return status == 200 && body == "success"; }
  // The schedule of WeChat Pay (its document 4011937248, payment notify): 15 repeats within 24 h 4 min.
  std::vector<Nanos> gaps() const override {
    return {15s, 15s, 30s, 3min, 10min, 20min, 30min, 30min, 30min, 60min, 3h, 3h, 3h, 6h, 6h};
  }
  Json card(const std::string& base) const override {
    return Json::object({{"address", base},
                         {"key", "the text of the key file of `partners up`"},
                         {"contract", "harness/partners/api.md"}});
  }

 private:
  Answer pay(Form form) {
    Wanted wanted;
    wanted.out_trade_no = form.text("out_trade_no");
    wanted.order = form.text("order");
    wanted.notify_url = form.text("notify_url");
    wanted.amount = form.cents("amount_cents");
    if (!form.good()) return refusal(400, "bad_request");
    const Created created = channel_.create(wanted);
    if (created.result == BookResult::conflict) return refusal(409, "conflict");
    Answer answer = json_answer(
        200, Json::object({{"trade_no", created.trade->trade_no}, {"status", native_state(created.trade->status)}}));
    answer.await = created.await;
    return answer;
  }

  Answer query(const std::string& out_trade_no) const {
    const Trade* trade = channel_.trade_of(out_trade_no);
    Answer answer = trade == nullptr ? refusal(404, "not_found")
                                     : json_answer(200, Json::object({{"trade_no", trade->trade_no},
                                                                      {"out_trade_no", trade->out_trade_no},
                                                                      {"order", trade->order},
                                                                      {"status", native_state(trade->status)},
                                                                      {"amount_cents", trade->amount},
                                                                      {"refunded_cents", trade->refunded}}));
    answer.is_query = true;
    return answer;
  }

  Answer close(Form form) {
    const std::string out_trade_no = form.text("out_trade_no");
    if (!form.good()) return refusal(400, "bad_request");
    switch (channel_.close(out_trade_no)) {
      case BookResult::not_found:
        return refusal(404, "not_found");
      case BookResult::already_paid:
        return refusal(409, "already_paid");
      default:
        return json_answer(200, Json::object({{"status", "CLOSED"}}));
    }
  }

  Answer refund(Form form) {
    const std::string out_trade_no = form.text("out_trade_no"), refund_no = form.text("refund_no");
    const std::int64_t amount = form.cents("amount_cents");
    if (!form.good()) return refusal(400, "bad_request");
    const Refunded refunded = channel_.refund({out_trade_no, refund_no, amount});
    switch (refunded.result) {
      case BookResult::ok:
        return json_answer(200,
                           Json::object({{"refund_no", refund_no}, {"status", native_state(refunded.refund->status)}}));
      case BookResult::not_found:
        return refusal(404, "not_found");
      case BookResult::conflict:
        return refusal(409, "conflict");
      default:
        return refusal(409, "exceeds");
    }
  }

  Answer query_refund(const std::string& refund_no) const {
    const Refund* refund = channel_.refund_of(refund_no);
    Answer answer = refund == nullptr ? refusal(404, "not_found")
                                      : json_answer(200, Json::object({{"refund_no", refund_no},
                                                                       {"status", native_state(refund->status)},
                                                                       {"amount_cents", refund->amount}}));
    answer.is_query = true;
    return answer;
  }

  /// What was charged from `since` on and before `until`, unix seconds; a limit that is left out is none.
  Answer bill(const std::string& since, const std::string& until) const {
    const auto from = limit_of(since, 0), to = limit_of(until, std::numeric_limits<std::int64_t>::max());
    if (!from || !to) return refusal(400, "bad_request");
    Json rows = Json::array();
    for (const Trade* trade : channel_.charged_trades())
      if (trade->paid_at >= *from && trade->paid_at < *to)
        rows.push(Json::object({{"trade_no", trade->trade_no},
                                {"out_trade_no", trade->out_trade_no},
                                {"order", trade->order},
                                {"amount_cents", trade->amount},
                                {"refunded_cents", trade->refunded}}));
    return json_answer(200, Json::object({{"rows", std::move(rows)}}));
  }

  Channel& channel_;
  std::string key_;
};

HttpRequest NativeChannel::tell(const ChannelEvent& event) const {
  const Trade& trade = event.trade;
  const auto body_for = [&](const std::string& out_trade_no) {
    return Json::object({{"channel", event.forgery == Forgery::wrong_merchant ? "nobody" : channel_.name()},
                         {"trade_no", trade.trade_no},
                         {"out_trade_no", out_trade_no},
                         {"order", trade.order},
                         {"amount_cents", event.amount_told()},
                         {"status", "SUCCESS"},
                         {"notify_no", event.notify_no}})
        .dump();
  };
  const std::string body = body_for(trade.out_trade_no), timestamp = timestamp_text();
  // A signature that was made for another order, or with no key of ours.
  const std::string signed_body =
      event.forgery == Forgery::foreign_order ? body_for("another-" + trade.out_trade_no) : body;
  const std::string key = event.forgery == Forgery::bad_signature ? "no key" : key_;
  return {"POST",
          event.url,
          body,
          {{"Content-Type", "application/json"},
           {"X-Timestamp", timestamp},
           {"X-Sign", signature(key, "POST", path_of_url(event.url), timestamp, signed_body)}}};
}

}  // namespace

ChannelEntry native_channel() {
  return {"native",
          "JSON, integer cents, HMAC over method, path, time and body",
          {},
          {},
          [](Channel& channel, Credentials credentials) -> std::unique_ptr<ChannelDialect> {
            return std::make_unique<NativeChannel>(channel, std::move(credentials.native_key));
          }};
}

}  // namespace cardstorm::partners
