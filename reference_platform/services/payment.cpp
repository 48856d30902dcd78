// payment: talks to the payment channels for the hardened variant. Each channel has workers of its own (bulkhead) and a breaker; a
// payment has one number per channel for all its life; what a timeout left unknown is asked for until it is known, and nothing goes
// to the other channel before this one surely has no money. Notifies only speed up what the queries would find.
#include <algorithm>
#include <array>
#include <memory>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/breaker.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/partner.hpp"
#include "reference_platform/services/payment_book.hpp"
#include "reference_platform/services/roles.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using edge::Request;
using edge::Response;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr int kHttpWorkers = 8, kPoolSize = 4;
constexpr int kCreateWorkers = 8, kCheckWorkers = 6, kRefundWorkers = 3;   // per channel
constexpr edge::CallOptions kCreateCall{200ms, 1500ms};
constexpr edge::CallOptions kProbeCall{200ms, 1000ms};
constexpr std::array<milliseconds, 4> kPatience{4000ms, 6000ms, 15000ms, 15000ms};   // a query is worth more the longer one knows nothing
constexpr int kCreateLeaseMs = 4000, kCheckLeaseMs = 10000, kRefundLeaseMs = 8000;   // longer than the calls that they cover; the last two grow with each try
constexpr int kFirstCheckMs = 1500, kCheckEveryMs = 1000;
constexpr int kCloseAfterMs = 5000;

edge::CallOptions patient(std::int64_t asked) {
  const auto i = static_cast<std::size_t>(std::clamp<std::int64_t>(asked - 1, 0, static_cast<std::int64_t>(kPatience.size()) - 1));
  return {200ms, kPatience[i]};
}

class Payments;

/// One channel: its workers, its breaker, and what is done with it.
class Channel {
 public:
  Channel(std::string name, Payments& payments)
      : name_(std::move(name)), payments_(payments), creates_(name_ + " creates", kCreateWorkers), checks_(name_ + " checks", kCheckWorkers),
        refunds_(name_ + " refunds", kRefundWorkers) {}

  /// One round of looking for work; true when there was some.
  bool step();
  Breaker::State state() { return breaker_.state(SteadyClock::now()); }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  bool start_creates();
  void start_checks();
  void start_refunds();
  void probe();
  void create(const Payment& p);
  void check(const Payment& p);
  void try_close(const Payment& p);
  void refund(const Refund& r);

  std::string name_;
  Payments& payments_;
  Breaker breaker_;
  SteadyClock::time_point next_checks_{};
  Workers creates_, checks_, refunds_;   // last: their threads use what is above
};

class Payments {
 public:
  explicit Payments(const ops::NodeConfig& config)
      : partner{config.partners_url, config.partners_key}, public_url(config.public_url), unpaid_close_s(option(config, "unpaid_close_s", 300)), log(config.name),
        pool(store::make_pool({config.database_url(), kPoolSize, 2000ms, 1000ms})), alpha_("alpha", *this), beta_("beta", *this),
        alpha_loop_("alpha", 50ms, [this] { return alpha_.step(); }), beta_loop_("beta", 50ms, [this] { return beta_.step(); }) {}

  Response handle(const Request& r);
  Channel& other_of(const Channel& c) { return &c == &alpha_ ? beta_ : alpha_; }
  Credit credit(const std::string& channel, const std::string& out_trade_no, const std::string& trade_no, std::int64_t amount_cents, const std::string& order_no, const std::string& mark, const char* how);

  const PartnerKey partner;
  const std::string public_url;
  const int unpaid_close_s;
  const BusinessLog log;
  Metrics metrics;
  const std::unique_ptr<store::Pool> pool;

 private:
  Channel alpha_, beta_;
  Loop alpha_loop_, beta_loop_;   // end first
};

bool Channel::step() {
  const auto now = SteadyClock::now();
  probe();
  payments_.metrics.set("breaker_state{channel=\"" + name_ + "\"}", static_cast<double>(state()));
  if (now >= next_checks_) {
    next_checks_ = now + 200ms;
    start_checks();
    start_refunds();
  }
  return start_creates();
}

