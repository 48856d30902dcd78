// payment: talks to the payment channels for the hardened variant. The channels are data; each has workers of its own
// (bulkhead) and a breaker, and each database has a loop of its own, so that neither a slow channel nor a database that
// is away holds up the rest. Nothing goes to another channel before this one surely has no money. Notifies only speed
// up what the queries would find.
#include <algorithm>
#include <memory>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/payment_channel.hpp"
#include "reference_platform/services/payment_notify.hpp"
#include "reference_platform/services/reconcile.hpp"
#include "reference_platform/services/roles.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Bug;
using edge::Request;
using edge::Response;
using SteadyClock = std::chrono::steady_clock;

constexpr int kPaymentHttpWorkers = 8, kAnsweredWorkers = 8;
constexpr auto kRoundEvery = 50ms, kLookEvery = 200ms, kReconcileLook = 100ms;
constexpr int kCreateLeaseMs = 4000, kCheckLeaseMs = 10000,
              kRefundLeaseMs = 8000;  // longer than the calls that they cover; the last two grow with each try

/// One database's share of the work.
struct Round {
  PaymentBook& book;
  SteadyClock::time_point next_look{};
};

class Payments {
 public:
  explicit Payments(const ops::NodeConfig& config);

  Response handle(const Request& r);
  store::Shards& shards() { return desk_.shards; }
  [[nodiscard]] std::string metrics() const { return desk_.metrics.text(); }

 private:
  using Channels = std::vector<std::unique_ptr<Channel>>;
  Channel* channel(const std::string& name);
  std::vector<std::string> others_of(const Channel& c, bool only_good);
  bool round(Round& r);
  bool start_creates(PaymentBook& book);
  void look(PaymentBook& book);
  /// Takes rows by `take` into the rooms that `room` gives, starts each at its channel, gives the rest back. True when
  /// a room was filled.
  template <class Row, class RoomOf, class Take, class Start, class GiveBack>
  bool fill(RoomOf room, Take take, Start start, GiveBack give_back);
  Response notify(const Request& r, const std::string& channel);
  Response ops(const Request& r, const std::vector<std::string>& parts);

  PaymentDesk desk_;
  Channels channels_;
  std::unique_ptr<Workers> answered_;  // only planted defect B03 works after its answer
  Reconciler reconciler_;
  std::vector<Round> rounds_;
  std::vector<std::unique_ptr<Loop>> loops_;  // end first
};

Payments::Payments(const ops::NodeConfig& config)
    : desk_(config),
      answered_(config.switches.on(Bug::B03) ? std::make_unique<Workers>("answered", kAnsweredWorkers) : nullptr),
      reconciler_(
          desk_,
          {option(config, "reconcile_every_s", 60), option(config, "reconcile_settle_s", 10),
           option(config, "reconcile_window_s", 600)},
          [this] { return std::any_of(channels_.begin(), channels_.end(), [](const auto& c) { return c->busy(); }); }) {
  const ChannelOptions options{option(config, "channel_peak_rps", 50), option(config, "channel_p99_ms", 100)};
  for (const std::string& name : desk_.channels) channels_.push_back(std::make_unique<Channel>(name, desk_, options));
  for (const auto& book : desk_.books()) rounds_.push_back({*book});
  for (const auto& c : channels_) c->set_others([this, c = c.get()] { return others_of(*c, false); });
  for (const auto& c : channels_) {
    loops_.push_back(std::make_unique<Loop>(c->name(), kRoundEvery, [this, c = c.get()] {
      c->probe(others_of(*c, true).empty());
      return false;
    }));
  }
  for (Round& r : rounds_)
    loops_.push_back(std::make_unique<Loop>("payments " + r.book.name(), kRoundEvery, [this, &r] { return round(r); }));
  loops_.push_back(std::make_unique<Loop>("reconciliation", kReconcileLook, [this] { return reconciler_.step(); }));
}

Channel* Payments::channel(const std::string& name) {
  const auto it = std::find_if(channels_.begin(), channels_.end(), [&](const auto& c) { return c->name() == name; });
  return it == channels_.end() ? nullptr : it->get();
}

// In a ring from this one on, so that a broken channel's load does not fall on one neighbour of all; those that answer
// first.
std::vector<std::string> Payments::others_of(const Channel& c, bool only_good) {
  std::vector<std::string> good, bad;
  const auto here =
      std::find_if(channels_.begin(), channels_.end(), [&](const auto& other) { return other.get() == &c; });
  const auto from = static_cast<std::size_t>(here - channels_.begin());
  for (std::size_t i = 1; i < channels_.size(); ++i) {
    Channel& other = *channels_[(from + i) % channels_.size()];
    (other.state() == Breaker::State::closed ? good : bad).push_back(other.name());
  }
  if (!only_good) good.insert(good.end(), bad.begin(), bad.end());
  return good;
}

bool Payments::round(Round& r) {
  r.book.write_learnt();
  const bool busy = start_creates(r.book);
  if (const auto now = SteadyClock::now(); now >= r.next_look) {
    r.next_look = now + kLookEvery;
    look(r.book);
  }
  return busy;
}

