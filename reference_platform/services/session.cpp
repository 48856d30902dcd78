// session: see session.hpp.
#include "reference_platform/services/session.hpp"

#include <charconv>
#include <ctime>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/trade.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/partner.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using domain::JsonObject;
using edge::Request;
using edge::Response;

namespace {

constexpr std::int64_t kLifeSeconds = 24 * 3600;
constexpr std::size_t kTokenMax = 256;
constexpr std::int64_t kSeenEveryMs = 30'000;
const char kEnded[] = "ended";
constexpr char kMarked = 'm';  // of ids; the others are hexadecimal

std::string redis_key(const std::string& id) { return "cardstorm:session:" + id; }

std::int64_t now_s() { return static_cast<std::int64_t>(std::time(nullptr)); }

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Takes as long for a wrong first character as for a wrong last one.
bool same(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) return false;
  unsigned differences = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    differences |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  return differences == 0;
}

}  // namespace

Sessions::Sessions(const std::string& key, std::unique_ptr<store::Redis> redis)
    : key_(partner_sign(key, "KEY", "sessions", "", "")), redis_(std::move(redis)) {}

Response no_session(const char* why) { return error_answer(401, "bad_session", why); }

std::string Sessions::token_for(const std::string& buyer, std::int64_t expires_s, bool marked) const {
  const std::string text = buyer + "." + std::to_string(expires_s) + "." + (marked ? std::string(1, kMarked) : "") +
                           random_id().substr(0, 16);
  return text + "." + partner_sign(key_, "SESSION", text, "", "");
}

std::optional<Sessions::Session> Sessions::read(const std::string& token) const {
  const auto sign = token.rfind('.');
  if (token.size() > kTokenMax || sign == std::string::npos) return std::nullopt;
  const std::string text = token.substr(0, sign);
  if (!same(token.substr(sign + 1), partner_sign(key_, "SESSION", text, "", ""))) return std::nullopt;
  const auto first = text.find('.'), second = text.rfind('.');
  Session out{text.substr(0, first), text.substr(second + 1), 0, text[second + 1] == kMarked};
  std::from_chars(text.data() + first + 1, text.data() + second, out.expires_s);
  return out.expires_s > now_s() && domain::valid_buyer(out.buyer) ? std::optional(out) : std::nullopt;
}

// Redis can only say no: that it knows of no end may be because it lost it.
bool Sessions::ended(const Session& s, store::Connection& db) {
  const auto known = redis_->get(redis_key(s.id));
  if (known == kEnded) return true;
  const std::chrono::seconds left(s.expires_s - now_s());
  if (!db.run("SELECT 1 FROM ended_sessions WHERE session_id = $1", {s.id}).empty()) {
    redis_->set(redis_key(s.id), kEnded, left);
    return true;
  }
  std::int64_t seen = 0;
  if (known) std::from_chars(known->data(), known->data() + known->size(), seen);
  if (now_ms() - seen > kSeenEveryMs) redis_->set(redis_key(s.id), std::to_string(now_ms()), left);
  return false;
}

Response Sessions::log_in(const Request& r) {
  const auto json = domain::Json::parse(r.body);
  if (!json || !domain::valid_buyer((*json)["buyer"].text()))
    return error_answer(400, "bad_buyer", R"(wanted {"buyer"}: up to 32 letters, digits, dashes)");
  const std::string buyer = (*json)["buyer"].text();
  const std::int64_t expires = now_s() + kLifeSeconds;
  const std::string token = token_for(buyer, expires, !mark_of(r).empty());
  redis_->set(redis_key(read(token)->id), std::to_string(now_ms()), std::chrono::seconds(kLifeSeconds));
  return json_answer(201, JsonObject().add("token", token).add("buyer", buyer).add("expires_at", expires).done());
}

Response Sessions::log_out(const Session& s, store::Connection& db) {
  db.run("INSERT INTO ended_sessions(session_id, expires_at) VALUES ($1, to_timestamp($2)) ON CONFLICT DO NOTHING",
         {s.id, std::to_string(s.expires_s)});
  redis_->set(redis_key(s.id), kEnded, std::chrono::seconds(s.expires_s - now_s()));
  return json_answer(200, JsonObject().add("buyer", s.buyer).add("ended", true).done());
}

Response Sessions::look(const Session& s, store::Connection& db) {
  if (ended(s, db)) return no_session();
  const auto known = redis_->get(redis_key(s.id));
  std::int64_t seen = 0;
  if (known) std::from_chars(known->data(), known->data() + known->size(), seen);
  return json_answer(200, JsonObject()
                              .add("buyer", s.buyer)
                              .add("expires_at", s.expires_s)
                              .raw("last_seen_ms", seen > 0 ? std::to_string(seen) : "null")
                              .done());
}

}  // namespace platform::services
