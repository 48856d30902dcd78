// watched_queue: any queue, seen from outside: a producer's and a consumer's span per message, and metrics by the
// messaging conventions.
#pragma once

#include <memory>
#include <string>

#include "reference_platform/queue/queue.hpp"

namespace platform::queue {

/// `system`: redis or kafka. A message goes on with the producer's span as its trace, so that whoever takes it is that
/// span's child.
std::unique_ptr<Queue> watched(std::unique_ptr<Queue> queue, std::string system);

}  // namespace platform::queue
