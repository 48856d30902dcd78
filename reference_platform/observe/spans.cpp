// spans: see spans.hpp. Spans are turned into text by their own thread of work and written by one writer behind a
// bounded list.
#include "reference_platform/observe/spans.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "reference_platform/observe/append.hpp"
#include "reference_platform/observe/quoted.hpp"

namespace platform::observe {
namespace {

using namespace std::chrono_literals;
using Nanos = std::chrono::nanoseconds;

constexpr std::size_t kWaitingMax = 8192, kBatchMax = 512;
constexpr long kPostMs = 2000;

std::string text_attribute(std::string_view key, std::string_view value) {
  std::string out = "{\"key\":";
  quoted(out, key);
  out += ",\"value\":{\"stringValue\":";
  quoted(out, value);
  return out + "}}";
}

class Exporter {
 public:
  explicit Exporter(const SpanOptions& options) : options_(options) {
    head_ = "{\"resourceSpans\":[{\"resource\":{\"attributes\":[" + text_attribute("service.name", options.service) +
            "," + text_attribute("service.instance.id", options.instance) +
            "]},\"scopeSpans\":[{\"scope\":{\"name\":\"cardstorm-platform\"},\"spans\":[";
    if (!options.file.empty()) fd_ = ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    thread_ = std::thread([this] { run(); });
  }
  ~Exporter() {
    {
      const std::lock_guard lock(mutex_);
      quit_ = true;
    }
    wake_.notify_one();
    thread_.join();
    if (fd_ >= 0) ::close(fd_);
  }
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  [[nodiscard]] bool keeps(bool sampled, bool failed, Nanos length) const {
    return sampled || failed || length >= options_.slow;
  }
  [[nodiscard]] bool in_share(const std::string& trace_id) const {
    // The first 32 bits of the id are as good as random, and the same at every node.
    return static_cast<double>(std::strtoul(trace_id.substr(0, 8).c_str(), nullptr, 16)) <
           options_.share * 4294967296.0;
  }
  void put(std::string span) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= kWaitingMax) {
        ++dropped_;
        return;
      }
      waiting_.push_back(std::move(span));
    }
    wake_.notify_one();
  }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!quit_ || !waiting_.empty()) {
      wake_.wait(lock, [this] { return quit_ || !waiting_.empty(); });
      std::vector<std::string> batch;
      const std::size_t n = std::min(waiting_.size(), kBatchMax);
      batch.assign(std::make_move_iterator(waiting_.begin()),
                   std::make_move_iterator(waiting_.begin() + static_cast<std::ptrdiff_t>(n)));
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(n));
      lock.unlock();
      if (!batch.empty()) send(batch);
      lock.lock();
      if (!quit_) wake_.wait_for(lock, 200ms, [this] { return quit_; });  // a line holds some spans
    }
  }

  void send(const std::vector<std::string>& batch) {
    std::string line = head_;
    for (std::size_t i = 0; i < batch.size(); ++i) line.append(i == 0 ? "" : ",").append(batch[i]);
    line += "]}]}]}";
    const bool filed = options_.file.empty() || append(fd_, line + '\n'),
               sent = options_.endpoint.empty() || post(line);
    if (!filed || !sent) dropped_ += batch.size();  // a collector or a disk that is away costs spans, not trades
  }

  [[nodiscard]] bool post(const std::string& line) const {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
    if (!curl) return false;
    curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
    curl_easy_setopt(curl.get(), CURLOPT_URL, (options_.endpoint + "/v1/traces").c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, line.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(line.size()));
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kPostMs);
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(
        curl.get(), CURLOPT_WRITEFUNCTION, +[](char*, std::size_t size, std::size_t n, void*) { return size * n; });
    curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);  // what it answers with 4xx or 5xx it has not taken
    const bool taken = curl_easy_perform(curl.get()) == CURLE_OK;
    curl_slist_free_all(headers);
    return taken;
  }

  const SpanOptions options_;
  std::string head_;
  int fd_ = -1;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::string> waiting_;
  bool quit_ = false;
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;  // last: uses all above
};

std::unique_ptr<Exporter>& exporter() {
  static std::unique_ptr<Exporter> e;
  return e;
}

std::string nanos(std::chrono::system_clock::time_point at) {
  return std::to_string(std::chrono::duration_cast<Nanos>(at.time_since_epoch()).count());
}

