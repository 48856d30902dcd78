// progress: what a person sees while a run goes on. On a terminal one line that is rewritten each second, elsewhere a
// line every five seconds and at each change of phase. Never stdout.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>

#include "harness/core/clock.hpp"

namespace cardstorm {

struct ProgressRow {
  Nanos at{0}, end{0};
  std::string phase;              // "steady", "fault", ...
  std::string fault;              // "payment_delay on alpha" while in force, else ""
  std::optional<double> success;  // share of steps that ended well in the last seconds; none: no step ended
  double p99_ms = 0;
  std::uint64_t trades_ok = 0, trades_bad = 0, open = 0;
};

/// Any thread.
class Progress {
 public:
  /// `live`: rewrite one line (a terminal). `prefix` names the side and repeat: "baseline fragile 1/3".
  Progress(std::ostream& out, bool live) : out_(out), live_(live) {}
  void prefix(std::string text);
  /// A line that stays: "starting hardened ..."
  void say(const std::string& text);
  void show(const ProgressRow& row);

 private:
  void wipe();
  [[nodiscard]] std::string labelled() const;
  std::mutex mutex_;
  std::ostream& out_;
  bool live_, line_open_ = false;
  std::string prefix_, last_phase_, last_fault_;
  Nanos last_shown_{-1h};
};

}  // namespace cardstorm