template <class Row, class RoomOf, class Take, class Start, class GiveBack>
bool Payments::fill(RoomOf room, Take take, Start start, GiveBack give_back) {
  std::vector<Room> rooms;
  for (const auto& c : channels_) rooms.push_back(room(*c));
  std::vector<Row> rows;
  try {
    rows = take(rooms);
  } catch (...) {
    for (const Room& each : rooms) give_back(*channel(each.channel), each.places);
    throw;
  }
  for (const Row& row : rows) {
    start(*channel(row.channel), row);
    for (Room& each : rooms) each.places -= each.channel == row.channel ? 1 : 0;
  }
  for (const Room& each : rooms) give_back(*channel(each.channel), each.places);
  return !rows.empty() && std::any_of(rooms.begin(), rooms.end(), [&](const Room& each) {
    return each.places == 0 &&
           std::any_of(rows.begin(), rows.end(), [&](const Row& row) { return row.channel == each.channel; });
  });
}

// While a channel is broken, what never left the house goes to another one; the buyers agreed to that. What did leave
// stays.
bool Payments::start_creates(PaymentBook& book) {
  const int sharers = static_cast<int>(rounds_.size());
  for (const auto& c : channels_) {
    if (c->state() == Breaker::State::closed) continue;
    const auto others = others_of(*c, true);
    const auto moved = others.empty() ? 0 : reroute_new(*book.open(), c->name(), others);
    if (moved > 0)
      desk_.log.event("payments_rerouted", "", "", c->name() + " to " + others.front() + ": " + std::to_string(moved));
  }
  return fill<Payment>(
      [&](Channel& c) {
        return c.state() == Breaker::State::closed ? c.creates_room(sharers) : Room{c.name(), 0};
      },
      [&](const std::vector<Room>& rooms) { return take_new(*book.open(), rooms, kCreateLeaseMs); },
      [&](Channel& c, const Payment& p) { c.start_create(book, p); },
      [](Channel& c, int places) { c.give_back_creates(places); });
}

void Payments::look(PaymentBook& book) {
  const int sharers = static_cast<int>(rounds_.size());
  for (const auto& c : channels_) {
    if (c->state() != Breaker::State::closed) expire_new(*book.open(), c->name(), desk_.unpaid_close_s);
  }
  fill<Payment>([&](Channel& c) { return c.checks_room(sharers); },
                [&](const std::vector<Room>& rooms) { return take_due(*book.open(), rooms, kCheckLeaseMs); },
                [&](Channel& c, const Payment& p) { c.start_check(book, p); },
                [](Channel& c, int places) { c.give_back_checks(places); });
  fill<Refund>([&](Channel& c) { return c.refunds_room(sharers); },
               [&](const std::vector<Room>& rooms) { return take_refunds(*book.open(), rooms, kRefundLeaseMs); },
               [&](Channel& c, const Refund& refund) { c.start_refund(book, refund); },
               [](Channel& c, int places) { c.give_back_refunds(places); });
}

Response Payments::handle(const Request& r) {
  const auto parts = path_parts(r.path);
  if (!parts.empty() && parts[0] == "ops") return ops(r, parts);
  if (r.method == "POST" && parts.size() == 2 && parts[0] == "notify" && channel(parts[1]) != nullptr)
    return notify(r, parts[1]);
  return error_answer(404, "not_found");
}

// `success` only after the commit: from then on nobody tells us again.
Response Payments::notify(const Request& r, const std::string& channel) {
  const NotifyRead told = read_channel_notify(desk_.partner.key, channel, r, desk_.switches);
  if (!told.charge) {
    desk_.metrics.add(std::string("notifies_refused_total{code=\"") + told.code + "\"}");
    desk_.log.event("payment_notify_refused", "", r.header("x-cardstorm-mark"), told.code);
    return error_answer(told.status, told.code);
  }
  PaymentBook& book = *desk_.book_of(told.charge->out_trade_no);
  if (desk_.switches.on(Bug::B03)) {
    stop_asking(*borrow(book.pool(), r), told.charge->out_trade_no);
    answered_->submit([this, &book, charge = *told.charge] { desk_.credit(*book.open(), charge, "notify"); });
    return text_answer(200, "success");
  }
  switch (const Credit c = desk_.credit(*borrow(book.pool(), r), *told.charge, "notify")) {
    case Credit::unknown_payment:
      return error_answer(404, name_of(c));
    case Credit::wrong_amount:
    case Credit::wrong_order:
      return error_answer(400, name_of(c));
    case Credit::credited:
    case Credit::repeated:
    case Credit::surplus:
      break;
  }
  return text_answer(200, "success");
}

Response Payments::ops(const Request& r, const std::vector<std::string>& parts) {
  const bool get = r.method == "GET", post = r.method == "POST";
  if (get && r.path == "/ops/reconciliation") return json_answer(200, reconciler_.report());
  if (post && r.path == "/ops/reconciliation/run")
    return json_answer(202, domain::JsonObject().add("run", reconciler_.ask_for_run()).done());
  if (post && parts.size() == 4 && parts[1] == "refunds" && parts[3] == "retry") {
    PaymentBook* book = desk_.book_of(parts[2]);
    if (book == nullptr || !refund_unstick(*borrow(book->pool(), r), parts[2]))
      return error_answer(404, "no_stuck_refund");
    return json_answer(200, domain::JsonObject().add("refund_no", parts[2]).add("state", "new").done());
  }
  return error_answer(404, "not_found");
}

}  // namespace

ops::Service make_payment(const ops::NodeConfig& config) {
  return backend_service(config, kPaymentHttpWorkers, std::make_shared<Payments>(config));
}

}  // namespace platform::services
