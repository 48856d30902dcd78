// pattern: std::regex with its breadth-first machine. The usual one calls itself once per matched character and ends a
// long page with a stack overflow; the other one's stack does not grow with the text.
#include "harness/plan/pattern.hpp"

#include <algorithm>
#include <regex>

namespace cardstorm {
namespace {

constexpr std::size_t kPatternMax = 1000;

// thrown through std::regex when a search has taken too many steps
struct Spent {};

/// A pointer into the text that counts how often it is moved on: the only way to end a search that goes through a page
/// again and again.
class Counted {
 public:
  using iterator_category = std::bidirectional_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Counted() = default;
  Counted(const char* at, std::size_t* left) : at_(at), left_(left) {}
  reference operator*() const { return *at_; }
  Counted& operator++() {
    if (left_ != nullptr && (*left_)-- == 0) {
      *left_ = 0;
      throw Spent{};
    }
    ++at_;
    return *this;
  }
  Counted operator++(int) {
    Counted old = *this;
    ++*this;
    return old;
  }
  Counted& operator--() {
    --at_;
    return *this;
  }
  Counted operator--(int) {
    Counted old = *this;
    --at_;
    return old;
  }
  bool operator==(const Counted& o) const { return at_ == o.at_; }
  [[nodiscard]] const char* at() const { return at_; }

 private:
  const char* at_ = nullptr;
  std::size_t* left_ = nullptr;
};

using Match = std::match_results<Counted>;

/// The first group, or the whole match of a pattern without groups.
std::optional<std::string_view> value_of(const Match& match) {
  const auto& value = match.size() > 1 ? match[1] : match[0];
  if (!value.matched) return std::nullopt;
  return std::string_view(value.first.at(), static_cast<std::size_t>(value.second.at() - value.first.at()));
}

/// The plain text that every match begins with, so that most of a page is skipped by a plain search.
std::string plain_beginning(std::string_view pattern) {
  std::string out;
  constexpr std::string_view kSpecial = "^$.*+?()[]{}|";
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    if (c == '\\') {
      if (++i == pattern.size()) break;
      c = pattern[i];
      const bool named = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (named) break;  // \d, \b, \n: not that letter
    } else if (kSpecial.find(c) != std::string_view::npos) {
      break;
    }
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (next == '*' || next == '?' || next == '+' || next == '{') break;  // this one may be missing
    out += c;
  }
  return out;
}

/// Whether the pattern is a choice as a whole: then no beginning is common to all matches.
bool is_choice(std::string_view pattern) {
  int depth = 0;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      ++i;
      continue;
    }
    if (in_class) {
      in_class = c != ']';
      continue;
    }
    if (c == '[')
      in_class = true;
    else if (c == '(')
      ++depth;
    else if (c == ')')
      --depth;
    else if (c == '|' && depth == 0)
      return true;
  }
  return false;
}

}  // namespace

struct Pattern::Compiled {
  std::regex regex;
  std::string beginning;
  bool anchored = false;  // begins with ^

  /// Finds the next match at or after `from`, with the steps that are `left`.
  [[nodiscard]] bool search(std::string_view text, std::size_t from, Match& match, std::size_t& left) const {
    text = text.substr(0, beginning.empty() && !anchored ? kTextMaxPlain : kTextMax);
    for (; from <= text.size(); ++from) {
      if (anchored && from > 0) return false;
      if (!beginning.empty() && (from = text.find(beginning, from)) == std::string_view::npos) return false;
      const char* begin = text.data() + from;
      const std::size_t length = std::min(text.size() - from, kMatchMax);
      auto how = std::regex_constants::match_continuous;
      if (from > 0) how |= std::regex_constants::match_prev_avail;
      if (length < text.size() - from) how |= std::regex_constants::match_not_eol;
      if (std::regex_search(Counted(begin, &left), Counted(begin + length, &left), match, regex, how)) return true;
    }
    return false;
  }
};

Result<Pattern> Pattern::compile(const std::string& text) {
  if (text.size() > kPatternMax)
    return Error{Errc::invalid, "the regular expression is longer than " + std::to_string(kPatternMax) + " characters",
                 "shorten it"};
  auto out = std::make_shared<Compiled>();
  try {
    out->regex.assign(text, std::regex::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error& e) {
    return Error{Errc::invalid, "'" + text + "' is not a regular expression: " + e.what(),
                 "ECMAScript syntax without back-references, such as name=\"token\" value=\"([^\"]+)\""};
  }
  if (!is_choice(text)) {
    out->beginning = plain_beginning(text);
    out->anchored = !text.empty() && text.front() == '^';
  }
  return Pattern(std::move(out));
}

void Pattern::all(std::string_view text, const std::function<void(std::string_view)>& each) const {
  Match match;
  std::size_t left = kStepsMax;
  try {
    for (std::size_t from = 0; from <= text.size() && compiled_->search(text, from, match, left);) {
      if (const auto value = value_of(match)) each(*value);
      const auto end = static_cast<std::size_t>(match[0].second.at() - text.data());
      from = match[0].first == match[0].second ? end + 1 : end;
    }
  } catch (const Spent&) {
    return;  // what was found before stands
  } catch (const std::regex_error&) {
    return;
  }
}

std::optional<std::string_view> Pattern::first(std::string_view text) const {
  Match match;
  std::size_t left = kStepsMax;
  try {
    return compiled_->search(text, 0, match, left) ? value_of(match) : std::nullopt;
  } catch (const Spent&) {
    return std::nullopt;
  } catch (const std::regex_error&) {
    return std::nullopt;
  }
}

}  // namespace cardstorm
