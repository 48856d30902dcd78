// wechat_channel: WeChat Pay v3: JSON with signed headers both ways, notifies sealed with AES-256-GCM, refunds that
// take time. Keys are checked in its public key mode (PUB_KEY_ID_...): there are no certificates to download.
#include <algorithm>
#include <charconv>
#include <deque>

#include "harness/core/text.hpp"
#include "harness/partners/dialects.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::string_view kScheme = "WECHATPAY2-SHA256-RSA2048 ";
constexpr std::string_view kAppId = "wx0000000000000001";
constexpr std::int64_t kWechatSkewSecondsMax = 300;
constexpr std::size_t kNumberMin = 6, kWechatNumberMax = 32, kBillsKept = 8;

Answer wechat_error(int status, const char* code, const char* message) {
  return json_answer(status, Json::object({{"code", code}, {"message", message}}));
}

const char* wechat_state(TradeStatus status) {
  switch (status) {
    case TradeStatus::wait:
      return "NOTPAY";
    case TradeStatus::success:
      return "SUCCESS";
    case TradeStatus::closed:
      return "CLOSED";
    case TradeStatus::refunded:
      return "REFUND";
  }
  return "";
}

const char* wechat_state(RefundStatus status) {
  switch (status) {
    case RefundStatus::pending:
      return "PROCESSING";
    case RefundStatus::success:
      return "SUCCESS";
    case RefundStatus::failed:
      return "ABNORMAL";
  }
  return "";
}

/// The pairs of an Authorization header, name="value" with commas; nullopt when it is anything else.
std::optional<Params> authorization_of(std::string_view header) {
  if (!header.starts_with(kScheme)) return std::nullopt;
  header.remove_prefix(kScheme.size());
  Params out;
  while (!header.empty()) {
    const auto open = header.find("=\"");
    if (open == std::string_view::npos) return std::nullopt;
    const auto close = header.find('"', open + 2);
    if (close == std::string_view::npos) return std::nullopt;
    if (!out.emplace(header.substr(0, open), header.substr(open + 2, close - open - 2)).second) return std::nullopt;
    header.remove_prefix(close + 1);
    if (header.empty()) break;
    if (!header.starts_with(',')) return std::nullopt;
    header.remove_prefix(1);
  }
  return out;
}

class WeChat final : public ChannelDialect {
 public:
  WeChat(Channel& channel, Merchant merchant)
      : channel_(channel),
        merchant_(std::move(merchant)),
        public_key_id_("PUB_KEY_ID_0" + merchant_.id + merchant_.partner_serial.substr(0, 16)) {}

  Answer handle(const ServerRequest& request, const std::string& call) override;
  HttpRequest tell(const ChannelEvent& event) const override;
  bool tells(ChannelEvent::Kind kind) const override { return kind != ChannelEvent::Kind::closed; }
  // The status alone decides: a 200 whose body says FAIL is not repeated (WeChat Pay API v3, payment notify).
  bool acknowledged(int status, const std::string&) const override { return status == 200 || status == 204; }
  std::vector<Nanos> gaps() const override {
    return {15s, 15s, 30s, 3min, 10min, 20min, 30min, 30min, 30min, 60min, 3h, 3h, 3h, 6h, 6h};
  }
  Json card(const std::string& base) const override {
    return Json::object({{"address", base},
                         {"mchid", merchant_.id},
                         {"appid", kAppId},
                         {"merchant_serial_no", merchant_.merchant_serial},
                         {"merchant_private_key_file", "merchant_private.pem"},
                         {"api_v3_key_file", "secret"},
                         {"wechatpay_public_key_id", public_key_id_},
                         {"wechatpay_public_key_file", "partner_public.pem"}});
  }

