// sample_scorecard: a drill with believable figures, for tests of reports: a fragile side that loses money and a
// hardened one that holds. Deterministic; no run stands behind it.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "harness/core/rng.hpp"
#include "harness/judge/scorecard.hpp"

namespace cardstorm::sample {

// seconds after injection
struct Hurt {
  double onset = 0, recover = 0;
  bool absorbed = false, censored = false, metastable = false;
  std::uint64_t lost = 0;
};

inline Episode episode(std::string fault, std::string on, int repeat, double inject_s, double in_force_s,
                       const Hurt& hurt) {
  Episode e;
  e.fault = std::move(fault);
  e.on = std::move(on);
  e.repeat = repeat;
  e.verified = e.reverted = true;
  e.inject_s = inject_s;
  e.clear_s = inject_s + in_force_s;
  e.horizon_s = 50;
  e.absorbed = hurt.absorbed;
  e.censored = hurt.censored;
  e.metastable = hurt.metastable;
  e.lost = hurt.lost;
  if (hurt.absorbed) {
    e.ttr_s = 0;
    return e;
  }
  e.onset_s = inject_s + hurt.onset;
  if (hurt.censored) return e;
  e.recover_s = inject_s + hurt.recover;
  e.ttr_s = hurt.recover - hurt.onset;
  e.lag_s = hurt.recover - std::max(hurt.onset, in_force_s);
  return e;
}

/// One window; `depth` 0 is healthy, 1 is nothing works.
inline WindowRow window(int second, double depth, double slow_ms, std::uint64_t seed) {
  const auto index = static_cast<std::uint64_t>(second);
  WindowRow row;
  row.at_s = second;
  const bool peak = second % 80 == 19 || second % 80 == 41;
  row.trades = peak ? 24 : 7 + static_cast<std::uint32_t>(9 * draw_unit(seed, 1, index));
  row.planned = row.trades * 5;
  row.good =
      static_cast<std::uint32_t>(std::lround(row.planned * (1 - depth * (0.85 + 0.15 * draw_unit(seed, 2, index)))));
  row.p50_ms = (6 + 3 * draw_unit(seed, 3, index)) + slow_ms * 0.4;
  row.p99_ms = (28 + 20 * draw_unit(seed, 4, index)) * (peak ? 1.8 : 1.0) + slow_ms;
  return row;
}

inline std::vector<WindowRow> timeline(bool fragile) {
  std::vector<WindowRow> rows;
  for (int second = 0; second < 230; ++second) {
    const int segment = second / 80, in_segment = second % 80;
    if (in_segment >= 70) continue;  // the load-free gap
    const double after = in_segment - 15;
    double depth = 0, slow = 0;
    if (fragile && after >= 1 && segment == 0 && after < 28) {
      depth = after < 20 ? 0.93 : 0.93 * (28 - after) / 8;
      slow = 200 + 320 * std::min(after, 16.0);
    }
    if (fragile && after >= 2 && segment == 1) {
      depth = std::min(0.9, after * 0.08);
      slow = 9000 * std::min(1.0, after / 15);
    }
    if (fragile && after >= 0 && segment == 2 && after < 23) {
      depth = 1;
      slow = 5000;
    }
    if (!fragile && segment == 0 && after >= 0 && after < 15) {
      slow = 90;
    }
    if (!fragile && segment == 1 && after >= 0 && after < 4) {
      depth = 0.09;
      slow = 640;
    }
    if (!fragile && segment == 2 && after >= 0 && after < 2) {
      depth = 0.02;
      slow = 160;
    }
    rows.push_back(window(second, depth, slow, fragile ? 11 : 12));
  }
  return rows;
}

inline MttrRow mttr(double mean, double lo, double hi, int n, int absorbed, int censored) {
  return {mean, mean, hi, n, absorbed, censored, lo, hi};
}

inline Finding holds(std::string name, std::uint64_t examined) {
  return {std::move(name), Verdict::pass, "No case was found.", examined, 0, {}};
}

inline void common(Scorecard& card) {
  card.scenario = "three_faults";
  card.why_text = "Three faults that take card shops down at promotion peaks.";
  card.version = "0.1.0";
  card.seed = 42;
  card.repeats = 3;
  card.traffic.trace = "azure_llm_code_2023.csv";
  card.traffic.peak_rate = 16;
  card.traffic.planned = 7824;
  card.generator = {38.2, 412.0, 31.4, "rr", true};
  card.fault_bands = {
      {"db_pool_exhaustion", "", 15, 30}, {"payment_delay", "", 95, 110}, {"node_kill", "", 175, 175.4}};
  card.repeat_command = "cardstorm run three_faults --seed 42 --repeat 3";
}

inline Scorecard fragile() {
  Scorecard card;
  common(card);
  card.target = "fragile";
  card.verdict = Verdict::fail;
  card.why = {
      {"invariant_broken", "paid_then_credited: 57 of 4922 (paid orders were neither credited nor refunded in time)",
       "look at the orders named as witnesses of paid_then_credited"},
      {"invariant_broken", "one_credit_per_charge: 11 of 4922 (charges were delivered twice)",
       "look at the orders named as witnesses of one_credit_per_charge"},
      {"invariant_broken", "card_unique: 14 of 6310 (cards were disclosed to two orders each)",
       "look at the orders named as witnesses of card_unique"},
      {"expectation_missed", "wanted success_rate >= 0.995, got 0.6226",
       "see the episodes and causes for what was lost"}};
  card.traffic.sent = 7791;
  card.traffic.resends = 2210;
  card.traffic.outcomes = {{TradeOutcome::ok, 4871},
                           {TradeOutcome::failed, 2104},
                           {TradeOutcome::unknown, 816},
                           {TradeOutcome::not_sent, 33},
                           {TradeOutcome::unfinished, 0}};
  card.traffic.causes = {
      {"timeout", 1630}, {"refused", 702}, {"http_5xx", 407}, {"deadline", 181}, {"in_flight_cap", 33}};
  card.success_rate = 4871.0 / 7824;
  card.by_phase = {{"steady", {1840, 1838}}, {"fault", {1905, 402}}, {"observe", {4079, 2631}}};
  card.by_flow = {{"browse", {2410, 1702}},
                  {"buy", {3720, 2148}},
                  {"bulk", {402, 211}},
                  {"refund", {380, 232}},
                  {"topup", {912, 578}}};
  card.by_goods = {
      {"game_card", {4122, 2359}}, {"membership", {1690, 1090}}, {"topup", {912, 578}}, {"equipment", {1100, 844}}};
  card.money.lost_trades_cents = 12408350;
  card.money.paid_overdue_cents = 641200;
  card.money.double_delivered_cents = 89700;
  card.latency_ms = {14.2, 5012.0, 10021.4, 15003.9, 15840.2};
  for (int r = 1; r <= 3; ++r) {
    card.episodes.push_back(
        episode("db_pool_exhaustion", "shop", r, 15, 15,
                {1.0 + 0.1 * r, 26.9 + 0.7 * r, false, false, false, 268U + static_cast<unsigned>(r) * 9U}));
    card.episodes.push_back(episode("payment_delay", "alpha", r, 95, 15,
                                    {2.0 + 0.3 * r, 0, false, true, true, 402U + static_cast<unsigned>(r) * 14U}));
    card.episodes.push_back(episode("node_kill", "shop", r, 175, 0.4,
                                    {0.2, 22.4 + 0.5 * r, false, false, false, 201U + static_cast<unsigned>(r)}));
  }
  card.mttr = {{"db_pool_exhaustion", mttr(27.1, 26.4, 27.7, 3, 0, 0)},
               {"payment_delay", mttr(0, 0, 0, 0, 0, 3)},
               {"node_kill", mttr(23.2, 22.7, 23.7, 3, 0, 0)}};
  card.checks = {holds("money_conserved", 4922),
                 {"paid_then_credited",
                  Verdict::fail,
                  "57 paid orders were neither credited nor refunded within 30 s.",
                  4922,
                  57,
                  {{"F2611-000183", "charged by alpha, never delivered, not refunded", 24.8, 9900},
                   {"F2611-001207", "charged by alpha, delivered 48.2 s late", 101.3, 29800},
                   {"F2611-001215", "charged by beta, never delivered, not refunded", 103.9, 5000},
                   {"F2611-002651", "charged by alpha, never delivered, not refunded", 178.0, 19900},
                   {"F2611-002660", "charged by alpha, never delivered, not refunded", 179.4, 9900}}},
                 holds("one_charge_per_intent", 5203),
                 {"one_credit_per_charge",
                  Verdict::fail,
                  "11 charges were delivered twice.",
                  4922,
                  11,
                  {{"F2611-000422", "two deliveries for charge A-88120", 33.0, 9900},
                   {"F2611-000431", "two deliveries for charge A-88131", 34.2, 9900}}},
                 {"card_unique",
                  Verdict::fail,
                  "14 cards were disclosed to two orders each.",
                  6310,
                  14,
                  {{"F2611-000310", "card game-100/512 also went to F2611-000311", 29.7, 9900},
                   {"F2611-000311", "card game-100/512 also went to F2611-000310", 29.7, 9900},
                   {"F2611-000377", "card game-100/540 also went to F2611-000379", 31.5, 9900}}},
                 holds("card_genuine", 6310),
                 holds("no_oversell", 12),
                 holds("wallet_exact", 2000)};
  card.assumed_restart_s = 20;
  card.timeline = timeline(true);
  return card;
}

inline Scorecard hardened() {
  Scorecard card;
  common(card);
  card.target = "hardened";
  card.verdict = Verdict::pass;
  card.traffic.sent = 7824;
  card.traffic.resends = 31;
  card.traffic.outcomes = {{TradeOutcome::ok, 7811},
                           {TradeOutcome::failed, 9},
                           {TradeOutcome::unknown, 4},
                           {TradeOutcome::not_sent, 0},
                           {TradeOutcome::unfinished, 0}};
  card.traffic.causes = {{"http_429", 7}, {"timeout", 4}, {"http_5xx", 2}};
  card.success_rate = 7811.0 / 7824;
  card.by_phase = {{"steady", {1840, 1840}}, {"fault", {1905, 1894}}, {"observe", {4079, 4077}}};
  card.by_flow = {{"browse", {2410, 2410}},
                  {"buy", {3720, 3711}},
                  {"bulk", {402, 400}},
                  {"refund", {380, 379}},
                  {"topup", {912, 911}}};
  card.by_goods = {
      {"game_card", {4122, 4114}}, {"membership", {1690, 1688}}, {"topup", {912, 911}}, {"equipment", {1100, 1098}}};
  card.money.lost_trades_cents = 48700;
  card.latency_ms = {9.8, 31.5, 188.0, 702.3, 1204.7};
  for (int r = 1; r <= 3; ++r) {
    card.episodes.push_back(episode("db_pool_exhaustion", "order-1", r, 15, 15, {0, 0, true, false, false, 1}));
    card.episodes.push_back(
        episode("payment_delay", "alpha", r, 95, 15, {0.8 + 0.1 * r, 3.6 + 0.3 * r, false, false, false, 2}));
    card.episodes.push_back(
        episode("node_kill", "order-1", r, 175, 0.4,
                r == 2 ? Hurt{0.3, 1.4, false, false, false, 2} : Hurt{0, 0, true, false, false, 1}));
  }
  card.mttr = {{"db_pool_exhaustion", mttr(0, 0, 0, 0, 3, 0)},
               {"payment_delay", mttr(3.2, 3.0, 3.4, 3, 0, 0)},
               {"node_kill", mttr(1.1, 1.1, 1.1, 1, 2, 0)}};
  card.checks = {holds("money_conserved", 7702),
                 holds("paid_then_credited", 7702),
                 holds("one_charge_per_intent", 7710),
                 holds("one_credit_per_charge", 7702),
                 holds("card_unique", 10240),
                 holds("card_genuine", 10240),
                 holds("no_oversell", 12),
                 holds("wallet_exact", 2000)};
  card.not_exercised = {"late_notify", "duplicate_notify_in_flight"};
  card.timeline = timeline(false);
  return card;
}

/// A drill whose candidate passes.
inline DrillCard sample_drill() {
  DrillCard drill;
  drill.baseline = fragile();
  drill.candidate = hardened();
  for (const char* side : {"baseline", "candidate"})
    for (int r = 1; r <= 3; ++r) drill.runs.push_back({side, r, std::string(side) + "/" + std::to_string(r)});
  drill.mttr_reduction_by_fault = {{"db_pool_exhaustion", 1.0}, {"payment_delay", 0.932}, {"node_kill", 0.984}};
  drill.mttr_reduction = 0.932;
  drill.mttr_reduction_assumed_restart = {{"5", 0.932}, {"20", 0.932}, {"120", 0.932}};
  drill.mttr_reduction_without_restart = 0.932;
  drill.repeat_command = "cardstorm drill --seed 42 --repeat 3";
  return drill;
}

/// A drill that must not go out: the sides swapped, as when a release loses its hardening.
inline DrillCard sample_no_go() {
  DrillCard drill = sample_drill();
  std::swap(drill.baseline, drill.candidate);
  drill.mttr_reduction = drill.mttr_reduction_without_restart = std::nullopt;
  drill.mttr_reduction_by_fault = {
      {"db_pool_exhaustion", std::nullopt}, {"payment_delay", -13.8}, {"node_kill", -62.0}};
  drill.mttr_reduction_assumed_restart = {{"5", std::nullopt}, {"20", std::nullopt}, {"120", std::nullopt}};
  return drill;
}

/// A run about which nothing can be said: the fault was not in force, the generator late, a check without evidence.
inline Scorecard sample_unknown() {
  Scorecard card = hardened();
  card.verdict = Verdict::unknown;
  card.repeats = 1;
  card.why = {
      {"fault_unverified", "payment_delay on alpha: no probe saw it in force",
       "see the notes of the fault lane (history cat) and cardstorm doctor"},
      {"generator_untrusted", "the driver sent late: p99 61ms, allowed 5ms",
       "free the machine, or lower the load; see cardstorm doctor"},
      {"a_code_from_the_future", "Something that this version does not know.", "Read the newer documentation."}};
  std::erase_if(card.episodes, [](const Episode& e) { return e.repeat > 1; });
  card.episodes[1].verified = false;
  card.episodes[2].steady = false;
  card.checks[3].verdict = Verdict::unknown;
  card.checks[3].why = "The journal of channel beta is cut short.";
  card.generator.trusted = false;
  card.generator.lateness_p99_us = 61000;
  card.generator.scheduling = "plain";
  return card;
}

}  // namespace cardstorm::sample
