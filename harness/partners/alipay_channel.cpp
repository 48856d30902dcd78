// alipay_channel: Alipay's gateway.do: forms signed with RSA2 over the sorted parameters, a signed answer node, a form
// as notify.
#include "harness/core/text.hpp"
#include "harness/partners/dialects.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::size_t kNumberMax = 64;
constexpr std::string_view kSellerId = "2088102146225135", kBuyerId = "2088000000000001";

const char* alipay_state(TradeStatus status) {
  switch (status) {
    case TradeStatus::wait:
      return "WAIT_BUYER_PAY";
    case TradeStatus::success:
      return "TRADE_SUCCESS";
    case TradeStatus::closed:
    case TradeStatus::refunded:
      return "TRADE_CLOSED";  // a full refund closes the trade
  }
  return "";
}

Json node(const char* code, const char* msg) { return Json::object({{"code", code}, {"msg", msg}}); }
Json good() { return node("10000", "Success"); }
Json failed(const char* sub_code, const char* sub_msg) {
  return node("40004", "Business Failed").set("sub_code", sub_code).set("sub_msg", sub_msg);
}
Json invalid(const char* sub_code, const char* sub_msg) {
  return node("40002", "Invalid Arguments").set("sub_code", sub_code).set("sub_msg", sub_msg);
}

/// biz_content, read as strictly as money wants it: amounts are texts of yuan.
struct Biz {
  Json json;
  [[nodiscard]] std::string text(const char* name) const { return json[name].string(); }
  [[nodiscard]] std::optional<std::int64_t> cents(const char* name) const { return cents_of(json[name].text()); }
};

class Alipay final : public ChannelDialect {
 public:
  Alipay(Channel& channel, Merchant merchant) : channel_(channel), merchant_(std::move(merchant)) {}

  Answer handle(const ServerRequest& request, const std::string& call) override;
  HttpRequest tell(const ChannelEvent& event) const override;
  // A refund that gave nothing back is told to nobody: the shop asks.
  bool tells(ChannelEvent::Kind kind) const override { return kind != ChannelEvent::Kind::refund_failed; }
  bool acknowledged(int status, const std::string& body) const override { return status == 200 && body == "success"; }
  // Three repeats at once, then 4m 10m 10m 1h 2h 6h 15h (Alipay open platform, asynchronous notify).
  std::vector<Nanos> gaps() const override { return {0s, 0s, 0s, 4min, 10min, 10min, 1h, 2h, 6h, 15h}; }
  Json card(const std::string& base) const override {
    return Json::object({{"gateway", base + "/gateway.do"},
                         {"app_id", merchant_.id},
                         {"seller_id", kSellerId},
                         {"sign_type", "RSA2"},
                         {"app_private_key_file", "merchant_private.pem"},
                         {"alipay_public_key_file", "partner_public.pem"}});
  }

 private:
  struct Spoken {
    Json node;
    std::string await = {};
    bool is_query = false;
  };

  Spoken dispatch(const std::string& method, const Params& params, const Biz& biz, const std::string& base);
  Spoken pay(const Params& params, const Biz& biz, bool by_code);
  Spoken query(const Biz& biz) const;
  Json close(const Biz& biz);
  Json cancel(const Biz& biz);
  Json refund(const Biz& biz);
  Spoken query_refund(const Biz& biz) const;
  [[nodiscard]] Spoken bill_address(const Biz& biz, const std::string& base) const;
  [[nodiscard]] Answer bill(const std::string& query) const;
  const Trade* asked_for(const Biz& biz) const;
  Answer signed_answer(const std::string& method, const Spoken& said) const;
  [[nodiscard]] std::string sign(const std::string& text) const {
    return base64(rsa_sha256_sign(merchant_.partner.private_pem, text).value());
  }

  Channel& channel_;
  Merchant merchant_;
  std::string bill_token_ = random_token(12);
};

