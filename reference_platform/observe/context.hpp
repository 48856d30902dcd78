// context: what travels with a piece of work through HTTP, queue and message table: the W3C trace, the mark, the time
// that is left. It is ambient (one per thread), so that the code of the business does not carry it by hand: server and
// background work set it, client and tables take it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace platform::observe {

struct Context {
  std::string trace_id, span_id;  // 32 and 16 hex digits; "" when there is none
  bool sampled = true;            // traceparent's flag: whoever made the trace records it, and so may we
  std::string mark;               // X-Cardstorm-Mark, "" for real traffic
  std::optional<std::chrono::steady_clock::time_point> deadline;  // of the request that all this is done for

  /// "00-<trace>-<span>-01" (W3C Trace Context, level 1), -00 when not sampled; "" without a trace.
  [[nodiscard]] std::string traceparent() const;
  /// Reads a traceparent; what is malformed is as if it were not there. `mark` as given.
  static Context of(std::string_view traceparent, std::string_view mark);
  /// A new trace.
  static Context fresh(std::string_view mark = {});
};

/// The calling thread's context; empty outside of any work.
const Context& current();

/// Sets the thread's context for a scope.
class Scope {
 public:
  explicit Scope(Context context);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Context before_;
};

}  // namespace platform::observe
