// describe: the plan as text and pictures for `cardstorm plan`.
#include "harness/scenario/describe.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/core/burst.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"
#include "harness/plan/replay.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kRowSeconds = 100;  // a segment longer than this is drawn in several rows
constexpr std::size_t kRoutesListed = 12;
constexpr std::size_t kDigestBlock = 4096;
constexpr const char* kBars[]{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}
std::string right(std::string text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}
std::string at_text(Nanos t) { return fixed(seconds(t), 1); }

/// A journey without an order looks at goods but takes none.
bool orders(const Journey& journey) {
  return std::any_of(journey.steps.begin(), journey.steps.end(), [](const Step& s) { return s.fact == Fact::order; });
}

/// What a reader wants of all trades, gathered in one pass.
struct Counts {
  std::uint64_t trades = 0, steps = 0;
  std::vector<std::uint64_t> per_second, per_journey;
  std::map<std::string, std::uint64_t> asked;  // pieces per SKU
  std::vector<Nanos> loaded;                   // start times without the gaps between segments
  std::string digest;
};

Counts counts_of(const Plan& plan, const Trace& trace) {
  Counts out;
  out.per_journey.resize(plan.journeys.size());
  out.per_second.resize(static_cast<std::size_t>(std::max(0.0, std::ceil(seconds(plan.load_end)))));
  std::string block;
  const auto close_block = [&] {
    out.digest = sha256_hex(out.digest + block);
    block.clear();
  };
  const PlannedTrades trades(plan, trace);
  for (TradeId i = 0; i < trades.size(); ++i) {
    const Arrival a = trades.arrival(i);
    const Nanos at = a.at;
    ++out.trades;
    out.loaded.push_back(load_time(plan.segments, at));
    const Journey& journey = plan.journeys[a.journey];
    out.steps += journey.steps.size();
    ++out.per_journey[a.journey];
    if (const auto second = static_cast<std::size_t>(seconds(at)); second < out.per_second.size())
      ++out.per_second[second];
    if (orders(journey)) out.asked[a.sku] += a.quantity;
    block += std::to_string(a.trade) + " " + std::to_string(a.at.count()) + " " + journey.name + " " + a.buyer + " " +
             a.sku + " " + std::to_string(a.quantity) + " " + a.channel + " " + a.key + " " + a.phone +
             (a.trace_path.empty() ? "" : " " + a.trace_path) + "\n";
    if (out.trades % kDigestBlock == 0) close_block();
  }
  close_block();
  return out;
}

/// One letter per second below the picture.
char phase_letter(const Segment& s, Nanos at) {
  if (at < s.fault_at) return 's';
  if (at < s.heal_at) return 'F';
  if (at < s.horizon_at) return 'o';
  return '.';
}

void draw_segment(const Segment& s, const Counts& counts, std::uint64_t most, std::string& out) {
  const auto first = static_cast<std::size_t>(seconds(s.begin));
  const auto last = std::min(counts.per_second.size(), static_cast<std::size_t>(std::ceil(seconds(s.end))));
  for (std::size_t row = first; row < last; row += kRowSeconds) {
    std::string bars, letters;
    for (std::size_t second = row; second < std::min(last, row + kRowSeconds); ++second) {
      const std::uint64_t n = counts.per_second[second];
      bars += kBars[n == 0 ? 0 : std::max<std::uint64_t>(1, n * 8 / std::max<std::uint64_t>(1, most))];
      letters += phase_letter(s, std::chrono::seconds(second));
    }
    out += right(std::to_string(row), 7) + " s  |" + bars + "|\n" + std::string(11, ' ') + letters + "\n";
  }
}

