// delivery: gives paid buyers of the hardened variant what they bought, class by class. Its input is the message table:
// a message is leased, worked on, and deleted in the transaction that tells the order; a worker that died leaves its
// lease to the next. Buyers take turns and large orders go in chunks, so that nobody waits for somebody else's 500
// cards.
#include <deque>
#include <map>
#include <memory>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/trade.hpp"
#include "reference_platform/observe/spans.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/partner.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/services/supplies.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Bug;
using domain::Json;
using domain::JsonObject;
using edge::Request;
using edge::Response;
using store::Connection;

constexpr int kHttpWorkers = 4, kDeliveryPoolSize = 4;
constexpr int kBatch = 50;
constexpr int kWindow = 500;  // among so many of the oldest messages buyers take turns
constexpr int kLeaseMs = 5000;
constexpr auto kDeliveryBorrow = 500ms;
constexpr edge::CallOptions kInventoryCall{100ms, 3000ms};

struct Task {
  std::string id, topic, order_no, mark, trace, source, goods_class, sku;
  int quantity = 0;
};
/// What an order is told at the end of a message.
struct Verdict {
  Task task;
  std::string topic, body;
};

class Delivery {
 public:
  explicit Delivery(const ops::NodeConfig& config)
      : config_(config),
        log_(config.name),
        inventory_url_(config.peers.contains("inventory") && !config.peers.at("inventory").empty()
                           ? config.peers.at("inventory").front()
                           : ""),
        shards_(config.database_urls, config.shadow_urls, {"", kDeliveryPoolSize, 2000ms, 2000ms}),
        supplies_(config, shards_, log_, metrics_),
        supply_loop_("supplies", 100ms, [this] { return supplies_.step(); }),
        stock_loop_("upstream stock", std::chrono::milliseconds(option(config, "upstream_sync_ms", 3000)),
                    [this] { return supplies_.sync_stock(); }) {
    for (const auto& each : shards_.each())
      deliver_loops_.emplace_back("deliver", 50ms, [this, pool = each.pool] { return deliver_batch(*pool); });
  }

  Response handle(const Request& r) {
    if (r.method != "POST" || r.path != "/notify/topup") return error_answer(404, "not_found");
    return supplies_.notify(r);
  }
  store::Shards& shards() { return shards_; }
  [[nodiscard]] std::string metrics() const { return metrics_.text(); }

 private:
  bool deliver_batch(store::Pool& pool);
  std::vector<Task> take(Connection& db);
  /// True when an order has got a part of its cards: the next round may come at once.
  bool claim_cards(store::Pool& pool, const std::vector<Task>& tasks, std::vector<Verdict>& verdicts);
  void cards_missing(store::Pool& pool, const Task& task, std::vector<Verdict>& verdicts);
  void put_back(Connection& db, const std::vector<std::string>& ids, int wait_ms);
  void tell_orders(Connection& db, const std::vector<Verdict>& verdicts);

  const ops::NodeConfig config_;
  BusinessLog log_;
  Metrics metrics_;
  std::string inventory_url_;
  store::Shards shards_;
  Supplies supplies_;
  Loop supply_loop_, stock_loop_;
  std::deque<Loop> deliver_loops_;  // one per database: one that is away does not stop the others. They end first
};

