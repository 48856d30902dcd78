// text: the few string helpers that every room needs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// "20s", "500ms", "1.5m", "2h", "100us", "3ns". A number without unit is an error that says so.
Result<Nanos> parse_duration(std::string_view text);
/// Shortest exact form: 20s, 1.5s, 500ms.
std::string duration_text(Nanos t);
/// Fixed decimals, dot, no locale: fixed(1.5, 2) is "1.50".
std::string fixed(double value, int decimals);
/// "12.34" from cents.
std::string money_text(std::int64_t cents);
/// A decimal in units of its last place, never through floating point: "12.5" with 2 decimals is 1250. Digits, at most
/// one dot with digits on both sides, and a '-' before them; zeros beyond `decimals` change nothing. nullopt for all
/// else, and beyond 10^15.
std::optional<std::int64_t> parse_decimal(std::string_view text, unsigned decimals);

std::string join(std::span<const std::string> parts, std::string_view between);
std::vector<std::string> split(std::string_view text, char at);
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);

/// The known name nearest to `word` (edit distance at most a third of its length), or "".
std::string did_you_mean(std::string_view word, std::span<const std::string> known);

std::string hex(std::span<const unsigned char> bytes);
/// Percent-encodes all but unreserved characters (RFC 3986).
std::string url_encode(std::string_view text);
/// Decodes %XX and '+'.
std::string url_decode(std::string_view text);

/// Replaces each ${name} by `lookup(name)`; an unknown name is an error that names it.
template <class Lookup>
Result<std::string> expand(std::string_view text, Lookup&& lookup) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto open = text.find("${", i);
    if (open == std::string_view::npos) {
      out.append(text.substr(i));
      break;
    }
    out.append(text.substr(i, open - i));
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) return Error{Errc::invalid, "'${' without '}' in '" + std::string(text) + "'"};
    const std::string name(text.substr(open + 2, close - open - 2));
    const std::string* value = lookup(name);
    if (value == nullptr) return Error{Errc::invalid, "no value for '${" + name + "}'"};
    out.append(*value);
    i = close + 1;
  }
  return out;
}

}  // namespace cardstorm
