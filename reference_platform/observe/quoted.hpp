// quoted: text as JSON writes it between quotes; for logs, spans and answers alike.
#pragma once

#include <string>
#include <string_view>

namespace platform::observe {

/// Appends `text` in quotes, with ", \ and control characters escaped (RFC 8259 §7). Bytes beyond ASCII stay as they
/// are: the text is UTF-8.
inline void quoted(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (u < 0x20) {
      out += "\\u00";
      out += kHex[u >> 4];
      out += kHex[u & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace platform::observe
