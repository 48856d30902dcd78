// kafka_queue: see kafka_queue.hpp.
#include "reference_platform/queue/kafka_queue.hpp"

#include <stdexcept>

#ifndef CARDSTORM_KAFKA

namespace platform::queue {
std::unique_ptr<Queue> make_kafka_queue(const std::string&) {
  throw std::runtime_error(
      "this program was built without Kafka: install the package librdkafka-dev and build again, or use "
      "redis://host:port");
}
}  // namespace platform::queue

#else

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "reference_platform/queue/held.hpp"
#include "reference_platform/queue/kafka_consumer.hpp"
#include "reference_platform/queue/kafka_handle.hpp"

namespace platform::queue {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kLook = 2000ms;  // for a backlog

/// A group of ours belongs to one topic; Kafka's would not let a member come back under its name with another one.
std::string group_id(const std::string& topic, const std::string& group) { return topic + "." + group; }

/// What became of one message. The publisher waits for it; when it does not wait any more, the library still reports to
/// it.
class Receipt {
 public:
  void come(bool good) {
    const std::lock_guard lock(mutex_);
    state_ = good ? 1 : 2;
    changed_.notify_all();
  }
  bool wait_until(steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, until, [this] { return state_ != 0; }) && state_ == 1;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int state_ = 0;
};
using ReceiptRef = std::shared_ptr<Receipt>;

class Producer {
 public:
  explicit Producer(const std::string& brokers) {
    // Not idempotent: in this version such a producer can end for good after a lost connection. Who reads the queue
    // knows a message that comes twice.
    rd_kafka_conf_t* conf = kafka_settings(brokers, {{"message.timeout.ms", "5000"},
                                                     {"request.timeout.ms", "2000"},
                                                     {"linger.ms", "5"},
                                                     {"acks", "all"},
                                                     {"enable.idempotence", "false"},
                                                     {"max.in.flight", "1"},
                                                     {"queue.buffering.max.messages", "100000"}});
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* m, void*) {
      const std::unique_ptr<ReceiptRef> ref(static_cast<ReceiptRef*>(m->_private));
      (*ref)->come(m->err == RD_KAFKA_RESP_ERR_NO_ERROR);
    });
    handle_ = kafka_handle(RD_KAFKA_PRODUCER, conf);
    poller_ = std::thread([this] {
      while (!quit_) rd_kafka_poll(handle_.get(), 100);
    });
  }
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
  ~Producer() {
    quit_ = true;
    poller_.join();
    rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(handle_.get()) > 0 && rd_kafka_poll(handle_.get(), 100) > 0) {
    }  // the receipts
  }

  bool send(const std::string& topic, const Message& m, steady_clock::time_point until) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    if (left <= 0ms || !known(topic, left)) return false;
    const auto receipt = std::make_shared<Receipt>();
    auto ref = std::make_unique<ReceiptRef>(receipt);
    const auto code = rd_kafka_producev(
        handle_.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(m.key.data(), m.key.size()), RD_KAFKA_V_VALUE(const_cast<char*>(m.body.data()), m.body.size()),
        RD_KAFKA_V_HEADER("mark", m.mark.data(), static_cast<ssize_t>(m.mark.size())),
        RD_KAFKA_V_HEADER("traceparent", m.trace.data(), static_cast<ssize_t>(m.trace.size())),
        RD_KAFKA_V_OPAQUE(ref.get()), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
    ref.release();  // NOLINT(bugprone-unused-return-value): the report owns it now
    return receipt->wait_until(until);
  }
  [[nodiscard]] bool fatal() const {
    char text[128];
    return rd_kafka_fatal_error(handle_.get(), text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR;
  }

 private:
  bool known(const std::string& topic, milliseconds limit) {
    {
      const std::lock_guard lock(mutex_);
      if (topics_.contains(topic)) return true;
    }
    if (!ensure_topic(handle_.get(), topic, limit)) return false;
    const std::lock_guard lock(mutex_);
    topics_.insert(topic);
    return true;
  }

  Handle handle_;
  std::atomic<bool> quit_{false};
  std::mutex mutex_;
  std::set<std::string> topics_;  // that surely exist
  std::thread poller_;
};

