// forecast: double season, hold-out, simulated peaks.
#include "harness/trace/forecast.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"
#include "harness/trace/count_rows.hpp"
#include "harness/trace/input.hpp"
#include "harness/trace/picture.hpp"
#include "harness/trace/recording.hpp"
#include "harness/trace/starts.hpp"
#include "harness/trace/stats.hpp"

namespace cardstorm {
namespace {

constexpr double kHole = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kWindowsMax = 1'000'000;
constexpr int kFutures = 1000;

bool known(double v) { return !std::isnan(v); }

double mean_of(const std::vector<double>& counts, std::size_t from, std::size_t to) {
  double sum = 0;
  std::size_t n = 0;
  for (std::size_t i = from; i < to; ++i)
    if (known(counts[i])) sum += counts[i], ++n;
  return n == 0 ? 0 : sum / static_cast<double>(n);
}

std::string long_text(Nanos t) {
  const std::int64_t day = 86'400'000'000'000;
  if (t.count() >= day && t.count() % day == 0) return std::to_string(t.count() / day) + "d";
  const double s = seconds(t);
  return s >= 3600 ? fixed(s / 3600, s >= 36000 || t.count() % 3'600'000'000'000 == 0 ? 0 : 1) + "h"
         : s >= 60 && t.count() % 60'000'000'000 == 0 ? fixed(s / 60, 0) + "m"
                                                      : duration_text(t);
}

class Rejects final : public Sink {
 public:
  bool take(const Entry&) override { return true; }
  void bad(std::int64_t line, std::size_t column, std::string_view reason, std::string_view) override {
    if (count++ == 0) first = std::to_string(line) + ":" + std::to_string(column) + ": " + std::string(reason);
  }
  void note(std::string) override {}
  std::uint64_t count = 0;
  std::string first;
};

Result<Series> series_of_counts(Input& input, const std::string& path, Nanos window, std::vector<std::string>& notes) {
  StampReader stamps;
  Rejects rejects;
  auto rows = read_count_rows(input, stamps, rejects);
  if (!rows) return Error(rows.error()).in(path);
  if (rejects.count > 0)
    notes.push_back(std::to_string(rejects.count) + " bad lines were left out, the first: " + path + ":" +
                    rejects.first);
  Series out;
  out.start_ns = rows->rows.front().at_ns;
  const std::int64_t own = rows->interval_ns;
  std::int64_t group = 1;
  if (window.count() > 0) {
    if (window.count() % own != 0)
      return Error{
          Errc::invalid,
          "--window " + long_text(window) + " is no multiple of the rows' own interval of " + long_text(Nanos(own)),
          "finer than the rows cannot be known"};
    group = window.count() / own;
  }
  out.interval = Nanos(own * group);
  const std::int64_t slots = (rows->rows.back().at_ns - out.start_ns + own / 2) / out.interval.count() + 1;
  if (slots > static_cast<std::int64_t>(kWindowsMax))
    return Error{Errc::invalid, path + ": the rows span " + std::to_string(slots) + " windows",
                 "take a longer --window"};
  out.counts.assign(static_cast<std::size_t>(slots), kHole);
  std::vector<std::int64_t> present(out.counts.size(), 0);  // how many of a window's intervals have a row
  std::int64_t before = -1;
  for (const auto& row : rows->rows) {
    const std::int64_t interval = (row.at_ns - out.start_ns + own / 2) / own;
    const auto at = static_cast<std::size_t>(interval / group);
    double& slot = out.counts[at];
    slot = known(slot) ? slot + row.count : row.count;
    if (interval != before) ++present[at];
    before = interval;
  }
  // Rows that are missing inside of a window are no zeros either: the rest stands for it when that is at least half.
  for (std::size_t i = 0; i < out.counts.size(); ++i)
    if (present[i] < group)
      out.counts[i] =
          2 * present[i] < group ? kHole : out.counts[i] * static_cast<double>(group) / static_cast<double>(present[i]);
  while (!out.counts.empty() && !known(out.counts.back())) out.counts.pop_back();  // the last window has only begun
  return out;
}

Result<Series> series_of_starts(const std::string& path, Nanos window, std::vector<std::string>& notes) {
  Series out;
  out.from_requests = true;
  std::int64_t first = -1, last = 0;
  std::vector<std::string> ignored;
  if (window.count() == 0) {
    if (const Status read = each_start(
            path, [&](std::int64_t at) { first = first < 0 ? at : first, last = at; }, ignored);
        !read)
      return read.error();
    window = 1s;
    for (const Nanos wide : {Nanos(10s), Nanos(60s), Nanos(300s)})
      if ((last - first) / wide.count() >= 200) window = wide;
  }
  out.interval = window;
  first = -1;
  bool too_many = false;
  const Status read = each_start(
      path,
      [&](std::int64_t at) {
        if (first < 0) first = at - at % window.count();  // windows on full minutes, as monitoring has them
        const auto slot = static_cast<std::size_t>((at - first) / window.count());
        too_many = too_many || slot >= kWindowsMax;
        if (too_many) return;
        if (slot >= out.counts.size()) out.counts.resize(slot + 1, 0.0);
        out.counts[slot] += 1;
        last = at;
      },
      notes);
  if (!read) return read.error();
  if (too_many)
    return Error{Errc::invalid, path + " spans more than " + std::to_string(kWindowsMax) + " windows",
                 "take a longer --window"};
  out.start_ns = first;
  if (out.counts.size() > 1 && (last - first) % window.count() < window.count() * 9 / 10) out.counts.pop_back();
  return out;
}

/// A season in windows, or 0 when the history has not two of them.
std::size_t season_in(Nanos season, const Series& series, std::size_t used, std::vector<std::string>& notes) {
  const auto windows =
      static_cast<std::size_t>((season.count() + series.interval.count() / 2) / series.interval.count());
  if (windows >= 2 && used >= 2 * windows) return windows;
  notes.push_back("the season of " + long_text(season) + " was left out: " +
                  (windows < 2 ? "it is not longer than a window"
                               : "before the hold-out there are " +
                                     long_text(Nanos(static_cast<std::int64_t>(used) * series.interval.count())) +
                                     " of history, two seasons are needed"));
  return 0;
}

double naive_expect(const std::vector<double>& counts, std::size_t used, std::size_t season, std::size_t ahead,
                    double fallback) {
  if (season == 0) return fallback;
  // The same time one season back; where that is a hole or in the future, one more season back.
  for (std::size_t back = season * ((ahead - 1) / season + 1); back <= used + ahead - 1; back += season) {
    const double v = counts[used + ahead - 1 - back];
    if (known(v)) return v;
  }
  return fallback;
}

HoldOut score(const std::vector<double>& expected, const std::vector<double>& counts, std::size_t used,
              double* actual_peak) {
  double wrong = 0, total = 0, relative = 0, top = 0, top_expected = 0;
  std::size_t positive = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double actual = counts[used + i];
    top_expected = std::max(top_expected, expected[i]);
    if (!known(actual)) continue;
    wrong += std::abs(actual - expected[i]);
    total += actual;
    top = std::max(top, actual);
    if (actual > 0) relative += std::abs(actual - expected[i]) / actual, ++positive;
  }
  if (actual_peak != nullptr) *actual_peak = top;
  return {positive == 0 ? kHole : relative / static_cast<double>(positive), total > 0 ? wrong / total : kHole,
          top > 0 ? (top_expected - top) / top : kHole};
}

struct Futures {
  double low, middle, high;
};

/// The highest count of a thousand futures: the expected curve plus errors drawn from those of the hold-out.
Futures simulate(const std::vector<double>& expected, const std::vector<double>& errors, std::uint64_t seed) {
  Rng rng(seed, "futures");
  std::vector<double> tops;
  for (int i = 0; i < kFutures; ++i) {
    double top = 0;
    for (const double v : expected) top = std::max(top, v + (errors.empty() ? 0 : errors[rng.below(errors.size())]));
    tops.push_back(top);
  }
  std::sort(tops.begin(), tops.end());
  return {tops[kFutures / 20], tops[kFutures / 2], tops[kFutures - kFutures / 20 - 1]};
}

Result<double> burst_of(const std::string& path, Nanos window, std::vector<std::string>& notes) {
  WindowCounter second(1s), wide(window);
  std::int64_t first = -1, last = 0;
  const Status read = each_start(
      path,
      [&](std::int64_t at) {
        if (first < 0) first = at;
        second.add(at - first);
        wide.add(at - first);
        last = at;
      },
      notes);
  if (!read) return read.error();
  if (last - first < window.count())
    return Error{
        Errc::invalid,
        path + " covers " + fixed(seconds(Nanos(last - first)), 0) + " s, less than one window of " + long_text(window),
        "take a trace of at least one window, or a shorter --window"};
  return second.result().peak_per_s / wide.result().peak_per_s;
}

}  // namespace

