// sessions: who was here lately, in a table of bounded size: a client that was silent for longer than the gap begins a
// new session.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "harness/trace/sorter.hpp"

namespace cardstorm {

class Sessions {
 public:
  /// `bound`: so many clients are remembered; beyond it the one that was silent for longest is forgotten.
  Sessions(std::int64_t gap, std::size_t bound) : gap_(gap), bound_(std::max<std::size_t>(bound, 1)) {}

  struct Place {
    std::uint32_t session;
    std::int64_t think;
  };
  /// The session of the next row, in the order of starts; a row without a client is one of its own.
  Place of(const SortRow& row);
  [[nodiscard]] std::uint64_t count() const { return next_; }
  /// How many were forgotten whose session may have gone on.
  [[nodiscard]] std::uint64_t forgotten_early() const { return early_; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Node {
    std::uint64_t client = 0;
    std::int64_t end = 0, start = 0;
    std::uint32_t session = 0, newer = kNone, older = kNone;
  };

  /// Where the client stands, or the empty slot where it would. Open addressing: a log has a client a line, and each
  /// look costs a cache miss.
  [[nodiscard]] std::size_t slot_of(std::uint64_t client) const;
  void grow();
  /// Takes the client that was silent for longest out; returns its node.
  std::uint32_t forget(std::int64_t now);
  void unlink(std::uint32_t i);
  void to_front(std::uint32_t i);

  std::int64_t gap_;
  std::size_t bound_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> slots_ =
      std::vector<std::uint32_t>(1024, kNone);  // into nodes_; a power of two, at most half full
  std::uint32_t newest_ = kNone, oldest_ = kNone, next_ = 0;
  std::uint64_t early_ = 0;
};

}  // namespace cardstorm
