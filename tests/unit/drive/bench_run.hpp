// bench_run: a driver on a bench: a plan made by hand, a fake target, virtual time.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/drive/schedule.hpp"
#include "tests/support/fake_http_client.hpp"
#include "tests/support/history_builder.hpp"
#include "tests/support/manual_clock.hpp"

namespace cardstorm::test {

inline Step get(std::string path) {
  Step s;
  s.name = path;
  s.path = std::move(path);
  return s;
}
inline Step post(std::string path, std::string body = "{}") {
  Step s = get(std::move(path));
  s.method = "POST";
  s.body = std::move(body);
  return s;
}
inline Journey journey(std::vector<Step> steps, Nanos deadline = 30s) {
  Journey j;
  j.name = j.flow = "buy";
  j.deadline = deadline;
  j.steps = std::move(steps);
  return j;
}

/// The bench keeps its client, to look at it afterwards; the driver gets this, and ends it.
class Borrowed final : public HttpClient {
 public:
  explicit Borrowed(HttpClient& client) : client_(client) {}
  void submit(HttpRequest request, Done done) override {
    client_.submit(std::move(request),
                   [alive = std::weak_ptr<const int>(alive_), done = std::move(done)](HttpResponse response) {
                     if (!alive.expired()) done(std::move(response));  // a client that has ended tells nobody
                   });
  }
  void drive(Nanos until) override { client_.drive(until); }
  void wake() override { client_.wake(); }
  [[nodiscard]] std::size_t in_flight() const override { return client_.in_flight(); }

 private:
  HttpClient& client_;
  std::shared_ptr<const int> alive_ = std::make_shared<const int>(0);
};

struct BenchRun {
  explicit BenchRun(Journey one, FakeHttpClient::Behaviour behaviour)
      : client(clock, std::move(behaviour)), mint("bench key") {
    plan.journeys.push_back(std::move(one));
    plan.load_end = 60s;
  }

  /// `count` trades, evenly spaced from `first` on.
  void every(Nanos gap, int count, Nanos first = Nanos(0)) {
    for (int i = 0; i < count; ++i) times.push_back(first + i * gap);
  }

  void run(std::stop_token stop = {}) {
    const Schedule schedule{
        times, [this](TradeId trade, Nanos at) {
          return Arrival{
              trade,         at,       0,         "b00042", "game-1", "alpha", "key-" + std::to_string(trade),
              "19900000000", quantity, trace_path};
        }};
    const DriverParts parts{plan,
                            trace,
                            clock,
                            [this](const HttpClientLimits&) { return std::make_unique<Borrowed>(client); },
                            [this](const std::string& lane) -> EventSink& {
                              lanes.push_back(lane);
                              return history;
                            },
                            mint,
                            "http://127.0.0.1:1",
                            "drill",
                            live,
                            clients,
                            phase_at,
                            [this](const AbortBreach& breach) { breaches.push_back(breach); }};
    drive_schedule(
        parts, schedule, [] { return std::string("plain"); }, stop);
    check_sums();
  }

  /// Every planned trade and step has exactly one end, in every test.
  void check_sums() const {
    std::vector<int> trades(times.size(), 0);
    std::vector<std::vector<int>> steps(times.size(), std::vector<int>(plan.journeys[0].steps.size(), 0));
    for (const auto& e : history.all<TradeEnded>()) ++trades.at(e.trade);
    for (const auto& e : history.all<StepEnded>()) ++steps.at(e.trade).at(e.step);
    EXPECT_EQ(trades, std::vector<int>(times.size(), 1));
    EXPECT_EQ(steps, std::vector<std::vector<int>>(times.size(), std::vector<int>(plan.journeys[0].steps.size(), 1)));
    EXPECT_EQ(history.all<TradePlanned>().size(), times.size());
    EXPECT_EQ(history.all<GeneratorSeen>().size(), 1u);
    EXPECT_EQ(live.trades_open, 0u);
    EXPECT_EQ(live.trades_ok + live.trades_bad, times.size());
  }

  [[nodiscard]] std::size_t count(TradeOutcome outcome, Cause cause) const {
    std::size_t n = 0;
    for (const auto& e : history.all<TradeEnded>()) n += e.outcome == outcome && e.cause == cause;
    return n;
  }
  [[nodiscard]] StepEnded step(TradeId trade, std::uint16_t index) const {
    for (const auto& e : history.all<StepEnded>())
      if (e.trade == trade && e.step == index) return e;
    ADD_FAILURE() << "no step " << index << " of trade " << trade;
    return {};
  }
  [[nodiscard]] TradeEnded trade(TradeId id) const {
    for (const auto& e : history.all<TradeEnded>())
      if (e.trade == id) return e;
    ADD_FAILURE() << "no end of trade " << id;
    return {};
  }

  std::uint32_t quantity = 1;
  Plan plan;
  Trace trace;
  ManualClock clock;
  FakeHttpClient client;
  RecordingSink history;
  Mint mint;
  DriveLive live;
  std::vector<Nanos> times;
  std::function<Phase(Nanos)> phase_at;
  std::vector<std::string> lanes;
  std::vector<AbortBreach> breaches;
  ClientSettings clients;
  std::string trace_path;
};

}  // namespace cardstorm::test
