// intake: see intake.hpp.
#include "reference_platform/services/intake.hpp"

#include <algorithm>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/observe/context.hpp"
#include "reference_platform/services/backend.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using domain::Json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kIntakeBatch = 64;
constexpr milliseconds kAgeMax{5000}, kCrowdedAge{2500};
constexpr milliseconds kPublishMax{
    200};  // shorter than the gateway's first try: a buyer whose order the queue did not take is answered within it
constexpr BreakerOptions kBroker{.window = 2000ms,
                                 .slow = kPublishMax,
                                 .open = 500ms,
                                 .open_max = 500ms,
                                 .calls_min = 3,
                                 .bad_share = 0.5,
                                 .probes_good = 1};
constexpr milliseconds kTakeWait{200}, kRetake{3000}, kPollEvery{30}, kBacklogEvery{250};
constexpr milliseconds kAnswerReserve{100};  // of the request's time, for the way back
const char kGroup[] = "orders";

std::string to_text(const NewOrder& o) {
  return domain::JsonObject()
      .add("order_no", o.order_no)
      .add("buyer", o.buyer)
      .add("key", o.key)
      .add("sku", o.sku)
      .add("class", o.goods_class)
      .add("phone", o.phone)
      .add("coupon", o.coupon)
      .add("quantity", o.quantity)
      .add("amount_cents", o.amount_cents)
      .done();
}

std::optional<NewOrder> of_message(const queue::Message& m) {
  const auto json = Json::parse(m.body);
  if (!json) return std::nullopt;
  const Json& j = *json;
  const auto place = store::place_of(j["order_no"].text());
  if (!place) return std::nullopt;
  return NewOrder{*place,
                  j["order_no"].text(),
                  j["buyer"].text(),
                  j["key"].text(),
                  j["sku"].text(),
                  j["class"].text(),
                  j["phone"].text(),
                  j["coupon"].text(),
                  m.mark,
                  m.trace,
                  j["quantity"].integer(),
                  j["amount_cents"].integer()};
}

/// A value or a constraint, not the state of the database: SQLSTATE classes 22 and 23.
bool bad_data(const store::SqlError& e) { return e.state.starts_with("22") || e.state.starts_with("23"); }

}  // namespace

Intake::Intake(std::string node, std::unique_ptr<queue::Queue> queue, store::Shards& shards, std::string reserve,
               const BusinessLog& log, Metrics& metrics, milliseconds patience)
    : node_(std::move(node)),
      reserve_(std::move(reserve)),
      patience_(patience),
      queue_(std::move(queue)),
      broker_(kBroker),
      shards_(shards),
      log_(log),
      metrics_(metrics) {
  for (const auto& each : shards_.each()) {
    auto topic = std::make_unique<Topic>();
    topic->database = each.database;
    topic->shadow = each.shadow;
    topic->name = "intake." + std::to_string(each.database) + (each.shadow ? ".shadow" : "");
    topic->consumer = queue_->consume(topic->name, kGroup, node_, kRetake);
    topics_.push_back(std::move(topic));
  }
  for (auto& topic : topics_) {
    loops_.push_back(std::make_unique<Loop>(topic->name, 50ms, [this, l = topic.get()] { return consume(*l); }));
    loops_.push_back(std::make_unique<Loop>(topic->name + " answers", kPollEvery,
                                            [this, l = topic.get()] { return look_for_others(*l); }));
  }
  loops_.push_back(std::make_unique<Loop>("intake backlog", kBacklogEvery, [this] {
    watch_backlog();
    return false;
  }));
}

Intake::Topic& Intake::topic_of(store::Place place) {
  return **std::find_if(topics_.begin(), topics_.end(), [&](const auto& l) {
    return l->database == shards_.database_of(place) && l->shadow == place.shadow;
  });
}

Intake::Result Intake::fallback(const NewOrder& order, const char* why) {
  metrics_.add("intake_fallback_total");
  log_.event("intake_fallback", order.order_no, order.mark, why);
  return {State::not_taken};
}

// A broker that is away costs a few orders the wait, not each: the rest are written at once, until one of them finds it
// back.
bool Intake::publish(const Topic& topic, const NewOrder& order, milliseconds left) {
  const auto began = steady_clock::now();
  const bool closed = broker_.state(began) == Breaker::State::closed;
  if (!closed && !broker_.take_probe(began)) return false;
  if (closed) broker_.begin(began);
  const bool there = queue_->publish(topic.name, {"", order.buyer, to_text(order), order.mark, order.trace, {}},
                                     std::clamp(left, milliseconds(1), kPublishMax));
  if (closed)
    broker_.end(began, steady_clock::now(), there);
  else
    broker_.probed(steady_clock::now(), there);
  show_broker();  // the watch of the backlog waits for seconds at a broker that stands still
  return there;
}

