// counts: a series of counts per interval becomes arrivals, spread by the seed. There are no requests in it, and we say
// so.
#include <algorithm>
#include <cmath>

#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"
#include "harness/trace/count_rows.hpp"

namespace cardstorm {
namespace {

constexpr double kArrivalsMax = 2e8;

class CountsReader final : public Reader {
 public:
  explicit CountsReader(std::uint64_t seed) : rng_(seed, "inside-an-interval"), seed_(seed) {}

  Status read(Input& input, StampReader& stamps, Sink& sink) override {
    auto counts = read_count_rows(input, stamps, sink);
    if (!counts) return std::move(counts).error();
    double total = 0, owed = 0;
    for (const auto& row : counts->rows) total += row.count;
    if (total > kArrivalsMax)
      return Error{Errc::invalid,
                   "the counts add up to " + fixed(total, 0) + " arrivals, more than " + fixed(kArrivalsMax, 0),
                   "cut out the hours around the peak"};
    std::vector<double> gaps;
    for (const auto& row : counts->rows) {
      owed += row.count;  // fractions of a count, as rates have them, are carried on
      const auto n = static_cast<std::size_t>(owed);
      owed -= static_cast<double>(n);
      gaps.resize(n + 1);
      double sum = 0, at = 0;
      for (double& gap : gaps) sum += gap = -std::log1p(-rng_.unit());
      for (std::size_t i = 0; i < n; ++i) {
        at += gaps[i];
        Entry entry;
        const double inside = sum > 0 ? at / sum : 0.5;
        entry.stamp.ns =
            row.at_ns + std::min(counts->interval_ns - 1,
                                 static_cast<std::int64_t>(inside * static_cast<double>(counts->interval_ns)));
        entry.latency_ns = 0;
        if (!sink.take(entry)) return ok();
      }
    }
    sink.note("THESE ARE COUNTS, NOT REQUESTS: each count was spread over its interval of " +
              duration_text(Nanos(counts->interval_ns)) + ", from its time stamp on, by seed " + std::to_string(seed_) +
              ". There is no method, no path, no client and no burst within an interval: the real peak over a second "
              "was higher");
    return ok();
  }

 private:
  Rng rng_;
  std::uint64_t seed_;
};

double fits_counts(std::string_view head) { return looks_like_counts(head) ? 1 : 0; }

Result<std::unique_ptr<Reader>> make_counts(const FormatOptions& options) {
  return std::unique_ptr<Reader>(std::make_unique<CountsReader>(options.seed));
}

}  // namespace

FormatEntry counts_format() {
  return {"counts", "counts per interval: rows of time,count, spread by --seed", fits_counts, make_counts, false, false,
          false};
}

}  // namespace cardstorm
