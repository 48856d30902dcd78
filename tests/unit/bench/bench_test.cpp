// bench: goals say met, missed or not here; what peers print is read as their users would read it.
#include "harness/bench/bench.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "harness/bench/peers.hpp"

namespace cardstorm {
namespace {

const Peer& peer(const std::string& name) {
  return *std::find_if(peers().begin(), peers().end(), [&](const Peer& p) { return p.name == name; });
}
PeerSays says(const std::string& name, const std::string& printed) { return peer(name).read(printed, {}, ""); }

TEST(Bench, AGoalWithoutItsPeerIsNeitherMetNorMissed) {
  BenchReport report;
  report.goals = {{.name = "faster", .value = {}, .relation = ">=", .bound = 1}};
  EXPECT_EQ(exit_code_of(report), kUnknown);
  report.goals.push_back({.name = "met", .value = 2.0, .relation = ">=", .bound = 1});
  EXPECT_EQ(exit_code_of(report), kPass);
  report.goals.push_back({.name = "missed", .value = 2.0, .relation = "<=", .bound = 1});
  EXPECT_EQ(exit_code_of(report), kFail);
  const Json json = json_of_bench(report);
  EXPECT_TRUE(json["goals"].items().at(0)["met"].is_null());
  EXPECT_TRUE(json["goals"].items().at(1)["met"].boolean());
  EXPECT_FALSE(json["goals"].items().at(2)["met"].boolean(true));
  std::ostringstream out;
  write_bench(report, out);
  EXPECT_NE(out.str().find("MISSED   missed"), std::string::npos) << out.str();
}

TEST(Peers, WrkCountsItsOwnSocketErrors) {
  const PeerSays s =
      says("wrk",
           "  Latency Distribution\n     50%   53.00us\n     99%    4.22ms\n  900 requests in 1.10s, 7.92MB read\n"
           "  Socket errors: connect 0, read 32, write 68, timeout 9\nRequests/sec:  50704.85\n");
  ASSERT_TRUE(s.success);
  EXPECT_DOUBLE_EQ(*s.success, 0.9);
  EXPECT_DOUBLE_EQ(*s.p50_ms, 0.053);
  EXPECT_DOUBLE_EQ(*s.p99_ms, 4.22);
}

TEST(Peers, HeyTellsRefusedApart) {
  const PeerSays s = says("hey",
                          "  50% in 0.0003 secs\n  99% in 0.0280 secs\n\nStatus code distribution:\n  [200]\t90 "
                          "responses\n\nError distribution:\n"
                          "  [10]\tGet \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connect: connection refused\n");
  ASSERT_TRUE(s.success);
  EXPECT_DOUBLE_EQ(*s.success, 0.9);
  EXPECT_DOUBLE_EQ(*s.p99_ms, 28);
}

TEST(Peers, AbThatGaveUpHasNoResult) {
  const PeerSays s =
      says("ab", "Benchmarking 127.0.0.1 (be patient)...apr_socket_recv: Connection reset by peer (104)\n");
  EXPECT_FALSE(s.success);
  EXPECT_FALSE(s.words.empty());
}

TEST(Peers, H2loadAndVegetaAreRead) {
  EXPECT_DOUBLE_EQ(
      *says("h2load", "requests: 200 total, 200 started, 200 done, 150 succeeded, 50 failed, 50 errored, 0 timeout\n")
           .success,
      0.75);
  const PeerSays s = says("vegeta", R"({"latencies":{"50th":304378,"99th":1876632},"requests":50,"success":0.5})");
  EXPECT_DOUBLE_EQ(*s.success, 0.5);
  EXPECT_NEAR(*s.p99_ms, 1.877, 0.001);
}

TEST(Peers, GarbageGivesNoResultForAnyOfThem) {
  for (const Peer& p : peers()) {
    const PeerSays s = p.read("\x01garbage % requests in [200] {", {}, "/nonexistent");
    EXPECT_FALSE(s.success) << p.name;
  }
}

}  // namespace
}  // namespace cardstorm