/// "1.5 trades/s" and the like: what the mode was told.
std::string shape_text(const Traffic& t) {
  const std::string rate = fixed(t.rate, 2), to = fixed(t.rate_to, 2);
  if (t.mode == "ramp") return rate + " to " + to + " trades/s in a straight line";
  if (t.mode == "step") return rate + " to " + to + " trades/s in " + std::to_string(t.steps) + " steps";
  if (t.mode == "spike")
    return rate + " trades/s, and " + to + " for " + duration_text(t.lasts) + " after every " + duration_text(t.every);
  if (t.mode == "promotion")
    return rate + " trades/s, and after every " + duration_text(t.every) + " a wall of " + to +
           ", falling exponentially for " + duration_text(t.lasts);
  return rate + " trades/s" + (t.mode == "poisson" ? " on average" : "");
}

/// Whether the recording is sent once, cut, or repeated.
std::string fit_text(const Plan& plan, const Slice& slice) {
  const Nanos once = replay_length(plan.traffic, slice), load = loaded_time(plan.segments);
  if (load < once) return "cut after " + at_text(load) + " s of " + at_text(once) + " s";
  if (load > once)
    return "sent " + fixed(seconds(load) / seconds(once), 2) + " times, round and round, to fill " + at_text(load) +
           " s; new buyers in each round";
  return "sent once";
}

void add_source(const Plan& plan, const Trace& trace, std::string& out) {
  const Traffic& t = plan.traffic;
  const std::string recording = t.trace + ", sha256 " + t.trace_sha256.substr(0, 16);
  if (t.mode == "shaped") {
    out += "base       " + fixed(t.base_rate, 2) + " trades/s\n";
    if (t.trace.empty()) {
      out += "shape      none: base load only\n";
    } else {
      out += "shape      " + recording + "\n";
      out += "peak       " + fixed(t.scale, 2) + " x " + fixed(t.peak_rate, 2) + " trades/s in a window of " +
             duration_text(t.peak_window) + " = " +
             std::to_string(std::llround(t.scale * t.peak_rate * seconds(t.peak_window))) +
             " trades, once or more in every phase\n";
    }
  } else if (is_replay(t.mode)) {
    const Slice slice = slice_of_trace(t, trace);
    out += "recording  " + recording + "\n";
    out += "slice      " + std::to_string(slice.at.size()) + " starts in " + at_text(slice.length) + " s, from " +
           at_text(t.from) + " s; " + fit_text(plan, slice) + "\n";
    out += "mode       " + t.mode + ", " + fixed(t.scale, 2) + " times\n";
  } else {
    out += "mode       " + t.mode + ": " + shape_text(t) + "\n";
  }
  out += "its lie    " + std::string(lie_of(t.mode)) + "\n";
}

std::string index_text(const Burst& burst) { return burst.dispersion ? fixed(*burst.dispersion, 2) : "-"; }

/// Peak and index of dispersion per width of the window; the recording's beside them where one is replayed.
void add_bursts(const Plan& plan, const Trace& trace, const Counts& counts, std::string& out) {
  const bool replayed = is_replay(plan.traffic.mode);
  const Slice slice = replayed ? slice_of_trace(plan.traffic, trace) : Slice{};
  const auto recorded = burst_numbers(slice.at, Nanos(0), slice.length),
             planned = burst_numbers(counts.loaded, Nanos(0), loaded_time(plan.segments));
  out += std::string("\nwindow   planned peak   index") + (replayed ? "   recorded peak   index" : "") +
         "     (index of dispersion: 0 even, 1 random, above bursty)\n";
  for (std::size_t i = 0; i < planned.size(); ++i) {
    out += padded(duration_text(planned[i].window), 9) + right(std::to_string(planned[i].peak), 12) +
           right(index_text(planned[i]), 8);
    if (replayed) out += right(std::to_string(recorded[i].peak), 16) + right(index_text(recorded[i]), 8);
    out += "\n";
  }
}

