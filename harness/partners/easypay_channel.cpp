// easypay_channel: the EasyPay (易支付) family: forms, yuan, md5 over the sorted parameters and the key; a GET notify.
#include <algorithm>
#include <charconv>
#include <optional>

#include "harness/core/text.hpp"
#include "harness/partners/dialects.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::string_view kUnsigned = "sign sign_type";
constexpr std::size_t kEasypayNumberMax = 64, kUrlMax = 512;

/// Errors have HTTP status 200, as all answers of this family.
Answer easypay_error(const std::string& why) { return json_answer(200, Json::object({{"code", -1}, {"msg", why}})); }

class EasyPay final : public ChannelDialect {
 public:
  EasyPay(Channel& channel, Merchant merchant) : channel_(channel), merchant_(std::move(merchant)) {}

  Answer handle(const ServerRequest& request, const std::string& call) override {
    const Params params = params_of(request);
    if (call == "submit.php") return submit(params);
    if (call == "mapi.php") return request.method == "POST" ? mapi(params, request) : easypay_error("use POST");
    if (call == "api.php") return api(params);
    if (call.starts_with("pay/") && request.method == "GET") return cashier(channel_.trade_numbered(call.substr(4)));
    return json_answer(404, Json::object({{"code", -1}, {"msg", "no such call"}}));
  }

  HttpRequest tell(const ChannelEvent& event) const override;
  bool tells(ChannelEvent::Kind kind) const override { return kind == ChannelEvent::Kind::paid; }
  // Implementations differ in case and in what they trim; a page around the word is no yes.
  bool acknowledged(int status, const std::string& body) const override {
    return status == 200 && lower(trim(body)) == "success";
  }
  // After 1, 3, 10 minutes, 1, 2, 12 and 24 hours: 8 tries in all.
  std::vector<Nanos> gaps() const override { return {1min, 2min, 7min, 50min, 1h, 10h, 12h}; }
  Json card(const std::string& base) const override {
    return Json::object({{"address", base + "/"},
                         {"pid", merchant_.id},
                         {"key_file", "secret"},
                         {"sign_type", "MD5"},
                         {"submit", base + "/submit.php"},
                         {"mapi", base + "/mapi.php"},
                         {"api", base + "/api.php"}});
  }

 private:
  [[nodiscard]] std::string sign(const Params& params) const {
    return md5_hex(sign_text(params, kUnsigned) + merchant_.secret);
  }

  /// "" when the parameters of a create call are right; else what is wrong.
  std::string mistake_in(const Params& params) const {
    if (value_of(params, "pid") != merchant_.id) return "商户不存在 (pid)";
    const std::string sign_type = value_of(params, "sign_type");
    if (!sign_type.empty() && sign_type != "MD5") return "签名类型错误 (sign_type)";
    if (!same_secret(sign(params), value_of(params, "sign"))) return "签名校验失败 (sign)";
    for (const char* name : {"out_trade_no", "notify_url", "name", "money"})
      if (value_of(params, name).empty() || value_of(params, name).size() > kUrlMax)
        return std::string(name) + " 不能为空";
    if (value_of(params, "out_trade_no").size() > kEasypayNumberMax) return "out_trade_no 过长";
    if (!cents_of(value_of(params, "money"))) return "金额不合法 (money)";
    return "";
  }

  Created create(const Params& params) {
    Wanted wanted;
    wanted.out_trade_no = value_of(params, "out_trade_no");
    wanted.notify_url = value_of(params, "notify_url");
    wanted.return_url = value_of(params, "return_url");
    wanted.subject = value_of(params, "name");
    wanted.attach = value_of(params, "param");
    wanted.type = value_of(params, "type").empty() ? "alipay" : value_of(params, "type");
    wanted.amount = *cents_of(value_of(params, "money"));
    return channel_.create(wanted);
  }

  Answer submit(const Params& params) {
    if (const std::string mistake = mistake_in(params); !mistake.empty()) return page_answer("站点提示信息", mistake);
    const Created created = create(params);
    if (created.result == BookResult::conflict) return page_answer("站点提示信息", "该订单号已存在, 金额不一致");
    Answer answer = cashier(created.trade);
    answer.await = created.await;
    return answer;
  }

  Answer mapi(const Params& params, const ServerRequest& request) {
    if (const std::string mistake = mistake_in(params); !mistake.empty()) return easypay_error(mistake);
    const Created created = create(params);
    if (created.result == BookResult::conflict) return easypay_error("该订单号已存在, 金额不一致");
    // The address under which we were called is the one that the buyer can reach.
    const std::string prefix = request.path.substr(0, request.path.rfind('/'));
    const std::string pay_url = "http://" + request.header("host") + prefix + "/pay/" + created.trade->trade_no;
    Answer answer = json_answer(200, Json::object({{"code", 1},
                                                   {"msg", "success"},
                                                   {"trade_no", created.trade->trade_no},
                                                   {"payurl", pay_url},
                                                   {"qrcode", pay_url}}));
    answer.await = created.await;
    return answer;
  }

  /// Our buyers confirm by themselves: the page only says what they would see.
  Answer cashier(const Trade* trade) const {
    if (trade == nullptr) return page_answer("收银台", "订单不存在");
    return page_answer("收银台", trade->subject + " ¥" + money_text(trade->amount) + " " + trade->trade_no);
  }

  Answer api(const Params& params) {
    if (value_of(params, "pid") != merchant_.id || !same_secret(value_of(params, "key"), merchant_.secret))
      return easypay_error("商户密钥错误");
    const std::string act = value_of(params, "act");
    if (act == "order") return order(params);
    if (act == "refund") return refund(params);
    if (act == "orders") return orders(params);
    if (act == "query")
      return json_answer(200, Json::object({{"code", 1},
                                            {"pid", merchant_.id},
                                            {"active", 1},
                                            {"orders", static_cast<std::int64_t>(channel_.charged_trades().size())}}));
    return easypay_error("No Act");
  }

