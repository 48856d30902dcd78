// progress: lines for people.
#include "harness/run/progress.hpp"

#include <algorithm>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

std::string bar(Nanos at, Nanos end) {
  constexpr int kCells = 20;
  const double share = end > 0s ? std::clamp(seconds(at) / seconds(end), 0.0, 1.0) : 0;
  const int full = static_cast<int>(share * kCells);
  std::string out;
  for (int i = 0; i < kCells; ++i) out += i < full ? "█" : "░";
  return out;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

}  // namespace

void Progress::prefix(std::string text) {
  const std::lock_guard lock(mutex_);
  prefix_ = std::move(text);
  last_phase_.clear();
  last_shown_ = -1h;
}

void Progress::wipe() {
  if (line_open_) out_ << "\r\x1b[K";
  line_open_ = false;
}

std::string Progress::labelled() const { return prefix_.empty() ? "" : "[" + prefix_ + "] "; }

void Progress::say(const std::string& text) {
  const std::lock_guard lock(mutex_);
  wipe();
  out_ << labelled() << text << std::endl;
}

void Progress::show(const ProgressRow& row) {
  const std::lock_guard lock(mutex_);
  const bool changed = row.phase != last_phase_ || row.fault != last_fault_;
  if (!live_ && !changed && row.at - last_shown_ < 5s) return;
  last_phase_ = row.phase;
  last_fault_ = row.fault;
  last_shown_ = row.at;
  wipe();
  out_ << labelled() << padded(fixed(seconds(row.at), 0), 3) << "/" << fixed(seconds(row.end), 0) << " s ";
  if (live_) out_ << bar(row.at, row.end) << " ";
  out_ << row.phase << std::string(row.phase.size() < 8 ? 8 - row.phase.size() : 1, ' ');
  out_ << "success " << padded(row.success ? fixed(*row.success * 100, 1) + "%" : "-", 6);
  out_ << "  p99 " << padded(fixed(row.p99_ms, 0), 5) << " ms";
  out_ << "  trades " << row.trades_ok << " ok " << row.trades_bad << " bad " << row.open << " open";
  if (!row.fault.empty()) out_ << "  FAULT " << row.fault;
  if (live_) {
    out_ << std::flush;
    line_open_ = true;
  } else {
    out_ << std::endl;
  }
}

}  // namespace cardstorm