void Intake::show_broker() {
  metrics_.set("breaker_state{target=\"queue\"}", static_cast<double>(broker_.state(steady_clock::now())));
}

Intake::Result Intake::take_in(const NewOrder& order, milliseconds left) {
  Topic& topic = topic_of(order.place);
  if (topic.crowded) return {State::crowded};
  if (!topic.consumer->assigned()) return fallback(order, "the queue has no part for this node yet");
  const auto until = steady_clock::now() + std::min(patience_, left - kAnswerReserve);
  Waiter me{&order, steady_clock::now(), ""};
  std::multimap<std::string, Waiter*>::iterator mine;
  {
    const std::lock_guard lock(mutex_);
    mine = waiting_.emplace(order.order_no, &me);
  }
  const bool there = publish(topic, order, left);
  std::unique_lock lock(mutex_);
  if (there) told_.wait_until(lock, until, [&me] { return !me.outcome.empty(); });
  waiting_.erase(mine);
  if (!there) {
    lock.unlock();
    return fallback(order,
                    "the queue does not answer");  // it may be there all the same: the key makes one order of both
  }
  if (me.outcome.empty()) return {State::pending};
  if (me.outcome == "created") return {State::created};
  if (me.outcome == "repeated") return {State::repeated};
  return {me.outcome == "expired" ? State::expired : State::not_taken};
}

/// What this node cannot write is its twin's at once: a buyer waits less long than a lease lasts.
bool Intake::left_to_the_twin(Topic& topic) {
  if (pool_not_ready(shards_.at(topic.database, topic.shadow)).empty() || !topic.consumer->leave()) return false;
  topic.batch.clear();
  return true;
}

// What was taken stays here until it is written: a message is done only after its effect.
bool Intake::consume(Topic& topic) {
  const auto asked = steady_clock::now();
  if (left_to_the_twin(topic)) return false;
  if (topic.batch.empty()) topic.batch = topic.consumer->take(kIntakeBatch, kTakeWait);
  if (topic.batch.empty()) return steady_clock::now() - asked > kTakeWait / 2;  // an answer at once: the broker is away
  if (left_to_the_twin(topic)) return false;
  std::vector<NewOrder> orders, expired;
  for (const auto& m : topic.batch) {
    auto order = of_message(m);
    if (order) (m.age > kAgeMax ? expired : orders).push_back(std::move(*order));
  }
  // Two nodes write at the same time: both take the goods in the same order.
  std::stable_sort(orders.begin(), orders.end(), [](const NewOrder& a, const NewOrder& b) { return a.sku < b.sku; });
  const auto began = steady_clock::now();
  try {
    write(topic, orders, expired);
  } catch (const store::SqlError& e) {
    age(topic, began);
    if (!bad_data(e)) throw;
    write_singly(topic, orders, expired);
  } catch (...) {
    age(topic, began);
    throw;
  }
  topic.consumer->done(topic.batch);
  topic.batch.clear();
  return true;
}

/// What was taken goes on aging while the database is away.
void Intake::age(Topic& topic, steady_clock::time_point since) {
  const auto lost = std::chrono::duration_cast<milliseconds>(steady_clock::now() - since) + 50ms;
  for (auto& m : topic.batch) m.age += lost;
}

void Intake::write(Topic& topic, const std::vector<NewOrder>& orders, const std::vector<NewOrder>& expired) {
  std::vector<std::string> outcomes;
  const std::vector<std::string> too_late(expired.size(), "expired");
  {
    auto db = shards_.at(topic.database, topic.shadow).take(500ms);
    db->begin();
    if (!orders.empty()) outcomes = write_orders(*db, orders, reserve_);
    refuse(*db, orders, outcomes);
    refuse(*db, expired, too_late);
    db->commit();
  }
  for (std::size_t i = 0; i < orders.size(); ++i) {
    if (outcomes[i] != "created") continue;
    const observe::Scope scope(observe::Context::of(orders[i].trace, orders[i].mark));
    tell_created(orders[i], log_, metrics_);
  }
  tell(orders, outcomes);
  tell(expired, too_late);
  metrics_.add("intake_batches_total");
  metrics_.add("intake_orders_total", static_cast<double>(orders.size()));
  if (!expired.empty()) metrics_.add("intake_expired_total", static_cast<double>(expired.size()));
}

