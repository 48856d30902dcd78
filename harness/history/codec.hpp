// codec: an event as bytes. A record is {length, tag, fields}; integers are LEB128 varints, times are differences from
// the block's base or the time before in the same record, so that a step costs about 25 bytes. The length lets a reader
// step over a kind that it does not know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/events.hpp"

namespace cardstorm::history {

inline constexpr std::size_t kTextMax = 4096;  // longer texts are cut: a record stays far below a block

/// Appends one record. `base`: any time near the event's, the same for reading.
void encode(const Event& e, Nanos base, std::string& out);

/// Reads records one after the other. `data` must outlive it.
class Decoder {
 public:
  Decoder(std::string_view data, Nanos base) : data_(data), base_(base) {}
  [[nodiscard]] bool at_end() const { return at_ == data_.size(); }
  [[nodiscard]] std::size_t offset() const { return at_; }
  /// The next event; nullopt when the record is unknown or malformed: `problem` says why, and the decoder stands behind
  /// that record (at the end, when its length cannot be trusted).
  std::optional<Event> next(std::string& problem);

 private:
  std::string_view data_;
  std::size_t at_ = 0;
  Nanos base_;
};

/// CRC-32C (Castagnoli), as in RFC 3720. Finds every single flipped bit.
std::uint32_t crc32c(std::string_view data);

}  // namespace cardstorm::history
