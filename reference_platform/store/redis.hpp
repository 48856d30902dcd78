// redis: RESP2, blocking, one connection per thread, short timeouts. A cache that is down is a miss, never an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace platform::store {

/// The reply to any command. `lost`: none within the limit; it may have been carried out all the same.
struct RedisReply {
  enum class Kind { lost, nil, status, error, number, text, array };
  Kind kind = Kind::lost;
  std::string text;  // of a status, an error, a text
  std::int64_t number = 0;
  std::vector<RedisReply> items;  // of an array
  [[nodiscard]] bool is(Kind k) const { return kind == k; }
};

class Redis {
 public:
  virtual ~Redis() = default;
  /// Any command, as words. `limit` overrides the client's own, for commands that wait at the server. A command whose
  /// kept connection turned out to be dead is sent once more on a new one: it may be carried out twice.
  virtual RedisReply command(const std::vector<std::string>& words,
                             std::optional<std::chrono::milliseconds> limit = {}) = 0;
  /// nullopt: missing, or Redis cannot be reached within the time limit.
  virtual std::optional<std::string> get(const std::string& key) = 0;
  /// Best effort.
  virtual void set(const std::string& key, const std::string& value, std::chrono::milliseconds ttl) = 0;
  virtual void del(const std::string& key) = 0;
  [[nodiscard]] virtual bool reachable() = 0;
};
/// url: redis://host:port. Any thread.
std::unique_ptr<Redis> make_redis(const std::string& url,
                                  std::chrono::milliseconds limit = std::chrono::milliseconds(50));

}  // namespace platform::store