std::string text_of(const SpanRecord& span) {
  std::string out = "{\"traceId\":\"" + span.context.trace_id + "\",\"spanId\":\"" + span.context.span_id + "\"";
  if (!span.parent_span.empty()) out += ",\"parentSpanId\":\"" + span.parent_span + "\"";
  out += ",\"name\":";
  quoted(out, span.name);
  out += ",\"kind\":" + std::to_string(static_cast<int>(span.kind)) + ",\"startTimeUnixNano\":\"" + nanos(span.began) +
         "\",\"endTimeUnixNano\":\"" +
         nanos(span.began + std::chrono::duration_cast<std::chrono::system_clock::duration>(span.took)) +
         "\",\"attributes\":[";
  const char* comma = "";
  for (const auto& a : span.attributes) {
    out += comma;
    comma = ",";
    out += a.number ? "{\"key\":\"" + a.key + "\",\"value\":{\"intValue\":\"" + a.value + "\"}}"
                    : text_attribute(a.key, a.value);
  }
  if (!span.context.mark.empty()) out += comma + text_attribute("cardstorm.mark", span.context.mark);
  out += "]";
  comma = ",\"links\":[";
  for (const Context& link : span.links) {
    out += comma + ("{\"traceId\":\"" + link.trace_id) + "\",\"spanId\":\"" + link.span_id + "\"}";
    comma = ",";
  }
  if (!span.links.empty()) out += "]";
  if (!span.error.empty()) {
    out += ",\"status\":{\"code\":2,\"message\":";
    quoted(out, span.error);
    out += "}";
  }
  return out + "}";
}

}  // namespace

bool kept(const Context& context, bool failed, std::chrono::steady_clock::duration took) {
  return exporter() != nullptr && !context.trace_id.empty() && exporter()->keeps(context.sampled, failed, took);
}

Context child_of(const Context& parent) {
  Context c = Context::fresh(parent.mark);
  if (!parent.trace_id.empty()) c.trace_id = parent.trace_id;
  c.sampled =
      (parent.trace_id.empty() || parent.sampled) && (exporter() == nullptr || exporter()->in_share(c.trace_id));
  c.deadline = parent.deadline;
  return c;
}

void record(const SpanRecord& span) {
  if (kept(span.context, !span.error.empty(), span.took)) exporter()->put(text_of(span));
}

void record_work(std::string_view name, SpanKind kind, const Context& parent,
                 std::chrono::steady_clock::time_point began, std::vector<SpanRecord::Attribute> attributes,
                 const Context& cause) {
  const auto took = std::chrono::steady_clock::now() - began;
  if (parent.trace_id.empty() || exporter() == nullptr) return;
  SpanRecord span;
  span.context = child_of(parent);
  if (!kept(span.context, false, took)) return;
  span.name = name;
  span.kind = kind;
  span.parent_span = parent.span_id;
  span.took = took;
  span.began = std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(took);
  span.attributes = std::move(attributes);
  if (!cause.trace_id.empty() && cause.trace_id != parent.trace_id) span.links.push_back(cause);
  record(span);
}

Span::Span(std::string_view name, SpanKind kind, const Context& parent)
    : span_{std::string(name),
            parent.span_id,
            kind,
            child_of(parent),
            std::chrono::system_clock::now(),
            {},
            {},
            {},
            ""},
      start_(std::chrono::steady_clock::now()),
      scope_(span_.context) {}

Span::~Span() {
  span_.took = std::chrono::steady_clock::now() - start_;
  record(span_);
}

void Span::attribute(std::string_view key, std::string_view value) {
  span_.attributes.push_back({std::string(key), std::string(value), false});
}
void Span::attribute(std::string_view key, std::int64_t value) {
  span_.attributes.push_back({std::string(key), std::to_string(value), true});
}
void Span::link(const Context& other) {
  if (!other.trace_id.empty()) span_.links.push_back(other);
}
void Span::fail(std::string_view type) { span_.error = type; }

void start_spans(const SpanOptions& options) { exporter() = std::make_unique<Exporter>(options); }
void stop_spans() { exporter().reset(); }
std::uint64_t spans_dropped() { return exporter() == nullptr ? 0 : exporter()->dropped(); }

}  // namespace platform::observe
