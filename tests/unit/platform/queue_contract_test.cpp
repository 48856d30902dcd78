// One body of tests over every implementation of the queue, each against a real broker.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "reference_platform/observe/context.hpp"
#include "reference_platform/ops/process.hpp"
#include "reference_platform/queue/queue.hpp"
#include "tests/unit/platform/queue_broker.hpp"
#include "tests/unit/platform/wait_until.hpp"

namespace platform::queue {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto kRetake = 400ms, kPublish = 5000ms, kPatience = 30000ms;

Message message(const std::string& key, const std::string& body) { return {"", key, body, "", "", 0ms}; }

/// Takes until `enough` says so or patience ends; tells each batch as done unless `keep`.
std::vector<Message> take_until(Consumer& c, const std::function<bool(const std::vector<Message>&)>& enough,
                                bool keep = false) {
  std::vector<Message> all;
  for (const auto until = Steady::now() + kPatience; !enough(all) && Steady::now() < until;) {
    const auto some = c.take(50, 100ms);
    all.insert(all.end(), some.begin(), some.end());
    if (!keep) c.done(some);
  }
  return all;
}
std::vector<Message> take_n(Consumer& c, std::size_t n, bool keep = false) {
  return take_until(
      c, [n](const auto& all) { return all.size() >= n; }, keep);
}
std::set<std::string> bodies(const std::vector<Message>& messages) {
  std::set<std::string> out;
  for (const auto& m : messages) out.insert(m.body);
  return out;
}
std::set<std::string> numbers(int n) {
  std::set<std::string> out;
  for (int i = 0; i < n; ++i) out.insert(std::to_string(i));
  return out;
}

class QueueContract : public ::testing::TestWithParam<BrokerKind> {
 protected:
  void SetUp() override {
    auto& found = brokers()[GetParam().name];
    if (!found.tried) {
      found.tried = true;
      try {
        found.broker = std::make_unique<Broker>(GetParam().make);
      } catch (const ops::EnvironmentError& e) {
        found.why_not = e.what();
      }
    }
    if (!found.broker) GTEST_SKIP() << found.why_not;
    broker_ = found.broker.get();
    queue_ = make_queue(broker_->url());
    static int count = 0;
    topic_ = "topic-" + std::to_string(++count);
  }
  static void TearDownTestSuite() { brokers().clear(); }

  void publish(int n, const std::function<std::string(int)>& key) {
    for (int i = 0; i < n; ++i) ASSERT_TRUE(queue_->publish(topic_, message(key(i), std::to_string(i)), kPublish)) << i;
  }
  std::unique_ptr<Consumer> member(const std::string& name, std::chrono::milliseconds retake = kRetake) {
    return queue_->consume(topic_, "group", name, retake);
  }
  /// A process that takes all it gets and never says done. It has taken something when this returns.
  ops::Process taker(const std::string& name, std::chrono::milliseconds retake = kRetake) {
    ops::Command c;
    c.program = "/proc/self/exe";
    c.argv = {"unit_platform", "--gtest_filter=QueueMember.DISABLED_Takes", "--gtest_also_run_disabled_tests"};
    c.log = "/dev/null";
    c.environment = std::vector<std::string>{
        "CARDSTORM_QUEUE=" + broker_->url(), "CARDSTORM_TOPIC=" + topic_, "CARDSTORM_MEMBER=" + name,
        "CARDSTORM_RETAKE_MS=" + std::to_string(retake.count()), "ASAN_OPTIONS=detect_leaks=0"};
    return ops::Process::spawn(c);
  }

  Broker* broker_ = nullptr;
  std::unique_ptr<Queue> queue_;
  std::string topic_;

