// queue_broker: the brokers that the queue's contract test runs against, private to this executable.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "reference_platform/ops/stores.hpp"

namespace platform::queue {

/// A broker that can be killed and started again with its data.
class Broker {
 public:
  /// Throws ops::EnvironmentError when it is not to be had on this machine.
  explicit Broker(const std::function<ops::Store(const ops::StorePlace&)>& make);
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker();
  [[nodiscard]] const std::string& url() const { return store_.url; }
  /// kill -9; whoever was connected is not told.
  void kill();
  /// Returns when it answers.
  void start();

 private:
  ops::StoreFolder folder_;
  ops::Ports ports_;
  ops::StorePlace place_;
  ops::Store store_;
  ops::Process process_;
};

struct BrokerKind {
  std::string name;
  std::function<ops::Store(const ops::StorePlace&)> make;
};
const std::vector<BrokerKind>& broker_kinds();
inline void PrintTo(const BrokerKind& kind, std::ostream* out) { *out << kind.name; }

}  // namespace platform::queue