Answer Alipay::handle(const ServerRequest& request, const std::string& call) {
  if (call == "bill.csv") return bill(request.query);
  if (call != "gateway.do") return json_answer(404, invalid("isv.invalid-method", "no such address"));
  const Params params = params_of(request);
  const std::string method = value_of(params, "method");
  const auto refuse = [&](const char* code, const char* text) { return signed_answer(method, {invalid(code, text)}); };
  if (value_of(params, "app_id") != merchant_.id) return refuse("isv.invalid-app-id", "无效的AppID参数");
  if (value_of(params, "sign_type") != "RSA2") return refuse("isv.invalid-signature-type", "无效的签名类型");
  const auto signature = base64_decode(value_of(params, "sign"));
  if (!signature || !rsa_sha256_verify(merchant_.merchant_public, sign_text(params, "sign"), *signature))
    return refuse("isv.invalid-signature", "无效签名");
  auto biz = Json::parse(value_of(params, "biz_content"));
  if (!biz || !biz->is_object()) return refuse("isv.invalid-parameter", "参数无效: biz_content");
  const std::string base = "http://" + request.header("host") + request.path.substr(0, request.path.rfind('/'));
  const Spoken said = dispatch(method, params, {std::move(*biz)}, base);
  if (method == "alipay.trade.page.pay" || method == "alipay.trade.wap.pay") {
    Answer page = page_answer("支付宝 - 收银台", said.node["code"].string() == "10000" ? said.node["trade_no"].string()
                                                                                       : said.node["sub_msg"].string());
    page.await = said.await;
    return page;
  }
  return signed_answer(method, said);
}

Alipay::Spoken Alipay::dispatch(const std::string& method, const Params& params, const Biz& biz,
                                const std::string& base) {
  if (method == "alipay.trade.page.pay" || method == "alipay.trade.wap.pay") return pay(params, biz, false);
  if (method == "alipay.trade.precreate") return pay(params, biz, true);
  if (method == "alipay.trade.query") return query(biz);
  if (method == "alipay.trade.close") return {close(biz)};
  if (method == "alipay.trade.cancel") return {cancel(biz)};
  if (method == "alipay.trade.refund") return {refund(biz)};
  if (method == "alipay.trade.fastpay.refund.query") return query_refund(biz);
  if (method == "alipay.data.dataservice.bill.downloadurl.query") return bill_address(biz, base);
  return {invalid("isv.invalid-method", "不存在的方法名")};
}

/// The node's text is signed as it stands in the answer.
Answer Alipay::signed_answer(const std::string& method, const Spoken& said) const {
  std::string name = method.empty() ? "error" : method;
  for (char& c : name) c = c == '.' ? '_' : c;
  const std::string text = said.node.dump();
  Answer out;
  out.response.body = "{" + Json(name + "_response").dump() + ":" + text + ",\"sign\":" + Json(sign(text)).dump() + "}";
  out.response.content_type = "application/json;charset=utf-8";
  out.await = said.await;
  out.is_query = said.is_query;
  return out;
}

Alipay::Spoken Alipay::pay(const Params& params, const Biz& biz, bool by_code) {
  Wanted wanted;
  wanted.out_trade_no = biz.text("out_trade_no");
  wanted.notify_url = value_of(params, "notify_url");
  wanted.return_url = value_of(params, "return_url");
  wanted.subject = biz.text("subject");
  wanted.attach = biz.text("passback_params");
  const auto amount = biz.cents("total_amount");
  if (wanted.out_trade_no.empty() || wanted.out_trade_no.size() > kNumberMax || wanted.subject.empty() || !amount)
    return {failed("ACQ.INVALID_PARAMETER", "参数无效")};
  wanted.amount = *amount;
  const Created created = channel_.create(wanted);
  if (created.result == BookResult::conflict) return {failed("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")};
  if (created.trade->status == TradeStatus::closed) return {failed("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")};
  if (created.trade->status != TradeStatus::wait && created.await.empty())
    return {failed("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")};
  Json said = good().set("out_trade_no", wanted.out_trade_no);
  if (by_code)
    said.set("qr_code", "https://qr.example/" + created.trade->trade_no);
  else
    said.set("trade_no", created.trade->trade_no);
  return {std::move(said), created.await};
}