void add_listed(const char* title, const std::map<std::string, std::uint64_t>& by_route, std::uint64_t lines,
                std::string& out) {
  std::vector<std::pair<std::string, std::uint64_t>> sorted(by_route.begin(), by_route.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  for (std::size_t i = 0; i < std::min(sorted.size(), kRoutesListed); ++i)
    out += padded(title, 27) + right(std::to_string(sorted[i].second), 8) +
           right(fixed(100.0 * static_cast<double>(sorted[i].second) / static_cast<double>(lines), 1), 7) + " %  " +
           sorted[i].first + "\n";
  if (sorted.size() > kRoutesListed)
    out += padded(title, 27) + "        " + std::to_string(sorted.size() - kRoutesListed) + " more routes\n";
}

void add_routes(const Plan& plan, const Trace& trace, std::string& out) {
  const RouteCounts& r = trace.routes;
  if (plan.traffic.routes.empty() || r.lines == 0) return;
  out += "\nroutes     " + plan.traffic.routes + ": of " + std::to_string(r.lines) + " recorded lines\n";
  const auto row = [&](const char* what, std::uint64_t n) {
    if (n > 0)
      out += padded(what, 27) + right(std::to_string(n), 8) +
             right(fixed(100.0 * static_cast<double>(n) / static_cast<double>(r.lines), 1), 7) + " %\n";
  };
  row("start a journey", r.started);
  row("are steps of one", r.absorbed);
  row("are replayed as they are", r.replayed);
  row("ignored", r.ignored);
  add_listed("write, left out", r.skipped_writes, r.lines, out);
  add_listed("read, not mapped, left out", r.unmapped_reads, r.lines, out);
  add_listed("read, scrubbed, left out", r.scrubbed_reads, r.lines, out);
  add_listed("read, refused as recorded", r.recorded_refusals, r.lines, out);
}

void add_traffic(const Plan& plan, const Trace& trace, const Counts& counts, std::string& out) {
  const Traffic& t = plan.traffic;
  const std::uint64_t most =
      counts.per_second.empty() ? 0 : *std::max_element(counts.per_second.begin(), counts.per_second.end());
  out += "load       " + duration_text(plan.load_end) + ", then up to " + duration_text(plan.drain) + " to drain\n";
  out += "planned    " + std::to_string(counts.trades) + " trades, " + std::to_string(counts.steps) + " steps\n";
  add_source(plan, trace, out);
  out += "sending    " + std::to_string(t.shards) + (t.shards == 1 ? " shard" : " shards") + ", at most " +
         fixed(t.connects_per_second, 0) + " connects/s; later than " + duration_text(t.late_max) + " is not sent\n";
  out += "arrivals   sha256 " + counts.digest + "\n";
  out += "\ntrades started per second (a full bar is " + std::to_string(most) +
         "; s steady, F fault, o observe, . no load)\n";
  for (const Segment& s : plan.segments) draw_segment(s, counts, most, out);
  add_bursts(plan, trace, counts, out);
  add_routes(plan, trace, out);
}

void add_segments(const Plan& plan, std::string& out) {
  out += "\nsegment  begin    inject     heal  horizon      end  load  fault\n";
  for (const Segment& s : plan.segments) {
    const bool quiet = s.fault.fault.empty();
    out += right(std::to_string(s.index), 7) + right(at_text(s.begin), 7) +
           right(quiet ? "-" : at_text(s.fault_at), 10) + right(quiet ? "-" : at_text(s.heal_at), 9) +
           right(at_text(s.horizon_at), 9) + right(at_text(s.end), 9) + right(fixed(s.load, 1), 6) + "  ";
    out += quiet ? "none" : s.fault.fault + " on " + s.fault.on;
    for (const auto& [name, value] : s.fault.params.members()) out += ", " + name + " " + value.text();
    out += "\n";
  }
}

void add_touched(const Plan& plan, std::string& out) {
  out += "\ntouched    " + plan.target + ": ";
  std::vector<std::string> touched;
  for (const Segment& s : plan.segments) {
    if (s.fault.fault.empty()) continue;
    const std::string one = s.fault.on + " (" + s.fault.fault + ")";
    if (std::find(touched.begin(), touched.end(), one) == touched.end()) touched.push_back(one);
  }
  out += touched.empty() ? "load only, nothing is broken" : join(touched, ", ");
  out += "\n";
}

/// "403 with header Server: cloudflare".
std::string wall_text(const FrontWall& w) {
  std::vector<std::string> signs;
  for (const int status : w.status) signs.push_back(std::to_string(status));
  std::string out = signs.empty() ? "any status" : join(signs, " or ");
  if (!w.header.empty()) out += " with header " + w.header + (w.header_has.empty() ? "" : ": " + w.header_has);
  if (!w.body_has.empty())
    out += std::string(w.header.empty() ? " with" : ", or") + " '" + w.body_has + "' in the body";
  return out;
}

void add_mix(const Plan& plan, const Counts& counts, std::string& out) {
  double weights = 0;
  std::size_t width = 8;
  for (const Journey& j : plan.journeys) {
    weights += j.weight;
    width = std::max(width, j.name.size() + 2);
  }
  out += "\n" + padded("journey", width) + "share %  trades  steps  quantity  deadline  channels\n";
  // A routes file decides by the recording: there the share is what came out, not a wish.
  const auto share = [&](std::size_t i) {
    if (plan.traffic.routes.empty()) return 100 * plan.journeys[i].weight / weights;
    return 100 * static_cast<double>(counts.per_journey[i]) /
           static_cast<double>(std::max<std::uint64_t>(1, counts.trades));
  };
  for (std::size_t i = 0; i < plan.journeys.size(); ++i) {
    const Journey& j = plan.journeys[i];
    const std::string quantity = j.quantity_min == j.quantity_max
                                     ? std::to_string(j.quantity_min)
                                     : std::to_string(j.quantity_min) + "-" + std::to_string(j.quantity_max);
    out += padded(j.name, width) + right(fixed(share(i), 1), 7) + right(std::to_string(counts.per_journey[i]), 8) +
           right(std::to_string(j.steps.size()), 7) + right(quantity, 10) + right(duration_text(j.deadline), 10) +
           "  " + join(j.channels, " ") + "\n";
  }
}

void add_stock(const Plan& plan, const Counts& counts, std::string& out) {
  if (plan.stock.empty()) return;
  std::size_t width = 8;
  for (const SkuStock& s : plan.stock) width = std::max(width, s.sku.size() + 2);
  out += "\n" + padded("sku", width) + "class           price    cards    asked\n";
  for (const SkuStock& s : plan.stock) {
    const auto asked = counts.asked.find(s.sku);
    const std::uint64_t pieces = asked == counts.asked.end() ? 0 : asked->second;
    out += padded(s.sku, width) + padded(s.goods, 12) + right(money_text(s.price_cents), 9) +
           right(s.cards == 0 ? "-" : std::to_string(s.cards), 9) + right(std::to_string(pieces), 9) +
           (s.cards > 0 && pieces > s.cards ? "  sells out" : "") + "\n";
  }
}

}  // namespace

