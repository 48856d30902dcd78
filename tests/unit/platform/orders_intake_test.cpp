// Orders through the queue: batches, repeats, age, a queue that is away, and two nodes that share one. The queue is one
// in memory.
#include <deque>

#include "reference_platform/services/intake.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using services::Intake;
using services::NewOrder;

constexpr auto kPatience = 30000ms;

/// What the broker keeps. Messages age by hand.
struct Broker {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::deque<queue::Message>> topics;
  std::map<std::string, const queue::Consumer*>
      owners;  // by topic: as with a lease, one member gets all of it until it leaves
  std::set<std::string> done;
  std::atomic<bool> away{false}, stopped{false},
      dealing{false};  // stopped: takes in, gives nothing out; dealing: its members have no part yet
  std::atomic<bool> frozen{false}, looked{false};  // frozen: does not answer who looks at its backlog
  std::atomic<int> oldest_ms{0}, asked{0};         // asked: to take in a message
  std::size_t largest = 0;
  int next = 0;

  void push(const std::string& topic, queue::Message m) {
    const std::lock_guard lock(mutex);
    m.id = std::to_string(++next);
    topics[topic].push_back(std::move(m));
    changed.notify_all();
  }
};

class FakeConsumer final : public queue::Consumer {
 public:
  FakeConsumer(Broker& broker, std::string topic) : broker_(broker), topic_(std::move(topic)) {}
  FakeConsumer(const FakeConsumer&) = delete;
  FakeConsumer& operator=(const FakeConsumer&) = delete;
  ~FakeConsumer() override { leave(); }
  std::vector<queue::Message> take(std::size_t max, std::chrono::milliseconds wait) override {
    std::unique_lock lock(broker_.mutex);
    auto& waiting = broker_.topics[topic_];
    const auto mine = [&] {
      return broker_.owners.try_emplace(topic_, this).first->second == this && !broker_.stopped;
    };
    broker_.changed.wait_for(lock, wait, [&] { return mine() && !waiting.empty(); });
    std::vector<queue::Message> out;
    while (mine() && !waiting.empty() && out.size() < max) {
      out.push_back(waiting.front());
      waiting.pop_front();
    }
    broker_.largest = std::max(broker_.largest, out.size());
    taken_.insert(taken_.end(), out.begin(), out.end());
    return out;
  }
  void done(const std::vector<queue::Message>& messages) override {
    const std::lock_guard lock(broker_.mutex);
    for (const auto& m : messages) broker_.done.insert(m.id);
    taken_.clear();
  }
  bool leave() override {
    const std::lock_guard lock(broker_.mutex);
    auto& waiting = broker_.topics[topic_];
    waiting.insert(waiting.begin(), taken_.begin(), taken_.end());
    taken_.clear();
    if (broker_.owners[topic_] == this) broker_.owners.erase(topic_);
    broker_.changed.notify_all();
    return true;
  }
  [[nodiscard]] bool assigned() const override { return !broker_.dealing; }

 private:
  std::vector<queue::Message> taken_;
  Broker& broker_;
  std::string topic_;
};

class FakeQueue final : public queue::Queue {
 public:
  explicit FakeQueue(Broker& broker) : broker_(broker) {}
  bool publish(const std::string& topic, const queue::Message& message, std::chrono::milliseconds) override {
    ++broker_.asked;
    if (broker_.away) return false;
    broker_.push(topic, message);
    return true;
  }
  std::unique_ptr<queue::Consumer> consume(const std::string& topic, const std::string&, const std::string&,
                                           std::chrono::milliseconds) override {
    return std::make_unique<FakeConsumer>(broker_, topic);
  }
  queue::Backlog backlog(const std::string&, const std::string&) override {
    broker_.looked = true;
    broker_.frozen.wait(true);
    return {1, std::chrono::milliseconds(broker_.oldest_ms.load()), !broker_.away};
  }

 private:
  Broker& broker_;
};

class IntakeTest : public ServicesTest {
 protected:
  IntakeTest() : ServicesTest("hardened") {}
  void SetUp() override {
    ServicesTest::SetUp();
    shards_ = make_shards();
  }
  void TearDown() override {
    nodes_.clear();
    shards_.reset();
    ServicesTest::TearDown();
  }
  /// A node whose requests wait as long as they say: what is asked here is whether they learn it, not how fast.
  Intake& node() { return node(*shards_); }
  Intake& node(store::Shards& shards) {
    nodes_.push_back(std::make_unique<Intake>("n" + std::to_string(nodes_.size()), std::make_unique<FakeQueue>(broker_),
                                              shards, "own", log_, metrics_, kPatience));
    return *nodes_.back();
  }
  std::unique_ptr<store::Shards> make_shards() {
    return std::make_unique<store::Shards>(database_urls_, shadow_urls_, store::PoolOptions{"", 4, 1000ms, kPatience});
  }
  NewOrder order(const std::string& buyer, const std::string& key, const std::string& sku = "steam-50",
                 std::int64_t quantity = 1) {
    const store::Place place = shards_->of_buyer(buyer, false);
    const bool card = sku != "video-month";
    return {place,    store::order_number(place, "x" + std::to_string(++numbers_) + "n"),
            buyer,    key,
            sku,      card ? "game_card" : "membership",
            "",       "",
            "",       "",
            quantity, 5000 * quantity};
  }