 private:
  Answer dispatch(const ServerRequest& request, const std::string& call);
  [[nodiscard]] bool is_authorized(const ServerRequest& request, const std::string& call) const;
  Answer pay(const std::string& body);
  [[nodiscard]] Answer query(const Trade* trade, const std::string& query) const;
  Answer close(const std::string& out_trade_no, const std::string& body);
  Answer refund(const std::string& body);
  [[nodiscard]] Answer query_refund(const std::string& refund_no) const;
  Answer bill_address(const ServerRequest& request, const std::string& call);
  [[nodiscard]] Answer bill(const std::string& token) const;
  [[nodiscard]] std::string bill_text(const std::string& day, const std::string& type) const;
  [[nodiscard]] Json row(const Trade& trade, const std::string& merchant_id, std::int64_t amount) const;
  [[nodiscard]] Json row(const Refund& refund) const;
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> sign(const std::string& body) const;

  Channel& channel_;
  Merchant merchant_;
  std::string public_key_id_;
  std::deque<std::pair<std::string, std::string>>
      bills_;  // token and text: a bill stays as it was when its hash was told
};

bool WeChat::is_authorized(const ServerRequest& request, const std::string& call) const {
  const auto said = authorization_of(request.header("authorization"));
  if (!said || value_of(*said, "mchid") != merchant_.id || value_of(*said, "serial_no") != merchant_.merchant_serial ||
      value_of(*said, "nonce_str").empty())
    return false;
  const std::string timestamp = value_of(*said, "timestamp");
  std::int64_t at = 0;
  const auto [end, error] = std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), at);
  if (error != std::errc{} || end != timestamp.data() + timestamp.size() || at < unix_now() - kWechatSkewSecondsMax ||
      at > unix_now() + kWechatSkewSecondsMax)
    return false;
  const auto signature = base64_decode(value_of(*said, "signature"));
  if (!signature) return false;
  // Shops sign the path as they know it: with or without what stands before /v3.
  const std::string query = request.query.empty() ? "" : "?" + request.query;
  for (const std::string& path : {request.path, "/" + call}) {
    const std::string text = request.method + "\n" + path + query + "\n" + timestamp + "\n" +
                             value_of(*said, "nonce_str") + "\n" + request.body + "\n";
    if (rsa_sha256_verify(merchant_.merchant_public, text, *signature)) return true;
  }
  return false;
}

std::vector<std::pair<std::string, std::string>> WeChat::sign(const std::string& body) const {
  const std::string timestamp = std::to_string(unix_now()), nonce = random_token(16);
  const std::string text = timestamp + "\n" + nonce + "\n" + body + "\n";
  return {{"Wechatpay-Timestamp", timestamp},
          {"Wechatpay-Nonce", nonce},
          {"Wechatpay-Serial", public_key_id_},
          {"Wechatpay-Signature", base64(rsa_sha256_sign(merchant_.partner.private_pem, text).value())}};
}

Answer WeChat::handle(const ServerRequest& request, const std::string& call) {
  if (!is_authorized(request, call)) return wechat_error(401, "SIGN_ERROR", "签名错误");
  Answer answer = dispatch(request, call);
  answer.response.headers = sign(answer.response.body);
  return answer;
}

Answer WeChat::dispatch(const ServerRequest& request, const std::string& call) {
  const std::string by_number = "v3/pay/transactions/out-trade-no/", by_id = "v3/pay/transactions/id/",
                    refunds = "v3/refund/domestic/refunds";
  const bool post = request.method == "POST", get = request.method == "GET";
  if (call == "v3/pay/transactions/native" && post) return pay(request.body);
  if (call.starts_with(by_number) && call.ends_with("/close") && post)
    return close(call.substr(by_number.size(), call.size() - by_number.size() - 6), request.body);
  if (call.starts_with(by_number) && get) return query(channel_.trade_of(call.substr(by_number.size())), request.query);
  if (call.starts_with(by_id) && get) return query(channel_.trade_numbered(call.substr(by_id.size())), request.query);
  if (call == refunds && post) return refund(request.body);
  if (call.starts_with(refunds + "/") && get) return query_refund(call.substr(refunds.size() + 1));
  if (call == "v3/bill/tradebill" && get) return bill_address(request, call);
  if (call == "v3/billdownload/file" && get) return bill(query_value(request.query, "token"));
  return wechat_error(404, "RESOURCE_NOT_EXISTS", "没有这样的接口");
}