SeasonalModel::SeasonalModel(std::size_t day, std::size_t week, Smoothing smoothing, const std::vector<double>& counts,
                             std::size_t used)
    : day_(day),
      week_(week),
      s_(smoothing),
      of_day_(std::max<std::size_t>(day, 1), 0.0),
      of_week_(std::max<std::size_t>(week, 1), 0.0) {
  begin(counts, used);
  const std::size_t start_up = std::max(day_, week_);
  for (std::size_t i = 0; i < used; ++i) step(counts[i], i >= start_up);
}

void SeasonalModel::begin(const std::vector<double>& counts, std::size_t used) {
  const std::size_t longest = std::max({day_, week_, std::size_t{1}});
  const std::size_t first = std::min(used, longest);
  level_ = mean_of(counts, 0, first);
  if (day_ > 0) {
    // All full days of the first long season, at most seven: one day alone would carry its chance into the pattern.
    const std::size_t days = std::clamp<std::size_t>(std::min(used, std::max(week_, 2 * day_)) / day_, 1, 7);
    std::vector<double> sum(day_, 0.0);
    std::vector<int> n(day_, 0);
    for (std::size_t i = 0; i < std::min(used, days * day_); ++i)
      if (known(counts[i])) sum[i % day_] += counts[i], ++n[i % day_];
    const double base = mean_of(counts, 0, std::min(used, days * day_));
    for (std::size_t i = 0; i < day_; ++i) of_day_[i] = n[i] == 0 ? 0 : sum[i] / n[i] - base;
  }
  for (std::size_t i = 0; i < std::min(week_, used); ++i)
    of_week_[i] = known(counts[i]) ? counts[i] - level_ - (day_ > 0 ? of_day_[i % day_] : 0) : 0;
}

