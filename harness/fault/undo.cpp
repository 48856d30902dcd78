// undo: see undo.hpp.
#include "harness/fault/undo.hpp"

#include <algorithm>
#include <thread>

#include "harness/core/text.hpp"
#include "harness/fault/fault.hpp"
#include "harness/target/control.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kAgain{100ms};

HttpRequest request_of(const Json& undo) {
  HttpRequest request;
  request.method = undo["method"].string();
  request.url = undo["url"].string();
  request.body = undo["body"].string();
  request.timeout = kControlTimeout;
  for (const auto& [name, value] : undo["headers"].members()) request.headers.emplace_back(name, value.string());
  return request;
}

/// "" when the verification holds (or none is asked for), else what was found.
std::string verify(const Json& check, const AllowList& allow) {
  if (check.is_null()) return "";
  const Nanos begin = monotonic_now();
  const auto answer = control_call(get(check["url"].string()), allow);
  const Nanos took = monotonic_now() - begin;
  if (!answer) return answer.error().what;
  if (check.has("below_ms"))
    return took < std::chrono::milliseconds(check["below_ms"].integer()) ? "" : "the answer still took " + duration_text(took);
  const Json* found = answer->at_pointer(check["pointer"].string());
  if (found == nullptr) return "no value at " + check["pointer"].string();
  return *found == check["equals"] ? "" : check["pointer"].string() + " is still " + found->text();
}

}  // namespace

UndoResult run_undo(const Json& undo, const AllowList& allow, Nanos wait) {
  const std::string& kind = undo["kind"].string();
  if (undo.is_null() || kind == "none") return {true, "nothing to undo"};
  if (kind != "http") return {false, "no such kind of undo: '" + kind + "'"};
  const Nanos end = monotonic_now() + wait;
  Nanos silent_since{-1};  // since when nothing at all has listened there
  for (;;) {
    const auto answer = control_call(request_of(undo), allow);
    const std::string left = answer ? verify(undo["verify"], allow) : answer.error().what;
    if (left.empty()) return {true, "undone"};
    const Nanos now = monotonic_now();
    if (answer || answer.error().code != Errc::unavailable) silent_since = Nanos(-1);
    else if (silent_since < Nanos(0)) silent_since = now;
    if (silent_since >= Nanos(0) && now - silent_since >= kLease) return {true, "nothing listens there any more, and the lease is over"};
    if (!answer && answer.error().code == Errc::refused) return {false, left};  // the allow-list will not change
    if (now >= end) return {false, left};
    std::this_thread::sleep_for(std::min(kAgain, end - now));
  }
}

}  // namespace cardstorm
