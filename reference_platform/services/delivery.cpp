// delivery: gives paid buyers of the hardened variant what they bought, class by class. Its input is the message table: a message
// is leased, worked on, and deleted in the transaction that tells the order; a worker that died leaves its lease to the next.
#include <algorithm>
#include <map>
#include <memory>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/domain/trade.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/partner.hpp"
#include "reference_platform/services/roles.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;
using edge::Request;
using edge::Response;
using store::Connection;

constexpr int kHttpWorkers = 4, kPoolSize = 4, kSupplierWorkers = 6;
constexpr int kBatch = 50;
constexpr auto kLease = 5s;
constexpr edge::CallOptions kInventoryCall{100ms, 3000ms};
constexpr edge::CallOptions kSupplierCall{200ms, 1500ms};
constexpr int kTopupLeaseMs = 4000, kTopupEveryMs = 1000;

/// What an order is told at the end of a message.
struct Verdict { std::string message_id, topic, body; };
struct Topup { std::string request_no, order_no, phone, mark, state; std::int64_t amount_cents = 0; };

class Delivery {
 public:
  explicit Delivery(const ops::NodeConfig& config)
      : partner_{config.partners_url, config.partners_key}, public_url_(config.public_url), log_(config.name),
        inventory_url_(config.peers.contains("inventory") && !config.peers.at("inventory").empty() ? config.peers.at("inventory").front() : ""),
        pool_(store::make_pool({config.database_url(), kPoolSize, 2000ms, 2000ms})), supplier_("supplier", kSupplierWorkers),
        deliver_loop_("deliver", 50ms, [this] { return deliver_batch(); }), topup_loop_("topups", 100ms, [this] { return start_topups(); }) {}

  Response notify(const Request& r);
  store::Pool& pool() { return *pool_; }
  [[nodiscard]] std::string metrics() const { return metrics_.text(); }

 private:
  bool deliver_batch();
  void claim_cards(const std::vector<Message>& messages, std::vector<Verdict>& verdicts);
  void accept_topup(Connection& db, const Message& m, const Json& body);
  void tell_orders(Connection& db, const std::vector<Verdict>& verdicts);
  bool start_topups();
  void top_up(const Topup& t);
  void topup_ended(Connection& db, const std::string& request_no, bool good);

  PartnerKey partner_;
  std::string public_url_;
  BusinessLog log_;
  Metrics metrics_;
  std::string inventory_url_;
  std::unique_ptr<store::Pool> pool_;
  Workers supplier_;
  Loop deliver_loop_, topup_loop_;   // end first
};

bool Delivery::deliver_batch() {
  auto messages = take_messages(*pool_->take(), "deliver", kBatch, kLease);
  if (messages.empty()) return false;
  std::vector<Message> cards;
  std::vector<Verdict> verdicts;
  for (const Message& m : messages) {
    const Json body = Json::parse(m.body).value_or(Json());
    const std::string goods_class = body["class"].text();
    if (goods_class == "game_card") cards.push_back(m);
    else if (goods_class == "topup") accept_topup(*pool_->take(), m, body);
    else verdicts.push_back({m.id, "delivered", JsonObject().add("receipt", domain::receipt_of(goods_class, m.order_no, keyed_code(partner_.key, m.order_no))).done()});
  }
  if (!cards.empty()) claim_cards(cards, verdicts);
  if (!verdicts.empty()) tell_orders(*pool_->take(), verdicts);
  metrics_.add("deliveries_total", static_cast<double>(verdicts.size()));
  return static_cast<int>(messages.size()) == kBatch;
}

// No answer from inventory: the lease is cut short and the same claim is made again; it is the same claim.
void Delivery::claim_cards(const std::vector<Message>& messages, std::vector<Verdict>& verdicts) {
  std::map<std::string, std::string> ids;
  std::vector<std::string> orders, all_ids;
  for (const Message& m : messages) {
    ids[m.order_no] = m.id;
    all_ids.push_back(m.id);
    const Json body = Json::parse(m.body).value_or(Json());
    orders.push_back(JsonObject().add("order_no", m.order_no).add("quantity", body["quantity"].integer()).done());
  }
  const auto answer = edge::call("POST", inventory_url_ + "/internal/claim", JsonObject().raw("orders", domain::json_array(orders)).done(), {{"X-Deadline-Ms", "3000"}}, kInventoryCall);
  const auto json = Json::parse(answer.body);
  if (answer.status != 200 || !json) {
    pool_->take()->run("UPDATE outbox SET lease_until = now() + interval '100 ms' WHERE id = ANY($1::bigint[])", {pg_array(all_ids)});
    log_.event("claim", "", "", "inventory answered " + std::to_string(answer.status));
    return;
  }
  for (const Json& no : (*json)["claimed"].items()) verdicts.push_back({ids[no.text()], "delivered", "{}"});
  for (const Json& no : (*json)["short"].items()) verdicts.push_back({ids[no.text()], "undeliverable", "{}"});
}

