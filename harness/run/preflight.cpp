// preflight: see preflight.hpp.
#include "harness/run/preflight.hpp"

#include <algorithm>
#include <stop_token>
#include <thread>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/drive/driver.hpp"
#include "harness/drive/schedule.hpp"
#include "harness/run/partners_link.hpp"
#include "harness/target/preflight.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kArrives = 10s;  // from the trade's end until its payment must stand in a journal

/// What one trade left behind.
class OneTrade final : public EventSink {
 public:
  void write(const Event& e) override {
    if (const auto* order = std::get_if<OrderSeen>(&e)) orders.push_back(order->order);
    if (const auto* step = std::get_if<StepEnded>(&e);
        step != nullptr && step->outcome != Outcome::ok && broken_step == 0xffff) {
      broken_step = step->step;
      status = step->status;
    }
    if (const auto* end = std::get_if<TradeEnded>(&e)) {
      outcome = end->outcome;
      cause = end->cause;
    }
  }
  std::vector<std::string> orders;
  TradeOutcome outcome = TradeOutcome::unfinished;
  Cause cause = Cause::none;
  std::uint16_t broken_step = 0xffff, status = 0;
};

/// One request from the local address `source`, "" = any.
Status answers_from(const PreflightParts& parts, const std::string& source) {
  HttpRequest request;
  request.url = parts.url + "/";
  request.source = source;
  const MonotonicClock clock;
  const auto client = make_http_client(clock, parts.allow, parts.limits);
  HttpResponse answer;
  bool done = false;
  client->submit(request, [&](HttpResponse response) {
    answer = std::move(response);
    done = true;
  });
  while (!done) client->drive(clock.now() + 100ms);
  if (answer.status != 0) return ok();
  if (source.empty())
    return Error{Errc::unavailable, parts.url + " does not answer: " + answer.error,
                 "start the platform, or correct its url"};
  return Error{Errc::unavailable, parts.url + " does not answer to " + source + ": " + answer.error,
               "name addresses of this machine under clients: sources:, from which the platform is reached"};
}

Status answers(const PreflightParts& parts) {
  if (!parts.target.unix_socket.empty()) return ok();  // the socket's own file says who answers; the journey will tell
  if (Status s = parts.allow.admits_url(parts.url); !s) return s;
  // Each of them: a trade that cannot leave this machine would look like one that the platform refused.
  for (const std::string& source : parts.clients.sources)
    if (Status s = answers_from(parts, source); !s) return s;
  return parts.clients.sources.empty() ? answers_from(parts, "") : ok();
}

Status names_are_blocked(const PreflightParts& parts) {
  for (const NameFinding& finding : names_that_resolve(parts.target.must_not_resolve, parts.allow))
    if (finding.blocks) return Error{Errc::refused, finding.what, finding.remedy};
  return ok();
}

bool stands_in_a_journal(const std::string& folder, const std::vector<std::string>& orders) {
  for (const auto& name : journal_names(folder)) {
    const auto text = read_file(folder + "/" + name + ".jsonl");
    if (!text) continue;
    for (const auto& order : orders)
      if (text->find("\"" + order + "\"") != std::string::npos) return true;
  }
  return false;
}

Status one_trade(const PreflightParts& parts) {
  const std::string& name = parts.target.preflight_journey;
  if (name.empty()) return ok();
  const auto journey = std::find_if(parts.plan.journeys.begin(), parts.plan.journeys.end(),
                                    [&](const Journey& j) { return j.name == name; });
  if (journey == parts.plan.journeys.end())
    return Error{Errc::invalid,
                 "the target's preflight journey '" + name + "' is not among the journeys of this scenario",
                 "name one that is, or leave `preflight` out"};

  Plan plan = parts.plan;
  plan.journeys = {*journey};
  plan.traffic.shards = 1;
  plan.abort.clear();
  plan.load_end = 0s;
  plan.drain = journey->deadline + 1s;
  plan.planned_trades = 1;
  plan.planned_steps = journey->steps.size();
  OneTrade seen;
  DriveLive live;
  const MonotonicClock clock;
  const std::vector<Nanos> at_once{0s};
  const Schedule schedule{at_once, [&](TradeId trade, Nanos at) {
                            Arrival out = arrival(plan, trade, at);
                            out.key = "cs-preflight-" + parts.mark;  // never the key of a planned trade
                            return out;
                          }};
  drive_schedule(
      {.plan = plan,
       .trace = {},
       .clock = clock,
       .client = [&](HttpClientLimits) { return make_http_client(clock, parts.allow, parts.limits); },
       .history = [&](const std::string&) -> EventSink& { return seen; },
       .mint = parts.mint,
       .url = parts.url,
       .mark = parts.mark,
       .live = live,
       .clients = parts.clients},
      schedule, [] { return std::string("plain"); }, std::stop_token{});
  if (seen.outcome != TradeOutcome::ok) {
    const std::string step = seen.broken_step < journey->steps.size() ? journey->steps[seen.broken_step].name : "?";
    return Error{Errc::unavailable,
                 "one trade of '" + name + "' did not succeed: step '" + step + "', " +
                     std::string(to_text(seen.cause)) + ", HTTP " + std::to_string(seen.status),
                 "nothing was loaded. Try that step by hand, then correct the journey or the platform"};
  }
  if (parts.journal.empty() || seen.orders.empty()) return ok();
  for (const Nanos end = monotonic_now() + kArrives; monotonic_now() < end; std::this_thread::sleep_for(50ms))
    if (stands_in_a_journal(parts.journal, seen.orders)) return ok();
  return Error{Errc::refused,
               "order " + seen.orders.front() +
                   " was bought, and the simulator never saw its payment: the platform pays somewhere else",
               "point the platform's payment channel at the partners (their merchant.json says what to enter); until "
               "then no load is sent"};
}

}  // namespace

Status preflight(const PreflightParts& parts) {
  for (auto* look : {names_are_blocked, answers, one_trade})
    if (Status s = (*look)(parts); !s) return std::move(s).error().in("preflight");
  return ok();
}

}  // namespace cardstorm
