// forecast: the next peak from history, with its error on a hold-out, the rate to test at and the reserve.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// Counts per interval; NaN where the history has a hole.
struct Series {
  std::int64_t start_ns = 0;
  Nanos interval{0};
  std::vector<double> counts;
  bool from_requests = false;  // counted from single arrivals, so that finer windows are known too
};

/// A series from counts per interval, from a recording or from a CSV of arrivals. `window` 0 = the rows' own interval,
/// or for arrivals the longest of 5m, 1m, 10s, 1s that gives 200 windows. The last window of arrivals is dropped unless
/// it is full.
Result<Series> read_series(const std::string& path, Nanos window, std::vector<std::string>& notes);

/// Additive double seasonal exponential smoothing with one autoregressive term on the residual: J. W. Taylor,
/// "Short-term electricity demand forecasting using double seasonal exponential smoothing", Journal of the Operational
/// Research Society 54 (2003), 799-805 (there multiplicative; the additive form bears counts of zero). A season of 0 is
/// left out: one season is Holt-Winters without trend, none is simple smoothing.
struct Smoothing {
  double level = 0.1, day = 0.1, week = 0.1, residual = 0;
};

class SeasonalModel {
 public:
  /// Needs `counts` of at least one long season; holes are allowed.
  SeasonalModel(std::size_t day, std::size_t week, Smoothing smoothing, const std::vector<double>& counts,
                std::size_t used);
  /// Expected count `ahead` intervals behind the last one used, from 1; never below 0.
  [[nodiscard]] double expect(std::size_t ahead) const;
  /// Mean squared error one step ahead, after the start-up season.
  [[nodiscard]] double error() const { return scored_ == 0 ? 0 : squares_ / static_cast<double>(scored_); }

 private:
  void begin(const std::vector<double>& counts, std::size_t used);
  void step(double count, bool scored);
  std::size_t day_, week_, at_ = 0, scored_ = 0;
  Smoothing s_;
  double level_ = 0, residual_ = 0, squares_ = 0;
  std::vector<double> of_day_, of_week_;
};

/// The smoothing of a small grid with the least one-step error.
Smoothing best_smoothing(std::size_t day, std::size_t week, const std::vector<double>& counts, std::size_t used);

struct ForecastOptions {
  Nanos horizon = std::chrono::hours(24);
  bool horizon_told = false;
  std::vector<Nanos> seasons{std::chrono::hours(24), std::chrono::hours(168)};
  Nanos window{0};
  double target_scale = 1.5;
  std::optional<double> capacity;  // requests per second
  std::string burst_from;          // a finer trace
  std::uint64_t seed = 1;
};

// shares; peak_error > 0: forecast too high
struct HoldOut {
  double mape = 0, wape = 0, peak_error = 0;
};

struct Forecast {
  std::string file, method;  // method: double_seasonal, single_seasonal, mean, naive
  Nanos window{0}, horizon{0};
  std::size_t windows = 0, missing = 0;
  std::vector<Nanos> seasons_used;
  Smoothing smoothing;
  HoldOut model, naive;
  double actual_holdout_peak = 0;
  std::int64_t start_ns = 0;                     // of the forecast
  std::vector<double> history, expected;         // counts per window: the last horizon, and the next
  double curve_peak = 0;                         // highest expected count
  std::int64_t peak_ns = 0;                      // when
  double peak = 0, peak_low = 0, peak_high = 0;  // highest count to come: median and 5 to 95 % of simulated futures
  std::optional<double> burst_factor;            // rate of the fullest second over that of the fullest window
  std::string burst_source;
  double target_scale = 1.5, target_per_s = 0;
  std::optional<double> capacity, reserve;  // reserve: (capacity - target) / target
  bool enough = false, enough_at_high = false;
  std::vector<std::string> notes;
};

/// Pure but for reading the files. Errc::invalid when the history is too short or empty.
Result<Forecast> forecast_trace(const std::string& path, const ForecastOptions& options);
std::string forecast_text(const Forecast& forecast);
Json forecast_json(const Forecast& forecast);

}  // namespace cardstorm
