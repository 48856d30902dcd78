// order_create: see order_create.hpp.
#include "reference_platform/services/order_create.hpp"

#include <algorithm>
#include <ctime>
#include <thread>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/observe/context.hpp"
#include "reference_platform/observe/trade.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/intake.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using domain::Bug;
using edge::Request;
using edge::Response;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using store::Connection;

namespace {

constexpr std::size_t kKeyMax = 128;
constexpr int kNumberTries = 3;
constexpr milliseconds kMoveConnect{100}, kMoveMax{1000};
constexpr milliseconds kStockWait{800},
    kOrderCreateAnswerReserve{
        150};  // how long goods that others hold are waited for; what is left of the request's time then
constexpr unsigned kPauseMinMs = 3, kPauseSpreadMs = 20;

/// Two who took each other's part would do so again if both came back at the same time.
milliseconds pause_before_again() {
  return milliseconds(kPauseMinMs + std::stoul(random_id().substr(0, 4), nullptr, 16) % kPauseSpreadMs);
}

std::string peer_url(const ops::NodeConfig& config, const std::string& role) {
  const auto it = config.peers.find(role);
  return it == config.peers.end() || it->second.empty() ? "" : it->second.front();
}

}  // namespace

std::string reserve_way(const domain::Switches& switches) {
  return switches.on(Bug::B12)   ? "none"
         : switches.on(Bug::B01) ? "unlocked"
         : switches.on(Bug::B11) ? "counted"
                                 : "own";
}

std::vector<std::string> write_orders(Connection& db, const std::vector<NewOrder>& orders, const std::string& reserve) {
  std::vector<std::string> parts, numbers, buyers, keys, skus, classes, quantities, amounts, phones, coupons, marks,
      traces;
  for (const NewOrder& o : orders) {
    parts.push_back(std::to_string(o.place.partition));
    numbers.push_back(o.order_no);
    buyers.push_back(o.buyer);
    keys.push_back(o.key);
    skus.push_back(o.sku);
    classes.push_back(o.goods_class);
    quantities.push_back(std::to_string(o.quantity));
    amounts.push_back(std::to_string(o.amount_cents));
    phones.push_back(o.phone);
    coupons.push_back(o.coupon);
    marks.push_back(o.mark);
    traces.push_back(o.trace);
  }
  const auto rows = db.run(
      "SELECT o.no, order_create(o.part, o.no, o.buyer, o.idem_key, o.sku, o.class, o.quantity, o.amount, o.phone, "
      "o.coupon, o.mark, o.trace, $13) "
      "FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], "
      "$8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[]) "
      "  AS o(part, no, buyer, idem_key, sku, class, quantity, amount, phone, coupon, mark, trace)",
      {pg_array(parts), pg_array(numbers), pg_array(buyers), pg_array(keys), pg_array(skus), pg_array(classes),
       pg_array(quantities), pg_array(amounts), pg_array(phones), pg_array(coupons), pg_array(marks), pg_array(traces),
       reserve});
  std::vector<std::string> out;
  for (int i = 0; i < rows.size(); ++i) out.emplace_back(rows.text(i, 1));
  return out;
}

void tell_created(const NewOrder& order, const BusinessLog& log, Metrics& metrics) {
  metrics.add("orders_total{outcome=\"created\"}");
  observe::trade_reached("created", order.goods_class, "", order.mark);
  log.event("order_created", order.order_no, order.mark, "ok");
}

std::optional<OldOrder> find_by_key(Connection& db, int part, const std::string& buyer, const std::string& key) {
  const auto rows = db.run(
      "SELECT order_no, sku, coalesce(phone, ''), coalesce(coupon, ''), quantity, amount_cents FROM orders WHERE part "
      "= $1 AND buyer = $2 AND idem_key = $3",
      {std::to_string(part), buyer, key});
  if (rows.empty()) return std::nullopt;
  const auto text = [&rows](int column) { return std::string(rows.text(0, column)); };
  return OldOrder{text(0), text(1), text(2), text(3), rows.number(0, 4), rows.number(0, 5)};
}