Answer WeChat::pay(const std::string& body) {
  Form form(body);
  Wanted wanted;
  wanted.out_trade_no = form.text("out_trade_no");
  wanted.notify_url = form.text("notify_url");
  wanted.subject = form.text("description");
  wanted.attach = form.text_or_none("attach");
  const auto total = cents_in(form.json()["amount"]["total"]);
  wanted.amount = total.value_or(0);
  const bool fits = wanted.out_trade_no.size() >= kNumberMin && wanted.out_trade_no.size() <= kWechatNumberMax && total;
  if (!form.good() || !fits || form.text("mchid") != merchant_.id || form.text("appid") != kAppId)
    return wechat_error(400, "PARAM_ERROR", "参数错误");
  const Created created = channel_.create(wanted);
  if (created.result == BookResult::conflict) return wechat_error(403, "OUT_TRADE_NO_USED", "商户订单号重复");
  if (created.trade->status == TradeStatus::closed) return wechat_error(400, "ORDER_CLOSED", "订单已关闭");
  if (created.trade->status != TradeStatus::wait && created.await.empty())
    return wechat_error(400, "ORDERPAID", "订单已支付");
  Answer answer =
      json_answer(200, Json::object({{"code_url", "weixin://wxpay/bizpayurl?pr=" + created.trade->trade_no}}));
  answer.await = created.await;
  return answer;
}

Json WeChat::row(const Trade& trade, const std::string& merchant_id, std::int64_t amount) const {
  Json out = Json::object(
      {{"appid", kAppId},
       {"mchid", merchant_id},
       {"out_trade_no", trade.out_trade_no},
       {"trade_state", wechat_state(trade.status)},
       {"trade_state_desc", wechat_state(trade.status)},
       {"trade_type", "NATIVE"},
       {"amount",
        Json::object({{"total", amount}, {"payer_total", amount}, {"currency", "CNY"}, {"payer_currency", "CNY"}})}});
  if (!trade.attach.empty()) out.set("attach", trade.attach);
  if (trade.paid_at == 0) return out;
  return out.set("transaction_id", trade.trade_no)
      .set("bank_type", "OTHERS")
      .set("success_time", china_time_rfc3339(trade.paid_at))
      .set("payer", Json::object({{"openid", "o-cardstorm"}}));
}

Answer WeChat::query(const Trade* trade, const std::string& query) const {
  Answer answer = wechat_error(404, "ORDER_NOT_EXIST", "订单不存在");
  if (query_value(query, "mchid") != merchant_.id)
    answer = wechat_error(400, "PARAM_ERROR", "mchid");
  else if (trade != nullptr)
    answer = json_answer(200, row(*trade, merchant_.id, trade->amount));
  answer.is_query = true;
  return answer;
}

Answer WeChat::close(const std::string& out_trade_no, const std::string& body) {
  if (Form(body).text("mchid") != merchant_.id) return wechat_error(400, "PARAM_ERROR", "mchid");
  switch (channel_.close(out_trade_no, channel_.behaviour().close_after)) {
    case BookResult::not_found:
      return wechat_error(404, "ORDER_NOT_EXIST", "订单不存在");
    case BookResult::already_paid:
      return wechat_error(400, "ORDERPAID", "订单已支付");
    case BookResult::too_early:
      return wechat_error(400, "RULE_LIMIT", "订单生成后5分钟内不能关闭");
    default:
      break;
  }
  Answer answer;
  answer.response.status = 204;
  return answer;
}