void SeasonalModel::step(double count, bool scored) {
  double& day = of_day_[day_ > 0 ? at_ % day_ : 0];
  double& week = of_week_[week_ > 0 ? at_ % week_ : 0];
  ++at_;
  if (!known(count)) {
    residual_ *= s_.residual;  // nothing new is known of a hole
    return;
  }
  const double seasonal = level_ + day + week;
  const double error = count - (seasonal + s_.residual * residual_);
  if (scored) squares_ += error * error, ++scored_;
  residual_ = count - seasonal;
  level_ = s_.level * (count - day - week) + (1 - s_.level) * level_;
  const double day_before = day;
  if (day_ > 0) day = s_.day * (count - level_ - week) + (1 - s_.day) * day;
  if (week_ > 0) week = s_.week * (count - level_ - day_before) + (1 - s_.week) * week;
}

double SeasonalModel::expect(std::size_t ahead) const {
  const std::size_t i = at_ + ahead - 1;
  const double value = level_ + (day_ > 0 ? of_day_[i % day_] : 0) + (week_ > 0 ? of_week_[i % week_] : 0) +
                       std::pow(s_.residual, static_cast<double>(ahead)) * residual_;
  return std::max(0.0, value);
}

Smoothing best_smoothing(std::size_t day, std::size_t week, const std::vector<double>& counts, std::size_t used) {
  constexpr std::array<double, 4> kLevel{0.003, 0.01, 0.05, 0.2}, kSeason{0.03, 0.1, 0.2, 0.4},
      kResidual{0, 0.4, 0.7, 0.9};
  Smoothing best;
  double least = std::numeric_limits<double>::infinity();
  for (const double level : kLevel)
    for (const double of_day : kSeason)
      for (const double of_week : kSeason)
        for (const double residual : kResidual) {
          if ((day == 0 && of_day != kSeason[0]) || (week == 0 && of_week != kSeason[0])) continue;
          const Smoothing now{level, day == 0 ? 0 : of_day, week == 0 ? 0 : of_week, residual};
          const double error = SeasonalModel(day, week, now, counts, used).error();
          if (error < least) least = error, best = now;
        }
  return best;
}

Result<Series> read_series(const std::string& path, Nanos window, std::vector<std::string>& notes) {
  if (is_recording(path)) return series_of_starts(path, window, notes);
  auto input = Input::open(path);
  if (!input) return std::move(input).error();
  return looks_like_counts(input->head()) ? series_of_counts(*input, path, window, notes)
                                          : series_of_starts(path, window, notes);
}

