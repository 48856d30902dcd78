// payment_channel: see payment_channel.hpp.
#include "reference_platform/services/payment_channel.hpp"

#include <algorithm>
#include <array>

#include "reference_platform/domain/json.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Bug;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;
using What = Learnt::What;

constexpr edge::CallOptions kCreateCall{200ms, 1500ms};
constexpr edge::CallOptions kProbeCall{200ms, 1000ms};
constexpr std::array<milliseconds, 4> kPatience{4000ms, 6000ms, 15000ms,
                                                15000ms};  // a query is worth more the longer one knows nothing
constexpr int kCheckSeldomMs = 60000, kRepeatLaterMs = 500;
constexpr int kCloseAfterMs = 5000;
constexpr int kRefundFailuresMax = 5, kSurplusQuestionsMax = 5;

edge::CallOptions patient(std::int64_t asked) {
  const auto i =
      static_cast<std::size_t>(std::clamp<std::int64_t>(asked - 1, 0, static_cast<std::int64_t>(kPatience.size()) - 1));
  return {200ms, kPatience[i]};
}

/// Ever more seldom: 1, 2, 4 … 60 s where it begins with a second.
int seldom(int first_ms, std::int64_t asked) {
  return static_cast<int>(std::min<std::int64_t>(
      static_cast<std::int64_t>(first_ms) << std::min<std::int64_t>(asked / 4, 6), kCheckSeldomMs));
}

}  // namespace

Channel::Channel(std::string name, PaymentDesk& desk, ChannelOptions options)
    : name_(std::move(name)),
      desk_(desk),
      create_workers_(permits(options.peak_per_second, options.p99_ms)),
      creates_(name_ + " creates", create_workers_),
      checks_(name_ + " checks",
              std::max(2, create_workers_ * 2 / 3)),  // most payments are told of before anybody asks
      refunds_(name_ + " refunds", std::max(2, create_workers_ / 3)) {}

std::string Channel::label(const char* metric, const std::string& more) const {
  return std::string(metric) + "{channel=\"" + name_ + "\"" + more + "}";
}

// A question about a number that does not exist: shows whether the channel answers, and no buyer's payment is at stake.
void Channel::probe(bool alone) {
  repeats_.earn();  // a little even without traffic: a repeat each ten rounds
  if (alone) breaker_.hurry();
  desk_.metrics.set("breaker_state{target=\"" + name_ + "\"}", static_cast<double>(state()));
  const auto began = SteadyClock::now();
  if (!breaker_.take_probe(began)) return;
  const int status = channel_query(desk_.partner, name_, "probe", "", kProbeCall).status;
  const auto ended = SteadyClock::now();
  breaker_.probed(ended, (status == 200 || status == 404) && ended - began < 600ms);
}

void Channel::start_create(PaymentBook& book, const Payment& p) {
  if (p.tried > 1 && !repeats_.spend()) {  // a channel that loses calls is not helped by more of them
    creates_.release(1);
    desk_.metrics.add(label("channel_repeats_refused_total"));
    book.learn({p.id, What::unsent, "", kRepeatLaterMs});
    return;
  }
  if (p.tried <= 1) repeats_.earn();
  creates_.run_reserved([this, &book, p] { create(book, p); });
}

void Channel::start_check(PaymentBook& book, const Payment& p) {
  checks_.run_reserved([this, &book, p] { check(book, p); });
}

void Channel::start_refund(PaymentBook& book, const Refund& r) {
  refunds_.run_reserved([this, &book, r] { r.state == "accepted" ? ask_refund(book, r) : refund(book, r); });
}

void Channel::create(PaymentBook& book, const Payment& p) {
  const observe::Scope scope(observe::Context::of(p.trace, p.mark));
  const auto began = SteadyClock::now();
  breaker_.begin(began);
  const PayOrder call{name_,         p.out_trade_no, p.order_no, p.buyer, p.mark, desk_.public_url + "/notify/" + name_,
                      p.amount_cents};
  const auto answer = channel_pay(desk_.partner, call, kCreateCall);
  breaker_.end(began, SteadyClock::now(), answer.status == 200 || (answer.status >= 400 && answer.status < 500));
  desk_.metrics.add(label("channel_creates_total", ",status=\"" + std::to_string(answer.status) + "\""));
  const auto json = domain::Json::parse(answer.body);
  if (answer.status == 200 && json) {
    // Paid already: a repeat of an earlier try. The check finds the rest.
    book.learn({p.id, What::waiting, (*json)["trade_no"].text(),
                (*json)["status"].text() == "SUCCESS" ? 0 : desk_.ask_again_ms * 3 / 2});
  } else if (answer.status == 0 && !answer.sent) {
    book.learn({p.id, What::unsent, "", 200});
  } else {
    desk_.log.event("payment_unknown", p.order_no, p.mark, name_);
    book.learn({p.id, What::ask_again, "", desk_.ask_again_ms});
  }
}

