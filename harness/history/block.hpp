// block: the frame around records in a lane file. A file is kFileMagic, then blocks; each block can be checked and read
// alone. The header has a checksum of its own, so that an index of a file can be made without reading the records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/clock.hpp"

namespace cardstorm::history {

inline constexpr std::string_view kFileMagic{"CSHIST\0\1", 8};   // the last byte is the version
inline constexpr std::string_view kBlockMagic{"\xc5HB\x1a", 4};  // no text, so that none contains it
inline constexpr std::size_t kHeaderSize = 48;
inline constexpr std::size_t kPayloadMax = 64 * 1024 - kHeaderSize;

/// On disk, little endian: magic, length u32, count u32, number u32, first i64, last i64, base i64, crc of the payload
/// u32, crc of all before u32. count = 0 is the end mark.
struct BlockHeader {
  std::uint32_t length = 0, count = 0, number = 0;  // number: from 0 in each file, so that a lost block shows
  Nanos first{0}, last{0};                          // smallest and largest time_of() inside
  Nanos base{0};                                    // for the codec
  std::uint32_t payload_crc = 0;
};

std::string bytes_of(const BlockHeader& header);
/// nullopt unless `data` starts with a whole, checked header.
std::optional<BlockHeader> header_of(std::string_view data);

}  // namespace cardstorm::history
