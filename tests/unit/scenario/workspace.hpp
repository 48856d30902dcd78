// workspace: a temporary folder with a small whole scenario (scenario, target, journeys, trace), for tests of the
// loader.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "harness/scenario/load.hpp"

namespace cardstorm {

inline const char* kScenario = R"(scenario: small
why: A test.
target: lab
seed: 3
traffic:
  trace: traces/burst.csv
  base_rate: 5
  peak_rate: 8
  scale: 1.5
timing: { steady: 5s, fault: 6s, observe: 8s, gap: 2s, drain: 4s }
faults:
  - fault: node_kill
    on: order
  - fault: payment_delay
    on: alpha
    params: { delay: 3s }
slo: { samples_min: 10 }
expect:
  success_rate: ">= 0.99"
checks: [money_conserved]
quick:
  timing: { steady: 4s }
)";

inline const char* kTarget = R"(target: lab
kind: reference
variant: hardened
touch: [pool, channels, nodes]
nodes: { order: order-1 }
journeys: buyers
options: { restart_delay: 20 }
)";

inline const char* kJourneys = R"(mix: buyers
why: A test.
headers: { X-Buyer: "${buyer}" }
stock:
  - { sku: red, goods: game_card, cards: 100, price_cents: 1000 }
  - { sku: blue, goods: game_card, cards: 100, price_cents: 2000 }
journeys:
  - journey: buy
    flow: buy
    goods: game_card
    weight: 3
    skus: [red, blue]
    quantity: [1, 2]
    channels: [alpha, beta]
    steps:
      - step: order
        method: POST
        path: /orders
        headers: { Idempotency-Key: "${key}" }
        body: '{"sku":"${sku}","quantity":${quantity}}'
        expect: { status: [201] }
        sold_out: { status: [409], at: /error, value: sold_out }
        extract: { order_no: /order_no }
        fact: { is: order, order: "${order_no}", amount: /amount_cents }
      - step: receive
        path: /orders/${order_no}
        think: 300ms
        poll: { every: 200ms, at: /status, until: [delivered], fail_on: [closed] }
        fact: { is: cards, order: "${order_no}", cards: /cards }
  - journey: browse
    flow: browse
    weight: 1
    steps:
      - { step: list, path: /goods }
      - { step: again, path: /goods, think: 1s }
)";

inline Known some_known() {
  return {{{"db_pool_exhaustion", "pool", {}},
           {"payment_delay", "channels", {{"delay", "duration", "8s"}}},
           {"node_kill", "nodes", {}}},
          {"money_conserved", "card_unique"},
          {{"reference", {"pool", "channels", "nodes"}, {{"restart_delay", "number", "20"}}},
           {"external", {"channels"}, {}}},
          {"success_rate", "by_flow.{flow}", "by_goods.{goods}", "mttr.by_fault.{fault}.p90_s", "violations"}};
}

/// Bursts of growing size, one every seven seconds, over a thin stream: 140 s.
inline std::string some_trace() {
  std::string out = "TIMESTAMP,x\n";
  for (int second = 0; second < 140; ++second) {
    const int count = second % 7 == 0 ? 10 + second / 7 : second % 2;
    for (int i = 0; i < count; ++i)
      out += std::to_string(second) + "." + std::to_string(100 + i * 800 / count) + ",1\n";
  }
  return out;
}

class Workspace : public ::testing::Test {
 protected:
  Workspace() {
    std::string pattern = (std::filesystem::temp_directory_path() / "plan-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    put("small.yaml", kScenario);
    put("targets/lab.yaml", kTarget);
    put("journeys/buyers.yaml", kJourneys);
    put("traces/burst.csv", some_trace());
  }
  ~Workspace() override { std::filesystem::remove_all(root_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  void put(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = root_ / "scenarios" / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  /// The file `name` with `from` replaced by `to` (once).
  void edit(const std::string& name, std::string text, const std::string& from, const std::string& to) const {
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    put(name, text.replace(at, from.size(), to));
  }
  [[nodiscard]] Request request() const {
    Request out;
    out.scenario_path = (root_ / "scenarios/small.yaml").string();
    out.root = root_.string();
    return out;
  }
  [[nodiscard]] Loaded good(const Request& r) const {
    auto loaded = load(r, some_known());
    if (const auto* mistakes = std::get_if<1>(&loaded)) {
      ADD_FAILURE() << text_of(*mistakes);
      return {};
    }
    return std::get<0>(std::move(loaded));
  }
  [[nodiscard]] Loaded good() const { return good(request()); }
  [[nodiscard]] std::vector<Mistake> bad(const Request& r) const {
    auto loaded = load(r, some_known());
    if (loaded.index() == 0) {
      ADD_FAILURE() << "no mistake was found";
      return {};
    }
    return std::get<1>(std::move(loaded));
  }
  [[nodiscard]] std::vector<Mistake> bad() const { return bad(request()); }
  /// All mistakes as text, without the temporary folder's name.
  [[nodiscard]] std::string bad_text(const Request& r) const {
    std::string text = text_of(bad(r));
    const std::string folder = (root_ / "scenarios/").string();
    for (std::size_t at; (at = text.find(folder)) != std::string::npos;) text.erase(at, folder.size());
    return text;
  }
  [[nodiscard]] std::string bad_text() const { return bad_text(request()); }

  std::filesystem::path root_;
};

}  // namespace cardstorm
