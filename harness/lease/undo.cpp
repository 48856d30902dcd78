// undo: see undo.hpp.
#include "harness/lease/undo.hpp"

#include <algorithm>
#include <thread>

#include "harness/core/text.hpp"
#include "harness/lease/command.hpp"
#include "harness/lease/lease.hpp"
#include "harness/lease/undo_sql.hpp"
#include "harness/net/control.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kAgain{100ms}, kAskAgain{1s};

HttpRequest request_of(const Json& undo) {
  HttpRequest request;
  request.method = undo["method"].string();
  request.url = undo["url"].string();
  request.body = undo["body"].string();
  request.timeout =
      undo.has("within_ms") ? kCommandWithin : kControlTimeout;  // an engine answers when the start is done
  request.unix_socket = undo["unix_socket"].string();
  for (const auto& [name, value] : undo["headers"].members()) request.headers.emplace_back(name, value.string());
  return request;
}

std::vector<std::string> argv_of(const Json& argv) {
  std::vector<std::string> out;
  for (const Json& word : argv.items()) out.push_back(word.string());
  return out;
}

std::string verify_by_probe(const std::vector<std::string>& argv) {
  const auto answer = run_probe(argv, kProbeWithin, "");
  if (!answer) return answer.error().what;
  return answer->up ? "" : "'" + argv[0] + "' says that it is not up";
}

/// "" when the verification holds (or none is asked for), else what was found.
std::string verify(const Json& check, const AllowList& allow) {
  if (check.is_null()) return "";
  if (check.has("argv")) return verify_by_probe(argv_of(check["argv"]));
  const Nanos begin = monotonic_now();
  HttpRequest question = get(check["url"].string());
  question.unix_socket = check["unix_socket"].string();
  const auto answer = control_call(question, allow);
  const Nanos took = monotonic_now() - begin;
  if (!answer) return answer.error().what;
  if (check.has("below_ms"))
    return took < std::chrono::milliseconds(check["below_ms"].integer())
               ? ""
               : "the answer still took " + duration_text(took);
  const Json* found = answer->at_pointer(check["pointer"].string());
  if (found == nullptr) return "no value at " + check["pointer"].string();
  return *found == check["equals"] ? "" : check["pointer"].string() + " is still " + found->text();
}

/// "" when what was killed was asked to start.
std::string ask_to_start(const Json& undo, const AllowList& allow) {
  if (undo["kind"].string() == "argv") {
    const auto argv = argv_of(undo["argv"]);
    const auto code = run_command(argv, kCommandWithin, undo["log"].string());
    if (!code) return code.error().what;
    return *code == 0 ? "" : "'" + argv[0] + "' ended with code " + std::to_string(*code);
  }
  const HttpResponse answer = fetch(request_of(undo), allow);
  if (answer.cause != Cause::none) return answer.error;
  for (const Json& status : undo["accept"].items())
    if (status.integer() == answer.status) return "";
  return answer.status >= 200 && answer.status < 300
             ? ""
             : "status " + std::to_string(answer.status) + " " + answer.body.substr(0, 200);
}

/// Starts again what was killed. Done when it runs already; asked for once, since a second instance is not wanted; then
/// it has the time that a start takes. Silence proves nothing here.
UndoResult start_again(const Json& undo, const AllowList& allow, Nanos wait) {
  const Json& check = undo["verify"];
  if (!check.is_null() && verify(check, allow).empty()) return {true, "it runs"};
  const Nanos begin = monotonic_now(), ask_end = begin + wait;
  const Nanos end = begin + std::max(wait, Nanos(std::chrono::milliseconds(undo["within_ms"].integer(0))));
  bool asked = false;
  for (;;) {
    std::string left = asked ? "" : ask_to_start(undo, allow);
    asked = asked || left.empty();
    if (asked) left = verify(check, allow);
    if (left.empty()) return {true, "started again"};
    const Nanos now = monotonic_now();
    if (now >= (asked ? end : ask_end)) return {false, left};
    std::this_thread::sleep_for(asked ? kAgain : kAskAgain);
  }
}

}  // namespace

UndoResult run_undo(const Json& undo, const AllowList& allow, Nanos wait) {
  const std::string& kind = undo["kind"].string();
  if (undo.is_null() || kind == "none") return {true, "nothing to undo"};
  if (kind == "argv" && undo["argv"].items().empty()) return {false, "the undo names no command"};
  if (kind == "argv" || (kind == "http" && undo.has("within_ms"))) return start_again(undo, allow, wait);
  if (kind == "sql") return run_sql_undo(undo, allow, wait);
  if (kind != "http") return {false, "no such kind of undo: '" + kind + "'"};
  const Nanos end = monotonic_now() + wait;
  Nanos silent_since{-1};  // since when nothing at all has listened there
  for (;;) {
    const auto answer = control_call(request_of(undo), allow);
    const std::string left = answer ? verify(undo["verify"], allow) : answer.error().what;
    if (left.empty()) return {true, "undone"};
    const Nanos now = monotonic_now();
    if (answer || answer.error().code != Errc::unavailable)
      silent_since = Nanos(-1);
    else if (silent_since < Nanos(0))
      silent_since = now;
    if (silent_since >= Nanos(0) && now - silent_since >= kLease)
      return {true, "nothing listens there any more, and the lease is over"};
    if (!answer && answer.error().code == Errc::refused) return {false, left};  // the allow-list will not change
    if (now >= end) return {false, left};
    std::this_thread::sleep_for(std::min(kAgain, end - now));
  }
}

}  // namespace cardstorm
