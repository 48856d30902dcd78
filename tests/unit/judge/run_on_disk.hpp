// run_on_disk: a small run as its folder holds it, written with the real history writer; tests spoil it and have it
// judged.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/judge/judge.hpp"
#include "harness/plan/arrivals.hpp"

namespace cardstorm::testing {

namespace fs = std::filesystem;
inline constexpr std::int64_t kStart = 7'000'000'000'000;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "cs-judge-XXXXXX").string();
    dir = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(dir); }
  std::string dir;
};

inline Plan small_plan() {
  Plan p;
  p.scenario = "small";
  p.target = "shop";
  p.version = "0.1.0";
  Journey buy;
  buy.name = "buy";
  buy.flow = "buy";
  buy.goods = "game_card";
  buy.skus = {"game"};
  buy.channels = {"alpha"};
  Step order, receive;
  order.name = "order";
  order.fact = Fact::order;
  receive.name = "receive";
  receive.fact = Fact::cards;
  receive.poll = Poll{};
  buy.steps = {order, receive};
  p.journeys = {buy};
  p.stock = {{"game", "game_card", 100, 1000}};
  p.segments = {{0, 0s, 10s, 15s, 30s, 32s, {"payment_delay", "alpha", 5s, Json::object()}, 1}};
  p.load_end = 30s;
  p.drain = 20s;
  p.planned_trades = 450;  // 15 trades = 30 steps a second
  p.planned_steps = 900;
  p.expect = {{"success_rate", ">=", 0.99}};
  return p;
}

/// A run as it lies on the disk; the tests spoil it before write().
struct RunOnDisk {
  Plan plan = small_plan();
  std::vector<Event> drive, fault, run;
  std::string alpha = R"({"journal":"alpha","version":1,"mono_ns":7000000000000})"
                      "\n";
  std::string audit = R"({"row":"source","source":"api"})"
                      "\n";
  Json info = Json::object({{"schema", "cardstorm.run/1"},
                            {"start_mono_ns", kStart},
                            {"wall", "2026-11-23T00:00:00.000Z"},
                            {"target", "shop"},
                            {"target_version", "9"},
                            {"seed", 1},
                            {"command", "cardstorm run small"},
                            {"drained", true},
                            {"interrupted", false},
                            {"assumed_restart_s", -1},
                            {"environment", "lab"},
                            {"errors", Json::array()}});

  RunOnDisk() {
    for (TradeId t = 0; t < plan.planned_trades; ++t) trade(t);
    drive.push_back(GeneratorSeen{50s, 80us, 700us, 3.5, 0.1, 0, "rr"});
    fault = {FaultChanged{10s, 0, "payment_delay", "alpha", FaultEdge::injecting, ""},
             FaultChanged{10s + 1ms, 0, "payment_delay", "alpha", FaultEdge::injected, ""},
             FaultChanged{10s + 90ms, 0, "payment_delay", "alpha", FaultEdge::verified, ""},
             FaultChanged{15s, 0, "payment_delay", "alpha", FaultEdge::healed, ""},
             FaultChanged{15s + 20ms, 0, "payment_delay", "alpha", FaultEdge::cleared, ""}};
    run = {PhaseMarked{0s, Phase::steady, 0}, PhaseMarked{10s, Phase::fault, 0}, PhaseMarked{15s, Phase::observe, 0},
           PhaseMarked{50s, Phase::done, 0}};
  }