std::string arrivals_digest(const Plan& plan, const Trace& trace) { return counts_of(plan, trace).digest; }

std::string describe_plan(const Plan& plan, const Trace& trace) {
  const Counts counts = counts_of(plan, trace);
  std::string out = "plan       " + plan.scenario + " against " + plan.target + ", seed " + std::to_string(plan.seed) +
                    ", cardstorm " + plan.version + "\n";
  out += "why        " + plan.why + "\n";
  add_traffic(plan, trace, counts, out);
  add_segments(plan, out);
  add_touched(plan, out);
  add_mix(plan, counts, out);
  add_stock(plan, counts, out);
  if (!plan.expect.empty() || !plan.abort.empty() || !plan.front_walls.empty()) out += "\n";
  for (const AbortRule& a : plan.abort)
    out += "stops when " + a.metric + " is not " + a.relation + " " + Json(a.bound).text() + " over " +
           duration_text(a.window) + (a.phase.empty() ? "" : " while " + a.phase + " lasts") + "\n";
  for (const FrontWall& w : plan.front_walls) out += "front wall " + wall_text(w) + "\n";
  for (const Expectation& e : plan.expect)
    out += "expect     " + e.metric + " " + e.relation + " " + Json(e.bound).text() + "\n";
  return out;
}

}  // namespace cardstorm
