// quoted: text as JSON writes it between quotes; for logs, spans and answers alike.
#pragma once

#include <string>
#include <string_view>

namespace platform::observe {

/// Appends `text` in quotes, with ", \ and control characters escaped (RFC 8259 §7). Bytes beyond ASCII stay as they
/// are: the text is UTF-8.
void quoted(std::string& out, std::string_view text);

}  // namespace platform::observe
