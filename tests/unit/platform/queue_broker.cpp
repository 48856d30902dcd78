// queue_broker: see queue_broker.hpp.
#include "tests/unit/platform/queue_broker.hpp"

#include <csignal>

#include "reference_platform/ops/kafka.hpp"

namespace platform::queue {

using namespace std::chrono_literals;

Broker::Broker(const std::function<ops::Store(const ops::StorePlace&)>& make)
    : folder_(false), place_{folder_.path(), folder_.path(), ops::store_account(), &ports_}, store_(make(place_)) {
  start();
}
Broker::~Broker() { ops::stop_store(store_, process_); }

void Broker::kill() {
  process_.signal(SIGKILL);
  process_.wait(5s);
}

void Broker::start() {
  process_ = ops::Process::spawn(store_.command);
  ops::wait_ready(store_, process_, 60s);
}

const std::vector<BrokerKind>& broker_kinds() {
  static const std::vector<BrokerKind> kinds = {
      {"Redis", ops::make_redis}, {"Kafka", [](const ops::StorePlace& place) { return ops::make_kafka(place, {}); }}};
  return kinds;
}

}  // namespace platform::queue