const Trade* Alipay::asked_for(const Biz& biz) const {
  if (const std::string trade_no = biz.text("trade_no"); !trade_no.empty()) return channel_.trade_numbered(trade_no);
  return channel_.trade_of(biz.text("out_trade_no"));
}

Alipay::Spoken Alipay::query(const Biz& biz) const {
  const Trade* trade = asked_for(biz);
  if (trade == nullptr) return {failed("ACQ.TRADE_NOT_EXIST", "交易不存在"), "", true};
  Json said = good()
                  .set("trade_no", trade->trade_no)
                  .set("out_trade_no", trade->out_trade_no)
                  .set("trade_status", alipay_state(trade->status))
                  .set("total_amount", money_text(trade->amount));
  if (trade->paid_at > 0)
    said.set("send_pay_date", china_time(trade->paid_at))
        .set("buyer_user_id", kBuyerId)
        .set("receipt_amount", money_text(trade->amount));
  return {std::move(said), "", true};
}

Json Alipay::close(const Biz& biz) {
  const Trade* trade = asked_for(biz);
  if (trade == nullptr) return failed("ACQ.TRADE_NOT_EXIST", "交易不存在");
  if (trade->status == TradeStatus::closed || channel_.close(trade->out_trade_no) != BookResult::ok)
    return failed("ACQ.TRADE_STATUS_ERROR", "交易状态不合法");
  return good().set("trade_no", trade->trade_no).set("out_trade_no", trade->out_trade_no);
}

/// For unknown results: closes what is not paid, and gives back what is.
Json Alipay::cancel(const Biz& biz) {
  const Trade* trade = asked_for(biz);
  if (trade == nullptr) return good().set("out_trade_no", biz.text("out_trade_no")).set("retry_flag", "N");
  const bool closed = channel_.close(trade->out_trade_no) == BookResult::ok;
  if (!closed && trade->amount > trade->refunded + trade->reserved)
    channel_.refund({trade->out_trade_no, "cancel-" + trade->trade_no,
                     trade->amount - trade->refunded - trade->reserved, trade->notify_url, false, true});
  return good()
      .set("trade_no", trade->trade_no)
      .set("out_trade_no", trade->out_trade_no)
      .set("retry_flag", "N")
      .set("action", closed ? "close" : "refund");
}

