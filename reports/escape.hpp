// escape: strings from outside (order numbers, target names, error texts) made safe for each kind of report.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cardstorm {

/// The code point at `i`, moving `i` behind it. Invalid UTF-8 gives U+FFFD for one byte.
char32_t next_code_point(std::string_view text, std::size_t& i);
void append_utf8(std::string& out, char32_t c);

/// Valid UTF-8 without control characters and without marks that turn the direction of text; line breaks and tabs
/// become blanks, the rest U+FFFD. At most `max_chars` characters, then "...".
std::string clean_text(std::string_view text, std::size_t max_chars = 400);
/// clean_text, then & < > " ' as entities: right in HTML and XML, in text and in quoted attributes.
std::string escape_markup(std::string_view text, std::size_t max_chars = 400);
/// clean_text for one cell of a Markdown table: no markup, link, mention or cell border can start in it.
std::string escape_markdown(std::string_view text, std::size_t max_chars = 400);
/// A fenced block whose fence is longer than any run of backticks inside.
std::string markdown_fence(std::string_view text);

}  // namespace cardstorm
