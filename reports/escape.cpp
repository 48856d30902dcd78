// escape: cleaning first, then the rules of the format.
#include "reports/escape.hpp"

#include <algorithm>

namespace cardstorm {
namespace {

constexpr char32_t kBad = 0xFFFD;

int length_of_lead(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

bool shortest_and_legal(char32_t c, int length) {
  if (c >= 0xD800 && c <= 0xDFFF) return false;
  return !(length == 3 && c < 0x800) && !(length == 4 && (c < 0x10000 || c > 0x10FFFF));
}

bool is_blank(char32_t c) { return c == '\n' || c == '\r' || c == '\t' || c == 0x2028 || c == 0x2029; }

bool is_unwanted(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7F && c <= 0x9F);
  const bool turns_direction =
      (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F || c == 0x061C;
  const bool no_character = (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF) || c == 0xFEFF;
  return control || turns_direction || no_character;
}

}  // namespace

char32_t next_code_point(std::string_view text, std::size_t& i) {
  const auto lead = static_cast<unsigned char>(text[i]);
  const int length = length_of_lead(lead);
  if (length == 1) {
    ++i;
    return lead;
  }
  if (length == 0 || i + static_cast<std::size_t>(length) > text.size()) {
    ++i;
    return kBad;
  }
  char32_t c = lead & (0xFFU >> (length + 1));
  for (int k = 1; k < length; ++k) {
    const auto byte = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
    if ((byte & 0xC0) != 0x80) {
      ++i;
      return kBad;
    }
    c = (c << 6) | (byte & 0x3FU);
  }
  if (!shortest_and_legal(c, length)) {
    ++i;
    return kBad;
  }
  i += static_cast<std::size_t>(length);
  return c;
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    put(c);
    return;
  }
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
    return;
  }
  if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
    return;
  }
  put(0xF0 | (c >> 18));
  put(0x80 | ((c >> 12) & 0x3F));
  put(0x80 | ((c >> 6) & 0x3F));
  put(0x80 | (c & 0x3F));
}

std::string clean_text(std::string_view text, std::size_t max_chars) {
  std::string out;
  std::size_t written = 0;
  for (std::size_t i = 0; i < text.size(); ++written) {
    if (written == max_chars) return out + "...";
    const char32_t c = next_code_point(text, i);
    append_utf8(out, is_blank(c) ? U' ' : is_unwanted(c) ? kBad : c);
  }
  return out;
}

std::string escape_markup(std::string_view text, std::size_t max_chars) {
  const std::size_t bytes_max = 2 * max_chars;
  std::string out;
  for (const char c : clean_text(text, max_chars)) {
    // Only entities can come so far: a name of nothing but quotes must not blow a page up.
    if (out.size() > bytes_max && static_cast<unsigned char>(c) < 0x80) return out + "...";
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escape_markdown(std::string_view text, std::size_t max_chars) {
  std::string out;
  for (const char c : clean_text(text, max_chars)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '|':
        out += "&#124;";
        break;
      case '@':
        out += "&#64;";
        break;  // no mention of a person
      case ':':
        out += "&#58;";
        break;  // no address becomes a link, no emoji
      case '#':
        out += "&#35;";
        break;  // no reference to an issue
      case '\\':
      case '`':
      case '*':
      case '_':
      case '[':
      case ']':
      case '!':
      case '~':
      case '$':
        out += '\\';
        out += c;
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string markdown_fence(std::string_view text) {
  const std::string inside = clean_text(text, 2000);
  std::size_t longest = 0, run = 0;
  for (const char c : inside) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(std::max<std::size_t>(3, longest + 1), '`');
  return fence + "\n" + inside + "\n" + fence + "\n";
}

}  // namespace cardstorm