  const Trade* asked_for(const Params& params) const {
    if (const std::string trade_no = value_of(params, "trade_no"); !trade_no.empty())
      return channel_.trade_numbered(trade_no);
    return channel_.trade_of(value_of(params, "out_trade_no"));
  }

  Json row(const Trade& trade) const {
    const bool paid = trade.status == TradeStatus::success || trade.status == TradeStatus::refunded;
    return Json::object({{"trade_no", trade.trade_no},
                         {"out_trade_no", trade.out_trade_no},
                         {"api_trade_no", paid ? "b" + trade.trade_no : std::string()},
                         {"type", trade.type},
                         {"pid", merchant_.id},
                         {"addtime", china_time(trade.created_at)},
                         {"endtime", paid ? china_time(trade.paid_at) : std::string()},
                         {"name", trade.subject},
                         {"money", money_text(trade.amount)},
                         {"refundmoney", money_text(trade.refunded)},
                         {"param", trade.attach},
                         {"buyer", ""},
                         {"status", trade.status == TradeStatus::refunded ? 2
                                    : paid                                ? 1
                                                                          : 0}});
  }

  Answer order(const Params& params) const {
    const Trade* trade = asked_for(params);
    Answer answer = easypay_error("订单号不存在");
    if (trade != nullptr) {
      Json said = Json::object({{"code", 1}, {"msg", "succ"}});
      const Json its_row = row(*trade);
      for (const auto& [name, value] : its_row.members()) said.push_member(name, value);
      answer = json_answer(200, said);
    }
    answer.is_query = true;
    return answer;
  }

  /// A whole number above 0; `without` when it is not there; nothing when it is something else.
  static std::optional<std::size_t> count_of(const std::string& text, std::size_t without) {
    if (text.empty()) return without;
    std::size_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size() || out == 0) return std::nullopt;
    return out;
  }

  /// The bill of this family: everything charged, or a page of it for those who ask with a limit.
  Answer orders(const Params& params) const {
    const auto trades = channel_.charged_trades();
    const auto limit = count_of(value_of(params, "limit"), std::max<std::size_t>(1, trades.size())),
               page = count_of(value_of(params, "page"), 1);
    if (!limit || !page) return easypay_error("limit 或 page 不合法");
    Json data = Json::array();
    for (std::size_t i = 0; i < trades.size(); ++i)
      if (i / *limit + 1 == *page) data.push(row(*trades[i]));
    return json_answer(200, Json::object({{"code", 1},
                                          {"msg", "succ"},
                                          {"count", static_cast<std::int64_t>(data.items().size())},
                                          {"data", std::move(data)}}));
  }

  Answer refund(const Params& params) {
    const Trade* trade = asked_for(params);
    if (trade == nullptr) return easypay_error("订单号不存在");
    const auto amount = cents_of(value_of(params, "money"));
    if (!amount) return easypay_error("金额不合法 (money)");
    // Most of this family know no refund numbers: each call is a refund of its own, as in life.
    std::string refund_no = value_of(params, "out_refund_no");
    if (refund_no.empty()) refund_no = "R" + trade->trade_no + "-" + std::to_string(++refunds_);
    const Refunded refunded = channel_.refund({trade->out_trade_no, refund_no, *amount});
    if (refunded.result == BookResult::exceeds) return easypay_error("退款金额大于可退金额, 或订单未支付");
    if (refunded.result != BookResult::ok) return easypay_error("退款单号已存在");
    if (refunded.refund->status == RefundStatus::failed) return easypay_error("退款失败");
    return json_answer(
        200, Json::object({{"code", 1},
                           {"msg", refunded.refund->status == RefundStatus::success ? "退款成功" : "退款处理中"},
                           {"refund_no", refunded.refund->refund_id},
                           {"out_refund_no", refund_no},
                           {"trade_no", trade->trade_no},
                           {"money", money_text(*amount)}}));
  }

  Channel& channel_;
  Merchant merchant_;
  std::uint64_t refunds_ = 0;
};

HttpRequest EasyPay::tell(const ChannelEvent& event) const {
  const Trade& trade = event.trade;
  Params params{
      {"pid", event.forgery == Forgery::wrong_merchant ? merchant_.id + "9" : merchant_.id},
      {"trade_no", trade.trade_no},
      {"out_trade_no", event.forgery == Forgery::foreign_order ? "another-" + trade.out_trade_no : trade.out_trade_no},
      {"type", trade.type},
      {"name", trade.subject},
      {"money", money_text(event.amount_told())},
      {"trade_status", "TRADE_SUCCESS"}};
  if (!trade.attach.empty()) params["param"] = trade.attach;
  params["sign"] =
      event.forgery == Forgery::bad_signature ? md5_hex(sign_text(params, kUnsigned) + "no key") : sign(params);
  params["sign_type"] = "MD5";
  params["out_trade_no"] = trade.out_trade_no;  // what was signed for another order is replayed for this one
  return {"GET", with_query(event.url, form_text(params)), "", {}};
}

}  // namespace

ChannelEntry easypay_channel() {
  return {"easypay",
          "EasyPay (易支付): submit.php, mapi.php, api.php; md5; GET notify",
          {.id = "1001", .secret_size = 32, .rsa = false},
          {"submit.php", "mapi.php", "api.php"},
          [](Channel& channel, Credentials credentials) -> std::unique_ptr<ChannelDialect> {
            return std::make_unique<EasyPay>(channel, std::move(credentials.merchant));
          }};
}

}  // namespace cardstorm::partners
