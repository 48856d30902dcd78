// log: see log.hpp. One writer thread per process takes what the others have put into a bounded list.
#include "reference_platform/observe/log.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include "reference_platform/observe/append.hpp"
#include "reference_platform/observe/context.hpp"
#include "reference_platform/observe/quoted.hpp"

namespace platform::observe {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLinesMax = 20000;

class Writer {
 public:
  static Writer& get() {
    static Writer w;
    return w;
  }

  void put(std::string line) {
    if (synchronous_) {
      const std::lock_guard lock(disk_);
      if (!append(2, line)) ++dropped_;
      ::fdatasync(2);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      if (lines_.size() >= kLinesMax) {
        ++dropped_;
        return;
      }
      lines_.push_back(std::move(line));
    }
    wake_.notify_one();
  }
  void synchronous(bool on) { synchronous_ = on; }
  void flush() {
    std::unique_lock lock(mutex_);
    written_.wait_for(lock, 1s, [this] { return lines_.empty() && !writing_; });
  }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  Writer() : thread_([this] { run(); }) {}
  ~Writer() {
    {
      const std::lock_guard lock(mutex_);
      quit_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void run() {
    std::unique_lock lock(mutex_);
    std::vector<std::string> batch;
    for (;;) {
      wake_.wait(lock, [this] { return quit_ || !lines_.empty(); });
      if (lines_.empty()) return;
      batch.swap(lines_);
      writing_ = true;
      lock.unlock();
      std::string text;
      for (const auto& line : batch) text += line;
      if (!append(2, text)) dropped_ += batch.size();
      batch.clear();
      lock.lock();
      writing_ = false;
      written_.notify_all();
    }
  }

  std::mutex mutex_, disk_;
  std::condition_variable wake_, written_;
  std::vector<std::string> lines_;
  bool quit_ = false, writing_ = false;
  std::atomic<bool> synchronous_{false};
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;  // last: uses all above
};

void member(std::string& out, const char* name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":";
  quoted(out, text);
}

std::string& node_name() {
  static std::string name;
  return name;
}

std::string start_line() {
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  return "{\"at_ms\":" + std::to_string(now);
}

}  // namespace

std::string_view scenario_of(std::string_view event) {
  struct Rule {
    std::string_view part, scenario;
  };
  // The first that occurs in the name decides.
  static constexpr Rule kRules[] = {
      {"refund", "refund"},     {"topup", "supplier"},   {"supplier", "supplier"}, {"supply", "supplier"},
      {"transfer", "supplier"}, {"activat", "supplier"}, {"deliver", "delivery"},  {"claim", "stock"},
      {"stock", "stock"},       {"card", "stock"},       {"move", "stock"},        {"payment", "pay"},
      {"paid", "pay"},          {"charge", "pay"},       {"channel", "pay"},       {"wallet", "pay"},
      {"order", "order"},       {"coupon", "order"},     {"intake", "order"}};
  for (const Rule& rule : kRules) {
    if (event.find(rule.part) != std::string_view::npos) return rule.scenario;
  }
  return "platform";
}

BusinessLog::BusinessLog(std::string node) : node_(std::move(node)) {}

void BusinessLog::event(std::string_view name, std::string_view order_no, std::string_view mark,
                        std::string_view outcome) const {
  std::string line = start_line();
  member(line, "node", node_);
  member(line, "scenario", scenario_of(name));
  member(line, "event", name);
  member(line, "order_no", order_no);
  member(line, "mark", mark);
  member(line, "outcome", outcome);
  if (const Context& context = current(); !context.trace_id.empty()) {
    member(line, "trace_id", context.trace_id);
    member(line, "span_id", context.span_id);
  }
  Writer::get().put(line + "}\n");
}

void name_log(const std::string& node) { node_name() = node; }

void slow_query(std::string_view summary, double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", seconds);
  std::string line = start_line();
  member(line, "node", node_name());
  member(line, "scenario", "platform");
  member(line, "event", "slow_query");
  member(line, "statement", summary);
  member(line, "outcome", text);
  if (const Context& context = current(); !context.trace_id.empty()) member(line, "trace_id", context.trace_id);
  Writer::get().put(line + "}\n");
}

void log_synchronously(bool on) { Writer::get().synchronous(on); }
void flush_log() { Writer::get().flush(); }
std::uint64_t log_dropped() { return Writer::get().dropped(); }

}  // namespace platform::observe
