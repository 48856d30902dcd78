// kafka: a private Apache Kafka broker (KRaft, one node, no ZooKeeper) for the platform's queue, in the stores' folder.
#pragma once

#include <functional>

#include "reference_platform/ops/stores.hpp"

namespace platform::ops {

/// Formats its storage. `between` is called while waiting and may throw to give up. Throws EnvironmentError naming what
/// is missing and how to get it. The jars are where CARDSTORM_KAFKA_LIBS says, else in build/kafka/libs beside the
/// build that this program is of.
Store make_kafka(const StorePlace& place, const std::function<void()>& between);

}  // namespace platform::ops
