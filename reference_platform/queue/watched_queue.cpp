// watched_queue: see watched_queue.hpp.
#include "reference_platform/queue/watched_queue.hpp"

#include <unordered_map>
#include <utility>

#include "reference_platform/observe/metrics.hpp"
#include "reference_platform/observe/spans.hpp"

namespace platform::queue {
namespace {

using observe::Context;
using observe::SpanKind;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kTakenMax = 10000;  // what a member may have taken and lost again

/// What a topic is called in metrics and spans.
class Names {
 public:
  Names(std::string system, std::string topic)
      : system_(std::move(system)),
        topic_(std::move(topic)),
        labels_("{messaging_system=\"" + system_ + "\",messaging_destination_name=\"" + topic_ + "\"") {}
  [[nodiscard]] std::string series(const char* family, bool good = true) const {
    return family + labels_ + (good ? "}" : ",error_type=\"not_confirmed\"}");
  }
  [[nodiscard]] std::string span(const char* operation) const { return std::string(operation) + " " + topic_; }
  [[nodiscard]] std::vector<observe::SpanRecord::Attribute> attributes(const char* operation, const char* type) const {
    return {{"messaging.system", system_, false},
            {"messaging.destination.name", topic_, false},
            {"messaging.operation.name", operation, false},
            {"messaging.operation.type", type, false}};
  }

 private:
  const std::string system_, topic_, labels_;
};

double seconds_since(steady_clock::time_point began) {
  return std::chrono::duration<double>(steady_clock::now() - began).count();
}

class WatchedConsumer final : public Consumer {
 public:
  WatchedConsumer(std::unique_ptr<Consumer> consumer, Names names)
      : consumer_(std::move(consumer)), names_(std::move(names)) {}

  std::vector<Message> take(std::size_t max, milliseconds wait) override {
    auto messages = consumer_->take(max, wait);
    if (messages.empty()) return messages;
    observe::process_metrics().add(names_.series("messaging_client_consumed_messages_total"),
                                   static_cast<double>(messages.size()));
    if (taken_.size() > kTakenMax) taken_.clear();
    for (const Message& m : messages) taken_[m.id] = steady_clock::now();
    return messages;
  }

  void done(const std::vector<Message>& messages) override {
    consumer_->done(messages);
    for (const Message& m : messages) {
      const auto it = taken_.find(m.id);
      if (it == taken_.end()) continue;
      observe::process_metrics().observe(names_.series("messaging_process_duration_seconds"),
                                         seconds_since(it->second));
      observe::record_work(names_.span("process"), SpanKind::consumer, Context::of(m.trace, m.mark), it->second,
                           names_.attributes("process", "process"));
      taken_.erase(it);
    }
  }

  bool leave() override {
    const bool left = consumer_->leave();
    if (left) taken_.clear();
    return left;
  }
  [[nodiscard]] bool assigned() const override { return consumer_->assigned(); }

 private:
  const std::unique_ptr<Consumer> consumer_;
  const Names names_;
  std::unordered_map<std::string, steady_clock::time_point> taken_;  // by id
};

class WatchedQueue final : public Queue {
 public:
  WatchedQueue(std::unique_ptr<Queue> queue, std::string system)
      : queue_(std::move(queue)), system_(std::move(system)) {}

  bool publish(const std::string& topic, const Message& message, milliseconds limit) override {
    const Names names(system_, topic);
    const Context parent = Context::of(message.trace, message.mark);
    const auto began = steady_clock::now();
    const bool good = observe::kept(parent, false, {}) ? publish_in_span(names, parent, topic, message, limit)
                                                       : queue_->publish(topic, message, limit);
    observe::process_metrics().add(names.series("messaging_client_sent_messages_total", good));
    observe::process_metrics().observe(names.series("messaging_client_operation_duration_seconds", good),
                                       seconds_since(began));
    return good;
  }
  std::unique_ptr<Consumer> consume(const std::string& topic, const std::string& group, const std::string& member,
                                    milliseconds retake) override {
    return std::make_unique<WatchedConsumer>(queue_->consume(topic, group, member, retake), Names(system_, topic));
  }
  Backlog backlog(const std::string& topic, const std::string& group) override { return queue_->backlog(topic, group); }

 private:
  bool publish_in_span(const Names& names, const Context& parent, const std::string& topic, Message message,
                       milliseconds limit) {
    observe::Span span(names.span("publish"), SpanKind::producer, parent);
    for (const auto& a : names.attributes("publish", "send")) span.attribute(a.key, a.value);
    message.trace = span.context().traceparent();
    const bool good = queue_->publish(topic, message, limit);
    if (!good) span.fail("not_confirmed");
    return good;
  }

  const std::unique_ptr<Queue> queue_;
  const std::string system_;
};

}  // namespace

std::unique_ptr<Queue> watched(std::unique_ptr<Queue> queue, std::string system) {
  return std::make_unique<WatchedQueue>(std::move(queue), std::move(system));
}

}  // namespace platform::queue
