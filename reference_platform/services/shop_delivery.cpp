// shop: delivering. How cards are found is A07; that nothing asks whether the order has its goods already is A08, as is
// that the callback does the work itself; what waits for it is A11.
#include "reference_platform/domain/trade.hpp"
#include "reference_platform/services/shop.hpp"

namespace platform::services {

namespace {

constexpr int kSpread = 32;

store::Rows status_to(Connection& db, const ShopOrder& order, const char* status) {
  return db.run("UPDATE orders SET status = $2 WHERE order_no = $1", {order.order_no, status});
}

}  // namespace

ShopJob Shop::delivery_of(const ShopOrder& order) const {
  const bool supplier = order.goods_class == "topup" && !on(Trait::A15);  // off: suppliers have workers of their own
  return {supplier ? "supply" : "deliver", order.order_no, "{}", order.mark};
}

bool Shop::do_job(const ShopJob& job) {
  if (job.kind == "refund" || job.kind == "surplus") return refund_later(job);
  std::optional<ShopOrder> order;
  {
    auto db = pool_->take();
    order = find(*db, job.order_no);
    if (!order || (order->status != "paid" && order->status != "delivering")) return true;
    if (job.kind == "deliver") return deliver(*db, *order);
  }
  const Supply result =
      supply([this](const char* sql, const auto& params) { return pool_->take()->run(sql, params); }, *order);
  if (result == Supply::nowhere) undeliverable(*pool_->take(), *order, "supplier_failed");
  return result != Supply::again;
}

/// True when there is nothing left to do here.
bool Shop::deliver(Connection& db, const ShopOrder& order) {
  if (order.goods_class == "game_card") return deliver_cards(db, order);
  if (order.goods_class != "topup") {
    deliver_made(db, order);
    return true;
  }
  if (!on(Trait::A15)) return false;
  // A15: the one supplier is called inside the delivery, whatever that is inside of.
  const Supply result = supply([&db](const char* sql, const auto& params) { return db.run(sql, params); }, order);
  if (result == Supply::nowhere) undeliverable(db, order, "supplier_failed");
  return result != Supply::again;
}

/// Membership and equipment: made here.
void Shop::deliver_made(Connection& db, const ShopOrder& order) {
  const std::string receipt = domain::receipt_of(order.goods_class, order.order_no, random_id());
  db.begin();
  const char* sql =
      on(Trait::A07) || on(Trait::A08)
          ? "UPDATE orders SET status = 'delivered', receipt = $2 WHERE order_no = $1"
          : "UPDATE orders SET status = 'delivered', receipt = $2 WHERE order_no = $1 AND status = 'paid'";
  const bool ours = db.run(sql, {order.order_no, receipt}).affected() == 1;
  if (ours && !order.reserved)
    db.run("UPDATE goods SET stock = stock - $2 WHERE sku = $1 AND NOT unlimited",
           {order.sku, std::to_string(order.quantity)});
  db.commit();
  if (ours) reached("delivered", order, order.goods_class);
}

// A07: look first, take afterwards, one statement at a time: who looks in between takes the same cards. Somebody saw
// that happen and made it take from a random place near the front, as many shops do: seldom in quiet times, as bad as
// ever in a rush.
std::vector<std::string> Shop::look_for_cards(Connection& db, const ShopOrder& order, int spread) {
  const auto rows = db.run(
      "SELECT id FROM cards WHERE sku = $1 AND order_no IS NULL AND NOT sold ORDER BY id LIMIT $2 OFFSET "
      "floor(random() * $3::int)",
      {order.sku, std::to_string(order.quantity), std::to_string(spread)});
  std::vector<std::string> ids;
  for (int i = 0; i < rows.size(); ++i) ids.emplace_back(rows.text(i, 0));
  return ids;
}

bool Shop::deliver_cards(Connection& db, const ShopOrder& order) {
  if (!on(Trait::A07)) return claim_cards(db, order);
  const auto wanted = static_cast<std::size_t>(order.quantity);
  auto ids = look_for_cards(db, order, kSpread);
  if (ids.size() < wanted) ids = look_for_cards(db, order, 0);
  if (ids.size() < wanted) {
    undeliverable(db, order, "out_of_stock");
    return true;
  }
  for (const auto& id : ids) db.run("UPDATE cards SET sold = true, order_no = $2 WHERE id = $1", {id, order.order_no});
  for (const auto& id : ids)
    db.run("INSERT INTO shop_deliveries(order_no, card_id) VALUES ($1, $2)", {order.order_no, id});
  if (!order.reserved)
    db.run("UPDATE goods SET stock = stock - $2 WHERE sku = $1", {order.sku, std::to_string(order.quantity)});
  status_to(db, order, "delivered");
  reached("delivered", order, order.goods_class);
  return true;
}

/// All or nothing in one transaction; cards that another one is taking are passed over. A08: who comes second takes
/// others for the same order.
bool Shop::claim_cards(Connection& db, const ShopOrder& order) {
  db.begin();
  const auto now = find(db, order.order_no, true);
  if (!now || (now->status != "paid" && !on(Trait::A08))) {
    db.rollback();
    return true;
  }
  const std::string wanted = std::to_string(order.quantity);
  const auto got = db.run(
      "WITH free AS MATERIALIZED (SELECT id FROM cards WHERE sku = $1 AND order_no IS NULL AND NOT sold ORDER BY id "
      "LIMIT $2 FOR UPDATE SKIP LOCKED), "
      "mine AS (UPDATE cards c SET sold = true, order_no = $3 FROM free WHERE c.id = free.id RETURNING c.id) "
      "INSERT INTO shop_deliveries(order_no, card_id) SELECT $3, id FROM mine",
      {order.sku, wanted, order.order_no});
  if (got.affected() < order.quantity) {
    db.rollback();
    const bool enough =
        db.run("SELECT count(*) FROM (SELECT 1 FROM cards WHERE sku = $1 AND order_no IS NULL AND NOT sold LIMIT $2) f",
               {order.sku, wanted})
            .number(0, 0) >= order.quantity;
    if (enough) return false;  // they were only in other hands for a moment
    undeliverable(db, order, "out_of_stock");
    return true;
  }
  if (!order.reserved) db.run("UPDATE goods SET stock = stock - $2 WHERE sku = $1", {order.sku, wanted});
  status_to(db, order, "delivered");
  db.commit();
  reached("delivered", order, order.goods_class);
  return true;
}

// A15: paid, not delivered, and nobody is told.
void Shop::undeliverable(Connection& db, const ShopOrder& order, const std::string& why) {
  reached("undeliverable", order, why);
  if (!on(Trait::A15)) give_back(db, order);
}

}  // namespace platform::services