Result<Forecast> forecast_trace(const std::string& path, const ForecastOptions& options) {
  Forecast f;
  f.file = path;
  auto series = read_series(path, options.window, f.notes);
  if (!series) return std::move(series).error();
  const auto& counts = series->counts;
  const std::size_t n = counts.size();
  f.window = series->interval;
  f.windows = n;
  f.missing = static_cast<std::size_t>(std::count_if(counts.begin(), counts.end(), [](double v) { return !known(v); }));
  if (n < 8)
    return Error{Errc::invalid,
                 path + " holds " + std::to_string(n) + " windows of " + long_text(f.window) + ": too short a history",
                 "give at least 8 windows; for a season of a day at least two days before the last one"};
  if (f.missing > n / 4 * 3)
    return Error{Errc::invalid,
                 path + ": " + std::to_string(f.missing) + " of " + std::to_string(n) +
                     " windows are missing: the rows are no regular series of " + long_text(f.window),
                 "look for a wrong time stamp, or take a longer --window"};
  if (mean_of(counts, 0, n) <= 0)
    return Error{Errc::invalid, path + ": all counts are 0: there is no traffic to forecast"};

  auto h = static_cast<std::size_t>(std::max<std::int64_t>(1, options.horizon.count() / f.window.count()));
  if (h > n / 2) {
    if (options.horizon_told)
      return Error{Errc::invalid,
                   "the history of " + long_text(Nanos(static_cast<std::int64_t>(n) * f.window.count())) +
                       " is shorter than twice the horizon of " + long_text(options.horizon),
                   "take a shorter --horizon"};
    h = std::max<std::size_t>(1, n / 4);
    f.notes.push_back("the history is shorter than two days: the horizon is " +
                      long_text(Nanos(static_cast<std::int64_t>(h) * f.window.count())) + ", a quarter of it");
  }
  f.horizon = Nanos(static_cast<std::int64_t>(h) * f.window.count());
  const std::size_t used = n - h;

  std::vector<std::size_t> seasons;
  for (const Nanos season : options.seasons)
    if (const std::size_t windows = season_in(season, *series, used, f.notes); windows > 0)
      seasons.push_back(windows), f.seasons_used.push_back(season);
  const std::size_t day = seasons.empty() ? 0 : seasons[0], week = seasons.size() < 2 ? 0 : seasons[1];
  const std::size_t longest = std::max(day, week);
  f.method = seasons.size() == 2 ? "double_seasonal" : seasons.size() == 1 ? "single_seasonal" : "mean";

  // The hold-out: what the model would have said of the last horizon, beside "the same as a season ago".
  const double fallback = mean_of(counts, 0, used);
  const SeasonalModel judged(day, week, best_smoothing(day, week, counts, used), counts, used);
  std::vector<double> by_model, by_naive;
  for (std::size_t k = 1; k <= h; ++k) {
    by_model.push_back(judged.expect(k));
    by_naive.push_back(naive_expect(counts, used, longest, k, fallback));
  }
  f.model = score(by_model, counts, used, &f.actual_holdout_peak);
  f.naive = score(by_naive, counts, used, nullptr);
  const bool naive_better = known(f.naive.wape) && known(f.model.wape) && f.naive.wape < f.model.wape;
  if (naive_better) {
    f.notes.push_back(std::string("on the hold-out ") +
                      (longest == 0 ? "the plain mean" : "'the same as one season ago'") +
                      " was better than the model (error " + fixed(100 * f.naive.wape, 1) + " % against " +
                      fixed(100 * f.model.wape, 1) + " %): it is used");
    f.method = "naive";
  }
  std::vector<double> errors;
  for (std::size_t i = 0; i < h; ++i)
    if (known(counts[used + i])) errors.push_back(counts[used + i] - (naive_better ? by_naive : by_model)[i]);
  if (errors.size() < 20)
    f.notes.push_back("the interval rests on " + std::to_string(errors.size()) + " hold-out windows only");

  f.smoothing = best_smoothing(day, week, counts, n);
  const SeasonalModel model(day, week, f.smoothing, counts, n);
  const double mean = mean_of(counts, 0, n);
  for (std::size_t k = 1; k <= h; ++k)
    f.expected.push_back(naive_better ? naive_expect(counts, n, longest, k, mean) : model.expect(k));
  f.history.assign(counts.end() - static_cast<std::ptrdiff_t>(h), counts.end());
  f.start_ns = series->start_ns + static_cast<std::int64_t>(n) * f.window.count();
  const auto top = std::max_element(f.expected.begin(), f.expected.end());
  f.curve_peak = *top;
  f.peak_ns = f.start_ns + (top - f.expected.begin()) * f.window.count();
  const Futures futures = simulate(f.expected, errors, options.seed);
  f.peak = futures.middle, f.peak_low = futures.low, f.peak_high = futures.high;

  f.burst_source = !options.burst_from.empty()              ? options.burst_from
                   : series->from_requests && f.window > 1s ? path
                                                            : "";
  if (!f.burst_source.empty()) {
    std::vector<std::string> ignored;
    auto factor = burst_of(f.burst_source, f.window, options.burst_from.empty() ? ignored : f.notes);
    if (!factor) return std::move(factor).error();
    f.burst_factor = *factor;
  } else if (f.window > 1s) {
    f.notes.push_back("the target holds for windows of " + long_text(f.window) +
                      " only: the fullest second within is higher by a factor that counts do not tell. Give a finer "
                      "trace with --burst-from FILE");
  }
  f.target_scale = options.target_scale;
  const double per_s = f.burst_factor.value_or(1.0) / seconds(f.window);
  f.target_per_s = f.target_scale * f.peak * per_s;
  f.capacity = options.capacity;
  if (f.capacity && f.target_per_s > 0) {
    f.reserve = (*f.capacity - f.target_per_s) / f.target_per_s;
    f.enough = *f.capacity >= f.target_per_s;
    f.enough_at_high = *f.capacity >= f.target_scale * f.peak_high * per_s;
  }
  return f;
}

