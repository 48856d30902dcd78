// signature: HMAC over method, path and query, timestamp and body.
#include "harness/partners/signature.hpp"

#include <charconv>
#include <cstdlib>
#include <ctime>

#include "harness/net/crypto.hpp"

namespace cardstorm::partners {

namespace {
constexpr long kSignatureSkewMax = 300;
}

std::string signature(std::string_view key, std::string_view method, std::string_view path, std::string_view timestamp,
                      std::string_view body) {
  std::string text;
  for (const std::string_view part : {method, path, timestamp}) text.append(part).push_back('\n');
  return hmac_sha256_hex(key, text.append(body));
}

bool is_signed(std::string_view key, const ServerRequest& request) {
  const std::string& timestamp = request.header("x-timestamp");
  long at = 0;
  const char* const end = timestamp.data() + timestamp.size();
  const auto [stop, error] = std::from_chars(timestamp.data(), end, at);
  const long now = std::time(nullptr);
  if (error != std::errc{} || stop != end || at < now - kSignatureSkewMax || at > now + kSignatureSkewMax) return false;
  const std::string path = request.query.empty() ? request.path : request.path + "?" + request.query;
  return same_secret(signature(key, request.method, path, timestamp, request.body), request.header("x-sign"));
}

std::string timestamp_text() { return std::to_string(std::time(nullptr)); }

}  // namespace cardstorm::partners
