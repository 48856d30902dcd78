// What only Redis can do to the queue; what holds for every broker is in queue_contract_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>

#include "reference_platform/ops/process.hpp"
#include "reference_platform/queue/queue.hpp"
#include "reference_platform/store/redis.hpp"
#include "tests/unit/platform/queue_broker.hpp"

namespace platform::queue {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> taken(Consumer& c, std::chrono::milliseconds wait) {
  std::vector<std::string> out;
  for (const Message& m : c.take(10, wait)) out.push_back(m.body);
  return out;
}

// A frozen Redis that goes on again carries out what nobody waits for any more: the messages count as taken by a member
// that has never seen them.
TEST(RedisQueue, GivesWhatTheLostReplyToAMemberHadAndNothingTwice) {
  std::unique_ptr<Broker> broker;
  try {
    broker = std::make_unique<Broker>(ops::make_redis);
  } catch (const ops::EnvironmentError& e) {
    GTEST_SKIP() << e.what();
  }
  const auto queue = make_queue(broker->url());
  const auto redis = store::make_redis(broker->url(), 2s);
  const auto member = queue->consume("topic", "group", "a", 60s);
  const auto publish = [&queue](const std::string& body) {
    ASSERT_TRUE(queue->publish("topic", {"", "key", body, "", "", 0ms}, 5s));
  };
  publish("held");
  EXPECT_EQ(taken(*member, 5s), std::vector<std::string>{"held"});
  publish("lost");
  for (int partition = 0; partition < 8; ++partition)
    redis->command(
        {"XREADGROUP", "GROUP", "group", "a", "STREAMS", "cardstorm:queue:topic:" + std::to_string(partition), ">"});
  publish("last");
  std::vector<std::string> rest;
  for (int i = 0; i < 20 && rest.size() < 2; ++i) {
    for (auto& body : taken(*member, 500ms)) rest.push_back(std::move(body));
  }
  std::sort(rest.begin(), rest.end());  // "last" may be read before it shows that one was lost
  EXPECT_EQ(rest, (std::vector<std::string>{"last", "lost"}));
  EXPECT_EQ(taken(*member, 1200ms), std::vector<std::string>{});
}

}  // namespace
}  // namespace platform::queue