Json WeChat::row(const Refund& refund) const {
  const Trade& trade = *channel_.trade_of(refund.out_trade_no);
  Json out = Json::object({{"refund_id", refund.refund_id},
                           {"out_refund_no", refund.refund_no},
                           {"transaction_id", trade.trade_no},
                           {"out_trade_no", trade.out_trade_no},
                           {"channel", "ORIGINAL"},
                           {"user_received_account", "支付用户零钱"},
                           {"create_time", china_time_rfc3339(refund.created_at)},
                           {"status", wechat_state(refund.status)},
                           {"amount", Json::object({{"total", trade.amount},
                                                    {"refund", refund.amount},
                                                    {"payer_refund", refund.amount},
                                                    {"currency", "CNY"}})}});
  if (refund.status == RefundStatus::success) out.set("success_time", china_time_rfc3339(refund.done_at));
  return out;
}

Answer WeChat::refund(const std::string& body) {
  Form form(body);
  const std::string refund_no = form.text("out_refund_no"), transaction_id = form.text_or_none("transaction_id"),
                    notify_url = form.text_or_none("notify_url");
  const std::string out_trade_no =
      transaction_id.empty() ? form.text("out_trade_no") : form.text_or_none("out_trade_no");
  const Json &amount = form.json()["amount"]["refund"], &total = form.json()["amount"]["total"];
  if (!form.good() || !amount.is_int() || amount.integer() <= 0) return wechat_error(400, "PARAM_ERROR", "参数错误");
  const Trade* trade =
      transaction_id.empty() ? channel_.trade_of(out_trade_no) : channel_.trade_numbered(transaction_id);
  if (trade == nullptr) return wechat_error(404, "RESOURCE_NOT_EXISTS", "订单不存在");
  if (total.integer() != trade->amount) return wechat_error(400, "INVALID_REQUEST", "订单金额不一致");
  const Refunded refunded = channel_.refund({trade->out_trade_no, refund_no, amount.integer(), notify_url, true});
  if (refunded.result == BookResult::exceeds) return wechat_error(400, "INVALID_REQUEST", "订单未支付或退款金额超限");
  if (refunded.result == BookResult::conflict) return wechat_error(400, "INVALID_REQUEST", "退款单号重复但金额不一致");
  return json_answer(200, row(*refunded.refund));
}

Answer WeChat::query_refund(const std::string& refund_no) const {
  const Refund* refund = channel_.refund_of(refund_no);
  Answer answer =
      refund == nullptr ? wechat_error(404, "RESOURCE_NOT_EXISTS", "退款单不存在") : json_answer(200, row(*refund));
  answer.is_query = true;
  return answer;
}

Answer WeChat::bill_address(const ServerRequest& request, const std::string& call) {
  const std::string day = query_value(request.query, "bill_date"), type = query_value(request.query, "bill_type");
  if (!is_bill_date(day)) return wechat_error(400, "PARAM_ERROR", "bill_date");
  if (!type.empty() && type != "ALL" && type != "SUCCESS" && type != "REFUND")
    return wechat_error(400, "PARAM_ERROR", "bill_type");
  const auto& [token, text] = bills_.emplace_back(random_token(12), bill_text(day, type));
  if (bills_.size() > kBillsKept) bills_.pop_front();
  const std::string prefix = request.path.substr(0, request.path.size() - call.size());
  return json_answer(200, Json::object({{"hash_type", "SHA256"},
                                        {"hash_value", sha256_hex(text)},
                                        {"download_url", "http://" + request.header("host") + prefix +
                                                             "v3/billdownload/file?token=" + token}}));
}

Answer WeChat::bill(const std::string& token) const {
  const auto at =
      std::find_if(bills_.begin(), bills_.end(), [&](const auto& bill) { return same_secret(token, bill.first); });
  if (at == bills_.end()) return wechat_error(404, "RESOURCE_NOT_EXISTS", "没有这样的账单");
  Answer out;
  out.response.body = at->second;
  out.response.content_type = "text/plain; charset=utf-8";
  return out;
}