OrderCreate::OrderCreate(const ops::NodeConfig& config, store::Shards& shards, OrderTerms& terms, Coupons& coupons,
                         Intake* intake, const BusinessLog& log, Metrics& metrics)
    : switches_(config.switches),
      inventory_url_(peer_url(config, "inventory")),
      shards_(shards),
      terms_(terms),
      coupons_(coupons),
      intake_(intake),
      log_(log),
      metrics_(metrics) {}

Response OrderCreate::create(const Request& r, const std::string& buyer, store::Place place) {
  const auto body = read_create(r.body);
  if (!body) return error_answer(400, "bad_request", R"(wanted {"sku","quantity"} and perhaps "phone", "coupon")");
  const std::string key = r.header("idempotency-key").empty() ? random_id() : r.header("idempotency-key");
  if (!plain_text(key, kKeyMax)) return error_answer(400, "bad_key");
  const auto good = terms_.good(body->sku);
  if (!good) return error_answer(404, "unknown_sku");
  const domain::Account account = terms_.account(buyer, place.shadow);
  if (const std::string refused = domain::refuse_order(*good, body->quantity, body->phone); !refused.empty())
    return error_answer(400, refused);
  NewOrder order{place,          new_number(place),
                 buyer,          key,
                 good->sku,      good->goods_class,
                 body->phone,    body->coupon,
                 mark_of(r),     observe::current().traceparent(),
                 body->quantity, 0};
  // What was granted once is told again, whatever the account may buy by then and whoever used the coupon (that request
  // itself).
  const auto is_repeat = [&] {
    return find_by_key(*borrow(shards_.at(place), r), place.partition, buyer, key).has_value();
  };
  if (body->quantity > domain::quantity_max(account)) {
    if (is_repeat()) return repeated(r, order, *body);
    return error_answer(
        400, "bad_quantity",
        "at most " + std::to_string(domain::quantity_max(account)) + " pieces in one order for this account");
  }
  auto price = terms_.quote(*good, body->quantity, account, std::nullopt, place.shadow);
  if (!price) return error_answer(400, "bad_quantity", "the amount is too large");
  if (!body->coupon.empty()) {
    if (!valid_coupon(body->coupon)) return error_answer(400, "bad_coupon");
    const auto claim =
        coupons_.claim(body->coupon, order.order_no, buyer + "/" + key, good->sku, price->amount_cents, place.shadow);
    if (!claim.error.empty()) {
      if (is_repeat()) return repeated(r, order, *body);
      return error_answer(claim.error == "unknown_coupon" ? 404 : 409, claim.error);
    }
    order.order_no = claim.order_no;
    price = terms_.quote(*good, body->quantity, account, claim.coupon, place.shadow);
  }
  order.amount_cents = switches_.on(Bug::B26)
                           ? domain::amount_in_floats(price->unit_cents, body->quantity) - price->coupon_cents
                           : price->amount_cents;
  const Response answer = take_in(r, order, *body);
  const bool refused = answer.status == 409 || answer.status == 400;  // anything else may still become an order
  if (refused && !order.coupon.empty()) coupons_.give_back(order.coupon, order.order_no);
  return answer;
}

Response OrderCreate::take_in(const Request& r, NewOrder& order, const CreateBody& body) {
  if (intake_ == nullptr) return write(r, order, body);
  const Intake::Result taken = intake_->take_in(order, time_left(r));
  switch (taken.state) {
    case Intake::State::created:
      return created(order);  // whoever wrote it has told of it
    case Intake::State::repeated:
      return repeated(r, order, body);
    case Intake::State::pending:
      return json_answer(202, domain::JsonObject().add("order_no", order.order_no).add("status", "queued").done());
    case Intake::State::expired:
      return error_answer(503, "expired", "the order waited too long and was not made");
    case Intake::State::crowded: {
      Response busy = error_answer(429, "busy", "orders wait too long already");
      busy.headers.emplace_back("Retry-After", "1");
      return busy;
    }
    case Intake::State::not_taken:
      break;  // no queue, or nothing but a longer look at the stock helps
  }
  return write(r, order, body);
}