void Delivery::accept_topup(Connection& db, const Message& m, const Json& body) {
  db.run("WITH gone AS (DELETE FROM outbox WHERE id = $1 RETURNING order_no) "
         "INSERT INTO topups(request_no, order_no, phone, amount_cents, mark) SELECT 'T' || order_no, order_no, $2, $3, $4 FROM gone ON CONFLICT DO NOTHING",
         {m.id, body["phone"].text(), std::to_string(body["amount_cents"].integer()), body["mark"].text()});
}

// The message goes and the order's message comes in one statement; a message whose lease another worker has used up is gone already.
void Delivery::tell_orders(Connection& db, const std::vector<Verdict>& verdicts) {
  std::vector<std::string> ids, topics, bodies;
  for (const Verdict& v : verdicts) {
    ids.push_back(v.message_id);
    topics.push_back(v.topic);
    bodies.push_back(v.body);
  }
  db.run("WITH said AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) AS s(id, topic, body)), "
         "gone AS (DELETE FROM outbox o USING said WHERE o.id = said.id RETURNING o.id, o.order_no) "
         "INSERT INTO outbox(topic, order_no, body) SELECT said.topic, gone.order_no, said.body FROM gone JOIN said USING (id)",
         {pg_array(ids), pg_array(topics), pg_array(bodies)});
}

bool Delivery::start_topups() {
  const int free = supplier_.free();
  if (free == 0) return false;
  const auto rows = pool_->take()->run(
      "WITH picked AS MATERIALIZED (SELECT request_no FROM topups WHERE state IN ('new','accepted') AND next_at <= now() ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED) "
      "UPDATE topups t SET asked = asked + 1, next_at = now() + $2 * interval '1 ms' FROM picked WHERE t.request_no = picked.request_no "
      "RETURNING t.request_no, t.order_no, t.phone, t.mark, t.state, t.amount_cents",
      {std::to_string(free), std::to_string(kTopupLeaseMs)});
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    const Topup t{text(0), text(1), text(2), text(3), text(4), rows.number(i, 5)};
    supplier_.submit([this, t] { top_up(t); });
  }
  return rows.size() == free;
}

// One number per order for ever: asking again cannot top up twice. "Not found" is not a failure: it is asked for again.
void Delivery::top_up(const Topup& t) {
  const auto answer = t.state == "new" ? topup_order(partner_, {t.request_no, t.order_no, t.phone, t.mark, public_url_ + "/notify/topup", t.amount_cents}, kSupplierCall)
                                       : topup_query(partner_, t.request_no, t.mark, kSupplierCall);
  const auto json = Json::parse(answer.body);
  const std::string status = answer.status == 200 && json ? (*json)["status"].text() : "";
  auto db = pool_->take();
  if (status == "SUCCESS" || status == "FAILED") return topup_ended(*db, t.request_no, status == "SUCCESS");
  const std::string state = status == "ACCEPTED" ? "accepted" : answer.status == 404 ? "new" : t.state;
  db->run("UPDATE topups SET state = $2, next_at = now() + $3 * interval '1 ms' WHERE request_no = $1 AND state IN ('new','accepted')",
          {t.request_no, state, std::to_string(kTopupEveryMs)});
}

void Delivery::topup_ended(Connection& db, const std::string& request_no, bool good) {
  db.run("WITH done AS (UPDATE topups SET state = $2 WHERE request_no = $1 AND state IN ('new','accepted') RETURNING order_no) "
         "INSERT INTO outbox(topic, order_no, body) SELECT $3, order_no, $4 FROM done",
         {request_no, good ? "done" : "failed", good ? "delivered" : "undeliverable", good ? JsonObject().add("receipt", request_no).done() : "{}"});
}

Response Delivery::notify(const Request& r) {
  if (r.method != "POST" || r.path != "/notify/topup") return error_answer(404, "not_found");
  if (!partner_signed(partner_.key, r)) return text_answer(401, "bad sign");
  const auto json = Json::parse(r.body);
  if (!json || (*json)["status"].text() != "SUCCESS") return text_answer(400, "fail");
  auto db = borrow(*pool_, r);
  const std::string request_no = (*json)["request_no"].text();
  if (db->run("SELECT 1 FROM topups WHERE request_no = $1", {request_no}).empty()) return text_answer(404, "fail");
  topup_ended(*db, request_no, true);
  return text_answer(200, "success");
}

}  // namespace

ops::Service make_delivery(const ops::NodeConfig& config) {
  auto delivery = std::make_shared<Delivery>(config);
  ops::Service service;
  service.server = backend_server(config, kHttpWorkers);
  service.business = backend_handler(delivery->pool(), [delivery](const Request& r) { return delivery->notify(r); });
  service.pool = &delivery->pool();
  service.not_ready = [delivery] { return pool_not_ready(delivery->pool()); };
  service.metrics = [delivery] { return delivery->metrics(); };
  service.stop = [] {};
  return service;
}

}  // namespace platform::services
