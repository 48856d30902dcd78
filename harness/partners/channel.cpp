// channel: state changes at once and in order; charges and refunds are in the journal before anybody is told.
#include "harness/partners/channel.hpp"

#include <array>
#include <utility>

#include "harness/core/clock.hpp"

namespace cardstorm::partners {

namespace {
constexpr Nanos kEarlyWait = 2s;        // how long an answer waits for its notify at most
constexpr Nanos kOvertakeWait = 500ms;  // how long a message waits to be overtaken at most
}  // namespace

const char* text_of(Forgery forgery) {
  switch (forgery) {
    case Forgery::none:
      return "none";
    case Forgery::bad_signature:
      return "bad_signature";
    case Forgery::wrong_amount:
      return "wrong_amount";
    case Forgery::wrong_merchant:
      return "wrong_merchant";
    case Forgery::foreign_order:
      return "foreign_order";
  }
  return "";
}

Created Channel::create(const Wanted& wanted) {
  std::string order = wanted.order;
  if (order.empty() && behaviour().order_from == "attach") order = wanted.attach;
  if (order.empty() && behaviour().order_from == "subject") order = wanted.subject;
  if (order.empty()) order = wanted.out_trade_no;
  const auto [at, is_new] = trades_.try_emplace(wanted.out_trade_no);
  Trade& trade = at->second;
  if (!is_new)
    return {trade.amount == wanted.amount && trade.order == order ? BookResult::ok : BookResult::conflict, &trade};
  trade.trade_no = next_number();
  trade.out_trade_no = wanted.out_trade_no;
  trade.order = order;
  trade.notify_url = behaviour().notify.empty() ? wanted.notify_url : behaviour().notify;
  trade.return_url = wanted.return_url;
  trade.subject = wanted.subject;
  trade.attach = wanted.attach;
  trade.buyer = wanted.buyer;
  trade.type = wanted.type;
  trade.amount = wanted.amount;
  trade.created_at = unix_now();
  trade.created = monotonic_now();
  trade_order_.push_back(trade.out_trade_no);
  out_trade_nos_.emplace(trade.trade_no, trade.out_trade_no);
  write("created", {{"trade_no", trade.trade_no},
                    {"out_trade_no", trade.out_trade_no},
                    {"order", order},
                    {"amount_cents", trade.amount}});
  Created out{BookResult::ok, &trade};
  Nanos until = context().confirm;
  if (draw("late", behaviour().late)) until = scaled(behaviour().late_after);
  if (draw("hostile", behaviour().hostile))
    context().loop.after(until / 2, [this, key = trade.out_trade_no] { forge(key); });
  if (draw("early", behaviour().early)) {
    early_.try_emplace(trade.out_trade_no);
    out.await = trade.out_trade_no;
    until = Nanos{0};
  }
  context().loop.after(until, [this, key = trade.out_trade_no] { charge(key); });
  return out;
}

void Channel::charge(const std::string& out_trade_no) {
  Trade& trade = trades_.at(out_trade_no);
  if (trade.status != TradeStatus::wait) return;  // closed before the buyer confirmed
  trade.status = TradeStatus::success;
  trade.paid_at = unix_now();
  ++charged_;
  write("charged", {{"trade_no", trade.trade_no},
                    {"out_trade_no", out_trade_no},
                    {"order", trade.order},
                    {"amount_cents", trade.amount}});
  context().journals.when_durable([this, out_trade_no](bool durable) {
    if (!durable) return;
    ChannelEvent event;
    event.trade = trades_.at(out_trade_no);
    event.notify_no = "n-" + event.trade.trade_no;
    event.url = event.trade.notify_url;
    notify(std::move(event));
  });
}

void Channel::notify(ChannelEvent event) {
  if (event.url.empty() || !dialect_->tells(event.kind) || draw("silent", behaviour().silent))
    return told(event.trade.out_trade_no);
  const bool paid = event.kind == ChannelEvent::Kind::paid;
  event.at = unix_now();
  Notice out = notice(paid           ? "notify"
                      : event.refund ? "refund_notify"
                                     : "close_notify",
                      "trade_no", event.trade.trade_no, event.trade.order);
  out.gaps = behaviour().schedule ? *behaviour().schedule : dialect_->gaps();
  out.acknowledged = [this](int status, const std::string& body) { return dialect_->acknowledged(status, body); };
  if (paid && early_.contains(event.trade.out_trade_no))
    out.attempted = [this, key = event.trade.out_trade_no] { told(key); };
  if (event.refund) out.more = {{"refund_no", event.refund->refund_no}};
  out.make = [this, event = std::move(event)] { return dialect_->tell(event); };
  deliver(std::move(out));
}

/// Sends a notice, or keeps it back until the next one has left.
void Channel::deliver(Notice notice) {
  if (behind_) {
    context().notifier.send(std::move(notice));
    return overtaken(behind_ticket_);
  }
  if (notice.attempted || !draw("reorder", behaviour().reorder)) {
    context().notifier.send(std::move(notice));
    return;
  }
  behind_ = std::move(notice);
  context().loop.after(kOvertakeWait, [this, ticket = ++behind_ticket_] { overtaken(ticket); });
}

void Channel::overtaken(std::uint64_t ticket) {
  if (!behind_ || ticket != behind_ticket_) return;
  context().notifier.send(*std::exchange(behind_, std::nullopt));
}

/// What a cheat sends while the buyer has not paid: never retried, and no "yes" to it counts.
void Channel::forge(const std::string& out_trade_no) {
  ChannelEvent event;
  event.trade = trades_.at(out_trade_no);
  if (event.trade.status != TradeStatus::wait || event.trade.notify_url.empty()) return;
  event.trade.paid_at = event.at = unix_now();
  event.trade.status = TradeStatus::success;
  event.forgery = kForgeries[pick("trick", std::size(kForgeries))];
  event.notify_no = "x-" + event.trade.trade_no;
  event.url = event.trade.notify_url;
  Notice out = notice("hostile", "trade_no", event.trade.trade_no, event.trade.order);
  out.more = {{"trick", text_of(event.forgery)}};
  out.duplicate = {};
  out.drop = 0;
  out.acknowledged = [this](int status, const std::string& body) { return dialect_->acknowledged(status, body); };
  out.make = [this, event = std::move(event)] { return dialect_->tell(event); };
  context().notifier.send(std::move(out));
}

void Channel::await(const std::string& what, Loop::Task task) {
  const auto at = early_.find(what);
  if (at == early_.end() || at->second.told) {
    early_.erase(what);
    return task();
  }
  at->second.answer = std::move(task);
  context().loop.after(kEarlyWait, [this, what] { told(what); });
}

void Channel::told(const std::string& out_trade_no) {
  const auto at = early_.find(out_trade_no);
  if (at == early_.end()) return;
  at->second.told = true;
  if (!at->second.answer) return;  // its answer time is not over
  const Loop::Task answer = std::move(at->second.answer);
  early_.erase(at);
  answer();
}

const Trade* Channel::trade_of(const std::string& out_trade_no) const {
  const auto at = trades_.find(out_trade_no);
  return at == trades_.end() ? nullptr : &at->second;
}

const Trade* Channel::trade_numbered(const std::string& trade_no) const {
  const auto at = out_trade_nos_.find(trade_no);
  return at == out_trade_nos_.end() ? nullptr : trade_of(at->second);
}

BookResult Channel::close(const std::string& out_trade_no, Nanos age_min) {
  const auto at = trades_.find(out_trade_no);
  if (at == trades_.end()) return BookResult::not_found;
  Trade& trade = at->second;
  if (trade.status == TradeStatus::success || trade.status == TradeStatus::refunded) return BookResult::already_paid;
  if (trade.status == TradeStatus::closed) return BookResult::ok;
  if (monotonic_now() - trade.created < scaled(age_min)) return BookResult::too_early;
  if (draw("after_close", behaviour().after_close)) {
    charge(out_trade_no);
    return BookResult::already_paid;
  }
  trade.status = TradeStatus::closed;
  trade.closed_at = unix_now();
  write("trade_closed", {{"trade_no", trade.trade_no}, {"out_trade_no", out_trade_no}, {"order", trade.order}});
  return BookResult::ok;
}

Refunded Channel::refund(const RefundWanted& wanted) {
  const auto found = trades_.find(wanted.out_trade_no);
  if (found == trades_.end()) return {BookResult::not_found};
  Trade& trade = found->second;
  const std::string key = wanted.per_trade ? refund_key(wanted.out_trade_no, wanted.refund_no) : wanted.refund_no;
  const Refund* before = refund_of(key);
  if (before != nullptr) {
    const Refund& refund = *before;
    if (refund.out_trade_no != wanted.out_trade_no || refund.amount != wanted.amount)
      return {BookResult::conflict, &refund};
    if (refund.status != RefundStatus::failed) return {BookResult::ok, &refund};
  }
  const bool charged = trade.status == TradeStatus::success || trade.status == TradeStatus::refunded;
  if (!charged || wanted.amount > trade.amount - trade.refunded - trade.reserved) return {BookResult::exceeds};
  Refund& refund = refunds_[key];
  if (before == nullptr) {
    refund_order_.push_back(key);
    refund.refund_no = wanted.refund_no;
    refund.refund_id = next_number();
    refund.out_trade_no = wanted.out_trade_no;
    refund.notify_url =
        wanted.notify_url.empty() || behaviour().notify.empty() ? wanted.notify_url : behaviour().notify;
    refund.amount = wanted.amount;
    refund.created_at = unix_now();
  }
  refund.status = RefundStatus::pending;
  trade.reserved += refund.amount;
  start_refund(key, draw("refund_pending", behaviour().refund_pending) || wanted.always_pending);
  return {BookResult::ok, &refund, true};
}

void Channel::start_refund(const std::string& key, bool pending) {
  if (!pending) return settle(key, RefundStatus::success);
  const RefundStatus end = draw("refund_fail", behaviour().refund_fail) ? RefundStatus::failed : RefundStatus::success;
  context().loop.after(scaled(behaviour().refund_after), [this, key, end] { settle(key, end); });
}

void Channel::settle(const std::string& key, RefundStatus status) {
  Refund& refund = refunds_.at(key);
  Trade& trade = trades_.at(refund.out_trade_no);
  refund.status = status;
  refund.done_at = unix_now();
  trade.reserved -= refund.amount;
  if (status == RefundStatus::success) {
    trade.refunded += refund.amount;
    if (trade.refunded == trade.amount) trade.status = TradeStatus::refunded;
  }
  write(status == RefundStatus::success ? "refunded" : "refund_failed", {{"trade_no", trade.trade_no},
                                                                         {"out_trade_no", trade.out_trade_no},
                                                                         {"refund_no", refund.refund_no},
                                                                         {"order", trade.order},
                                                                         {"amount_cents", refund.amount}});
  context().journals.when_durable([this, key, event_no = ++events_](bool durable) {
    if (!durable) return;
    ChannelEvent event;
    event.refund = refunds_.at(key);
    event.kind =
        event.refund->status == RefundStatus::failed ? ChannelEvent::Kind::refund_failed : ChannelEvent::Kind::refunded;
    event.trade = trades_.at(event.refund->out_trade_no);
    event.notify_no = "r-" + event.trade.trade_no + "-" + std::to_string(event_no);
    event.url = event.refund->notify_url;
    notify(std::move(event));
  });
}

const Refund* Channel::refund_of(const std::string& key) const {
  const auto at = refunds_.find(key);
  return at == refunds_.end() ? nullptr : &at->second;
}

std::vector<const Trade*> Channel::charged_trades() const {
  std::vector<const Trade*> out;
  for (const std::string& out_trade_no : trade_order_) {
    const Trade& trade = trades_.at(out_trade_no);
    if (trade.status == TradeStatus::success || trade.status == TradeStatus::refunded) out.push_back(&trade);
  }
  return out;
}

std::vector<const Refund*> Channel::done_refunds() const {
  std::vector<const Refund*> out;
  for (const std::string& key : refund_order_)
    if (const Refund& refund = refunds_.at(key); refund.status == RefundStatus::success) out.push_back(&refund);
  return out;
}

Json Channel::state() const {
  Json out = Partner::state();
  out.set("trades", static_cast<std::int64_t>(trade_order_.size())).set("charged", static_cast<std::int64_t>(charged_));
  return out;
}

}  // namespace cardstorm::partners
