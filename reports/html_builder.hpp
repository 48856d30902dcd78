// html_builder: markup that cannot hold raw text. A literal of our source is markup; every string is text and is
// escaped on its way in, in elements and in quoted attributes alike. So `"<b>" + html + "</b>"` builds, and what a run
// recorded cannot break out.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "reports/escape.hpp"

namespace cardstorm::html {

/// Markup as it stands in our source. The compiler takes nothing that it does not know.
struct Literal {
  template <std::size_t N>
  consteval Literal(const char (&literal)[N]) : markup(literal, N - 1) {}
  consteval explicit Literal(std::string_view constant) : markup(constant) {}
  std::string_view markup;
};

template <class T>
concept PlainText =
    std::same_as<std::remove_cvref_t<T>, std::string> || std::same_as<std::remove_cvref_t<T>, std::string_view>;

class Html {
 public:
  Html() = default;
  explicit Html(Literal literal) : markup_(literal.markup) {}
  /// Text of at most `max_chars` characters, then "...".
  static Html text(std::string_view raw, std::size_t max_chars = 400) {
    Html out;
    out.markup_ = escape_markup(raw, max_chars);
    return out;
  }
  /// `yes` or `no` by `condition`; a literal alone would become a plain pointer in ?:.
  static Html when(bool condition, Literal yes, Literal no = "") { return Html(condition ? yes : no); }

  [[nodiscard]] const std::string& markup() const { return markup_; }
  [[nodiscard]] bool empty() const { return markup_.empty(); }
  bool operator==(const Html&) const = default;

  Html& operator+=(const Html& other) {
    markup_ += other.markup_;
    return *this;
  }
  Html& operator+=(Literal literal) {
    markup_ += literal.markup;
    return *this;
  }
  Html& operator+=(const PlainText auto& raw) { return *this += text(raw); }

  friend Html operator+(Html a, const Html& b) { return std::move(a += b); }
  friend Html operator+(Html a, Literal b) { return std::move(a += b); }
  friend Html operator+(Literal a, const Html& b) { return Html(a) + b; }
  friend Html operator+(Html a, const PlainText auto& raw) { return std::move(a += raw); }
  friend Html operator+(const PlainText auto& raw, const Html& b) { return text(raw) + b; }

 private:
  std::string markup_;
};

}  // namespace cardstorm::html
