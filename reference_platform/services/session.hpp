// session: tokens that need no memory of ours to be believed: name, end and a random part, signed with a key that all order nodes share. Redis holds
// what can be lost: who logged out, who was last seen when. Without Redis the signature suffices.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/store/redis.hpp"

namespace platform::services {

class Sessions {
 public:
  /// `key` is secret and the same on all nodes; the signing key is derived from it.
  Sessions(const std::string& key, std::unique_ptr<store::Redis> redis);

  /// POST /sessions {"buyer"} → 201 {"token","buyer","expires_at"}: the lab's login, by name alone.
  edge::Response log_in(const edge::Request& r);
  /// DELETE /sessions with X-Session → 200; 503 when Redis cannot keep it.
  edge::Response log_out(const edge::Request& r);
  /// GET /sessions with X-Session → {"buyer","expires_at","last_seen_ms"}.
  edge::Response look(const edge::Request& r);

  /// Whose session it is; nullopt: forged, over, or ended.
  std::optional<std::string> buyer_of(const std::string& token);
  std::string token_for(const std::string& buyer, std::int64_t expires_s) const;

 private:
  struct Token { std::string buyer, id; std::int64_t expires_s = 0; };
  std::optional<Token> read(const std::string& token) const;

  const std::string key_;
  std::unique_ptr<store::Redis> redis_;
};

}  // namespace platform::services
