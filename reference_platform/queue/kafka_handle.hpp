// kafka_handle: owners of librdkafka's objects and its settings. Included by kafka_*.cpp only: the door of librdkafka.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

namespace platform::queue {

inline constexpr int kPartitions = 8;

struct HandleEnd {
  // Closing a consumer can hang for ever after a broker's restart: it is dropped instead, and the broker finds out by
  // the session's end.
  void operator()(rd_kafka_t* h) const { rd_kafka_destroy_flags(h, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE); }
};
struct ListEnd {
  void operator()(rd_kafka_topic_partition_list_t* l) const { rd_kafka_topic_partition_list_destroy(l); }
};
struct MessageEnd {
  void operator()(rd_kafka_message_t* m) const { rd_kafka_message_destroy(m); }
};
struct EventsEnd {
  void operator()(rd_kafka_queue_t* q) const { rd_kafka_queue_destroy(q); }
};
struct EventEnd {
  void operator()(rd_kafka_event_t* e) const { rd_kafka_event_destroy(e); }
};
using Handle = std::unique_ptr<rd_kafka_t, HandleEnd>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, ListEnd>;
using Taken = std::unique_ptr<rd_kafka_message_t, MessageEnd>;
using Events = std::unique_ptr<rd_kafka_queue_t, EventsEnd>;
using HandleEvent = std::unique_ptr<rd_kafka_event_t, EventEnd>;

using Settings = std::initializer_list<std::pair<const char*, std::string>>;
/// With every time limit set by ourselves: the library's own (5 minutes, 60 s, 10 s) would decide how long a recovery
/// takes.
rd_kafka_conf_t* kafka_settings(const std::string& brokers, Settings more);
/// Takes `conf` over. Throws std::runtime_error.
Handle kafka_handle(rd_kafka_type_t type, rd_kafka_conf_t* conf);
/// The topic is there, with kPartitions. False: the broker cannot be asked.
bool ensure_topic(rd_kafka_t* handle, const std::string& topic, std::chrono::milliseconds limit);
inline int ms_of(std::chrono::milliseconds t) { return t.count() > 0 ? static_cast<int>(t.count()) : 0; }

/// A message of the log as ours.
struct Message;
Message message_of(const rd_kafka_message_t& taken);
/// When it was published.
std::int64_t published_ms(const rd_kafka_message_t& taken);

}  // namespace platform::queue