std::vector<Task> Delivery::take(Connection& db) {
  static const std::string sql =
      "WITH waiting AS (SELECT id, body FROM outbox WHERE topic IN ('deliver','revoke') AND lease_until < now() ORDER "
      "BY id LIMIT " +
      std::to_string(kWindow) +
      "), "
      "turns AS (SELECT id, row_number() OVER (PARTITION BY body::json->>'buyer' ORDER BY id) AS turn FROM waiting), "
      "chosen AS (SELECT id FROM turns ORDER BY turn, id LIMIT " +
      std::to_string(kBatch) +
      "), "
      "picked AS MATERIALIZED (SELECT o.id FROM outbox o JOIN chosen USING (id) WHERE o.lease_until < now() FOR UPDATE "
      "OF o SKIP LOCKED), "
      "leased AS (UPDATE outbox o SET lease_until = now() + $1 * interval '1 ms' FROM picked WHERE o.id = picked.id "
      "RETURNING o.id, o.topic, o.order_no, o.body::json AS body, o.mark, o.trace) "
      "SELECT l.id, l.topic, l.order_no, coalesce(nullif(l.mark, ''), l.body->>'mark', ''), l.trace, "
      "coalesce(g.source, 'own'), l.body->>'class', l.body->>'sku', (l.body->>'quantity')::int "
      "FROM leased l LEFT JOIN goods g ON g.sku = l.body->>'sku'";
  const auto rows = db.run(sql.c_str(), {std::to_string(kLeaseMs)});
  std::vector<Task> out;
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    out.push_back(
        {text(0), text(1), text(2), text(3), text(4), text(5), text(6), text(7), static_cast<int>(rows.number(i, 8))});
  }
  return out;
}

bool Delivery::deliver_batch(store::Pool& pool) {
  const auto began = std::chrono::steady_clock::now();
  const auto tasks = take(*pool.take(kDeliveryBorrow));
  if (tasks.empty()) return false;
  std::vector<Task> cards;
  std::vector<Verdict> verdicts;
  std::vector<std::string> asked_ids, asked_of;
  for (const Task& t : tasks) {
    const std::string supplier = supplies_.supplier_of(t.goods_class, t.source);
    if (t.topic == "revoke") {
      supplies_.revoke(*pool.take(kDeliveryBorrow), t.id, supplier.empty() ? "own" : supplier);
    } else if (t.goods_class == "game_card" && supplier.empty()) {
      cards.push_back(t);
    } else if (supplier.empty()) {
      verdicts.push_back({t, "delivered",
                          JsonObject()
                              .add("receipt", domain::receipt_of(t.goods_class, t.order_no,
                                                                 keyed_code(config_.partners_key, t.order_no)))
                              .done()});
    } else if (!supplies_.knows(supplier)) {
      verdicts.push_back({t, "undeliverable", JsonObject().add("reason", "no supplier " + supplier).done()});
    } else {
      asked_ids.push_back(t.id);
      asked_of.push_back(supplier);
    }
  }
  if (!asked_ids.empty()) supplies_.accept(*pool.take(kDeliveryBorrow), asked_ids, asked_of);
  const bool unfinished = !cards.empty() && claim_cards(pool, cards, verdicts);
  if (!verdicts.empty()) tell_orders(*pool.take(kDeliveryBorrow), verdicts);
  for (const Verdict& v : verdicts)
    metrics_.add("deliveries_total{class=\"" + v.task.goods_class + "\",outcome=\"" + v.topic + "\"}");
  for (const Task& t : tasks) {
    observe::record_work("process " + t.topic, observe::SpanKind::consumer, observe::Context::of(t.trace, t.mark),
                         began,
                         {{"messaging.system", "postgresql", false},
                          {"messaging.destination.name", "outbox", false},
                          {"messaging.operation.type", "process", false},
                          {"cardstorm.order_no", t.order_no, false}});
  }
  return static_cast<int>(tasks.size()) == kBatch || unfinished;
}