// One order that the database does not take must not keep the others from it.
void Intake::write_singly(Topic& topic, const std::vector<NewOrder>& orders, const std::vector<NewOrder>& expired) {
  write(topic, {}, expired);
  for (const NewOrder& o : orders) {
    try {
      write(topic, {o}, {});
    } catch (const store::SqlError& e) {
      if (!bad_data(e)) throw;
      log_.event("order_invalid", o.order_no, o.mark, e.what());
      refuse(*shards_.at(topic.database, topic.shadow).take(500ms), {o}, {"invalid"});
    }
  }
}

// For those who wait at other nodes. One that a node wrote before it died, and that came here again, is no refused one.
void Intake::refuse(store::Connection& db, const std::vector<NewOrder>& orders,
                    const std::vector<std::string>& outcomes) {
  std::vector<std::string> refused, reasons, marks;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    if (outcomes[i] == "created" || outcomes[i] == "repeated") continue;
    refused.push_back(orders[i].order_no);
    reasons.push_back(outcomes[i]);
    marks.push_back(orders[i].mark);
  }
  if (refused.empty()) return;
  db.run(
      "INSERT INTO intake_refused(order_no, outcome, mark) SELECT n.no, n.why, n.mark FROM unnest($1::text[], "
      "$2::text[], $3::text[]) AS n(no, why, mark) "
      "WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.part = part_of(n.no) AND o.order_no = n.no) ON CONFLICT DO "
      "NOTHING",
      {pg_array(refused), pg_array(reasons), pg_array(marks)});
}

void Intake::tell(const std::vector<NewOrder>& orders, const std::vector<std::string>& outcomes) {
  for (std::size_t i = 0; i < orders.size(); ++i) tell(orders[i].order_no, outcomes[i]);
}

void Intake::tell(const std::string& order_no, const std::string& outcome) {
  {
    const std::lock_guard lock(mutex_);
    const auto [from, to] = waiting_.equal_range(order_no);
    for (auto it = from; it != to; ++it) {
      if (it->second->outcome.empty()) it->second->outcome = outcome;
    }
  }
  told_.notify_all();
}

// Another node took the message: its outcome is in the database. One question for all who wait.
bool Intake::look_for_others(Topic& topic) {
  std::vector<std::string> parts, buyers, keys, numbers;
  {
    const std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    for (const auto& [no, waiter] : waiting_) {
      const NewOrder& o = *waiter->order;
      if (!waiter->outcome.empty() || now - waiter->since < kPollEvery || &topic_of(o.place) != &topic) continue;
      parts.push_back(std::to_string(o.place.partition));
      buyers.push_back(o.buyer);
      keys.push_back(o.key);
      numbers.push_back(no);
    }
  }
  if (numbers.empty()) return false;
  std::vector<std::pair<std::string, std::string>> found;
  {
    const auto rows =
        shards_.at(topic.database, topic.shadow)
            .take(100ms)
            ->run(
                "SELECT a.no, CASE WHEN o.order_no = a.no THEN 'created' ELSE 'repeated' END FROM "
                "unnest($1::smallint[], $2::text[], $3::text[], $4::text[]) AS a(part, buyer, idem_key, no), "
                "LATERAL (SELECT order_no FROM orders WHERE part = a.part AND buyer = a.buyer AND idem_key = "
                "a.idem_key LIMIT 1) AS o "  // LIMIT: an index look-up each, no join
                "UNION ALL SELECT r.order_no, r.outcome FROM intake_refused r WHERE r.order_no = ANY($4::text[])",
                {pg_array(parts), pg_array(buyers), pg_array(keys), pg_array(numbers)});
    for (int i = 0; i < rows.size(); ++i) found.emplace_back(rows.text(i, 0), rows.text(i, 1));
  }
  for (const auto& [no, outcome] : found) tell(no, outcome);
  return false;
}

void Intake::watch_backlog() {
  show_broker();
  for (auto& topic : topics_) {
    const queue::Backlog b = queue_->backlog(topic->name, kGroup);
    topic->crowded =
        b.known && b.oldest > kCrowdedAge;  // what waits at a broker that is away holds up nobody: orders go past it
    if (!b.known) continue;
    metrics_.set("intake_oldest_age_seconds{topic=\"" + topic->name + "\"}",
                 std::chrono::duration<double>(b.oldest).count());
    metrics_.set("intake_waiting{topic=\"" + topic->name + "\"}", static_cast<double>(b.messages));
  }
}

}  // namespace platform::services
