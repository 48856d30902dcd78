// interrupt: Ctrl-C and SIGTERM become a stop request, so that everything is reverted before we end. Signal masks stay
// untouched: children must be able to hear their own signals.
#pragma once

#include <stop_token>

namespace cardstorm {

/// While it lives, the first SIGINT or SIGTERM requests a stop; later ones are noted on stderr. One at a time.
class Interrupt {
 public:
  /// `doing` stands in what a person reads then: what is being done before we end.
  explicit Interrupt(const char* doing = "reverting faults and writing the partial report");
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  [[nodiscard]] std::stop_token token() const;
  /// 0, SIGINT or SIGTERM.
  [[nodiscard]] int signal() const;

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace cardstorm
