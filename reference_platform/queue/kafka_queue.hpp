// kafka_queue: the queue over Apache Kafka, through librdkafka.
#pragma once

#include "reference_platform/queue/queue.hpp"

namespace platform::queue {

/// `brokers`: host:port[,host:port]. Throws std::runtime_error when this program was built without librdkafka.
std::unique_ptr<Queue> make_kafka_queue(const std::string& brokers);

}  // namespace platform::queue
