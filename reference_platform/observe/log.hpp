// log: one JSON line per business event, sorted by business scenario, with the trace it belongs to. Never a card text
// or a phone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace platform::observe {

/// Lines go to stderr, which the supervisor keeps as D/logs/<node>.log. Any thread. A full queue drops lines and counts
/// them: a slow disk must not hold up a trade.
class BusinessLog {
 public:
  explicit BusinessLog(std::string node);
  /// {"at_ms","node","scenario","event","order_no","mark","outcome","trace_id","span_id"}; the trace is the calling
  /// thread's.
  void event(std::string_view name, std::string_view order_no, std::string_view mark, std::string_view outcome) const;

 private:
  std::string node_;
};

/// order, pay, stock, delivery, refund, supplier; "platform" for everything else. From the event's name.
std::string_view scenario_of(std::string_view event);

/// Makes every line go to the disk before event() returns, under one lock (anti-pattern A14).
void log_synchronously(bool on);
/// Waits until all lines so far are written; at most a second.
void flush_log();
/// Lines dropped since the start, also by a full disk.
std::uint64_t log_dropped();

/// A statement that took long; `node` by name_log().
void slow_query(std::string_view summary, double seconds);
/// Whose lines these are, where no BusinessLog writes them. Once, at the start.
void name_log(const std::string& node);

}  // namespace platform::observe
