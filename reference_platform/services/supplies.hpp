// supplies: our book of what is asked of suppliers: one request per order and supplier under one number for ever, asked
// for until its end is known. Each supplier has workers and a breaker of its own; what surely never left goes to the
// second one.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reference_platform/ops/node.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/breaker.hpp"
#include "reference_platform/services/supplier.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

/// The suppliers that a node's settings name: option "suppliers" (a list of topup, topup2, members, truck; default
/// topup) and option "upstream" ("up=hmac,as=sharedstock", ids and secrets in option "upstream_keys"
/// DIR/NAME/{id,secret}). Throws std::runtime_error for what is neither.
std::vector<SupplierSetup> supplier_setups(const ops::NodeConfig& config);

class Supplies {
 public:
  Supplies(const ops::NodeConfig& config, store::Shards& shards, const BusinessLog& log, Metrics& metrics);

  /// Who delivers this: a supplier's name, or "" when nobody is listed and we make it ourselves. `source` is
  /// goods.source.
  [[nodiscard]] std::string supplier_of(const std::string& goods_class, const std::string& source) const;

  [[nodiscard]] bool knows(const std::string& supplier) const { return suppliers_.contains(supplier); }

  /// Turns leased `deliver` messages (their ids and, for each, a supplier's name) into requests, in one statement.
  void accept(store::Connection& db, const std::vector<std::string>& message_ids,
              const std::vector<std::string>& suppliers);
  /// Turns a `revoke` message into a request to take back; before its delivery it is a barrier that keeps that from
  /// happening.
  void revoke(store::Connection& db, const std::string& message_id, const std::string& supplier);

  /// One round over all databases and suppliers: hands what is due to free workers. True when there was a full round.
  bool step();
  /// A supplier's signed word: 200 "success" once it is in the book.
  edge::Response notify(const edge::Request& r);
  /// Reads the stock of upstream suppliers into the catalogue; with lag, for they are asked now and then.
  bool sync_stock();

 private:
  struct Row {
    std::string request_no, order_no, supplier, sku, target, supply_no, mark, trace, state;
    int quantity = 0;
    std::int64_t amount_cents = 0;
  };
  struct Supplier {
    Supplier(SupplierSetup s, int workers)
        : setup(std::move(s)), client(make_supplier(setup)), pool("supplier " + setup.name, workers) {}
    SupplierSetup setup;
    std::unique_ptr<SupplierClient> client;
    Breaker breaker;
    Workers pool;  // last: ends first
  };

  Supplier* find(const std::string& name);
  Supplier* second_of(const std::string& name);
  /// How many calls a supplier may get now; 0 while its breaker is open.
  int room(Supplier& s);
  std::vector<Row> take_due(store::Connection& db, const std::vector<std::string>& names,
                            const std::vector<std::string>& room);
  void pass_on(store::Connection& db, const std::string& from, const std::string& to);
  void work(Supplier& s, const Row& r);
  SupplyAnswer ask(Supplier& s, const Row& r);
  void work_inside_transaction(Supplier& s, const Row& r);
  void book(store::Connection& db, const Row& r, const SupplyAnswer& answer);
  void wait_on(store::Connection& db, const Row& r, const std::string& state, const std::string& supply_no);
  void end(store::Connection& db, const Row& r, const std::string& state, const std::string& topic,
           const std::string& body, const std::vector<std::string>& cards = {});
  void failed(store::Connection& db, const Row& r, const std::string& why);
  void delivered(store::Connection& db, const Row& r, const SupplyAnswer& answer);
  void offer(store::Connection& db, const Supplier& s, const std::vector<Offer>& offers, int database);
  store::Pool& pool_of(const std::string& request_no);

  const ops::NodeConfig config_;
  const int ask_again_ms_, try_again_ms_;  // after "not done yet"; after no clear answer
  store::Shards& shards_;
  const BusinessLog& log_;
  Metrics& metrics_;
  std::size_t turn_ = 0;                                        // where the next round begins
  std::map<std::string, std::unique_ptr<Supplier>> suppliers_;  // last: their workers end first
};

}  // namespace platform::services
