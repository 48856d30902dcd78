// kafka_consumer: a member of a group that reads one topic of Apache Kafka.
#pragma once

#include "reference_platform/queue/queue.hpp"

namespace platform::queue {

std::unique_ptr<Consumer> make_kafka_consumer(const std::string& brokers, const std::string& topic,
                                              const std::string& group, const std::string& member,
                                              std::chrono::milliseconds retake);

}  // namespace platform::queue
