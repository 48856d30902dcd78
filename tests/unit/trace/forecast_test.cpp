// The forecast: learns both seasons, says when it may not, prefers the naive one when that is better, and judges the
// reserve.
#include "harness/trace/forecast.hpp"

#include <cmath>

#include "harness/core/rng.hpp"
#include "harness/trace/stamp.hpp"
#include "tests/unit/trace/workspace.hpp"

namespace cardstorm {
namespace {

class ForecastTest : public TraceSpace {
 protected:
  /// Hourly counts with a daily curve, quiet weekends and a little noise.
  std::string history(int days, double noise, bool weekends = true) {
    Rng rng(5, "history");
    std::string csv = "timestamp,count\n";
    for (int hour = 0; hour < days * 24; ++hour) {
      const double day = 1 + 0.8 * std::sin(2 * 3.14159265 * (hour % 24 - 8) / 24.0),
                   week = weekends && (hour / 24) % 7 >= 5 ? 0.4 : 1;
      csv += utc_text((1'704'067'200 + hour * std::int64_t{3600}) * 1'000'000'000) + "," +
             std::to_string(std::max(0.0, 1000 * day * week + noise * (rng.unit() - 0.5))) + "\n";
    }
    return put("h.csv", csv);
  }
  static bool notes_have(const Forecast& f, const std::string& part) {
    for (const auto& note : f.notes)
      if (note.find(part) != std::string::npos) return true;
    return false;
  }
};

TEST_F(ForecastTest, LearnsBothSeasons) {
  ForecastOptions o;
  const auto f = forecast_trace(history(33, 100), o);  // the next day is a Saturday: the week must be known
  ASSERT_TRUE(f.has_value()) << f.error().what;
  EXPECT_EQ(f->method, "double_seasonal");
  EXPECT_EQ(f->seasons_used.size(), 2U);
  EXPECT_LT(f->model.wape, 0.08);
  EXPECT_LT(f->model.wape, f->naive.wape + 1e-9);
  EXPECT_NEAR(f->curve_peak, 720, 90);
  EXPECT_NEAR(f->peak, 740, 110);
  EXPECT_LE(f->peak_low, f->peak);
  EXPECT_GE(f->peak_high, f->peak);
  EXPECT_NEAR(f->target_per_s, 1.5 * f->peak / 3600, 1e-9);
  EXPECT_EQ(utc_text(f->peak_ns).substr(0, 10), "2024-02-03");
}

TEST_F(ForecastTest, FallsBackAndSaysSoWhenTheHistoryIsShort) {
  const auto f = forecast_trace(history(10, 100, false), {});
  ASSERT_TRUE(f.has_value()) << f.error().what;
  EXPECT_EQ(f->seasons_used.size(), 1U);
  EXPECT_TRUE(notes_have(*f, "season of 7d was left out"));
  ForecastOptions o;
  o.horizon = std::chrono::hours(12);
  o.horizon_told = true;
  const auto none = forecast_trace(history(2, 100), o);
  ASSERT_TRUE(none.has_value()) << none.error().what;
  EXPECT_TRUE(none->seasons_used.empty());
  o.horizon = std::chrono::hours(48);
  EXPECT_FALSE(forecast_trace(history(2, 100), o).has_value());
}

TEST_F(ForecastTest, TakesTheNaiveOneWhenThatIsBetter) {
  // Exactly the same day again and again after a start that was different: nothing beats "as yesterday".
  std::string csv = "timestamp,count\n";
  for (int hour = 0; hour < 24 * 9; ++hour)
    csv += std::to_string(1'704'067'200 + hour * 3600) + "," +
           std::to_string(hour < 24 * 6 ? (hour * 7919) % 500 : 100 + (hour % 24) * (hour % 24)) + "\n";
  const auto f = forecast_trace(put("n.csv", csv), {});
  ASSERT_TRUE(f.has_value()) << f.error().what;
  EXPECT_EQ(f->method, "naive");
  EXPECT_NEAR(f->naive.wape, 0, 1e-9);
  EXPECT_NEAR(f->peak, 100 + 23 * 23, 1e-6);
  EXPECT_TRUE(notes_have(*f, "it is used"));
}

TEST_F(ForecastTest, JudgesTheReserveAgainstTheCapacity) {
  const std::string path = history(15, 100, false);
  ForecastOptions o;
  const double target = forecast_trace(path, o)->target_per_s;
  o.capacity = target * 1.2;
  const auto enough = forecast_trace(path, o);
  EXPECT_TRUE(enough->enough);
  EXPECT_NEAR(*enough->reserve, 0.2, 1e-9);
  o.capacity = target * 0.9;
  const auto less = forecast_trace(path, o);
  EXPECT_FALSE(less->enough);
  EXPECT_NE(forecast_text(*less).find("NOT ENOUGH"), std::string::npos);
  EXPECT_FALSE(forecast_json(*less)["enough"].boolean(true));
}

TEST_F(ForecastTest, HolesAreNotZeros) {
  std::string csv = "timestamp,count\n";
  for (int hour = 0; hour < 24 * 6; ++hour)
    if (hour < 60 || hour >= 84) csv += std::to_string(1'704'067'200 + hour * 3600) + ",1000\n";
  const auto f = forecast_trace(put("holes.csv", csv), {});
  ASSERT_TRUE(f.has_value()) << f.error().what;
  EXPECT_EQ(f->missing, 24U);
  EXPECT_NEAR(f->peak, 1000, 1);
}

TEST_F(ForecastTest, RowsMissingInsideOfAWindowAreNotZerosEither) {
  std::string csv = "time,count\n";
  for (int minute = 0; minute < 40 * 60 - 7; minute += 5)  // ten hours have half of their rows, the last one lacks one
    if (minute < 600 || minute >= 1200 || minute % 60 < 30)
      csv += std::to_string(1'700'000'000 + minute * 60) + ",100\n";
  std::vector<std::string> notes;
  const auto series = read_series(put("c.csv", csv), std::chrono::hours(1), notes);
  ASSERT_TRUE(series.has_value()) << series.error().what;
  ASSERT_EQ(series->counts.size(), 40U);
  for (const double count : series->counts) EXPECT_DOUBLE_EQ(count, 1200);
  const auto begun = read_series(put("d.csv", csv + "1700144000,100\n"), std::chrono::hours(1), notes);
  ASSERT_TRUE(begun.has_value());
  EXPECT_EQ(begun->counts.size(), 40U);  // a window of one row of twelve is none
}

TEST_F(ForecastTest, RowsOfTimeAndCountAreASeriesWhateverStandsOnTop) {
  for (const std::string& head : {std::string{}, std::string("time,orders\n"), std::string("minute,n\n")}) {
    std::string csv = head;
    for (int i = 0; i < 40; ++i) csv += std::to_string(1'700'000'000 + i * 300) + ",50\n";
    std::vector<std::string> notes;
    const auto series = read_series(put("c.csv", csv), Nanos(0), notes);
    ASSERT_TRUE(series.has_value()) << head;
    EXPECT_EQ(series->interval, 300s) << head;
    EXPECT_DOUBLE_EQ(series->counts.front(), 50) << head;
  }
  std::vector<std::string> notes;  // uneven distances, or another meaning on top: arrivals
  EXPECT_TRUE(read_series(put("a.csv", "1,5\n2,5\n2.5,5\n4,5\n9,5\n"), 1s, notes)->from_requests);
  EXPECT_TRUE(read_series(put("b.csv", "time,latency_ms\n1,5\n2,5\n3,5\n4,5\n"), 1s, notes)->from_requests);
}

TEST_F(ForecastTest, ABurstFactorComesFromAFinerTrace) {
  std::string fine = "ts\n";
  for (int second = 0; second < 7200; ++second)
    for (int i = 0; i < (second == 4000 ? 50 : 1); ++i)
      fine += std::to_string(1'704'067'200 + second) + "." + std::to_string(100 + i) + "\n";
  ForecastOptions o;
  const std::string path = history(15, 100, false);
  EXPECT_TRUE(notes_have(*forecast_trace(path, o), "--burst-from"));
  o.burst_from = put("fine.csv", fine);
  const auto f = forecast_trace(path, o);
  ASSERT_TRUE(f.has_value()) << f.error().what;
  EXPECT_NEAR(*f->burst_factor, 50 / (3649.0 / 3600), 0.01);
  EXPECT_FALSE(notes_have(*f, "--burst-from"));
}

TEST_F(ForecastTest, RefusesWhatCannotBeForecast) {
  for (const std::string& text :
       {std::string("timestamp,count\n"), std::string("timestamp,count\n1700000000,1\n"), std::string{},
        std::string("timestamp,count\n1700000000,0\n1700000300,0\n1700000600,0\n1700000900,0\n1700001200,0\n1700001500,"
                    "0\n1700001800,0\n1700002100,0\n")}) {
    const auto f = forecast_trace(put("bad.csv", text), {});
    ASSERT_FALSE(f.has_value()) << text;
    EXPECT_EQ(f.error().code, Errc::invalid);
  }
  EXPECT_FALSE(
      forecast_trace(
          put("bad.csv", "timestamp,count\n0,1\n60,1\n120,1\n180,1\n240,1\n300,1\n360,1\n420,1\n9000000,1\n"), {})
          .has_value());  // a stamp far away
  ForecastOptions o;
  o.window = 7min;
  EXPECT_FALSE(forecast_trace(history(3, 1), o).has_value());  // hourly rows cannot be cut finer
}

}  // namespace
}  // namespace cardstorm
