// block: headers to bytes and back.
#include "harness/history/block.hpp"

#include "harness/history/codec.hpp"

namespace cardstorm::history {
namespace {

void put(std::uint64_t v, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i, v >>= 8) out.push_back(static_cast<char>(v));
}

std::uint64_t take(std::string_view& data, std::size_t bytes) {
  std::uint64_t v = 0;
  for (std::size_t i = bytes; i-- > 0;) v = (v << 8) | static_cast<unsigned char>(data[i]);
  data.remove_prefix(bytes);
  return v;
}
std::uint32_t take32(std::string_view& data) { return static_cast<std::uint32_t>(take(data, 4)); }
Nanos take_time(std::string_view& data) { return Nanos(static_cast<std::int64_t>(take(data, 8))); }

}  // namespace

std::string bytes_of(const BlockHeader& h) {
  std::string out(kBlockMagic);
  out.reserve(kHeaderSize);
  put(h.length, 4, out);
  put(h.count, 4, out);
  put(h.number, 4, out);
  for (const Nanos t : {h.first, h.last, h.base}) put(static_cast<std::uint64_t>(t.count()), 8, out);
  put(h.payload_crc, 4, out);
  put(crc32c(out), 4, out);
  return out;
}

std::optional<BlockHeader> header_of(std::string_view data) {
  if (data.size() < kHeaderSize || !data.starts_with(kBlockMagic)) return std::nullopt;
  std::string_view tail = data.substr(kHeaderSize - 4, 4);
  if (take32(tail) != crc32c(data.substr(0, kHeaderSize - 4))) return std::nullopt;
  data.remove_prefix(kBlockMagic.size());
  BlockHeader h;
  h.length = take32(data);
  h.count = take32(data);
  h.number = take32(data);
  h.first = take_time(data);
  h.last = take_time(data);
  h.base = take_time(data);
  h.payload_crc = take32(data);
  if (h.length > kPayloadMax || h.count > h.length) return std::nullopt;
  return h;
}

}  // namespace cardstorm::history
