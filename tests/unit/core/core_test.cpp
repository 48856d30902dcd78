// core: histogram, text, random numbers, files.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "harness/core/events.hpp"
#include "harness/core/files.hpp"
#include "harness/core/histogram.hpp"
#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

TEST(Histogram, StaysWithinItsErrorOfTheExactQuantile) {
  Rng rng(1, "histogram");
  Histogram histogram;
  std::vector<std::int64_t> all;
  for (int i = 0; i < 20000; ++i) {
    const auto ns = static_cast<std::int64_t>(std::exp(rng.unit() * 28));
    all.push_back(ns);
    histogram.record(Nanos(ns));
  }
  std::sort(all.begin(), all.end());
  for (const double q : {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(q * 20000)));
    const auto exact = static_cast<double>(all[rank - 1]);
    const auto got = static_cast<double>(histogram.quantile(q).count());
    EXPECT_GE(got, exact) << q;
    EXPECT_LE(got, exact * (1 + 1.0 / 256) + 1) << q;
  }
  EXPECT_EQ(histogram.max().count(), all.back());
}

TEST(Histogram, MergesToWhatOneWouldHaveSeen) {
  Histogram a, b, both;
  for (int i = 1; i < 1000; ++i) {
    (i % 2 ? a : b).record(Nanos(i * 7919));
    both.record(Nanos(i * 7919));
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  for (double q = 0; q <= 1; q += 0.05) EXPECT_EQ(a.quantile(q), both.quantile(q));
}

TEST(Histogram, TakesTheHugeAndTheNegativeWithoutHarm) {
  Histogram h;
  h.record(Nanos(-5));
  h.record(Nanos::max());
  EXPECT_EQ(h.count(), 2U);
  EXPECT_EQ(h.max(), Nanos::max());
}

TEST(Duration, RoundTrips) {
  for (const char* text : {"0s", "20s", "1.5s", "500ms", "250us", "3ns", "90s"})
    EXPECT_EQ(duration_text(*parse_duration(text)), text);
  EXPECT_EQ(*parse_duration("1.5m"), 90s);
}

TEST(Duration, RefusesWhatHasNoUnitOrNoNumber) {
  for (const char* text : {"", "20", "s", "20 s", "20x", "-1s", "nans", "1e300h", "20ss"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_FALSE(parsed.error().remedy.empty());
  }
}

TEST(Text, SuggestsTheNearName) {
  const std::vector<std::string> known{"node_kill", "payment_delay", "db_pool_exhaustion"};
  EXPECT_EQ(did_you_mean("node_kil", known), "node_kill");
  EXPECT_EQ(did_you_mean("payment-delay", known), "payment_delay");
  EXPECT_EQ(did_you_mean("zebra", known), "");
}

TEST(Text, PrintsMoney) {
  EXPECT_EQ(money_text(0), "0.00");
  EXPECT_EQ(money_text(-105), "-1.05");
  EXPECT_EQ(money_text(123456), "1234.56");
}

TEST(Text, ExpandsTemplatesAndNamesWhatIsMissing) {
  const std::string sku = "g1";
  const auto lookup = [&](const std::string& name) { return name == "sku" ? &sku : nullptr; };
  EXPECT_EQ(*expand("/goods/${sku}?x=${sku}", lookup), "/goods/g1?x=g1");
  EXPECT_NE(expand("${nope}", lookup).error().what.find("nope"), std::string::npos);
  EXPECT_FALSE(expand("${sku", lookup));
}

TEST(Text, UrlEncodingRoundTrips) {
  const std::string all = "a b+c%/卡&=~";
  EXPECT_EQ(url_decode(url_encode(all)), all);
  EXPECT_EQ(url_decode("%4"), "%4");
}

TEST(Rng, DependsOnSeedStreamAndIndexOnly) {
  EXPECT_EQ(draw(1, stream_of("a"), 5), draw(1, stream_of("a"), 5));
  EXPECT_NE(draw(1, stream_of("a"), 5), draw(2, stream_of("a"), 5));
  EXPECT_NE(draw(1, stream_of("a"), 5), draw(1, stream_of("b"), 5));
  double sum = 0;
  for (std::uint64_t i = 0; i < 10000; ++i) sum += draw_unit(3, 4, i);
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

TEST(Files, WritesWholeOrNotAtAll) {
  std::string dir = std::filesystem::temp_directory_path() / "cs-files-XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  const std::string path = dir + "/a.txt";
  ASSERT_TRUE(write_file(path, "one"));
  ASSERT_TRUE(write_file(path, "two"));
  EXPECT_EQ(*read_file(path), "two");
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  const auto missing = read_file(dir + "/none");
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().what.find(dir), std::string::npos);
  {
    auto log = DurableLog::open(dir + "/log");
    ASSERT_TRUE(log);
    ASSERT_TRUE(log->append("x"));
    ASSERT_TRUE(log->append("y"));
  }
  EXPECT_EQ(*read_file(dir + "/log"), "x\ny\n");
  std::filesystem::remove_all(dir);
}

TEST(Files, SaysThatTheDiskIsFull) {
  auto log = DurableLog::open("/dev/full");
  ASSERT_TRUE(log);
  EXPECT_EQ(log->append("x").error().code, Errc::unavailable);
}

TEST(Events, EveryEnumeratorHasAName) {
  EXPECT_EQ(to_text(Cause::address), "address");
  EXPECT_EQ(to_text(FaultEdge::failed), "failed");
  EXPECT_EQ(to_text(Phase::done), "done");
  EXPECT_EQ(to_text(TradeOutcome::unfinished), "unfinished");
  EXPECT_EQ(name_of(Event(GeneratorSeen{})), "generator_seen");
}

}  // namespace
}  // namespace cardstorm
