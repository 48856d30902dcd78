// guard: stop conditions over the platform's own metrics. Asks a Prometheus again and again while a run lasts, and says
// stop, once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/net/allow.hpp"

namespace cardstorm {

/// A PromQL query that answers nothing but zero while all is well. No data (an empty answer, or NaN) means stop too
/// when `absent_is_bad`: then write a comparison with `bool`, so that it answers 0 and not nothing when it does not
/// hold.
struct GuardQuery {
  std::string name, query;
  bool absent_is_bad = true;
};

struct GuardFinding {
  // unclear: no usable answer
  enum class State : std::uint8_t { quiet, stop, unclear };
  State state = State::unclear;
  std::string text;  // for people: what was found
};

/// What one answer of /api/v1/query means. Pure. `status` 0: nobody answered, and `body` says why.
GuardFinding judge_guard_answer(const GuardQuery& query, int status, const std::string& body);

/// Asks once. `prometheus`: http://host:port, inside `allow`.
GuardFinding ask_guard(const std::string& prometheus, const GuardQuery& query, const AllowList& allow, Nanos timeout);

struct GuardSetup {
  std::string prometheus;
  Nanos every{1s};
  std::vector<GuardQuery> queries;
  AllowList allow;
  std::function<void(const std::string& why)> on_stop;  // at most once, from the guard's thread
};

/// More unclear answers in a row than this are no longer taken for an accident: who cannot look must not go on.
inline constexpr int kGuardMisses = 3;
/// Nor are fewer when each of them timed out: a Prometheus that hangs.
inline constexpr Nanos kGuardBlind{3s};

/// Looks on a thread of its own until it is destroyed or has said stop.
class Guard {
 public:
  virtual ~Guard() = default;
  /// How many rounds of all queries were asked.
  [[nodiscard]] virtual int rounds() const = 0;
};

/// Null when there is nothing to ask.
std::unique_ptr<Guard> start_guard(GuardSetup setup);

}  // namespace cardstorm
