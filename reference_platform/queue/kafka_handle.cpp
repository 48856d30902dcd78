// kafka_handle: see kafka_handle.hpp.
#ifdef CARDSTORM_KAFKA
#include "reference_platform/queue/kafka_handle.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "reference_platform/queue/held.hpp"

namespace platform::queue {
namespace {

void apply(rd_kafka_conf_t* conf, Settings settings) {
  char error[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), error, sizeof error) == RD_KAFKA_CONF_OK) continue;
    rd_kafka_conf_destroy(conf);
    throw std::runtime_error(std::string("librdkafka: ") + error);
  }
}

std::string header(const rd_kafka_headers_t* headers, const char* name) {
  const void* value = nullptr;
  std::size_t size = 0;
  if (headers == nullptr || rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return "";
  return {static_cast<const char*>(value), size};
}

}  // namespace

rd_kafka_conf_t* kafka_settings(const std::string& brokers, Settings more) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  apply(conf, {{"bootstrap.servers", brokers},
               {"socket.timeout.ms", "3000"},
               {"socket.connection.setup.timeout.ms", "1000"},
               {"reconnect.backoff.ms", "50"},
               {"reconnect.backoff.max.ms", "500"},
               {"socket.keepalive.enable", "true"},
               {"log_level", "2"}});
  apply(conf, more);
  return conf;
}

Handle kafka_handle(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char error[512];
  rd_kafka_t* made = rd_kafka_new(type, conf, error, sizeof error);
  if (made != nullptr) return Handle(made);
  rd_kafka_conf_destroy(conf);
  throw std::runtime_error(std::string("librdkafka: ") + error);
}

bool ensure_topic(rd_kafka_t* handle, const std::string& topic, std::chrono::milliseconds limit) {
  char error[256];
  struct TopicEnd {
    void operator()(rd_kafka_NewTopic_t* t) const { rd_kafka_NewTopic_destroy(t); }
  };
  struct OptionsEnd {
    void operator()(rd_kafka_AdminOptions_t* o) const { rd_kafka_AdminOptions_destroy(o); }
  };
  const std::unique_ptr<rd_kafka_NewTopic_t, TopicEnd> wanted(
      rd_kafka_NewTopic_new(topic.c_str(), kPartitions, -1, error, sizeof error));
  const std::unique_ptr<rd_kafka_AdminOptions_t, OptionsEnd> options(
      rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS));
  const Events events(rd_kafka_queue_new(handle));
  if (!wanted) return false;
  rd_kafka_AdminOptions_set_request_timeout(options.get(), ms_of(limit), error, sizeof error);
  rd_kafka_NewTopic_t* topics[] = {wanted.get()};
  rd_kafka_CreateTopics(handle, topics, 1, options.get(), events.get());
  const HandleEvent event(rd_kafka_queue_poll(events.get(), ms_of(limit)));
  const rd_kafka_CreateTopics_result_t* result = event ? rd_kafka_event_CreateTopics_result(event.get()) : nullptr;
  std::size_t n = 0;
  const auto* const* made = result != nullptr ? rd_kafka_CreateTopics_result_topics(result, &n) : nullptr;
  if (n != 1) return false;
  const auto code = rd_kafka_topic_result_error(made[0]);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
}

Message message_of(const rd_kafka_message_t& taken) {
  rd_kafka_headers_t* headers = nullptr;
  rd_kafka_message_headers(&taken, &headers);  // stays the message's
  Message m;
  m.id = id_text(taken.partition, {taken.offset, 0});
  m.key.assign(static_cast<const char*>(taken.key), taken.key == nullptr ? 0 : taken.key_len);
  m.body.assign(static_cast<const char*>(taken.payload), taken.payload == nullptr ? 0 : taken.len);
  m.mark = header(headers, "mark");
  m.trace = header(headers, "traceparent");
  m.age = std::chrono::milliseconds(std::max<std::int64_t>(0, wall_ms() - published_ms(taken)));
  return m;
}

std::int64_t published_ms(const rd_kafka_message_t& taken) {
  rd_kafka_timestamp_type_t type{};
  const std::int64_t at = rd_kafka_message_timestamp(&taken, &type);
  return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? wall_ms() : at;
}

}  // namespace platform::queue
#endif
