// Thousands of damaged inputs: the loader gives a plan or mistakes with places, never a crash and never an empty
// answer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "harness/core/rng.hpp"
#include "harness/scenario/describe.hpp"
#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

class Mutation : public Workspace {};

/// MUTATION_ROUNDS=50000 digs deeper than a unit test may.
int rounds(int usual) {
  const char* wanted = std::getenv("MUTATION_ROUNDS");
  return wanted == nullptr ? usual : std::max(usual, std::atoi(wanted));
}

/// A scenario with less load: the loader is tested here, not the arrivals.
std::string light_scenario() {
  std::string text = kScenario;
  const std::string usual = "steady: 5s, fault: 6s, observe: 8s";
  return text.replace(text.find(usual), usual.size(), "steady: 3s, fault: 3s, observe: 5s");
}

/// One small damage: a byte, a piece cut out, doubled or moved, or a nasty word put in.
std::string damaged(std::string text, Rng& rng) {
  static const std::vector<std::string> kNasty{"[",
                                               "]",
                                               "{",
                                               "}",
                                               ":",
                                               "- ",
                                               "\n",
                                               "\t",
                                               "&a ",
                                               "*a",
                                               "!x ",
                                               "'",
                                               "\"",
                                               "|",
                                               ">",
                                               "? ",
                                               "~",
                                               "---\n",
                                               "0",
                                               "-1",
                                               "1e308",
                                               "nan",
                                               "9223372036854775808",
                                               "${",
                                               "}",
                                               "${x}",
                                               "\xff",
                                               std::string(1, '\0'),
                                               "#",
                                               "1ns",
                                               "4m",
                                               "%",
                                               "@",
                                               "`",
                                               "<<: *a",
                                               "99999999999s"};
  const auto at = [&] { return static_cast<std::size_t>(rng.below(text.size() + 1)); };
  switch (rng.below(5)) {
    case 0:
      if (!text.empty()) text[rng.below(text.size())] = static_cast<char>(rng.below(256));
      break;
    case 1:
      text.erase(at(), rng.below(20));
      break;
    case 2: {
      const auto from = at();
      text.insert(at(), text.substr(from, rng.below(60)));
      break;
    }
    case 3:
      text.insert(at(), kNasty[rng.below(kNasty.size())]);
      break;
    default: {  // a value becomes another: where loaders that only parse go wrong
      const auto colon = text.find(": ", at());
      if (colon == std::string::npos) break;
      const auto end = text.find_first_of(",\n}]", colon);
      text.replace(colon + 2, end == std::string::npos ? std::string::npos : end - colon - 2,
                   kNasty[rng.below(kNasty.size())]);
    }
  }
  return text;
}

TEST_F(Mutation, DamagedFilesGiveMistakesAndNeverACrash) {
  Rng rng(20261123, "mutation");
  const struct {
    const char* name;
    std::string text;
  } files[]{{"small.yaml", light_scenario()},
            {"targets/lab.yaml", kTarget},
            {"journeys/buyers.yaml", kJourneys},
            {"traces/burst.csv", "h,x\n1,1\n1.5,2\n3,3\n9,1\n"}};
  for (const auto& file : files) put(file.name, file.text);
  const int kRounds = rounds(1500);
  int plans = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto& file = files[rng.below(4)];
    std::string text = file.text;
    for (std::uint64_t n = 1 + rng.below(3); n-- > 0;) text = damaged(text, rng);
    put(file.name, text);
    const auto loaded = load(request(), some_known());
    if (const auto* mistakes = std::get_if<1>(&loaded)) {
      ASSERT_FALSE(mistakes->empty()) << text;
      for (const Mistake& m : *mistakes) ASSERT_FALSE(m.file.empty() || m.what.empty()) << text;
    } else {
      ++plans;
      if (plans % 20 == 0) {
        ASSERT_FALSE(describe_plan(std::get<0>(loaded).plan, std::get<0>(loaded).trace).empty());
      }
    }
    put(file.name, file.text);
  }
  EXPECT_GT(plans, kRounds / 50);       // some damage is harmless, such as in a comment or a text ...
  EXPECT_LT(plans, kRounds * 49 / 50);  // ... and most is not
}

TEST_F(Mutation, DamagedReplaysGiveMistakesAndNeverACrash) {
  Rng rng(5, "replays");
  std::string recording = "ts_ns,session,method,path,route,think_ns,status,latency_ns\n";
  for (int i = 0; i < 60; ++i)
    recording += std::to_string(1'700'000'000'000'000'000 + i * 200'000'000LL) + "," + std::to_string(i / 6) +
                 (i % 3 == 0 ? ",POST,/orders,/orders" : ",GET,/me?x=1,/me") + ",0,200,5\n";
  const struct {
    const char* name;
    std::string text;
  } files[]{{"small.yaml",
             "scenario: s\nwhy: A test.\ntarget: lab\ntraffic: { mode: clone, trace: traces/log.csv, scale: 1.5, "
             "routes: shop, from: 1s, length: 9s }\nslo: { samples_min: 1 }\n"
             "abort: [ { metric: p99_ms, is: \"<= 900\", window: 5s, phase: any } ]\nfront_wall: [ { status: [403], "
             "header: Server, has: wall } ]\n"},
            {"routes/shop.yaml",
             "routes: shop\nwhy: A test.\nmap:\n  - { route: POST /orders, journey: [buy], covers: [GET /goods] "
             "}\nignore: [GET /static/*]\nreplay_reads: true\n"},
            {"traces/log.csv", recording}};
  for (const auto& file : files) put(file.name, file.text);
  ASSERT_GT(good().plan.planned_trades, 0U);
  int plans = 0;
  for (int round = 0; round < rounds(500); ++round) {
    const auto& file = files[rng.below(3)];
    std::string text = file.text;
    for (std::uint64_t n = 1 + rng.below(3); n-- > 0;) text = damaged(text, rng);
    put(file.name, text);
    const auto loaded = load(request(), some_known());
    if (const auto* mistakes = std::get_if<1>(&loaded)) {
      ASSERT_FALSE(mistakes->empty()) << text;
    } else if (++plans % 10 == 0) {
      ASSERT_FALSE(describe_plan(std::get<0>(loaded).plan, std::get<0>(loaded).trace).empty());
    }
    put(file.name, file.text);
  }
  EXPECT_GT(plans, rounds(500) / 50);
}

TEST_F(Mutation, DamagedSettingsGiveMistakesAndNeverACrash) {
  Rng rng(7, "settings");
  for (int round = 0; round < rounds(300); ++round) {
    Request r = request();
    r.set = {{damaged("faults[0].duration", rng), damaged("{a: [1, 2]}", rng)}};
    const auto loaded = load(r, some_known());
    if (loaded.index() == 1) {
      ASSERT_FALSE(std::get<1>(loaded).empty());
    }
  }
}

}  // namespace
}  // namespace cardstorm