 private:
  struct Found {
    bool tried = false;
    std::unique_ptr<Broker> broker;
    std::string why_not;
  };
  static std::map<std::string, Found>& brokers() {
    static std::map<std::string, Found> all;
    return all;
  }
};

// Not a test: the body of the process of QueueContract::taker. It reports over the queue that it has its messages.
TEST(QueueMember, DISABLED_Takes) {
  const char *url = std::getenv("CARDSTORM_QUEUE"), *topic = std::getenv("CARDSTORM_TOPIC"),
             *name = std::getenv("CARDSTORM_MEMBER"),
             *retake = std::getenv("CARDSTORM_RETAKE_MS");  // NOLINT(concurrency-mt-unsafe)
  if (url == nullptr || topic == nullptr || name == nullptr || retake == nullptr)
    GTEST_SKIP() << "only for QueueContract";
  const auto queue = make_queue(url);
  const auto consumer = queue->consume(topic, "group", name, std::chrono::milliseconds(std::atoi(retake)));
  for (const auto until = Steady::now() + 2 * kPatience; Steady::now() < until;) {
    const auto some = consumer->take(50, 100ms);
    for (const auto& m : some) queue->publish(std::string(topic) + "-taken", message("k", m.body), kPublish);
  }
}

TEST_P(QueueContract, GivesWhatWasPublishedAndNothingTwiceOnceItIsDone) {
  publish(20, [](int i) { return "key" + std::to_string(i); });
  {
    const auto c = member("a");
    EXPECT_EQ(bodies(take_n(*c, 20)), numbers(20));
  }
  const auto again = member("a");
  publish(1, [](int) { return "last"; });
  const auto rest = take_n(*again, 1);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].key, "last");
}

TEST_P(QueueContract, CarriesKeyBodyMarkAndTraceWhateverBytesTheyHave) {
  const std::string trace = observe::Context::fresh().traceparent();
  const Message sent{"", "k\r\n\"1", std::string("b\0\xFF\r\n$5 卡", 12), "drill-7", trace, 0ms},
      plain = message("", "");
  ASSERT_TRUE(queue_->publish(topic_, sent, kPublish));
  const auto c = member("a");
  const auto got = take_n(*c, 1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].key, sent.key);
  EXPECT_EQ(got[0].body, sent.body);
  EXPECT_EQ(got[0].mark, sent.mark);
  EXPECT_EQ(got[0].trace, sent.trace);
  EXPECT_LT(got[0].age, 10s);
  ASSERT_TRUE(queue_->publish(topic_, plain, kPublish));
  EXPECT_EQ(take_n(*c, 1)[0].body, "");
}

