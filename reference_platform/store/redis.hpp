// redis: RESP2, blocking, one connection per thread, short timeouts. A cache that is down is a miss, never an error.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace platform::store {

class Redis {
 public:
  virtual ~Redis() = default;
  /// nullopt: missing, or Redis cannot be reached within the time limit.
  virtual std::optional<std::string> get(const std::string& key) = 0;
  /// Best effort.
  virtual void set(const std::string& key, const std::string& value, std::chrono::milliseconds ttl) = 0;
  virtual void del(const std::string& key) = 0;
  [[nodiscard]] virtual bool reachable() = 0;
};
/// url: redis://host:port. Any thread.
std::unique_ptr<Redis> make_redis(const std::string& url, std::chrono::milliseconds limit = std::chrono::milliseconds(50));

}  // namespace platform::store
