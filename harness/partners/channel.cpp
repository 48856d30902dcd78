// channel: see partners/api.md for the calls. State changes at once and in order; what leaves the process waits for the disk.
#include "harness/partners/channel.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "harness/core/clock.hpp"
#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::size_t kTextMax = 512;
constexpr std::int64_t kCentsMax = 1'000'000'000'000;

std::string numbered(std::string_view prefix, std::size_t number) {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%010zu", number);
  return std::string(prefix) + digits.data();
}

std::int64_t millis(Nanos t) { return std::chrono::duration_cast<std::chrono::milliseconds>(t).count(); }

}  // namespace

Form::Form(const std::string& body) {
  auto json = Json::parse(body);
  good_ = json && json->is_object();
  if (good_) json_ = std::move(json).value();
}

std::string Form::text(const char* name) {
  const std::string& value = json_[name].string();
  good_ = good_ && !value.empty() && value.size() <= kTextMax;
  return value;
}

std::int64_t Form::cents(const char* name) {
  const Json& value = json_[name];
  good_ = good_ && value.is_int() && value.integer() > 0 && value.integer() <= kCentsMax;
  return value.integer();
}

std::string query_value(const std::string& query, std::string_view name) {
  for (const std::string& pair : split(query, '&')) {
    const auto equals = pair.find('=');
    if (equals != std::string::npos && std::string_view(pair).substr(0, equals) == name) return url_decode(std::string_view(pair).substr(equals + 1));
  }
  return "";
}

Nanos answer_time(Nanos mean, Book book, std::uint64_t seed, std::uint64_t index) {
  const double spread = 0.5 + draw_unit(seed, stream_of(kBooks[static_cast<std::size_t>(book)]), index);
  return nanos_of_seconds(seconds(mean) * spread);
}

const char* Channel::text_of(Status status) {
  switch (status) {
    case Status::wait: return "WAIT_BUYER_PAY";
    case Status::success: return "SUCCESS";
    case Status::closed: return "CLOSED";
    case Status::refunded: return "REFUNDED";
  }
  return "";
}

Answer Channel::handle(const ServerRequest& request, const std::string& call) {
  const bool post = request.method == "POST", get = request.method == "GET";
  if (call == "pay" && post) return pay(Form(request.body));
  if (call == "pay" && get) return query(query_value(request.query, "out_trade_no"));
  if (call == "close" && post) return close(Form(request.body));
  if (call == "refund" && post) return refund(Form(request.body));
  if (call == "bill" && get) return bill();
  return refusal(404, "no_such_call");
}

Answer Channel::pay(Form form) {
  const std::string out_trade_no = form.text("out_trade_no"), order = form.text("order"), url = form.text("notify_url");
  const std::int64_t amount = form.cents("amount_cents");
  if (!form.good()) return refusal(400, "bad_request");
  const auto [at, is_new] = trades_.try_emplace(out_trade_no);
  Trade& trade = at->second;
  if (is_new) {
    trade = {numbered(name_ + "-" + desk_.epoch + "-", trade_order_.size() + 1), out_trade_no, order, url, amount, 0, Status::wait};
    trade_order_.push_back(out_trade_no);
    desk_.journals.append(book_, "created", {{"trade_no", trade.trade_no}, {"out_trade_no", out_trade_no}, {"order", order}, {"amount_cents", amount}});
    desk_.loop.after(desk_.confirm, [this, out_trade_no] { charge(out_trade_no); });
  } else if (trade.amount != amount || trade.order != order) {
    return refusal(409, "conflict");
  }
  return {200, Json::object({{"trade_no", trade.trade_no}, {"status", text_of(trade.status)}})};
}

void Channel::charge(const std::string& out_trade_no) {
  Trade& trade = trades_.at(out_trade_no);
  if (trade.status != Status::wait) return;   // closed before the buyer confirmed
  trade.status = Status::success;
  ++charged_;
  desk_.journals.append(book_, "charged",
                        {{"trade_no", trade.trade_no}, {"out_trade_no", out_trade_no}, {"order", trade.order}, {"amount_cents", trade.amount}});
  desk_.journals.when_durable([this, out_trade_no](bool durable) {
    if (durable) notify(trades_.at(out_trade_no));
  });
}

void Channel::notify(const Trade& trade) {
  const Json body = Json::object({{"channel", name_}, {"trade_no", trade.trade_no}, {"out_trade_no", trade.out_trade_no}, {"order", trade.order},
                                  {"amount_cents", trade.amount}, {"status", "SUCCESS"}, {"notify_no", "n-" + trade.trade_no}});
  desk_.notifier.send({book_, "notify", "trade_no", trade.trade_no, trade.order, trade.notify_url, body.dump(),
                       [this](Loop::Task task) { hold(std::move(task)); }});
}