  Broker broker_;
  services::BusinessLog log_{"test"};
  services::Metrics metrics_;
  std::unique_ptr<store::Shards> shards_;
  std::vector<std::unique_ptr<Intake>> nodes_;
  std::atomic<int> numbers_{0};
};

TEST_F(IntakeTest, WritesManyOrdersInFewStatementsAndTellsEachItsOutcome) {
  Intake& n = node();
  broker_.stopped = true;
  std::vector<std::thread> buyers;
  std::atomic<int> created{0}, repeated{0};
  for (int i = 0; i < 40; ++i) {
    buyers.emplace_back([&, i] {
      const NewOrder o = order("b" + std::to_string(i % 20), std::to_string(i % 20), "steam-50",
                               2);  // each key twice, at the same time
      const auto r = n.take_in(o, kPatience);
      created += r.state == Intake::State::created ? 1 : 0;
      repeated += r.state == Intake::State::repeated ? 1 : 0;
    });
  }
  EXPECT_TRUE(wait_until([&] {
    const std::lock_guard lock(broker_.mutex);
    std::size_t sum = 0;
    for (const auto& [name, waiting] : broker_.topics) sum += waiting.size();
    return sum == 40;
  }));
  broker_.stopped = false;
  broker_.changed.notify_all();
  for (auto& b : buyers) b.join();
  EXPECT_EQ(created, 20);
  EXPECT_EQ(repeated, 20);
  EXPECT_EQ(number("SELECT count(*) FROM orders"), 20);
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL"), 40);
  EXPECT_TRUE(wait_until([&] {  // told first, done afterwards
    const std::lock_guard lock(broker_.mutex);
    return broker_.done.size() == 40;
  }));
  const std::lock_guard lock(broker_.mutex);
  EXPECT_GT(broker_.largest, 5U);
}

TEST_F(IntakeTest, AnswersByTheDatabaseWhenAnotherNodeWroteTheOrder) {
  Intake &a = node(), &b = node();
  std::vector<std::thread> buyers;
  std::atomic<int> created{0};
  for (int i = 0; i < 24; ++i) {
    buyers.emplace_back([&, i] {
      const auto r = (i % 2 == 0 ? a : b).take_in(order("b" + std::to_string(i), "k"), kPatience);
      created += r.state == Intake::State::created ? 1 : 0;
    });
  }
  for (auto& t : buyers) t.join();
  EXPECT_EQ(created, 24);
}

TEST_F(IntakeTest, LeavesWhatItCannotWriteToItsTwin) {
  const auto held = make_shards();
  Intake& stuck = node(*held);
  EXPECT_EQ(stuck.take_in(order("b1", "a"), kPatience).state, Intake::State::created);  // the topic is its own
  held->hold(kPatience);
  ASSERT_TRUE(wait_until([&] { return held->state().held == held->state().max; }));
  Intake& twin = node();
  EXPECT_EQ(twin.take_in(order("b1", "b"), kPatience).state, Intake::State::created);
  held->hold(0ms);
  nodes_.pop_back();  // the twin goes: what comes is the first one's again
  EXPECT_EQ(stuck.take_in(order("b1", "c"), kPatience).state, Intake::State::created);
  nodes_.clear();  // before its shards
}

TEST_F(IntakeTest, NeverMakesAnOrderOfAMessageThatIsTooOld) {
  Intake& n = node();
  const NewOrder o = order("b1", "k");
  broker_.push(
      "intake." + std::to_string(shards_->database_of(o.place)),
      {"", "b1",
       R"({"order_no":")" + o.order_no +
           R"(","buyer":"b1","key":"k","sku":"steam-50","class":"game_card","quantity":1,"amount_cents":5000})",
       "", "", 5001ms});
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM intake_refused WHERE outcome = 'expired'") == 1; }));
  EXPECT_EQ(number("SELECT count(*) FROM orders"), 0);
  EXPECT_EQ(n.take_in(order("b1", "k"), kPatience).state, Intake::State::created);  // the key is still free
}