Json Alipay::refund(const Biz& biz) {
  const Trade* trade = asked_for(biz);
  if (trade == nullptr) return failed("ACQ.TRADE_NOT_EXIST", "交易不存在");
  const auto amount = biz.cents("refund_amount");
  if (!amount) return failed("ACQ.INVALID_PARAMETER", "参数无效");
  // Without a number of its own a refund is the refund of the whole trade: asking again gives nothing twice.
  const std::string asked = biz.text("out_request_no"), refund_no = asked.empty() ? trade->out_trade_no : asked;
  const Refunded refunded = channel_.refund({trade->out_trade_no, refund_no, *amount, trade->notify_url, false, true});
  if (refunded.result == BookResult::exceeds)
    return trade->status == TradeStatus::wait || trade->status == TradeStatus::closed
               ? failed("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
               : failed("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限");
  if (refunded.result == BookResult::conflict)
    return failed("ACQ.REFUND_REQUEST_CONFLICT", "退款请求号重复但金额不一致");
  const bool moved = refunded.fresh && refunded.refund->status == RefundStatus::success;
  return good()
      .set("trade_no", trade->trade_no)
      .set("out_trade_no", trade->out_trade_no)
      .set("fund_change", moved ? "Y" : "N")
      .set("refund_fee", money_text(trade->refunded));
}

Alipay::Spoken Alipay::query_refund(const Biz& biz) const {
  const Trade* trade = asked_for(biz);
  if (trade == nullptr) return {failed("ACQ.TRADE_NOT_EXIST", "交易不存在"), "", true};
  const Refund* refund = channel_.refund_of(refund_key(trade->out_trade_no, biz.text("out_request_no")));
  Json said = good().set("trade_no", trade->trade_no).set("out_trade_no", trade->out_trade_no);
  // Accepted is not done: only a refund that gave money back has a status.
  if (refund != nullptr) {
    said.set("out_request_no", refund->refund_no)
        .set("total_amount", money_text(trade->amount))
        .set("refund_amount", money_text(refund->amount));
    if (refund->status == RefundStatus::success) said.set("refund_status", "REFUND_SUCCESS");
  }
  return {std::move(said), "", true};
}

Alipay::Spoken Alipay::bill_address(const Biz& biz, const std::string& base) const {
  const std::string day = biz.text("bill_date");
  if (!is_bill_date(day)) return {invalid("isv.invalid-parameter", "参数无效: bill_date")};
  return {good().set("bill_download_url", base + "/bill.csv?token=" + bill_token_ + "&bill_date=" + day)};
}

/// CSV in UTF-8, not zipped and not GBK: whoever reads bills converts first, and we keep one encoding in all files.
Answer Alipay::bill(const std::string& query) const {
  if (!same_secret(query_value(query, "token"), bill_token_)) return refusal(403, "bad_token");
  const std::string day = query_value(query, "bill_date");
  std::string text = "支付宝交易号,商户订单号,业务类型,完成时间,订单金额(元),退款批次号/请求号\n";
  for (const Trade* trade : channel_.charged_trades())
    if (is_in_bill(day, trade->paid_at))
      text += trade->trade_no + "," + trade->out_trade_no + ",交易," + china_time(trade->paid_at) + "," +
              money_text(trade->amount) + ",\n";
  for (const Refund* refund : channel_.done_refunds())
    if (is_in_bill(day, refund->done_at))
      text += channel_.trade_of(refund->out_trade_no)->trade_no + "," + refund->out_trade_no + ",退款," +
              china_time(refund->done_at) + ",-" + money_text(refund->amount) + "," + refund->refund_no + "\n";
  Answer out;
  out.response.body = std::move(text);
  out.response.content_type = "text/csv; charset=utf-8";
  return out;
}

HttpRequest Alipay::tell(const ChannelEvent& event) const {
  const Trade& trade = event.trade;
  Params params{
      {"notify_id", md5_hex(event.notify_no)},
      {"notify_type", "trade_status_sync"},
      {"notify_time", china_time(unix_now())},
      {"charset", "utf-8"},
      {"version", "1.0"},
      {"app_id", event.forgery == Forgery::wrong_merchant ? merchant_.id + "9" : merchant_.id},
      {"seller_id", std::string(kSellerId)},
      {"trade_no", trade.trade_no},
      {"out_trade_no", event.forgery == Forgery::foreign_order ? "another-" + trade.out_trade_no : trade.out_trade_no},
      {"trade_status", alipay_state(trade.status)},
      {"total_amount", money_text(event.amount_told())},
      {"receipt_amount", money_text(event.amount_told())},
      {"subject", trade.subject},
      {"buyer_id", std::string(kBuyerId)},
      {"gmt_create", china_time(trade.created_at)},
      {"passback_params", trade.attach}};
  if (trade.paid_at > 0) params["gmt_payment"] = china_time(trade.paid_at);
  if (event.refund) {
    params["out_biz_no"] = event.refund->refund_no;
    params["refund_fee"] = money_text(trade.refunded);
    params["gmt_refund"] = china_time(event.refund->done_at);
  }
  if (params["passback_params"].empty()) params.erase("passback_params");
  const std::string text = sign_text(params, "sign sign_type");
  params["sign"] = sign(event.forgery == Forgery::bad_signature ? text + "x" : text);
  params["sign_type"] = "RSA2";
  params["out_trade_no"] = trade.out_trade_no;  // what was signed for another order is replayed for this one
  return {"POST", event.url, form_text(params), {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}}};
}

}  // namespace

ChannelEntry alipay_channel() {
  return {"alipay",
          "Alipay: gateway.do, RSA2, form notify",
          {.id = "2021000000000001", .secret_size = 0, .rsa = true},
          {"gateway.do", "bill.csv"},
          [](Channel& channel, Credentials credentials) -> std::unique_ptr<ChannelDialect> {
            return std::make_unique<Alipay>(channel, std::move(credentials.merchant));
          }};
}

}  // namespace cardstorm::partners
