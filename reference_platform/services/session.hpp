// session: tokens that need no memory of ours to be believed: name, end and a random part, signed with a key that all
// order nodes share. That one has been ended is kept in the database of its buyer; Redis holds what may be lost: who
// was last seen when, and a copy of the ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/store/pg.hpp"
#include "reference_platform/store/redis.hpp"

namespace platform::services {

class Sessions {
 public:
  /// `marked`: it was opened by marked traffic and is kept with the shadow.
  struct Session {
    std::string buyer, id;
    std::int64_t expires_s = 0;
    bool marked = false;
  };

  /// `key` is secret and the same on all nodes; the signing key is derived from it.
  Sessions(const std::string& key, std::unique_ptr<store::Redis> redis);

  /// POST /sessions {"buyer"} → 201 {"token","buyer","expires_at"}: the lab's login, by name alone.
  edge::Response log_in(const edge::Request& r);
  /// By its signature and its time alone; nullopt: forged, or over.
  std::optional<Session> read(const std::string& token) const;

  // `db`: the database of the session's buyer. What it throws is the caller's.

  bool ended(const Session& session, store::Connection& db);
  /// DELETE /sessions → 200. From then on nobody gets in with it, whatever becomes of Redis.
  edge::Response log_out(const Session& session, store::Connection& db);
  /// GET /sessions → {"buyer","expires_at","last_seen_ms"}.
  edge::Response look(const Session& session, store::Connection& db);

  std::string token_for(const std::string& buyer, std::int64_t expires_s, bool marked = false) const;

 private:
  const std::string key_;
  std::unique_ptr<store::Redis> redis_;
};

edge::Response no_session(const char* why = "the session is forged, over, or ended");

}  // namespace platform::services
