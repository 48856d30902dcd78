// codec: records of events, and the checksum of blocks.
#include "harness/history/codec.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "harness/history/fields.hpp"

namespace cardstorm::history {
namespace {

void put_varint(std::uint64_t v, std::string& out) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}

constexpr std::uint64_t zigzag(std::uint64_t v) { return (v << 1) ^ (0 - (v >> 63)); }
constexpr std::uint64_t unzigzag(std::uint64_t v) { return (v >> 1) ^ (0 - (v & 1)); }

/// The last value of each enum: a number above it is damage or comes from a newer version.
template <class E>
constexpr E last_of();
template <>
constexpr Outcome last_of() {
  return Outcome::unknown;
}
template <>
constexpr TradeOutcome last_of() {
  return TradeOutcome::unfinished;
}
template <>
constexpr Cause last_of() {
  return Cause::front_wall;
}
template <>
constexpr Phase last_of() {
  return Phase::done;
}
template <>
constexpr FaultEdge last_of() {
  return FaultEdge::failed;
}

class Put {
 public:
  Put(Nanos base, std::string& out) : last_(base), out_(out) {}
  template <class T>
  void operator()(const char*, const T& v) {
    if constexpr (std::is_same_v<T, Nanos>) {
      // Differences in unsigned arithmetic: they wrap instead of overflowing, and wrap back when read.
      put_varint(zigzag(static_cast<std::uint64_t>(v.count()) - static_cast<std::uint64_t>(last_.count())), out_);
      last_ = v;
    } else if constexpr (std::is_same_v<T, std::string>) {
      const std::string_view text = std::string_view(v).substr(0, kTextMax);
      put_varint(text.size(), out_);
      out_.append(text);
    } else if constexpr (std::is_same_v<T, double>) {
      auto bits = std::bit_cast<std::uint64_t>(v);
      for (int i = 0; i < 8; ++i, bits >>= 8) out_.push_back(static_cast<char>(bits));
    } else if constexpr (std::is_enum_v<T> || std::is_same_v<T, bool>) {
      out_.push_back(static_cast<char>(v));
    } else if constexpr (std::is_signed_v<T>) {
      put_varint(zigzag(static_cast<std::uint64_t>(v)), out_);
    } else {
      put_varint(v, out_);
    }
  }

 private:
  Nanos last_;
  std::string& out_;
};

/// Takes fields out of bytes; remembers the first problem and gives zeros from there on.
class Take {
 public:
  Take(Nanos base, std::string_view data) : last_(base), data_(data) {}

  template <class T>
  void operator()(const char* name, T& v) {
    if (!problem_.empty()) return;
    field_ = name;
    if constexpr (std::is_same_v<T, Nanos>) {
      const auto sum = static_cast<std::uint64_t>(last_.count()) + unzigzag(varint());
      v = last_ = Nanos(static_cast<std::int64_t>(sum));
    } else if constexpr (std::is_same_v<T, std::string>) {
      const auto size = varint();
      if (size > kTextMax) return fail("a text is too long");
      v = bytes(static_cast<std::size_t>(size));
    } else if constexpr (std::is_same_v<T, double>) {
      std::uint64_t bits = 0;
      const std::string_view b = bytes(8);
      for (std::size_t i = b.size(); i-- > 0;) bits = (bits << 8) | static_cast<unsigned char>(b[i]);
      v = std::bit_cast<double>(bits);
    } else if constexpr (std::is_same_v<T, bool>) {
      v = number(1) == 1;
    } else if constexpr (std::is_enum_v<T>) {
      v = static_cast<T>(number(static_cast<std::uint64_t>(last_of<T>())));
    } else if constexpr (std::is_signed_v<T>) {
      v = static_cast<T>(unzigzag(varint()));
    } else {
      const auto wide = varint();
      if (wide > std::numeric_limits<T>::max()) return fail("a number is out of range");
      v = static_cast<T>(wide);
    }
  }

  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == data_.size()) break;
      const auto b = static_cast<unsigned char>(data_[at_++]);
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if ((b & 0x80) == 0) return v;
    }
    fail("a number is cut off or too long");
    return 0;
  }
  std::string_view bytes(std::size_t n) {
    if (n > data_.size() - at_) {
      fail("a value is cut off");
      return {};
    }
    at_ += n;
    return data_.substr(at_ - n, n);
  }
  [[nodiscard]] std::size_t offset() const { return at_; }
  [[nodiscard]] bool whole() const { return problem_.empty() && at_ == data_.size(); }
  [[nodiscard]] std::string problem() const { return problem_.empty() ? "bytes are left over" : problem_; }

 private:
  std::uint64_t number(std::uint64_t max) {
    const std::string_view b = bytes(1);
    const std::uint64_t v = b.empty() ? 0 : static_cast<unsigned char>(b[0]);
    if (v > max) fail("a value is out of range");
    return v > max ? 0 : v;
  }
  void fail(const char* what) {
    if (problem_.empty()) problem_ = std::string(what) + (*field_ ? std::string(" in ") + field_ : std::string());
  }

  Nanos last_;
  std::string_view data_;
  std::size_t at_ = 0;
  const char* field_ = "";
  std::string problem_;
};

