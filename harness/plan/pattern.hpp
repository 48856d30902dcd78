// pattern: a regular expression from a journeys file, used on text that a platform sent: bounded in time and stack,
// whatever the text is.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/result.hpp"

namespace cardstorm {

/// ECMAScript syntax without back-references. Only the first kTextMax bytes of a text are looked at (kTextMaxPlain for
/// a pattern that does not begin with plain text, which is much slower), a match is at most kMatchMax bytes long, and a
/// search that has gone over kStepsMax characters, however often, finds nothing more.
class Pattern {
 public:
  static constexpr std::size_t kTextMax = std::size_t{256} << 10, kTextMaxPlain = std::size_t{32} << 10,
                               kMatchMax = 4096, kStepsMax = 50'000;

  /// Errc::invalid with the reason.
  static Result<Pattern> compile(const std::string& text);

  /// The first group of the first match (the whole match of a pattern without groups).
  [[nodiscard]] std::optional<std::string_view> first(std::string_view text) const;
  /// Calls `each` with the first group of every match, in order.
  void all(std::string_view text, const std::function<void(std::string_view)>& each) const;

 private:
  struct Compiled;
  explicit Pattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace cardstorm
