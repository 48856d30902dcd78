// text: string helpers.
#include "harness/core/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

namespace cardstorm {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array<Unit, 6> kUnits{{{"ns", 1},
                                      {"us", 1'000},
                                      {"ms", 1'000'000},
                                      {"s", 1'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"h", 3'600'000'000'000}}};

}  // namespace

Result<Nanos> parse_duration(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto found = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == unit; });
  const bool number = error == std::errc() && std::isfinite(value);
  if (!number || found == kUnits.end())
    return Error{Errc::invalid, "a duration was wanted, '" + std::string(text) + "' was found",
                 "write a number and a unit: 500ms, 20s, 1.5m, 2h"};
  const double ns = value * static_cast<double>(found->ns);
  if (value < 0 || ns > 9.2e18)
    return Error{Errc::invalid, "the duration '" + std::string(text) + "' is out of range", "use 0s to 2500000h"};
  return Nanos(static_cast<std::int64_t>(std::llround(ns)));
}

std::string duration_text(Nanos t) {
  const std::int64_t ns = t.count();
  if (ns == 0) return "0s";
  for (std::size_t i = 4; i-- > 0;) {  // seconds down to nanoseconds: the largest unit with at most three decimals
    const auto& unit = kUnits[i];
    if (std::abs(ns) >= unit.ns && (unit.ns < 1000 || ns % (unit.ns / 1000) == 0)) {
      const double value = static_cast<double>(ns) / static_cast<double>(unit.ns);
      std::array<char, 64> out{};
      const auto end = std::to_chars(out.data(), out.data() + out.size(), value, std::chars_format::fixed).ptr;
      return std::string(out.data(), end) + std::string(unit.name);
    }
  }
  return std::to_string(ns) + "ns";
}

std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return "-";
  std::array<char, 400> out{};
  const auto end = std::to_chars(out.data(), out.data() + out.size(), value, std::chars_format::fixed, decimals).ptr;
  return {out.data(), end};
}

std::string money_text(std::int64_t cents) {
  const auto magnitude = cents < 0 ? 0 - static_cast<std::uint64_t>(cents) : static_cast<std::uint64_t>(cents);
  std::string rest = std::to_string(magnitude % 100);
  if (rest.size() < 2) rest.insert(0, "0");
  return (cents < 0 ? "-" : "") + std::to_string(magnitude / 100) + "." + rest;
}

std::optional<std::int64_t> parse_decimal(std::string_view text, unsigned decimals) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto dot = text.find('.');
  std::string digits(text.substr(0, dot));
  std::string_view part = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  if (digits.empty() || (dot != std::string_view::npos && part.empty())) return std::nullopt;
  while (part.size() > decimals && part.ends_with('0')) part.remove_suffix(1);
  if (part.size() > decimals) return std::nullopt;
  digits.append(part).append(decimals - part.size(), '0');
  constexpr std::int64_t kMost = 1'000'000'000'000'000;
  std::int64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
    if (value > kMost) return std::nullopt;
  }
  return negative ? -value : value;
}

std::string join(std::span<const std::string> parts, std::string_view between) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += between;
    out += parts[i];
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> out;
  for (;;) {
    const auto cut = text.find(at);
    out.emplace_back(text.substr(0, cut));
    if (cut == std::string_view::npos) return out;
    text.remove_prefix(cut + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> known) {
  const auto distance = [&](std::string_view other) {  // Levenshtein, one row
    std::vector<std::size_t> row(other.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= other.size(); ++j) {
        const std::size_t replace = diagonal + (word[i - 1] == other[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
      }
    }
    return row.back();
  };
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& name : known) {
    const auto d = distance(name);
    if (d < best_distance && d < name.size()) best = name, best_distance = d;
  }
  return best;
}

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const unsigned char b : bytes) out += kDigits[b >> 4], out += kDigits[b & 15];
  return out;
}

std::string url_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (plain)
      out += c;
    else
      out += '%', out += kDigits[byte >> 4], out += kDigits[byte & 15];
  }
  return out;
}

std::string url_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace cardstorm