// Sold out is said only when it is true: goods that others hold at this moment, or that lie in two databases, are asked
// for again.
Response OrderCreate::write(const Request& r, NewOrder& order, const CreateBody& body) {
  const auto until = steady_clock::now() + std::min(kStockWait, time_left(r) - kOrderCreateAnswerReserve);
  bool nowhere_else = false;
  for (int numbers = 1, moves = 0;;) {
    const std::string outcome =
        write_orders(*borrow(shards_.at(order.place), r), {order}, reserve_way(switches_)).front();
    if (outcome == "created" || (outcome == "number_taken" && switches_.on(Bug::B25))) {
      tell_created(order, log_, metrics_);
      return created(order);
    }
    if (outcome == "repeated") return repeated(r, order, body);
    if (outcome == "try_again")
      return error_answer(503, "try_again", "the first request with this key was just undone");
    if (outcome == "number_taken" && order.coupon.empty() &&
        numbers++ < kNumberTries) {  // a claimed coupon names the number: it cannot change
      order.order_no = new_number(order.place);
      continue;
    }
    if (outcome != "sold_out" && outcome != "contended") return error_answer(503, "try_again");
    const std::string stock = outcome == "contended" ? outcome : fetch_stock(r, order);
    if (stock == "none" && (shards_.databases() == 1 || nowhere_else))
      return no_stock(order, "sold_out", error_answer(409, "sold_out"));
    nowhere_else = stock == "none";
    if (nowhere_else)
      continue;  // while the others were asked the goods may have come here, brought by another order or by this one's
                 // first request
    if (stock == "moved" && moves++ == 0) continue;
    const milliseconds pause = pause_before_again();
    if (stock == "unknown" || steady_clock::now() + pause > until)
      return no_stock(order, "stock_unknown",
                      error_answer(503, "try_again", "others hold the goods or they are just being moved"));
    std::this_thread::sleep_for(pause);
  }
}

Response OrderCreate::no_stock(const NewOrder& order, const std::string& outcome, Response answer) {
  if (outcome == "sold_out") observe::trade_reached(outcome, order.goods_class, "", order.mark);
  metrics_.add("orders_total{outcome=\"" + outcome + "\"}");
  return answer;
}

std::string OrderCreate::fetch_stock(const Request& r, const NewOrder& order) {
  if (shards_.databases() == 1 || inventory_url_.empty()) return "none";
  const auto left = std::min(kMoveMax, time_left(r) - 100ms);
  if (left <= 0ms) return "unknown";
  const std::string body = domain::JsonObject()
                               .add("sku", order.sku)
                               .add("quantity", order.quantity)
                               .add("to", shards_.database_of(order.place))
                               .add("shadow", order.place.shadow)
                               .done();
  const auto answer = edge::call("POST", inventory_url_ + "/internal/move", body,
                                 {{"X-Deadline-Ms", std::to_string(left.count())}}, {kMoveConnect, left});
  const auto json = domain::Json::parse(answer.body);
  if (answer.status != 200 || !json || !(*json)["moved"].is_integer()) return "unknown";
  const std::int64_t moved = (*json)["moved"].integer();
  return moved > 0 ? "moved" : moved == 0 ? "none" : "held";
}

Response OrderCreate::created(const NewOrder& order) {
  return json_answer(201, created_json(order.order_no, "created", order.sku, order.quantity, order.amount_cents));
}

// The second caller gets the first one's answer.
Response OrderCreate::repeated(const Request& r, const NewOrder& order, const CreateBody& body) {
  const auto old = find_by_key(*borrow(shards_.at(order.place), r), order.place.partition, order.buyer, order.key);
  if (!old) return error_answer(503, "try_again");  // the first one was just rolled back
  if (switches_.on(Bug::B13)) return error_answer(409, "duplicate_request", "this request was made before");
  if (old->sku != body.sku || old->quantity != body.quantity || old->phone != body.phone ||
      old->coupon != body.coupon) {
    return error_answer(409, "key_reused", "this Idempotency-Key belongs to another request");
  }
  metrics_.add("orders_total{outcome=\"repeated\"}");
  return json_answer(201, created_json(old->order_no, "created", body.sku, body.quantity, old->amount_cents));
}

std::string OrderCreate::new_number(store::Place place) const {
  if (!switches_.on(Bug::B25)) return store::order_number(place, random_id());
  return store::order_number(place, std::to_string(std::time(nullptr)) +
                                        std::to_string(std::stoul(random_id().substr(0, 6), nullptr, 16) % 1000));
}

}  // namespace platform::services
