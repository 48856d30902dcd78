// pattern: RE2 with one program for characters and one for bytes, and a bound on text times program.
#include "harness/pattern/pattern.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "harness/core/clock.hpp"

namespace cardstorm {
namespace {

constexpr std::int64_t kProgramMemory = std::int64_t{1} << 20;  // bytes, the states that a search remembers included
constexpr double kAllSecondsMax = 0.5;

RE2::Options options_of(RE2::Options::Encoding encoding) {
  RE2::Options options;
  options.set_encoding(encoding);
  options.set_log_errors(false);
  options.set_max_mem(kProgramMemory);
  return options;
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; }

/// UTF-8 by its form; overlong forms and surrogates, which no page holds, count as UTF-8.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i++]);
    std::size_t more = 0;
    if (c < 0x80) continue;
    if (c >= 0xc2 && c < 0xe0)
      more = 1;
    else if (c >= 0xe0 && c < 0xf0)
      more = 2;
    else if (c >= 0xf0 && c < 0xf5)
      more = 3;
    else
      return false;
    for (; more > 0; --more)
      if (i == text.size() || !continues_character(text[i++])) return false;
  }
  return true;
}

struct Refusal {
  std::string what, remedy;
};

/// Why RE2 refused `text`, in the words of somebody who knows the syntax of other engines.
Refusal refusal_of(const RE2& program, const std::string& text) {
  const std::string& part = program.error_arg();
  const auto at = text.find(part);
  const auto next = [&](std::size_t i) {
    return at != std::string::npos && at + i < text.size() ? text[at + i] : '\0';
  };
  switch (program.error_code()) {
    case RE2::ErrorBadEscape:
      if (part.size() == 2 && (std::isdigit(static_cast<unsigned char>(part[1])) != 0 || part[1] == 'k'))
        return {"back-reference " + part,
                "write out what it repeats: matching is linear, and a back-reference cannot be"};
      if (part == "\\u") return {"escape \\u", "write \\x{4e00} for one character, or \\p{Han} for any Chinese one"};
      return {"escape " + part, "leave the backslash out, or write the character as \\x{...}"};
    case RE2::ErrorBadPerlOp:
      if (part == "(?<" && next(3) != '=' && next(3) != '!')
        return {"group (?<name>...)", "write (...), the first group is the value"};
      if (part == "(?=" || part == "(?!" || part == "(?<")
        return {"look-around " + (part == "(?<" ? part + next(3) : part),
                "match the text around it too, and put the value alone in the first group (...)"};
      return {"group " + part, "write (?:...) for a group that is no value"};
    case RE2::ErrorMissingBracket:
      if (text.find("[^]") != std::string::npos)
        return {program.error(), "write (?s:.) for any character, also a line end"};
      return {program.error(), "close the class with ], or write \\[ for the character"};
    case RE2::ErrorRepeatSize:
    case RE2::ErrorPatternTooLarge:
      return {program.error(), "repeat by * or +, or at most a few hundred times"};
    case RE2::ErrorRepeatOp:
      return {program.error(),
              "one of * + ? {n,m} behind each part; possessive ones (*+) are not needed: matching is linear"};
    default:
      return {program.error(), "RE2 syntax, such as name=\"token\" value=\"([^\"]+)\""};
  }
}

}  // namespace

struct Pattern::Compiled {
  explicit Compiled(const std::string& text)
      : characters(text, options_of(RE2::Options::EncodingUTF8)),
        bytes(text, options_of(RE2::Options::EncodingLatin1)) {}
  RE2 characters, bytes;  // `bytes` is not ok when the pattern names a character beyond them, such as \x{4e00}

  /// The beginning of `text` that is looked at.
  [[nodiscard]] std::string_view bounded(std::string_view text) const {
    const auto instructions = static_cast<std::size_t>(std::max(1, characters.ProgramSize()));
    std::size_t size = std::min(kTextMax, kWorkMax / instructions);
    if (size >= text.size()) return text;
    for (int i = 0; i < 3 && size > 0 && continues_character(text[size]); ++i) --size;
    return text.substr(0, size);
  }

  /// Calls `each` with the group of a match and returns whether to go on, match by match.
  template <class Each>
  void search(std::string_view text, Each each) const {
    text = bounded(text);
    const RE2& program = is_utf8(text) ? characters : bytes;
    if (!program.ok()) return;
    const re2::StringPiece in(text.data(), text.size());
    const int groups = program.NumberOfCapturingGroups() > 0 ? 2 : 1;
    std::array<re2::StringPiece, 2> found;
    for (std::size_t from = 0; from <= text.size();) {
      if (!program.Match(in, from, text.size(), RE2::UNANCHORED, found.data(), groups)) return;
      const re2::StringPiece& value = found[static_cast<std::size_t>(groups - 1)];
      if (!each(value.data() == nullptr ? std::nullopt : std::optional(std::string_view(value.data(), value.size()))))
        return;
      from = static_cast<std::size_t>(found[0].data() - text.data()) + found[0].size();
      if (found[0].empty()) {  // goes on behind the next character
        ++from;
        while (&program == &characters && from < text.size() && continues_character(text[from])) ++from;
      }
    }
  }
};

Result<Pattern> Pattern::compile(const std::string& text) {
  if (text.size() > kPatternMax)
    return Error{Errc::invalid, "the regular expression is longer than " + std::to_string(kPatternMax) + " characters",
                 "shorten it"};
  auto out = std::make_shared<const Compiled>(text);
  const std::string wrong = "'" + text + "' is not a regular expression that can be used: ";
  if (!out->characters.ok()) {
    const Refusal why = refusal_of(out->characters, text);
    return Error{Errc::invalid, wrong + why.what, why.remedy};
  }
  if (out->characters.ProgramSize() > static_cast<int>(kProgramMax))
    return Error{Errc::invalid, wrong + "too large",
                 "repeat by * or + rather than {n}, and name classes by [^<] rather than \\pL"};
  return Pattern(std::move(out));
}

void Pattern::all(std::string_view text, const std::function<void(std::string_view)>& each) const {
  const double end = thread_cpu_seconds() + kAllSecondsMax;
  compiled_->search(text, [&](std::optional<std::string_view> value) {
    if (value) each(*value);
    return thread_cpu_seconds() < end;
  });
}

std::optional<std::string_view> Pattern::first(std::string_view text) const {
  std::optional<std::string_view> out;
  compiled_->search(text, [&](std::optional<std::string_view> value) {
    out = value;
    return false;
  });
  return out;
}

}  // namespace cardstorm