TEST_F(IntakeTest, RefusesNewOrdersWhenTheOldestWaitsTooLong) {
  Intake& n = node();
  broker_.oldest_ms = 2600;
  EXPECT_TRUE(wait_until(
      [&] { return n.take_in(order("b1", std::to_string(numbers_)), kPatience).state == Intake::State::crowded; }));
  broker_.oldest_ms = 0;
  EXPECT_TRUE(wait_until(
      [&] { return n.take_in(order("b1", std::to_string(numbers_)), kPatience).state == Intake::State::created; }));
}

TEST_F(IntakeTest, SaysSoAtOnceWhenTheQueueIsAwayAndLaterWhenNobodyWrites) {
  Intake& n = node();
  broker_.away = true;
  EXPECT_EQ(n.take_in(order("b1", "a"), kPatience).state, Intake::State::not_taken);
  broker_.away = false;
  broker_.stopped = true;
  EXPECT_EQ(n.take_in(order("b1", "b"), 300ms).state, Intake::State::pending);
  broker_.stopped = false;
  broker_.changed.notify_all();
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM orders") == 1; }));  // it is made all the same
}

TEST_F(IntakeTest, AsksAQueueThatIsAwaySeldomAndUsesItAgainWhenItIsBack) {
  Intake& n = node();
  broker_.away = true;
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(n.take_in(order("b1", std::to_string(i)), kPatience).state, Intake::State::not_taken);
  EXPECT_LE(broker_.asked, 4 + (std::chrono::steady_clock::now() - began) / 500ms);
  broker_.away = false;
  EXPECT_TRUE(wait_until([&] {
    return n.take_in(order("b1", "later " + std::to_string(numbers_)), kPatience).state == Intake::State::created;
  }));
}

TEST_F(IntakeTest, ShowsThatTheQueueIsAwayWhileItStillWaitsForItsBacklog) {
  broker_.away = broker_.frozen = true;
  Intake& n = node();
  EXPECT_TRUE(wait_until([&] { return broker_.looked.load(); }));
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(n.take_in(order("b1", std::to_string(i)), kPatience).state, Intake::State::not_taken);
  const std::string text = metrics_.text();
  EXPECT_TRUE(text.find("breaker_state{target=\"queue\"} 1") != std::string::npos ||
              text.find("breaker_state{target=\"queue\"} 2") != std::string::npos)
      << text;
  broker_.frozen = false;
  broker_.frozen.notify_all();
}

TEST_F(IntakeTest, CrowdsNobodyOutForWhatWaitsAtAQueueThatIsAway) {
  Intake& n = node();
  broker_.oldest_ms = 2600;
  EXPECT_TRUE(wait_until(
      [&] { return n.take_in(order("b1", std::to_string(numbers_)), kPatience).state == Intake::State::crowded; }));
  broker_.away = true;
  EXPECT_TRUE(wait_until(
      [&] { return n.take_in(order("b1", std::to_string(numbers_)), kPatience).state == Intake::State::not_taken; }));
}

TEST_F(IntakeTest, PublishesNothingBeforeItHasAPartOfTheQueue) {
  broker_.dealing = true;
  Intake& n = node();
  EXPECT_EQ(n.take_in(order("b1", "a"), kPatience).state, Intake::State::not_taken);
  {
    const std::lock_guard lock(broker_.mutex);
    EXPECT_EQ(broker_.next, 0);
  }
  broker_.dealing = false;
  EXPECT_EQ(n.take_in(order("b1", "a"), kPatience).state, Intake::State::created);
}

TEST_F(IntakeTest, LeavesAShortageToTheBuyersOwnRequest) {
  Intake& n = node();
  execute("DELETE FROM cards WHERE sku = 'steam-50'");
  EXPECT_EQ(n.take_in(order("b1", "a"), kPatience).state, Intake::State::not_taken);
  EXPECT_EQ(n.take_in(order("b1", "b", "video-month"), kPatience).state, Intake::State::created);
}

// One order that the table refuses (an amount that checks should have stopped) must not hold up those beside it.
TEST_F(IntakeTest, WritesTheRestOfABatchWithAnImpossibleOrder) {
  Intake& n = node();
  broker_.stopped = true;
  std::vector<std::thread> buyers;
  std::atomic<int> created{0};
  for (int i = 0; i < 6; ++i) {
    buyers.emplace_back([&, i] {
      NewOrder o = order("same", std::to_string(i));
      if (i == 3) o.amount_cents = -1;
      created += n.take_in(o, kPatience).state == Intake::State::created ? 1 : 0;
    });
  }
  EXPECT_TRUE(wait_until([&] {
    const std::lock_guard lock(broker_.mutex);
    return broker_.topics["intake." + std::to_string(shards_->database_of(shards_->of_buyer("same", false)))].size() ==
           6;
  }));
  broker_.stopped = false;
  broker_.changed.notify_all();
  for (auto& b : buyers) b.join();
  EXPECT_EQ(created, 5);
}

}  // namespace
}  // namespace platform::services_test