/// Reads the body as alternative I of Event if the tag is its own.
template <std::size_t I>
bool read_as(std::uint8_t tag, Take& take, std::optional<Event>& out) {
  using E = std::variant_alternative_t<I, Event>;
  static_assert(kTag<E> != 0, "every event kind needs a number in fields.hpp");
  if (tag != kTag<E>) return false;
  E e{};
  fields(e, take);
  if (take.whole()) out = std::move(e);
  return true;
}
template <std::size_t... I>
bool read_any(std::uint8_t tag, Take& take, std::optional<Event>& out, std::index_sequence<I...>) {
  return (read_as<I>(tag, take, out) || ...);
}

/// Eight tables, so that eight bytes are folded per step.
constexpr auto crc_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c >> 1) ^ ((c & 1) ? 0x82f63b78U : 0U);
    t[0][i] = c;
  }
  for (std::size_t n = 1; n < 8; ++n)
    for (std::size_t i = 0; i < 256; ++i) t[n][i] = (t[n - 1][i] >> 8) ^ t[0][t[n - 1][i] & 0xff];
  return t;
}
constexpr auto kCrc = crc_tables();

}  // namespace

void encode(const Event& e, Nanos base, std::string& out) {
  const std::size_t start = out.size();
  std::visit(
      [&](const auto& event) {
        out.push_back(static_cast<char>(kTag<std::remove_cvref_t<decltype(event)>>));
        fields(event, Put(base, out));
      },
      e);
  std::string length;  // at most three bytes: lives in the string object itself
  put_varint(out.size() - start, length);
  out.insert(start, length);
}

std::optional<Event> Decoder::next(std::string& problem) {
  Take head(base_, data_.substr(at_));
  const std::uint64_t length = head.varint();
  const std::size_t body_at = at_ + head.offset();
  if (length == 0 || length > data_.size() - body_at) {
    problem = "a record's length is wrong; the rest of the block is lost";
    at_ = data_.size();
    return std::nullopt;
  }
  const std::string_view body = data_.substr(body_at, static_cast<std::size_t>(length));
  at_ = body_at + body.size();
  const auto tag = static_cast<std::uint8_t>(body[0]);
  Take take(base_, body.substr(1));
  std::optional<Event> event;
  if (!read_any(tag, take, event, std::make_index_sequence<std::variant_size_v<Event>>{}))
    problem = "unknown record kind " + std::to_string(tag);
  else if (!event)
    problem = "malformed record of kind " + std::to_string(tag) + ": " + take.problem();
  return event;
}

std::uint32_t crc32c(std::string_view data) {
  std::uint32_t c = 0xffffffffU;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(data[i])); };
  std::size_t i = 0;
  for (; i + 8 <= data.size(); i += 8) {
    const std::uint32_t low = c ^ (byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24);
    c = kCrc[7][low & 0xff] ^ kCrc[6][(low >> 8) & 0xff] ^ kCrc[5][(low >> 16) & 0xff] ^ kCrc[4][low >> 24] ^
        kCrc[3][byte(i + 4)] ^ kCrc[2][byte(i + 5)] ^ kCrc[1][byte(i + 6)] ^ kCrc[0][byte(i + 7)];
  }
  for (; i < data.size(); ++i) c = (c >> 8) ^ kCrc[0][(c ^ byte(i)) & 0xff];
  return ~c;
}

}  // namespace cardstorm::history
