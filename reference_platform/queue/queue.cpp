// queue: which implementation an address means.
#include "reference_platform/queue/queue.hpp"

#include <stdexcept>

#include "reference_platform/queue/kafka_queue.hpp"
#include "reference_platform/queue/redis_queue.hpp"
#include "reference_platform/queue/watched_queue.hpp"

namespace platform::queue {

std::unique_ptr<Queue> make_queue(const std::string& url) {
  constexpr std::string_view kafka = "kafka://";
  if (url.starts_with("redis://")) return watched(make_redis_queue(url), "redis");
  if (url.starts_with(kafka) && url.size() > kafka.size())
    return watched(make_kafka_queue(url.substr(kafka.size())), "kafka");
  throw std::runtime_error("a queue's address looks like redis://host:port or kafka://host:port, not '" + url + "'");
}

}  // namespace platform::queue