// While this channel is broken, what never left the house goes to the other one; the buyers agreed to that. What did leave stays.
bool Channel::start_creates() {
  const bool closed = state() == Breaker::State::closed;
  Channel& other = payments_.other_of(*this);
  const int free = creates_.free();
  if (closed && free == 0) return false;
  auto db = payments_.pool->take();
  if (!closed) {
    expire_new(*db, name_, payments_.unpaid_close_s);
    const auto moved = other.state() == Breaker::State::closed ? reroute_new(*db, name_, other.name()) : 0;
    if (moved > 0) payments_.log.event("payments_rerouted", "", "", name_ + " to " + other.name() + ": " + std::to_string(moved));
    return false;
  }
  const auto taken = take_new(*db, name_, free, kCreateLeaseMs);
  for (const Payment& p : taken) creates_.submit([this, p] { create(p); });
  return static_cast<int>(taken.size()) == free;
}

void Channel::start_checks() {
  const int free = checks_.free() - 1;   // one stays for the probe
  if (free < 1) return;
  for (const Payment& p : take_due(*payments_.pool->take(), name_, free, kCheckLeaseMs)) checks_.submit([this, p] { check(p); });
}

void Channel::start_refunds() {
  const int free = refunds_.free();
  if (free < 1) return;
  for (const Refund& r : take_refunds(*payments_.pool->take(), name_, free, kRefundLeaseMs)) refunds_.submit([this, r] { refund(r); });
}

// A question about a number that does not exist: shows whether the channel answers, and no buyer's payment is at stake.
void Channel::probe() {
  const auto now = SteadyClock::now();
  if (!breaker_.take_probe(now)) return;
  const bool started = checks_.submit([this] {
    const auto began = SteadyClock::now();
    const int status = channel_query(payments_.partner, name_, "probe", "", kProbeCall).status;
    breaker_.probed(SteadyClock::now(), (status == 200 || status == 404) && SteadyClock::now() - began < 600ms);
  });
  if (!started) breaker_.probed(now, false);
}

void Channel::create(const Payment& p) {
  const auto began = SteadyClock::now();
  breaker_.begin(began);
  const PayOrder call{name_, p.out_trade_no, p.order_no, p.buyer, p.mark, payments_.public_url + "/notify/" + name_, p.amount_cents};
  const auto answer = channel_pay(payments_.partner, call, kCreateCall);
  breaker_.end(began, SteadyClock::now(), answer.status == 200 || (answer.status >= 400 && answer.status < 500));
  payments_.metrics.add("channel_creates_total{channel=\"" + name_ + "\",status=\"" + std::to_string(answer.status) + "\"}");
  auto db = payments_.pool->take();
  const auto json = domain::Json::parse(answer.body);
  if (answer.status == 200 && json) {
    // Paid already: a repeat of an earlier try. The check finds the rest.
    set_waiting(*db, p, (*json)["trade_no"].text(), (*json)["status"].text() == "SUCCESS" ? 0 : kFirstCheckMs);
  } else if (answer.status == 0 && !answer.sent) {
    set_unsent(*db, p, 200);
  } else {
    payments_.log.event("payment_unknown", p.order_no, p.mark, name_);
    ask_again(*db, p, kCheckEveryMs);
  }
}

void Channel::check(const Payment& p) {
  const auto answer = channel_query(payments_.partner, name_, p.out_trade_no, p.mark, patient(p.asked));
  const auto json = domain::Json::parse(answer.body);
  const std::string status = answer.status == 200 && json ? (*json)["status"].text() : "";
  const bool overdue = p.age_s > payments_.unpaid_close_s;
  if (status == "SUCCESS") {
    payments_.credit(name_, p.out_trade_no, (*json)["trade_no"].text(), (*json)["amount_cents"].integer(), p.order_no, p.mark, "query");
  } else if (status == "CLOSED" || status == "REFUNDED") {
    close_payment(*payments_.pool->take(), p, overdue || status == "REFUNDED" ? "" : payments_.other_of(*this).name());
  } else if (status == "WAIT_BUYER_PAY" && !overdue) {
    set_waiting(*payments_.pool->take(), p, (*json)["trade_no"].text(), kCheckEveryMs);
  } else if (answer.status == 404 && p.state == "sent" && !overdue) {
    set_absent(*payments_.pool->take(), p);
  } else if (overdue || (p.state == "sent" && p.sent_age_ms > kCloseAfterMs)) {
    try_close(p);
  } else {
    ask_again(*payments_.pool->take(), p, kCheckEveryMs);
  }
}

