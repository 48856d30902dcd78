// redis_queue: the queue over Redis Streams.
#pragma once

#include "reference_platform/queue/queue.hpp"

namespace platform::queue {

std::unique_ptr<Queue> make_redis_queue(const std::string& url);

}  // namespace platform::queue
