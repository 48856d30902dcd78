// signature: who may speak in whose name (partners/api.md). The same text is signed in both directions.
#pragma once

#include <string>
#include <string_view>

#include "harness/net/http_server.hpp"

namespace cardstorm::partners {

/// X-Sign. `path`: path and query, as on the wire; `timestamp`: the text of X-Timestamp.
std::string signature(std::string_view key, std::string_view method, std::string_view path, std::string_view timestamp,
                      std::string_view body);
/// The request is signed with `key`, and its timestamp lies within 300 s of now.
bool is_signed(std::string_view key, const ServerRequest& request);
/// Unix seconds as text, for X-Timestamp.
std::string timestamp_text();

}  // namespace cardstorm::partners