/// The columns of the real bill that hold facts here, each value behind a backtick as there.
std::string WeChat::bill_text(const std::string& day, const std::string& type) const {
  std::string out = "交易时间,公众账号ID,商户号,微信订单号,商户订单号,交易状态,订单金额,商户退款单号,退款金额\n";
  const std::string us = "`" + std::string(kAppId) + ",`" + merchant_.id;
  for (const Trade* trade : channel_.charged_trades()) {
    if (type == "REFUND" || !is_in_bill(day, trade->paid_at)) continue;
    out += "`" + china_time(trade->paid_at) + "," + us + ",`" + trade->trade_no + ",`" + trade->out_trade_no +
           ",`SUCCESS,`" + money_text(trade->amount) + ",`0,`0.00\n";
  }
  for (const Refund* refund : channel_.done_refunds()) {
    if (type == "SUCCESS" || !is_in_bill(day, refund->done_at)) continue;
    const Trade& trade = *channel_.trade_of(refund->out_trade_no);
    out += "`" + china_time(refund->done_at) + "," + us + ",`" + trade.trade_no + ",`" + trade.out_trade_no +
           ",`REFUND,`0.00,`" + refund->refund_no + ",`" + money_text(refund->amount) + "\n";
  }
  return out;
}

HttpRequest WeChat::tell(const ChannelEvent& event) const {
  const bool refunded = event.refund.has_value();
  const bool good = !refunded || event.refund->status == RefundStatus::success;
  const std::string kind = refunded ? "refund" : "transaction",
                    nonce = hmac_sha256_hex(merchant_.secret, event.notify_no).substr(0, 12);
  const auto body_for = [&](const std::string& out_trade_no) {
    Trade trade = event.trade;
    trade.out_trade_no = out_trade_no;
    Json resource = refunded ? row(*event.refund)
                             : row(trade, event.forgery == Forgery::wrong_merchant ? merchant_.id + "9" : merchant_.id,
                                   event.amount_told());
    if (refunded) resource.set("mchid", merchant_.id).set("refund_status", wechat_state(event.refund->status));
    const std::string sealed = aes_256_gcm_seal(merchant_.secret, nonce, kind, resource.dump()).value();
    return Json::object(
               {{"id", event.notify_no},
                {"create_time", china_time_rfc3339(event.at)},
                {"resource_type", "encrypt-resource"},
                {"event_type", refunded ? (good ? "REFUND.SUCCESS" : "REFUND.ABNORMAL") : "TRANSACTION.SUCCESS"},
                {"summary", refunded ? "退款结果" : "支付成功"},
                {"resource", Json::object({{"original_type", kind},
                                           {"algorithm", "AEAD_AES_256_GCM"},
                                           {"ciphertext", base64(sealed)},
                                           {"associated_data", kind},
                                           {"nonce", nonce}})}})
        .dump();
  };
  const std::string body = body_for(event.trade.out_trade_no);
  const std::string signed_body = event.forgery == Forgery::bad_signature ? body + "x"
                                  : event.forgery == Forgery::foreign_order
                                      ? body_for("another-" + event.trade.out_trade_no)
                                      : body;
  HttpRequest out{"POST", event.url, body, sign(signed_body)};
  out.headers.emplace_back("Content-Type", "application/json");
  return out;
}

}  // namespace

ChannelEntry wechat_channel() {
  return {"wechat",
          "WeChat Pay v3: native pay, refunds, bills; signed headers, sealed notifies",
          {.id = "1900000001", .secret_size = 32, .rsa = true},
          {"v3"},
          [](Channel& channel, Credentials credentials) -> std::unique_ptr<ChannelDialect> {
            return std::make_unique<WeChat>(channel, std::move(credentials.merchant));
          }};
}

}  // namespace cardstorm::partners
