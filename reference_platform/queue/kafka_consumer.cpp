// kafka_consumer: see kafka_consumer.hpp. What is done is committed at once; a member that comes back under its name
// gets its partitions back without the others noticing.
#ifdef CARDSTORM_KAFKA
#include "reference_platform/queue/kafka_consumer.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include "reference_platform/queue/held.hpp"
#include "reference_platform/queue/kafka_handle.hpp"

namespace platform::queue {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kSession = 6000ms;  // the least that a broker takes unless it is told otherwise
constexpr auto kCommit = 1000ms, kEnsure = 1000ms, kPause = 20ms;

class KafkaConsumer final : public Consumer {
 public:
  KafkaConsumer(std::string brokers, std::string topic, std::string group, std::string member, milliseconds retake)
      : brokers_(std::move(brokers)),
        topic_(std::move(topic)),
        group_(std::move(group)),
        member_(std::move(member)),
        retake_(std::max(retake, kSession)),
        held_(retake) {}
  KafkaConsumer(const KafkaConsumer&) = delete;
  KafkaConsumer& operator=(const KafkaConsumer&) = delete;
  ~KafkaConsumer() override { commit(); }

  std::vector<Message> take(std::size_t max, milliseconds wait) override {
    const auto until = steady_clock::now() + wait;
    std::vector<Message> out = held_.overdue(max, steady_clock::now());
    if (!ready(std::clamp(wait, kPause, kEnsure))) return out;
    if (!dirty_.empty()) commit();
    while (out.size() < max && !held_.full()) {
      const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
      const Taken taken(rd_kafka_consumer_poll(handle_.get(), out.empty() ? ms_of(left) : 0));
      if (!taken && (!out.empty() || left <= 0ms)) break;
      if (taken) receive(*taken, out);
      if (broken_) break;
    }
    return out;
  }

  void done(const std::vector<Message>& messages) override {
    for (const Message& m : messages) {
      const auto at = read_id(m.id);
      if (!at || !held_.finish(*at)) continue;  // of a partition that is another member's now
      Position& next = next_[at->partition];
      next = std::max(next, Position{at->position.major + 1, 0});
      dirty_.insert(at->partition);
    }
    if (handle_) commit();
  }

  bool leave() override { return false; }
  [[nodiscard]] bool assigned() const override { return assigned_; }

 private:
  /// Subscribes when the topic is there: a subscription to a topic that is not there is looked at again after minutes
  /// only.
  bool ready(milliseconds limit) {
    if (broken_) {
      assigned_ = false;
      lose_all();
      handle_.reset();
      broken_ = subscribed_ = false;
    }
    if (!handle_) handle_ = connect();
    if (!subscribed_) subscribed_ = ensure_topic(handle_.get(), topic_, limit) && subscribe();
    return subscribed_;
  }

  Handle connect() {
    rd_kafka_conf_t* conf = kafka_settings(brokers_, {{"group.id", group_},
                                                      {"group.instance.id", member_},
                                                      {"client.id", member_},
                                                      {"session.timeout.ms", std::to_string(kSession.count())},
                                                      {"heartbeat.interval.ms", "1000"},
                                                      {"max.poll.interval.ms", std::to_string(retake_.count())},
                                                      {"enable.auto.commit", "false"},
                                                      {"enable.auto.offset.store", "false"},
                                                      {"auto.offset.reset", "earliest"},
                                                      {"fetch.wait.max.ms", "100"},
                                                      {"topic.metadata.refresh.interval.ms", "5000"}});
    rd_kafka_conf_set_rebalance_cb(conf, &KafkaConsumer::on_rebalance);
    rd_kafka_conf_set_opaque(conf, this);
    Handle made = kafka_handle(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(made.get());
    return made;
  }

  bool subscribe() {
    const Partitions wanted(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(wanted.get(), topic_.c_str(), RD_KAFKA_PARTITION_UA);
    return rd_kafka_subscribe(handle_.get(), wanted.get()) == RD_KAFKA_RESP_ERR_NO_ERROR;
  }

  void receive(const rd_kafka_message_t& taken, std::vector<Message>& out) {
    if (taken.err == RD_KAFKA_RESP_ERR__FATAL || taken.err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
      broken_ = true;  // only a new handle helps
    if (taken.err != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    Message m = message_of(taken);
    held_.give(taken.partition, {taken.offset, 0}, m, published_ms(taken), steady_clock::now());
    out.push_back(std::move(m));
  }

  // Called from within rd_kafka_consumer_poll, by our own thread.
  static void on_rebalance(rd_kafka_t* handle, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
                           void* self) {
    auto& me = *static_cast<KafkaConsumer*>(self);
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      rd_kafka_assign(handle, partitions);
      me.assigned_ = true;
      return;
    }
    me.assigned_ = false;
    me.commit();
    me.lose_all();
    rd_kafka_assign(handle, nullptr);
  }

  void lose_all() {
    for (int p = 0; p < kPartitions; ++p) held_.forget(p);
    next_.clear();
    dirty_.clear();
  }

  /// Up to the first that is not done, per partition. What fails is tried again with the next call.
  void commit() {
    if (dirty_.empty() || !handle_) return;
    const Partitions offsets(rd_kafka_topic_partition_list_new(static_cast<int>(dirty_.size())));
    for (const int p : dirty_) {
      const auto undone = held_.first(p);
      rd_kafka_topic_partition_list_add(offsets.get(), topic_.c_str(), p)->offset =
          undone ? undone->major : next_[p].major;
    }
    const Events events(rd_kafka_queue_new(handle_.get()));
    if (rd_kafka_commit_queue(handle_.get(), offsets.get(), events.get(), nullptr, nullptr) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
      return;
    const HandleEvent event(rd_kafka_queue_poll(events.get(), ms_of(kCommit)));
    if (event && rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR_NO_ERROR) dirty_.clear();
  }

  const std::string brokers_, topic_, group_, member_;
  const milliseconds retake_;
  Held held_;
  std::map<int, Position> next_;  // of each partition, after the last that is done
  std::set<int> dirty_;           // partitions with something done that is not committed
  bool subscribed_ = false, broken_ = false;
  std::atomic<bool> assigned_{false};
  Handle handle_;  // last: its end may call back
};

}  // namespace

std::unique_ptr<Consumer> make_kafka_consumer(const std::string& brokers, const std::string& topic,
                                              const std::string& group, const std::string& member,
                                              milliseconds retake) {
  return std::make_unique<KafkaConsumer>(brokers, topic, group, member, retake);
}

}  // namespace platform::queue
#endif