TEST_P(QueueContract, TakesBigBodies) {
  const std::string big(900'000, 'x');
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(queue_->publish(topic_, message(std::to_string(i), big + std::to_string(i)), kPublish));
  const auto c = member("a");
  const auto got = take_n(*c, 4);
  ASSERT_EQ(got.size(), 4U);
  for (const auto& m : got) EXPECT_EQ(m.body.size(), big.size() + 1);
}

TEST_P(QueueContract, KeepsTheOrderOfAKeyWhileTwoMembersShareTheWork) {
  std::mutex mutex;
  std::set<std::string> known;
  std::map<std::string, std::vector<int>> seen;       // by key, what comes twice only once
  std::map<std::string, std::set<std::string>> keys;  // by member
  std::atomic<bool> quit{false};
  std::vector<std::thread> members;
  for (const char* name : {"a", "b"}) {
    members.emplace_back([&, name] {
      const auto c = member(name, 10s);
      while (!quit) {
        const auto some = c->take(7, 50ms);
        const std::lock_guard lock(mutex);
        for (const auto& m : some) {
          if (known.insert(m.body).second) seen[m.key].push_back(std::stoi(m.body));
          keys[name].insert(m.key);
        }
        c->done(some);
      }
    });
  }
  int n = 0;
  for (const auto until = Steady::now() + kPatience; Steady::now() < until;) {
    for (int i = 0; i < 16; ++i, ++n)
      ASSERT_TRUE(queue_->publish(topic_, message("key" + std::to_string(i), std::to_string(n)), kPublish));
    const std::lock_guard lock(mutex);
    if (keys.size() == 2 && n >= 320) break;
  }
  const auto all = [&] {
    const std::lock_guard lock(mutex);
    return static_cast<int>(known.size()) == n;
  };
  EXPECT_TRUE(wait_until(all, kPatience));
  quit = true;
  for (auto& m : members) m.join();
  EXPECT_EQ(keys.size(), 2U) << "one member did all";
  for (const auto& [key, values] : seen) EXPECT_TRUE(std::is_sorted(values.begin(), values.end())) << key;
}

TEST_P(QueueContract, WhatADeadMemberHadTakenComesToAnother) {
  publish(10, [](int i) { return "key" + std::to_string(i); });
  auto dead = taker("a");
  const auto witness = queue_->consume(topic_ + "-taken", "group", "w", kRetake);
  EXPECT_EQ(bodies(take_until(*witness, [](const auto& all) { return bodies(all).size() == 10; })), numbers(10));
  dead.signal(9);
  dead.wait(5s);
  const auto b = member("b");
  EXPECT_EQ(bodies(take_until(*b, [](const auto& all) { return bodies(all).size() == 10; })), numbers(10));
}

TEST_P(QueueContract, ARestartedMemberFindsWhatItHadTaken) {
  publish(10, [](int i) { return "key" + std::to_string(i); });
  auto dead = taker("a", kPatience);
  const auto witness = queue_->consume(topic_ + "-taken", "group", "w", kRetake);
  take_until(*witness, [](const auto& all) { return bodies(all).size() == 10; });
  dead.signal(9);
  dead.wait(5s);
  const auto began = Steady::now();
  const auto a = member("a", kPatience);
  EXPECT_EQ(bodies(take_n(*a, 10)), numbers(10));
  EXPECT_LT(Steady::now() - began, 6s) << "its own name should not make it wait for its own death";
}

TEST_P(QueueContract, AMemberThatLeavesGivesWhatItHadTakenAndWhatComesToTheOthersAtOnce) {
  publish(10, [](int i) { return "key" + std::to_string(i); });
  const auto a = member("a", kPatience);
  const auto taken = take_n(*a, 10, true);
  EXPECT_EQ(taken.size(), 10U);
  if (!a->leave()) {  // it cannot, and keeps what it has
    a->done(taken);
    EXPECT_EQ(queue_->backlog(topic_, "group").messages, 0);
    return;
  }
  EXPECT_TRUE(a->leave()) << "leaving twice is leaving";
  const auto b = member("b", kPatience);
  const auto began = Steady::now();
  EXPECT_EQ(bodies(take_n(*b, 10)), numbers(10));
  EXPECT_LT(Steady::now() - began, kPatience / 2) << "not when a lease has run out";
  const auto later = [](int i) { return "later" + std::to_string(i); };
  publish(10, later);
  EXPECT_EQ(bodies(take_n(*b, 10)), numbers(10));
  EXPECT_TRUE(b->leave());
  publish(10, later);
  EXPECT_EQ(bodies(take_n(*a, 10)), numbers(10)) << "its next take joins again";
}

TEST_P(QueueContract, WhatIsNotDoneComesAgainToTheSameMember) {
  publish(3, [](int i) { return "key" + std::to_string(i); });
  const auto c = member("a");
  const auto three = [](const auto& all) { return bodies(all).size() == 3; };
  EXPECT_EQ(bodies(take_until(*c, three, true)), numbers(3));
  EXPECT_EQ(bodies(take_until(*c, three)), numbers(3));  // and is done now
  EXPECT_TRUE(c->take(10, kRetake * 2).empty());
}

TEST_P(QueueContract, ARestartedBrokerHasEverythingAndItsMembersGoOn) {
  const auto c = member("a");
  publish(5, [](int i) { return "key" + std::to_string(i); });
  EXPECT_EQ(take_n(*c, 5).size(), 5U);
  publish(30, [](int i) { return "key" + std::to_string(i); });
  broker_->kill();
  EXPECT_TRUE(c->take(10, 50ms).size() <= 30U);  // no throw, no hang
  broker_->start();
  EXPECT_EQ(bodies(take_until(*c, [](const auto& all) { return bodies(all).size() == 30; })), numbers(30));
  publish(5, [](int i) { return "key" + std::to_string(i); });
  EXPECT_EQ(bodies(take_until(*c, [](const auto& all) { return bodies(all).size() == 5; })), numbers(5));
}

TEST_P(QueueContract, KnowsItsBacklogInNumberAndAge) {
  const auto before = queue_->backlog(topic_, "group");
  EXPECT_TRUE(before.known);
  EXPECT_EQ(before.messages, 0);
  publish(12, [](int i) { return "key" + std::to_string(i); });
  Backlog full;
  EXPECT_TRUE(wait_until([&] { return (full = queue_->backlog(topic_, "group")).oldest >= 100ms; }, kPatience));
  EXPECT_TRUE(full.known);
  EXPECT_EQ(full.messages, 12);
  EXPECT_GE(full.oldest, 100ms);
  EXPECT_LT(full.oldest, 20s);
  const auto c = member("a", kPatience);
  const auto all = take_n(*c, 12, true);
  EXPECT_EQ(queue_->backlog(topic_, "group").messages, 12) << "taken is not done";
  c->done(all);
  const auto empty = queue_->backlog(topic_, "group");
  EXPECT_TRUE(empty.known);
  EXPECT_EQ(empty.messages, 0);
  EXPECT_EQ(empty.oldest, 0ms);
}

TEST_P(QueueContract, AMemberKnowsWhetherItHasItsPart) {
  publish(1, [](int) { return "key"; });
  const auto a = member("a");
  EXPECT_EQ(take_n(*a, 1).size(), 1U);
  EXPECT_TRUE(a->assigned()) << "who is given something has a part";
  const auto b = member("b", kPatience);
  if (b->assigned()) return;  // a broker that deals no parts
  EXPECT_TRUE(wait_until(
      [&] {
        a->done(a->take(1, 50ms));
        b->done(b->take(1, 50ms));
        return a->assigned() && b->assigned();
      },
      kPatience));
}

TEST_P(QueueContract, TwoGroupsEachGetEverything) {
  const auto one = queue_->consume(topic_, "one", "a", kRetake), two = queue_->consume(topic_, "two", "a", kRetake);
  one->take(1, 0ms);
  two->take(1, 0ms);
  publish(8, [](int i) { return "key" + std::to_string(i); });
  EXPECT_EQ(bodies(take_n(*one, 8)), numbers(8));
  EXPECT_EQ(bodies(take_n(*two, 8)), numbers(8));
}

TEST_P(QueueContract, ABrokerThatIsAwayCostsNoMoreThanTheLimit) {
  ASSERT_TRUE(queue_->publish(topic_, message("k", "b"), kPublish));
  const auto c = member("a");
  EXPECT_EQ(take_n(*c, 1).size(), 1U);
  broker_->kill();
  const auto began = Steady::now();
  EXPECT_FALSE(queue_->publish(topic_, message("k", "b"), 300ms));
  EXPECT_TRUE(c->take(10, 100ms).empty());
  EXPECT_FALSE(queue_->backlog(topic_, "group").known);
  EXPECT_LT(Steady::now() - began, 20s);
  broker_->start();
  for (const auto until = Steady::now() + kPatience;
       !queue_->publish(topic_, message("k", "after"), 1000ms) && Steady::now() < until;) {
  }
  EXPECT_TRUE(bodies(take_until(*c, [](const auto& all) { return bodies(all).contains("after"); })).contains("after"));
}

INSTANTIATE_TEST_SUITE_P(Every, QueueContract, ::testing::ValuesIn(broker_kinds()),
                         [](const auto& param) { return param.param.name; });

TEST(QueueAddress, NamesWhatItCannotRead) {
  EXPECT_THROW(make_queue("amqp://127.0.0.1:5672"), std::runtime_error);
  EXPECT_THROW(make_queue("kafka://"), std::runtime_error);
  EXPECT_THROW(make_queue(""), std::runtime_error);
}

}  // namespace
}  // namespace platform::queue
