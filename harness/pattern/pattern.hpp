// pattern: a regular expression that a user wrote, used on text that a platform sent. The door of RE2: matching takes
// time linear in the text and bounded memory, whatever pattern and text are.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/result.hpp"

namespace cardstorm {

/// RE2 syntax; the leftmost match, by the order of alternatives and greediness as in Perl. A text that is UTF-8 is read
/// as characters, any other (GBK, binary) as bytes. Copies share the compiled program; any thread may use it.
class Pattern {
 public:
  /// A longer pattern, or one whose program holds more instructions than kProgramMax, is refused.
  static constexpr std::size_t kPatternMax = 1000, kProgramMax = 1000;
  /// Of a text its first kTextMax bytes are looked at, and at most kWorkMax / (instructions of the program): all of it
  /// for a program of up to 128 instructions, which a common pattern has.
  static constexpr std::size_t kTextMax = std::size_t{256} << 10, kWorkMax = kTextMax * 128;

  /// Errc::invalid with the reason and a remedy: bad syntax, or what RE2 leaves out because it needs backtracking
  /// (back-references, look-around).
  static Result<Pattern> compile(const std::string& text);

  /// The first group of the first match (the whole match of a pattern without groups); nullopt without a match, or when
  /// the group took no part in it. Views `text`.
  [[nodiscard]] std::optional<std::string_view> first(std::string_view text) const;
  /// Calls `each` with the first group of every match, in order; matches whose group took no part are left out. Matches
  /// do not overlap. Ends early after 0.5 s of the thread's processor time: a search is linear, as many searches as the
  /// text has bytes are not.
  void all(std::string_view text, const std::function<void(std::string_view)>& each) const;

 private:
  struct Compiled;
  explicit Pattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace cardstorm