// No answer from inventory: the lease is cut short and the same claim is made again; it is the same claim.
bool Delivery::claim_cards(store::Pool& pool, const std::vector<Task>& tasks, std::vector<Verdict>& verdicts) {
  std::map<std::string, const Task*> of;
  std::vector<std::string> orders, all_ids, unfinished;
  for (const Task& t : tasks) {
    of[t.order_no] = &t;
    all_ids.push_back(t.id);
    orders.push_back(JsonObject().add("order_no", t.order_no).add("quantity", t.quantity).done());
  }
  if (config_.switches.on(Bug::B22))
    pool.take(kDeliveryBorrow)->run("DELETE FROM outbox WHERE id = ANY($1::bigint[])", {pg_array(all_ids)});
  // One call for all: it belongs to the first one's trace and names the others'.
  observe::Span span("claim cards", observe::SpanKind::internal,
                     observe::Context::of(tasks.front().trace, tasks.front().mark));
  for (const Task& t : tasks)
    if (&t != &tasks.front()) span.link(observe::Context::of(t.trace, t.mark));
  const auto answer = edge::call("POST", inventory_url_ + "/internal/claim",
                                 JsonObject().raw("orders", domain::json_array(orders)).done(),
                                 {{"X-Deadline-Ms", "3000"}}, kInventoryCall);
  const auto json = Json::parse(answer.body);
  if (answer.status != 200 || !json) {
    put_back(*pool.take(kDeliveryBorrow), all_ids, 100);
    log_.event("claim", "", "", "inventory answered " + std::to_string(answer.status));
    return false;
  }
  const auto each_of = [&](const char* list, const auto& act) {
    for (const Json& no : (*json)[list].items()) {
      const auto it = of.find(no.text());
      if (it == of.end()) continue;
      const Task& t = *it->second;
      const observe::Scope scope(observe::Context::of(t.trace, t.mark));
      if (std::string_view(list) != "part") log_.event("stock_claim", t.order_no, t.mark, list);
      act(t);
    }
  };
  each_of("claimed", [&](const Task& t) { verdicts.push_back({t, "delivered", "{}"}); });
  each_of("short", [&](const Task& t) { cards_missing(pool, t, verdicts); });
  each_of("part", [&](const Task& t) { unfinished.push_back(t.id); });
  if (!unfinished.empty()) put_back(*pool.take(kDeliveryBorrow), unfinished, 0);
  return !unfinished.empty();
}

void Delivery::cards_missing(store::Pool& pool, const Task& t, std::vector<Verdict>& verdicts) {
  if (config_.switches.on(Bug::B08)) {
    pool.take(kDeliveryBorrow)->run("DELETE FROM outbox WHERE id = $1", {t.id});
    return;
  }
  if (config_.switches.on(Bug::B07)) {
    pool.take(kDeliveryBorrow)
        ->run("SELECT inventory_apologize($1, $2, $3)", {t.order_no, t.sku, std::to_string(t.quantity)});
    return verdicts.push_back({t, "delivered", "{}"});
  }
  verdicts.push_back({t, "undeliverable", R"({"reason":"cards are missing"})"});
}

void Delivery::put_back(Connection& db, const std::vector<std::string>& ids, int wait_ms) {
  db.run("UPDATE outbox SET lease_until = now() + ($2::int - 1) * interval '1 ms' WHERE id = ANY($1::bigint[])",
         {pg_array(ids), std::to_string(wait_ms)});
}

// The message goes and the order's message comes in one statement; a message whose lease another worker has used up is
// gone already.
void Delivery::tell_orders(Connection& db, const std::vector<Verdict>& verdicts) {
  std::vector<std::string> ids, topics, bodies, orders, marks, traces;
  for (const Verdict& v : verdicts) {
    ids.push_back(v.task.id);
    topics.push_back(v.topic);
    bodies.push_back(v.body);
    orders.push_back(v.task.order_no);
    marks.push_back(v.task.mark);
    traces.push_back(v.task.trace);
  }
  db.run(
      "WITH said AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS "
      "s(id, topic, body, order_no, mark, trace)), "
      "gone AS (DELETE FROM outbox o USING said WHERE o.id = said.id RETURNING o.id) "
      "INSERT INTO outbox(topic, order_no, body, mark, trace) SELECT topic, order_no, body, mark, trace FROM said "
      "WHERE id IN (SELECT id FROM gone) OR $7::boolean",
      {pg_array(ids), pg_array(topics), pg_array(bodies), pg_array(orders), pg_array(marks), pg_array(traces),
       config_.switches.on(Bug::B22) ? "true" : "false"});
}

}  // namespace

ops::Service make_delivery(const ops::NodeConfig& config) {
  return backend_service(config, kHttpWorkers, std::make_shared<Delivery>(config));
}

}  // namespace platform::services
