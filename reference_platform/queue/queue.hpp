// queue: a durable log of messages between nodes, at least once, in order per key: Redis Streams or Apache Kafka behind
// one interface and one contract test. Its readers keep a position per group; what was taken and not done comes again
// to another member.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace platform::queue {

struct Message {
  std::string id;                      // opaque; for done()
  std::string key, body, mark, trace;  // `trace`: traceparent of whoever published
  std::chrono::milliseconds age{0};    // since it was published, by the clock of this machine
};

/// How full a topic is for a group.
/// known=false: the broker cannot be asked
struct Backlog {
  std::int64_t messages = 0;
  std::chrono::milliseconds oldest{0};
  bool known = false;
};

/// A member of a group that reads one topic. One thread; assigned() from any.
class Consumer {
 public:
  virtual ~Consumer() = default;
  /// Up to `max` messages, waiting up to `wait` for the first. Empty also when the broker is away: it comes back by
  /// itself.
  virtual std::vector<Message> take(std::size_t max, std::chrono::milliseconds wait) = 0;
  /// Their effect is durable: never again. Before that, a crash makes them come again (to anybody, after `retake`).
  virtual void done(const std::vector<Message>& messages) = 0;
  /// For a member that cannot work for a while. True: what it took and has not done, and what comes, goes to the other
  /// members at once; its next take joins again. False: the broker cannot do that faster than `retake` (Kafka, whose
  /// members are known by name), keep what you have.
  virtual bool leave() = 0;
  /// False while the broker has still to deal this member its part (Kafka: after the start, and when members come and
  /// go; it takes some hundred milliseconds): until then nobody reads what is published.
  [[nodiscard]] virtual bool assigned() const = 0;
};

class Queue {
 public:
  virtual ~Queue() = default;
  /// Durable at the broker when it returns true; false: surely or possibly not there (publish again only what may come
  /// twice). Any thread.
  virtual bool publish(const std::string& topic, const Message& message, std::chrono::milliseconds limit) = 0;
  /// A group gets what is published from its first take on, and what of before the broker still has. `member` names
  /// this process in `group`; a restarted process under the same name finds what it had taken. What another member took
  /// longer than `retake` ago and has not done comes to us.
  virtual std::unique_ptr<Consumer> consume(const std::string& topic, const std::string& group,
                                            const std::string& member, std::chrono::milliseconds retake) = 0;
  virtual Backlog backlog(const std::string& topic, const std::string& group) = 0;
};

/// redis://host:port or kafka://host:port[,host:port]. Throws std::runtime_error for anything else. Connects when first
/// used.
std::unique_ptr<Queue> make_queue(const std::string& url);

}  // namespace platform::queue