namespace {

/// At most `width` values, the highest of each group, so that a peak stays visible.
std::vector<double> squeezed(const std::vector<double>& values, std::size_t width) {
  std::vector<double> out;
  const std::size_t step = std::max<std::size_t>(1, (values.size() + width - 1) / width);
  for (std::size_t i = 0; i < values.size(); i += step) {
    double top = 0;
    for (std::size_t k = i; k < std::min(values.size(), i + step); ++k)
      if (known(values[k])) top = std::max(top, values[k]);
    out.push_back(top);
  }
  return out;
}

std::string percent(double share) { return known(share) ? fixed(100 * share, 1) + " %" : std::string("not known"); }

}  // namespace

std::string forecast_text(const Forecast& f) {
  const double per_s = 1 / seconds(f.window);
  std::string out = f.file + ": " + std::to_string(f.windows) + " windows of " + long_text(f.window) +
                    (f.missing > 0 ? ", " + std::to_string(f.missing) + " of them missing" : "") + "\n\n";
  std::vector<double> line = squeezed(f.history, 36);
  const std::size_t past = line.size();
  for (const double v : squeezed(f.expected, 36)) line.push_back(v);
  for (double& v : line) v *= per_s;
  out += block_chart(line, 6, "/s");
  out += std::string(13, ' ') + "last " + long_text(f.horizon) +
         std::string(past > 12 ? past - std::min<std::size_t>(past, 5 + long_text(f.horizon).size()) : 1, ' ') +
         "| next " + long_text(f.horizon) + " (expected)\n\n";
  std::vector<std::string> seasons;
  for (const Nanos s : f.seasons_used) seasons.push_back(long_text(s));
  out += "  method      " + f.method + (seasons.empty() ? "" : ", seasons " + join(seasons, " and ")) +
         (f.method == "naive"
              ? ""
              : "; smoothing level " + fixed(f.smoothing.level, 3) + ", season " + fixed(f.smoothing.day, 2) +
                    ", long season " + fixed(f.smoothing.week, 2) + ", residual " + fixed(f.smoothing.residual, 1)) +
         "\n";
  out += "  hold-out    the last " + long_text(f.horizon) + ", highest " + fixed(f.actual_holdout_peak * per_s, 2) +
         "/s:       error of sum   mean error of a window   error of the peak\n";
  const auto row = [&](const std::string& name, const HoldOut& h) {
    out += "              " + name + percent(h.wape) + "          " + percent(h.mape) + "                  " +
           (known(h.peak_error) && h.peak_error > 0 ? "+" : "") + percent(h.peak_error) + "\n";
  };
  row("this model                            ", f.model);
  row(f.seasons_used.empty() ? "the plain mean                        " : "the same as one season ago            ",
      f.naive);
  out += "  next peak   " + fixed(f.peak * per_s, 2) + "/s over " + long_text(f.window) +
         " (90 % of simulated futures: " + fixed(f.peak_low * per_s, 2) + " to " + fixed(f.peak_high * per_s, 2) +
         "); the expected curve is highest at " + utc_text(f.peak_ns) + " with " + fixed(f.curve_peak * per_s, 2) +
         "/s\n";
  if (f.burst_factor)
    out += "  burst       the fullest second is " + fixed(*f.burst_factor, 2) + " times the fullest " +
           long_text(f.window) + " (from " + f.burst_source + ")\n";
  out += "  target      " + fixed(f.target_scale, 2) + " x peak" + (f.burst_factor ? " x burst" : "") + " = " +
         fixed(f.target_per_s, 2) + "/s over " + (f.burst_factor ? std::string("1s") : long_text(f.window)) + "\n";
  if (f.reserve)
    out += "  reserve     capacity " + fixed(*f.capacity, 2) + "/s: " + fixed(100 * *f.reserve, 1) + " % -> " +
           (f.enough ? f.enough_at_high ? "enough, also at the upper end"
                                        : "enough for the middle, not for the upper end of the interval"
                     : "NOT ENOUGH") +
           "\n";
  for (const std::string& note : f.notes) out += "  note: " + note + "\n";
  if (!f.capacity)
    out += "next: measure what the platform bears (cardstorm run knee), then: cardstorm trace forecast " + f.file +
           " --capacity THAT\n";
  return out;
}