  static Nanos at(TradeId t) { return Nanos(static_cast<std::int64_t>(t) * 1'000'000'000 / 15); }

  void trade(TradeId t) {
    const std::string no = "n" + std::to_string(t);
    const Nanos start = at(t);
    const auto index = static_cast<std::uint32_t>(t);
    drive.push_back(TradePlanned{t, start, 0, 2});
    drive.push_back(StepEnded{t, 0, start, start, start + 20ms, Outcome::ok, Cause::none, 201, 1, 0});
    drive.push_back(OrderSeen{t, start + 20ms, no, "game", 1, 1000});
    drive.push_back(PaySeen{t, start + 20ms, no, "alpha", Outcome::ok});
    drive.push_back(StepEnded{t, 1, start + 20ms, start + 20ms, start + 4s, Outcome::ok, Cause::none, 200, 8, 0});
    drive.push_back(CardSeen{t, start + 4s, no, true, 1, index, ""});
    drive.push_back(TradeEnded{t, start + 4s, TradeOutcome::ok, Cause::none});
    const std::string mono = std::to_string(kStart + (start + 100ms).count());
    alpha += R"({"mono_ns":)" + mono + R"(,"kind":"charged","trade_no":"t)" + std::to_string(t) +
             R"(","out_trade_no":"o)" + std::to_string(t) + R"(","order":")" + no +
             R"(","amount_cents":1000})"
             "\n";
    audit +=
        R"({"row":"order","id":)" + std::to_string(t + 1) + R"(,"order_no":")" + no +
        R"(","buyer":"b1","sku":"game","class":"game_card","status":"delivered","paid_via":"alpha","quantity":1,"amount_cents":1000,)" +
        R"("paid_cents":1000,"refunded_cents":0,"cards":[{"sku":1,"index":)" + std::to_string(t) + "}]}\n";
  }

  /// Breaks the trades planned in [from, to): no answer in time.
  RunOnDisk& broken(Nanos from, Nanos to) {
    for (auto& e : drive) {
      auto* s = std::get_if<StepEnded>(&e);
      if (s != nullptr && at(s->trade) >= from && at(s->trade) < to)
        s->outcome = Outcome::unknown, s->cause = Cause::timeout;
      auto* d = std::get_if<TradeEnded>(&e);
      if (d != nullptr && at(d->trade) >= from && at(d->trade) < to)
        d->outcome = TradeOutcome::unknown, d->cause = Cause::timeout;
    }
    return *this;
  }

  /// Stopped at `when`: what was under way is cut off, and nothing planned later is sent.
  RunOnDisk& stopped(Nanos when) {
    for (auto& e : drive) {
      auto* s = std::get_if<StepEnded>(&e);
      if (s != nullptr && s->done > when) {
        const bool sent = s->planned <= when;
        s->outcome = Outcome::failed, s->cause = Cause::interrupted, s->done = sent ? when : s->planned,
        s->requests = sent ? 1 : 0;
      }
      auto* d = std::get_if<TradeEnded>(&e);
      if (d == nullptr || d->at <= when) continue;
      d->outcome = at(d->trade) <= when ? TradeOutcome::unfinished : TradeOutcome::not_sent;
      d->cause = Cause::interrupted, d->at = std::max(when, at(d->trade));
    }
    info.set("interrupted", true).set("drained", false);
    return *this;
  }

  void write(const std::string& dir, bool closed = true) {
    fs::create_directories(dir + "/history");
    fs::create_directories(dir + "/partners");
    put(dir + "/plan.json", json_of_plan(plan).dump(2));
    put(dir + "/run.json", info.dump(2));
    put(dir + "/minted.json",
        R"({"skus":[{"sku":"game","goods":"game_card","number":1,"cards":1000,"price_cents":1000}]})");
    put(dir + "/audit.jsonl", audit);
    const std::string end = R"({"kind":"closed","mono_ns":7060000000000})"
                            "\n";
    put(dir + "/partners/alpha.jsonl", alpha + (closed ? end : ""));
    for (const std::string name : {"beta", "topup"})
      put(dir + "/partners/" + name + ".jsonl", R"({"journal":")" + name +
                                                    R"(","version":1,"mono_ns":0})"
                                                    "\n" +
                                                    end);
    lane(dir, "drive", drive);
    lane(dir, "fault", fault);
    lane(dir, "run", run);
  }

  static void put(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
  static void lane(const std::string& dir, const std::string& name, std::vector<Event> events) {
    std::stable_sort(events.begin(), events.end(),
                     [](const Event& a, const Event& b) { return time_of(a) < time_of(b); });
    auto writer = HistoryWriter::open(dir + "/history", name);
    ASSERT_TRUE(writer) << writer.error().what;
    for (const auto& e : events) (*writer)->write(e);
    ASSERT_TRUE((*writer)->close());
  }
};

inline Scorecard judged(RunOnDisk& run) {
  Folder f;
  run.write(f.dir);
  auto card = judge_run(f.dir);
  EXPECT_TRUE(card) << card.error().what;
  return card ? *std::move(card) : Scorecard{};
}

inline std::vector<std::string> codes(const Scorecard& c) {
  std::vector<std::string> out;
  for (const auto& r : c.why) out.push_back(r.code);
  return out;
}
using Codes = std::vector<std::string>;

inline const Finding& finding(const Scorecard& c, const std::string& name) {
  for (const auto& f : c.checks)
    if (f.name == name) return f;
  static const Finding none;
  return none;
}

/// The small run uses no wallet: its scenario leaves that check out.
inline RunOnDisk healthy() {
  RunOnDisk r;
  r.plan.checks = {
      "money_conserved", "paid_then_credited", "one_charge_per_intent", "one_credit_per_charge", "card_unique",
      "card_genuine",    "no_oversell"};
  return r;
}

inline bool lists(const Scorecard& c, const std::string& situation) {
  return std::find(c.not_exercised.begin(), c.not_exercised.end(), situation) != c.not_exercised.end();
}

}  // namespace cardstorm::testing