// Closed by the channel's own word: from here on it cannot charge any more.
void Channel::try_close(const Payment& p) {
  const bool overdue = p.age_s > payments_.unpaid_close_s;
  const auto answer = channel_close(payments_.partner, name_, p.out_trade_no, p.mark, patient(p.asked));
  auto db = payments_.pool->take();
  if (answer.status == 200 || (answer.status == 404 && overdue)) {
    payments_.log.event("payment_closed", p.order_no, p.mark, name_);
    close_payment(*db, p, overdue ? "" : payments_.other_of(*this).name());
  } else {
    ask_again(*db, p, answer.status == 409 ? 0 : kCheckEveryMs);   // 409: it is paid, the next query says the rest
  }
}

// The same number again is the same refund: an unknown outcome is simply asked for again.
void Channel::refund(const Refund& r) {
  const auto answer = channel_refund(payments_.partner, {name_, r.out_trade_no, r.refund_no, r.mark, r.amount_cents}, patient(r.asked));
  const auto json = domain::Json::parse(answer.body);
  auto db = payments_.pool->take();
  if (answer.status == 200 && json && (*json)["status"].text() == "SUCCESS") {
    refund_done(*db, r);
    payments_.log.event("refund_done", r.order_no, r.mark, r.reason);
  } else if (answer.status == 409) {
    refund_stuck(*db, r);   // more than was charged: for people to look at
    payments_.log.event("refund_stuck", r.order_no, r.mark, r.reason);
  } else {
    refund_again(*db, r, kCheckEveryMs);
  }
}

Credit Payments::credit(const std::string& channel, const std::string& out_trade_no, const std::string& trade_no, std::int64_t amount_cents, const std::string& order_no, const std::string& mark, const char* how) {
  const Credit credit = record_charge(*pool->take(), channel, out_trade_no, trade_no, amount_cents);
  metrics.add(std::string("charges_total{how=\"") + how + "\",outcome=\"" + name_of(credit) + "\"}");
  if (credit != Credit::repeated) log.event("charge", order_no, mark, std::string(how) + " " + name_of(credit));
  return credit;
}

Response Payments::handle(const Request& r) {
  const auto parts = path_parts(r.path);
  if (r.method != "POST" || parts.size() != 2 || parts[0] != "notify" || (parts[1] != "alpha" && parts[1] != "beta")) return error_answer(404, "not_found");
  if (!partner_signed(partner.key, r)) return text_answer(401, "bad sign");
  const auto told = read_notify(r.body);
  if (!told || told->channel != parts[1]) return text_answer(400, "fail");
  if (const std::string reason = pool_not_ready(*pool); !reason.empty()) return error_answer(503, "pool_starved", reason);
  const Credit c = credit(told->channel, told->out_trade_no, told->trade_no, told->amount_cents, told->order_no, mark_of(r), "notify");
  if (c == Credit::unknown_payment) return text_answer(404, "fail");
  if (c == Credit::wrong_amount) return text_answer(400, "fail");
  return text_answer(200, "success");
}

}  // namespace

ops::Service make_payment(const ops::NodeConfig& config) {
  auto payments = std::make_shared<Payments>(config);
  ops::Service service;
  service.server = backend_server(config, kHttpWorkers);
  service.business = backend_handler(*payments->pool, [payments](const Request& r) { return payments->handle(r); });
  service.pool = payments->pool.get();
  service.not_ready = [payments] { return pool_not_ready(*payments->pool); };
  service.metrics = [payments] { return payments->metrics.text(); };
  service.stop = [] {};
  return service;
}

}  // namespace platform::services