void Channel::check(PaymentBook& book, const Payment& p) {
  const observe::Scope scope(observe::Context::of(p.trace, p.mark));
  const auto answer = channel_query(desk_.partner, name_, p.out_trade_no, p.mark, patient(p.asked));
  const auto json = domain::Json::parse(answer.body);
  const std::string status = answer.status == 200 && json ? (*json)["status"].text() : "";
  const bool overdue = p.age_s > desk_.unpaid_close_s;
  if (status == "SUCCESS") {
    desk_.credit(*book.open(),
                 {name_, p.out_trade_no, (*json)["trade_no"].text(), "", (*json)["amount_cents"].integer()}, "query");
  } else if (status == "CLOSED" || status == "REFUNDED") {
    close_payment(*book.open(), p, overdue || status == "REFUNDED" ? std::vector<std::string>() : others_());
  } else if (status == "WAIT_BUYER_PAY" && !overdue) {
    book.learn({p.id, What::waiting, (*json)["trade_no"].text(), desk_.ask_again_ms});
  } else if (answer.status == 404 && p.state == "sent" && !overdue) {
    book.learn({p.id, What::absent, "", 0});
  } else if (overdue || (p.state == "sent" && p.sent_age_ms > kCloseAfterMs)) {
    try_close(book, p);
  } else {
    book.learn({p.id, What::ask_again, "", desk_.ask_again_ms});
  }
}

// Closed by the channel's own word: from here on it cannot charge any more.
void Channel::try_close(PaymentBook& book, const Payment& p) {
  const bool overdue = p.age_s > desk_.unpaid_close_s;
  const auto answer = channel_close(desk_.partner, name_, p.out_trade_no, p.mark, patient(p.asked));
  if (answer.status == 200 || (answer.status == 404 && overdue)) {
    desk_.log.event("payment_closed", p.order_no, p.mark, name_);
    close_payment(*book.open(), p, overdue ? std::vector<std::string>() : others_());
  } else {
    book.learn({p.id, What::ask_again, "",
                answer.status == 409 ? 0 : desk_.ask_again_ms});  // 409: it is paid, the next query says the rest
  }
}

// The same number again is the same refund: an unknown outcome is simply asked for again.
void Channel::refund(PaymentBook& book, const Refund& r) {
  const observe::Scope scope(observe::Context::of(r.trace, r.mark));
  if (only_told_of(r) && !has_surplus(book, r)) return;
  const std::string number =
      desk_.switches.on(Bug::B17) && r.asked > 1 ? r.refund_no + "-" + std::to_string(r.asked) : r.refund_no;
  const auto answer =
      channel_refund(desk_.partner, {name_, r.out_trade_no, number, r.mark, r.amount_cents}, patient(r.asked));
  const auto json = domain::Json::parse(answer.body);
  if (answer.status == 200 && json) return decide_refund(book, r, (*json)["status"].text());
  const bool refused = answer.status == 400 || answer.status == 404 || answer.status == 409;
  if (!refused) return refund_again(*book.open(), r, seldom(desk_.ask_again_ms, r.asked));
  const std::string code =
      json ? (*json)["code"].text() : "";  // more than was charged, another refund's number: for people to look at
  stick(book, r, code.empty() ? "refused " + std::to_string(answer.status) : code);
}

// A notify may be wrong although its signature is right: then this would give back what the order was paid with. Its
// answer may lag behind, too.
bool Channel::has_surplus(PaymentBook& book, const Refund& r) {
  const auto answer = channel_query(desk_.partner, name_, r.out_trade_no, r.mark, patient(r.asked));
  const auto json = domain::Json::parse(answer.body);
  const std::string status = answer.status == 200 && json ? (*json)["status"].text() : "";
  const bool charged = status == "SUCCESS" || status == "REFUNDED";
  if (charged && (*json)["amount_cents"].integer() >= booked_cents(*book.open(), r.out_trade_no)) return true;
  const bool known = !status.empty() || answer.status == 404;
  if (known && r.asked >= kSurplusQuestionsMax)
    stick(book, r, "not_charged");
  else
    refund_again(*book.open(), r, seldom(desk_.ask_again_ms, r.asked));
  return false;
}

void Channel::ask_refund(PaymentBook& book, const Refund& r) {
  const observe::Scope scope(observe::Context::of(r.trace, r.mark));
  const auto answer = channel_refund_query(desk_.partner, name_, r.refund_no, r.mark, patient(r.asked));
  const auto json = domain::Json::parse(answer.body);
  if (answer.status == 200 && json) return decide_refund(book, r, (*json)["status"].text());
  if (answer.status == 404) return refund_failed(*book.open(), r, 0);  // they lost it: the same number once more
  refund_again(*book.open(), r, seldom(desk_.ask_again_ms, r.asked));
}

void Channel::decide_refund(PaymentBook& book, const Refund& r, const std::string& status) {
  if (status == "SUCCESS" || (status == "PROCESSING" && desk_.switches.on(Bug::B18))) {
    refund_done(*book.open(), r);
    desk_.log.event("refund_done", r.order_no, r.mark, r.reason);
    desk_.metrics.add(label("refunds_total", ",outcome=\"done\""));
  } else if (status == "PROCESSING") {
    refund_accepted(*book.open(), r, seldom(desk_.ask_again_ms, r.asked));
  } else if (status == "FAILED" && r.failed + 1 < kRefundFailuresMax) {
    desk_.log.event("refund_failed", r.order_no, r.mark, r.reason);
    refund_failed(*book.open(), r, seldom(desk_.ask_again_ms, r.asked));
  } else if (status == "FAILED") {
    stick(book, r, "failed");
  } else {
    refund_again(*book.open(), r, seldom(desk_.ask_again_ms, r.asked));
  }
}

void Channel::stick(PaymentBook& book, const Refund& r, const std::string& trouble) {
  refund_stuck(*book.open(), r, trouble);
  desk_.log.event("refund_stuck", r.order_no, r.mark, r.reason + " " + trouble);
  desk_.metrics.add(label("refunds_total", ",outcome=\"stuck\""));
}

}  // namespace platform::services