Answer Channel::query(const std::string& out_trade_no) const {
  const auto at = trades_.find(out_trade_no);
  if (at == trades_.end()) return refusal(404, "not_found");
  const Trade& trade = at->second;
  return {200, Json::object({{"trade_no", trade.trade_no}, {"out_trade_no", trade.out_trade_no}, {"order", trade.order},
                             {"status", text_of(trade.status)}, {"amount_cents", trade.amount}, {"refunded_cents", trade.refunded}})};
}

Answer Channel::close(Form form) {
  const std::string out_trade_no = form.text("out_trade_no");
  if (!form.good()) return refusal(400, "bad_request");
  const auto at = trades_.find(out_trade_no);
  if (at == trades_.end()) return refusal(404, "not_found");
  Trade& trade = at->second;
  if (trade.status == Status::success || trade.status == Status::refunded) return refusal(409, "already_paid");
  if (trade.status == Status::wait) {
    trade.status = Status::closed;
    desk_.journals.append(book_, "trade_closed", {{"trade_no", trade.trade_no}, {"out_trade_no", out_trade_no}, {"order", trade.order}});
  }
  return {200, Json::object({{"status", "CLOSED"}})};
}

Answer Channel::refund(Form form) {
  const std::string out_trade_no = form.text("out_trade_no"), refund_no = form.text("refund_no");
  const std::int64_t amount = form.cents("amount_cents");
  if (!form.good()) return refusal(400, "bad_request");
  const auto at = trades_.find(out_trade_no);
  if (at == trades_.end()) return refusal(404, "not_found");
  Trade& trade = at->second;
  const Answer done{200, Json::object({{"refund_no", refund_no}, {"status", "SUCCESS"}})};
  if (const auto before = refunds_.find(refund_no); before != refunds_.end())
    return before->second.out_trade_no == out_trade_no && before->second.amount == amount ? done : refusal(409, "conflict");
  const bool charged = trade.status == Status::success || trade.status == Status::refunded;
  if (!charged || amount > trade.amount - trade.refunded) return refusal(409, "exceeds");
  refunds_.emplace(refund_no, Refund{out_trade_no, amount});
  trade.refunded += amount;
  if (trade.refunded == trade.amount) trade.status = Status::refunded;
  desk_.journals.append(book_, "refunded", {{"trade_no", trade.trade_no}, {"out_trade_no", out_trade_no}, {"refund_no", refund_no},
                                            {"order", trade.order}, {"amount_cents", amount}});
  return done;
}

Answer Channel::bill() const {
  Json rows = Json::array();
  for (const std::string& out_trade_no : trade_order_) {
    const Trade& trade = trades_.at(out_trade_no);
    if (trade.status == Status::wait || trade.status == Status::closed) continue;
    rows.push(Json::object({{"trade_no", trade.trade_no}, {"out_trade_no", out_trade_no}, {"order", trade.order},
                            {"amount_cents", trade.amount}, {"refunded_cents", trade.refunded}}));
  }
  return {200, Json::object({{"rows", std::move(rows)}})};
}

void Channel::reply(Answer answer, HttpServer::Reply to) {
  const Nanos time = answer_time(desk_.answer, book_, desk_.seed, answers_++);
  desk_.journals.when_durable([this, time, answer = std::move(answer), to = std::move(to)](bool durable) {
    const Answer& said = durable ? answer : refusal(503, "journal");
    desk_.loop.after(time, [this, to, response = ServerResponse{said.status, said.body.dump()}] { hold([to, response] { to(response); }); });
  });
}

Nanos Channel::delay_now() const { return monotonic_now() < lease_end_ ? delay_ : Nanos{0}; }

void Channel::hold(Loop::Task task) {
  const Nanos delay = delay_now();
  if (delay <= Nanos{0}) return task();
  const std::uint64_t ticket = ticket_++;
  held_.emplace(ticket, std::move(task));
  desk_.loop.after(delay, [this, ticket] { let_go(ticket); });
}

void Channel::let_go(std::uint64_t ticket) {
  auto node = held_.extract(ticket);
  if (!node.empty()) node.mapped()();   // empty: the delay ended before
}

void Channel::set_delay(Nanos delay, Nanos lease) {
  delay_ = delay;
  lease_end_ = delay > Nanos{0} ? monotonic_now() + lease : Nanos{0};
  if (delay > Nanos{0}) {
    desk_.loop.after(lease, [this] {
      if (delay_ > Nanos{0} && monotonic_now() >= lease_end_) set_delay(Nanos{0}, Nanos{0});   // else it was renewed
    });
    return;
  }
  for (auto& [ticket, task] : std::exchange(held_, {})) task();
}

Json Channel::state() const {
  const bool delayed = delay_now() > Nanos{0};
  return Json::object({{"channel", name_},
                       {"delay_ms", millis(delay_now())},
                       {"lease_left_ms", delayed ? millis(lease_end_ - monotonic_now()) : 0},
                       {"held", static_cast<std::int64_t>(held_.size())},
                       {"trades", static_cast<std::int64_t>(trade_order_.size())},
                       {"charged", static_cast<std::int64_t>(charged_)}});
}

}  // namespace cardstorm::partners
