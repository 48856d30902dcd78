// run_undo: see run_undo.hpp.
#include "harness/lease/run_undo.hpp"

#include <algorithm>
#include <thread>

#include "harness/core/text.hpp"
#include "harness/lease/command.hpp"
#include "harness/lease/lease.hpp"
#include "harness/lease/run_undo_sql.hpp"
#include "harness/net/control.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kAgain{100ms}, kAskAgain{1s};

HttpRequest request_of(const HttpUndo& undo) {
  HttpRequest request;
  request.method = undo.method;
  request.url = undo.url;
  request.body = undo.body;
  request.timeout = undo.within ? kCommandWithin : kControlTimeout;  // an engine answers when the start is done
  request.unix_socket = undo.unix_socket;
  request.headers = undo.headers;
  return request;
}

/// What is still missing for a proof, "" when nothing is.
std::string missing(const std::monostate&, const AllowList&) { return ""; }

std::string missing(const CommandProof& proof, const AllowList&) {
  const auto answer = run_probe(proof.argv, kProbeWithin, "");
  if (!answer) return answer.error().what;
  return answer->up ? "" : "'" + proof.argv[0] + "' says that it is not up";
}

std::string missing(const SpeedProof& proof, const AllowList& allow) {
  const Nanos begin = monotonic_now();
  HttpRequest question = get(proof.url);
  question.unix_socket = proof.unix_socket;
  const auto answer = control_call(question, allow);
  const Nanos took = monotonic_now() - begin;
  if (!answer) return answer.error().what;
  return took < proof.below ? "" : "the answer still took " + duration_text(took);
}

std::string missing(const ValueProof& proof, const AllowList& allow) {
  HttpRequest question = get(proof.url);
  question.unix_socket = proof.unix_socket;
  const auto answer = control_call(question, allow);
  if (!answer) return answer.error().what;
  const Json* found = answer->at_pointer(proof.pointer);
  if (found == nullptr) return "no value at " + proof.pointer;
  return *found == proof.equals ? "" : proof.pointer + " is still " + found->text();
}

std::string missing(const UndoProof& proof, const AllowList& allow) {
  return std::visit([&](const auto& one) { return missing(one, allow); }, proof);
}

/// "" when what was killed was asked to start.
std::string ask_to_start(const CommandUndo& undo, const AllowList&) {
  const auto code = run_command(undo.argv, kCommandWithin, undo.log);
  if (!code) return code.error().what;
  return *code == 0 ? "" : "'" + undo.argv[0] + "' ended with code " + std::to_string(*code);
}
std::string ask_to_start(const HttpUndo& undo, const AllowList& allow) {
  const HttpResponse answer = fetch(request_of(undo), allow);
  if (answer.cause != Cause::none) return answer.error;
  if (std::count(undo.accept.begin(), undo.accept.end(), answer.status) > 0) return "";
  return answer.status >= 200 && answer.status < 300
             ? ""
             : "status " + std::to_string(answer.status) + " " + answer.body.substr(0, 200);
}

/// Starts again what was killed. Done when it runs already; asked for once, since a second instance is not wanted; then
/// it has the time that a start takes. Silence proves nothing here.
template <class Start>
UndoResult start_again(const Start& undo, Nanos within, const AllowList& allow, Nanos wait) {
  const bool provable = !std::holds_alternative<std::monostate>(undo.proof);
  if (provable && missing(undo.proof, allow).empty()) return {true, "it runs"};
  const Nanos begin = monotonic_now(), ask_end = begin + wait, end = begin + std::max(wait, within);
  bool asked = false;
  for (;;) {
    std::string left = asked ? "" : ask_to_start(undo, allow);
    asked = asked || left.empty();
    if (asked) left = missing(undo.proof, allow);
    if (left.empty()) return {true, "started again"};
    const Nanos now = monotonic_now();
    if (now >= (asked ? end : ask_end)) return {false, left};
    std::this_thread::sleep_for(asked ? kAgain : kAskAgain);
  }
}

UndoResult run(const NoUndo&, const AllowList&, Nanos) { return {true, "nothing to undo"}; }
UndoResult run(const UnknownUndo& undo, const AllowList&, Nanos) {
  return {false, "no such kind of undo: '" + undo.kind + "'"};
}
UndoResult run(const CommandUndo& undo, const AllowList& allow, Nanos wait) {
  if (undo.argv.empty()) return {false, "the undo names no command"};
  return start_again(undo, undo.within, allow, wait);
}
UndoResult run(const SqlUndo& undo, const AllowList& allow, Nanos wait) { return run_sql_undo(undo, allow, wait); }

UndoResult run(const HttpUndo& undo, const AllowList& allow, Nanos wait) {
  if (undo.within) return start_again(undo, *undo.within, allow, wait);
  const Nanos end = monotonic_now() + wait;
  Nanos silent_since{-1};  // since when nothing at all has listened there
  for (;;) {
    const auto answer = control_call(request_of(undo), allow);
    const std::string left = answer ? missing(undo.proof, allow) : answer.error().what;
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

}  // namespace

UndoResult run_undo(const Undo& undo, const AllowList& allow, Nanos wait) {
  return std::visit([&](const auto& one) { return run(one, allow, wait); }, undo);
}

}  // namespace cardstorm