Json forecast_json(const Forecast& f) {
  const double per_s = 1 / seconds(f.window);
  const auto share = [](double v) { return known(v) ? Json(v) : Json(); };
  const auto score_json = [&](const HoldOut& h) {
    return Json::object({{"wape", share(h.wape)}, {"mape", share(h.mape)}, {"peak_error", share(h.peak_error)}});
  };
  const auto maybe = [](const std::optional<double>& v) { return v ? Json(*v) : Json(); };
  Json seasons = Json::array(), expected = Json::array(), notes = Json::array();
  for (const Nanos s : f.seasons_used) seasons.push(seconds(s));
  for (const double v : f.expected) expected.push(v);
  for (const std::string& note : f.notes) notes.push(note);
  return Json::object({{"schema", "cardstorm.trace_forecast/1"},
                       {"file", f.file},
                       {"method", f.method},
                       {"window_s", seconds(f.window)},
                       {"windows", static_cast<std::uint64_t>(f.windows)},
                       {"missing", static_cast<std::uint64_t>(f.missing)},
                       {"horizon_s", seconds(f.horizon)},
                       {"seasons_s", seasons},
                       {"smoothing", Json::object({{"level", f.smoothing.level},
                                                   {"season", f.smoothing.day},
                                                   {"long_season", f.smoothing.week},
                                                   {"residual", f.smoothing.residual}})},
                       {"hold_out", Json::object({{"actual_peak_per_s", f.actual_holdout_peak * per_s},
                                                  {"model", score_json(f.model)},
                                                  {"naive", score_json(f.naive)}})},
                       {"next_peak", Json::object({{"per_s", f.peak * per_s},
                                                   {"low_per_s", f.peak_low * per_s},
                                                   {"high_per_s", f.peak_high * per_s},
                                                   {"curve_per_s", f.curve_peak * per_s},
                                                   {"at", utc_text(f.peak_ns)}})},
                       {"burst_factor", maybe(f.burst_factor)},
                       {"target_scale", f.target_scale},
                       {"target_per_s", f.target_per_s},
                       {"target_window_s", f.burst_factor ? 1.0 : seconds(f.window)},
                       {"capacity_per_s", maybe(f.capacity)},
                       {"reserve", maybe(f.reserve)},
                       {"enough", f.reserve ? Json(f.enough) : Json()},
                       {"enough_at_high", f.reserve ? Json(f.enough_at_high) : Json()},
                       {"expected", Json::object({{"start", utc_text(f.start_ns)}, {"counts", expected}})},
                       {"notes", notes}});
}

}  // namespace cardstorm
