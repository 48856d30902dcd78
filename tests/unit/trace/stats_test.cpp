// Figures over a recording, and the reader of recordings.
#include "harness/trace/stats.hpp"

#include <cmath>

#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"
#include "harness/trace/scrub.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/trace/workspace.hpp"

namespace cardstorm {
namespace {

class Stats : public TraceSpace {};

const std::string kHead = std::string(kRecordingHeader) + "\n";

TEST(WindowCounter, CountsEmptyWindowsToo) {
  WindowCounter counter(1s);
  for (const std::int64_t at : std::vector<std::int64_t>{0, 1, 2, 4'999'999'999}) counter.add(at);
  const WindowStats w = counter.result();
  EXPECT_EQ(w.windows, 5U);
  EXPECT_EQ(w.peak, 3U);
  EXPECT_DOUBLE_EQ(w.mean_per_s, 0.8);
  EXPECT_DOUBLE_EQ(w.dispersion, (10.0 / 5 - 0.64) / 0.8);
  EXPECT_EQ(w.peak_at, 0s);
}

TEST(WindowCounter, ALastWindowThatIsCoveredInPartMakesTheMeanNoLower) {
  WindowCounter wide(60s);
  for (int i = 0; i <= 900; ++i) wide.add(i * std::int64_t{100'000'000});  // ten a second for one minute and a half
  const WindowStats w = wide.result();
  EXPECT_EQ(w.windows, 2U);
  EXPECT_NEAR(w.mean_per_s, 10, 0.02);
  EXPECT_NEAR(w.peak_over_mean, 1, 0.01);
}

TEST(WindowCounter, PoissonHasADispersionOfOneAndARegularStreamNone) {
  Rng rng(1, "poisson");
  WindowCounter poisson(1s), regular(1s);
  double at = 0;
  for (int i = 0; i < 50'000; ++i) {
    at -= std::log(1 - rng.unit()) / 50;
    poisson.add(static_cast<std::int64_t>(at * 1e9));
    regular.add(i * std::int64_t{20'000'000});
  }
  EXPECT_NEAR(poisson.result().dispersion, 1, 0.15);
  EXPECT_NEAR(regular.result().dispersion, 0, 0.001);
}

TEST_F(Stats, OfTheShippedRecordingAreThoseThatItsReadmeTells) {
  const auto s = trace_stats(testing_paths::source_dir() + "/scenarios/traces/azure_llm_code_2023.csv");
  ASSERT_TRUE(s.has_value()) << s.error().what;
  EXPECT_EQ(s->requests, 8819U);
  EXPECT_EQ(s->windows.at(1).peak, 67U);
  EXPECT_NEAR(s->windows.at(1).peak_over_mean, 26.1, 0.05);
  EXPECT_NEAR(s->windows.at(2).peak_over_mean, 12.7, 0.05);
  EXPECT_NEAR(s->windows.at(3).peak_over_mean, 4.1, 0.05);
  EXPECT_NEAR(s->windows.at(1).dispersion, 13.2, 0.05);
  EXPECT_FALSE(s->has_rows);
  EXPECT_NE(stats_text(*s).find("█"), std::string::npos);
}

TEST_F(Stats, TellSessionsRoutesAndTheFunnel) {
  std::string csv = kHead;
  for (int i = 0; i < 10; ++i) {  // ten visit, five order, two pay
    const std::string t = std::to_string(1'700'000'000 + i), n = std::to_string(i);
    csv += t + "000000000," + n + ",GET,/goods/1,/goods/*,0,200,10000000\n";
    if (i < 5) csv += t + "400000000," + n + ",POST,/order,/order,300000000,200,20000000\n";
    if (i < 2) csv += t + "900000000," + n + ",POST,/pay,/pay,400000000,502,0\n";
  }
  const auto s = trace_stats(put("r.csv", csv));
  ASSERT_TRUE(s.has_value()) << s.error().what;
  EXPECT_EQ(s->requests, 17U);
  EXPECT_EQ(s->sessions, 10U);
  EXPECT_EQ(s->session_requests_max, 3U);
  ASSERT_EQ(s->funnel.size(), 3U);
  EXPECT_EQ(s->funnel[0].route, "/goods/*");
  EXPECT_DOUBLE_EQ(s->funnel[1].share, 0.5);
  EXPECT_EQ(s->funnel[2].route, "/pay");
  EXPECT_DOUBLE_EQ(s->funnel[2].share, 0.2);
  EXPECT_NEAR(seconds(s->routes[1].p50), 0.02, 0.0002);
  EXPECT_FALSE(s->routes[2].latency_known);
  EXPECT_NEAR(seconds(s->think_p50), 0.3, 0.01);
  EXPECT_EQ(stats_json(*s)["funnel"].items().size(), 3U);
}

TEST_F(Stats, RefuseWhatIsNoTrace) {
  for (const std::string& text :
       {std::string{}, kHead, std::string("nothing\nof use\n"), kHead + "1,5,GET,/,/,0,200,0\n", kHead + "x\n"}) {
    const auto s = trace_stats(put("r.csv", text));
    ASSERT_FALSE(s.has_value()) << text;
    EXPECT_EQ(s.error().code, Errc::invalid);
    EXPECT_NE(s.error().what.find("r.csv"), std::string::npos) << s.error().what;
  }
}

TEST_F(Stats, CountsThatAreAllZeroAreNoEmptyFile) {
  const auto s = trace_stats(put("c.csv", "time,count\n2026-11-01T00:00:00Z,0\n2026-11-01T00:05:00Z,0\n"));
  ASSERT_FALSE(s.has_value());
  EXPECT_NE(s.error().what.find("all counts are 0"), std::string::npos) << s.error().what;
}

TEST_F(Stats, AFileOfOneLineThatIsNoRowIsNotCalledEmpty) {
  const auto s = trace_stats(put("one.log", "1.2.3.4 - - [10/Oct/2023:13:55:36 +0000] \"GET / HTTP/1.1\" 200 1\n"));
  ASSERT_FALSE(s.has_value());
  EXPECT_EQ(s.error().what.find("empty"), std::string::npos) << s.error().what;
  EXPECT_NE(trace_stats(put("no.log", "")).error().what.find("empty"), std::string::npos);
}

TEST_F(Stats, ARecordingReadsBackAsItWasWritten) {
  std::string csv = kHead;
  append_row(csv, {5, 0, "GET", "/a,\"b\"", "/a", 0, 200, 7});
  append_row(csv, {9, 0, "", "", "", 3, 0, 0});
  const auto r = read_recording(put("r.csv", csv));
  ASSERT_TRUE(r.has_value()) << r.error().what;
  EXPECT_EQ(r->first.count(), 5);
  EXPECT_EQ(r->at[1].count(), 4);
  EXPECT_EQ(r->paths[r->path[0]], "/a,\"b\"");
  EXPECT_EQ(r->methods[r->method[1]], "");
  EXPECT_EQ(r->think[1].count(), 3);
  EXPECT_EQ(r->sha256.size(), 64U);
}

TEST_F(Stats, ReadingARecordingTellsAllMistakesWithTheirPlaces) {
  const auto r =
      read_recording(put("r.csv", kHead + "1,0,GET,/,/,0,200,0\n0,0,GET,/,/,0,200,0\n2,-1,GET,/,/,0,200,0\n3,0,GET,\"/"
                                          ",/,0,200,0\n4,0,GET\n5,0,GET,/,/,0,200,0,9\n6,0,GET,/,/,0,2000,0\n"));
  ASSERT_FALSE(r.has_value());
  for (const char* part : {"r.csv:3:1: the recording goes back", "r.csv:4:3: '-1' is no session",
                           "r.csv:5:", "r.csv:6:", "r.csv:7:", "r.csv:8:15: '2000' is no status"})
    EXPECT_NE(r.error().what.find(part), std::string::npos) << part << "\n" << r.error().what;
  EXPECT_FALSE(read_recording(put("r.csv", kHead)).has_value());
  EXPECT_FALSE(read_recording(put("r.csv", "a,b\n1,2\n")).has_value());
  EXPECT_FALSE(read_recording(dir_ + "/none").has_value());
  EXPECT_FALSE(is_recording(dir_ + "/none"));
}

TEST(Route, ReplacesIdsAndKeepsNames) {
  const std::pair<const char*, const char*> cases[]{{"/goods/12/reviews?page=2", "/goods/*/reviews"},
                                                    {"/o/A20240101123456", "/o/*"},
                                                    {"/u/550e8400-e29b-41d4-a716-446655440000", "/u/*"},
                                                    {"/g/12.html", "/g/*.html"},
                                                    {"/v2/api", "/v2/api"},
                                                    {"/deadbeef", "/deadbeef"},
                                                    {"/deadbeef1", "/*"},
                                                    {"/", "/"},
                                                    {"", ""},
                                                    {"/a/~phone-1a2b3c4d5e6f", "/a/*"},
                                                    {"/%E5%8D%A1", "/%E5%8D%A1"},
                                                    {"/app.js", "/app.js"}};
  std::string out;
  for (const auto& [path, route] : cases) {
    route_of(path, out);
    EXPECT_EQ(out, route) << path;
  }
}

}  // namespace
}  // namespace cardstorm
