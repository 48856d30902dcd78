// http_writer: a request as HTTP/1.1 puts it on the wire; the other half of http_parser. Pure: it knows no sockets and
// no time.
#pragma once

#include <optional>
#include <string>

#include "harness/net/http_client.hpp"
#include "harness/net/http_url.hpp"

namespace cardstorm {

/// Why the request cannot be put on the wire at all; nullopt when it can. `url`: request.url in parts.
std::optional<std::string> problem_of(const HttpRequest& request, const std::optional<UrlView>& url);

/// Replaces `out` (its memory is used again) by the whole message, for a request without a problem.
void write_message(std::string& out, const HttpRequest& request, const UrlView& url);

}  // namespace cardstorm