/// Looks at a group's place in a topic without being a member of it.
class Looker {
 public:
  Looker(const std::string& brokers, const std::string& group)
      : handle_(kafka_handle(RD_KAFKA_CONSUMER, kafka_settings(brokers, {{"group.id", group},
                                                                         {"enable.auto.commit", "false"},
                                                                         {"fetch.wait.max.ms", "50"},
                                                                         {"queued.min.messages", "1"},
                                                                         {"auto.offset.reset", "earliest"}}))) {
    rd_kafka_poll_set_consumer(handle_.get());
  }

  Backlog look(const std::string& topic) {
    const std::lock_guard lock(mutex_);
    const auto until = steady_clock::now() + kLook;
    const auto left = [until] {
      return std::max(1, ms_of(std::chrono::ceil<milliseconds>(until - steady_clock::now())));
    };
    const Partitions at(rd_kafka_topic_partition_list_new(kPartitions)),
        lagging(rd_kafka_topic_partition_list_new(kPartitions));
    for (int p = 0; p < kPartitions; ++p) rd_kafka_topic_partition_list_add(at.get(), topic.c_str(), p);
    if (rd_kafka_committed(handle_.get(), at.get(), left()) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    Backlog out;
    for (int i = 0; i < at->cnt; ++i) {
      const auto& place = at->elems[i];
      std::int64_t low = 0, high = 0;
      const auto code =
          rd_kafka_query_watermark_offsets(handle_.get(), topic.c_str(), place.partition, &low, &high, left());
      if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        continue;  // nobody has published yet
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
      const std::int64_t next = std::max(low, place.offset < 0 ? low : place.offset);
      if (next >= high) continue;
      out.messages += high - next;
      rd_kafka_topic_partition_list_add(lagging.get(), topic.c_str(), place.partition)->offset = next;
    }
    out.known = oldest(*lagging, until, out.oldest);
    return out;
  }

 private:
  /// The age of the first message of each of these, the greatest. False when not all came in time.
  bool oldest(const rd_kafka_topic_partition_list_t& lagging, steady_clock::time_point until, milliseconds& age) {
    if (lagging.cnt == 0) return true;
    if (rd_kafka_assign(handle_.get(), &lagging) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
    std::set<int> seen;
    while (static_cast<int>(seen.size()) < lagging.cnt && steady_clock::now() < until) {
      const Taken taken(rd_kafka_consumer_poll(handle_.get(), 50));
      if (!taken || taken->err != RD_KAFKA_RESP_ERR_NO_ERROR || !seen.insert(taken->partition).second) continue;
      age = std::max(age, milliseconds(std::max<std::int64_t>(0, wall_ms() - published_ms(*taken))));
    }
    rd_kafka_assign(handle_.get(), nullptr);
    return static_cast<int>(seen.size()) == lagging.cnt;
  }

  std::mutex mutex_;
  Handle handle_;
};

class KafkaQueue final : public Queue {
 public:
  explicit KafkaQueue(std::string brokers) : brokers_(std::move(brokers)) {}

  bool publish(const std::string& topic, const Message& m, milliseconds limit) override {
    return producer()->send(topic, m, steady_clock::now() + limit);
  }
  std::unique_ptr<Consumer> consume(const std::string& topic, const std::string& group, const std::string& member,
                                    milliseconds retake) override {
    return make_kafka_consumer(brokers_, topic, group_id(topic, group), member, retake);
  }
  Backlog backlog(const std::string& topic, const std::string& group) override {
    std::shared_ptr<Looker> looker;
    {
      const std::lock_guard lock(mutex_);
      auto& found = lookers_[group_id(topic, group)];
      if (!found) found = std::make_shared<Looker>(brokers_, group_id(topic, group));
      looker = found;
    }
    return looker->look(topic);
  }

 private:
  std::shared_ptr<Producer> producer() {
    const std::lock_guard lock(mutex_);
    if (!producer_ || producer_->fatal()) producer_ = std::make_shared<Producer>(brokers_);
    return producer_;
  }

  const std::string brokers_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<Producer> producer_;
  std::map<std::string, std::shared_ptr<Looker> > lookers_;  // by group
};

}  // namespace

std::unique_ptr<Queue> make_kafka_queue(const std::string& brokers) { return std::make_unique<KafkaQueue>(brokers); }

}  // namespace platform::queue
#endif
