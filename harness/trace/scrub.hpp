// scrub: takes what is private out of a path before it is stored. A value is found by the name of its parameter or by
// its shape, and becomes a short keyed digest: equal values stay equal within one import, and nobody can turn them
// back.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cardstorm {

enum class Secret : std::uint8_t { none, phone, card, email, token, password, signature };
inline constexpr std::array<std::string_view, 7> kSecretNames{"none",  "phone",    "card",     "email",
                                                              "token", "password", "signature"};

class Scrubber {
 public:
  /// `key` is random per import and never stored.
  explicit Scrubber(std::string key) : key_(std::move(key)), memory_(kMemory) {}

  /// Path and query of `target` (scheme, host and fragment are dropped) without private values and with only URL
  /// characters.
  void scrub(std::string_view target, std::string& out);
  /// A line of a log for a person to read: the same rules by shape, word by word.
  std::string scrub_line(std::string_view line);
  /// How many values of each kind were replaced.
  [[nodiscard]] const std::array<std::uint64_t, 7>& counts() const { return counts_; }

 private:
  static constexpr std::size_t kMemory = 4096;  // digests cost more than all the rest: the last ones are kept
  struct Known {
    std::string value, digest;
  };
  void unit(std::string_view name, std::string_view value, std::string& out);
  void replace(Secret kind, std::string_view value, std::string& out);
  std::string key_;
  std::vector<Known> memory_;
  std::array<std::uint64_t, 7> counts_{};
};

/// What a value looks like, whatever its name. Pure.
Secret shape_of(std::string_view value);
/// What a parameter of that name holds. Pure.
Secret named_secret(std::string_view name);

/// Whether an import left a digest in place of a value somewhere in this path and query: nobody can ask for that any
/// more. Pure.
bool holds_digest(std::string_view target);

/// The template of a path: no query; numbers, hexadecimal ids, UUIDs, long tokens and scrubbed values become *. Pure.
void route_of(std::string_view path, std::string& out);

}  // namespace cardstorm
