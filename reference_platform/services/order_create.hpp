// order_create: POST /orders: checks, price, coupon, then the order with its reservation in one statement: at once, or
// through the queue.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/node.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/coupon.hpp"
#include "reference_platform/services/order_terms.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

class Intake;

/// An order that is checked and priced, not yet written.
struct NewOrder {
  store::Place place;
  std::string order_no, buyer, key, sku, goods_class, phone, coupon, mark, trace;
  std::int64_t quantity = 0, amount_cents = 0;
};

/// What order_create (store/schema_orders_sql.hpp) answers, one per order, in the order given: created, repeated,
/// sold_out, contended, number_taken, try_again. All belong into this database. `reserve` as there.
std::vector<std::string> write_orders(store::Connection& db, const std::vector<NewOrder>& orders,
                                      const std::string& reserve);
/// Log and metrics of an order that was just written, in the ambient trace.
void tell_created(const NewOrder& order, const BusinessLog& log, Metrics& metrics);
/// How orders are reserved under these switches.
std::string reserve_way(const domain::Switches& switches);

/// What an order with this key looks like.
struct OldOrder {
  std::string order_no, sku, phone, coupon;
  std::int64_t quantity = 0, amount_cents = 0;
};
std::optional<OldOrder> find_by_key(store::Connection& db, int part, const std::string& buyer, const std::string& key);

class OrderCreate {
 public:
  /// `intake` may be nullptr: every order is written at once.
  OrderCreate(const ops::NodeConfig& config, store::Shards& shards, OrderTerms& terms, Coupons& coupons, Intake* intake,
              const BusinessLog& log, Metrics& metrics);
  edge::Response create(const edge::Request& r, const std::string& buyer, store::Place place);

 private:
  edge::Response take_in(const edge::Request& r, NewOrder& order, const CreateBody& body);
  edge::Response write(const edge::Request& r, NewOrder& order, const CreateBody& body);
  edge::Response repeated(const edge::Request& r, const NewOrder& order, const CreateBody& body);
  edge::Response created(const NewOrder& order);
  edge::Response no_stock(const NewOrder& order, const std::string& outcome, edge::Response answer);
  /// Asks the inventory service to move goods from the other databases to the order's: moved (some), none (no other has
  /// any), held (by others, at this moment), unknown.
  std::string fetch_stock(const edge::Request& r, const NewOrder& order);
  std::string new_number(store::Place place) const;

  const domain::Switches switches_;
  const std::string inventory_url_;
  store::Shards& shards_;
  OrderTerms& terms_;
  Coupons& coupons_;
  Intake* intake_;
  const BusinessLog& log_;
  Metrics& metrics_;
};

}  // namespace platform::services
