// spans: what a node did for a request or a message, as OTLP/JSON (opentelemetry.io/docs/specs/otlp, JSON encoding: hex
// ids, times as text), one TracesData a line, so that any collector can take the file. Of the sampled traces a share is
// kept, and the decision goes on in traceparent's flag; errors and slow spans are always kept.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reference_platform/observe/context.hpp"

namespace platform::observe {

/// OTLP's numbers.
enum class SpanKind { internal = 1, server = 2, client = 3, producer = 4, consumer = 5 };

/// A span that is over.
struct SpanRecord {
  struct Attribute {
    std::string key, value;
    bool number = false;
  };
  std::string name, parent_span;  // parent_span "" at the root
  SpanKind kind = SpanKind::internal;
  Context context;
  std::chrono::system_clock::time_point began;
  std::chrono::steady_clock::duration took{};
  std::vector<Attribute> attributes;
  std::vector<Context> links;
  std::string error;  // "" when it went well
};
/// Writes it, or not, as SpanOptions says. Any thread.
void record(const SpanRecord& span);
/// Whether record() would keep such a one: asked before the record is made.
bool kept(const Context& context, bool failed, std::chrono::steady_clock::duration took);
/// A new span under `parent`, in a new trace when it has none; mark and deadline go on. Sampled when the parent is and
/// the trace belongs to the share.
Context child_of(const Context& parent);

/// One span, from its making to its end as an object; for that scope the thread's context is the span, so that calls
/// and messages made within are its children. One thread. Costs some hundred nanoseconds when the trace is not kept.
class Span {
 public:
  /// A child of `parent`; a new trace when it has none. Mark and deadline of `parent` go on.
  Span(std::string_view name, SpanKind kind, const Context& parent);
  ~Span();
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

  void attribute(std::string_view key, std::string_view value);
  void attribute(std::string_view key, std::int64_t value);
  /// The work was caused by another trace too (a message of a batch).
  void link(const Context& other);
  /// It went wrong: `type` is an error code or "timeout".
  void fail(std::string_view type);
  [[nodiscard]] const Context& context() const { return span_.context; }

 private:
  SpanRecord span_;
  std::chrono::steady_clock::time_point start_;
  Scope scope_;
};

/// Work that is over, for a message that came with `parent`: a row of the message table that was one of a batch, so
/// that nobody had a Span around it. `cause`, when it has a trace, is linked: what made us do it now (a partner's
/// notify, which knows nothing of our traces).
void record_work(std::string_view name, SpanKind kind, const Context& parent,
                 std::chrono::steady_clock::time_point began, std::vector<SpanRecord::Attribute> attributes,
                 const Context& cause = {});

struct SpanOptions {
  std::string service;   // the role: "order"
  std::string instance;  // the node's name: "order-2"
  std::string file;      // OTLP/JSON lines are appended; "" writes none
  std::string endpoint;  // "http://host:4318": POST to /v1/traces too; "" sends none
  double share = 0.1;    // of the sampled traces, by trace id: all nodes keep the same ones
  std::chrono::milliseconds slow{500};
};
/// Once, before the first span; without it spans only carry the context on. Ends (with what is written) with the
/// process or by stop_spans().
void start_spans(const SpanOptions& options);
void stop_spans();
/// Spans that are missing in the file or at the collector: the writer could not follow, the disk is full, the collector
/// did not take them.
std::uint64_t spans_dropped();

}  // namespace platform::observe
