// shop: the fragile variant, one process. Each of its weaknesses is a trait (domain/traits.def) by its true mechanism,
// asked for where it acts; with the trait off the same place does what a sound shop does. Nothing sleeps for show.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reference_platform/ops/node.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/partner.hpp"
#include "reference_platform/services/shop_courier.hpp"
#include "reference_platform/services/shop_limiter.hpp"
#include "reference_platform/services/shop_window.hpp"

namespace platform::services {

using domain::Trait;
using edge::Request;
using edge::Response;
using store::Connection;

struct ShopOrder {
  std::string order_no, buyer, sku, goods_class, status, phone, paid_via, out_trade_no, mark;
  std::int64_t quantity = 0, amount_cents = 0;
  bool reserved = false;
  int supplier = 0;  // 1: the first of the suppliers, 0: none asked yet
};

/// How long is waited (A02): for a partner, for a connection, for a statement (0: for ever).
struct ShopLimits {
  edge::CallOptions call;
  std::chrono::milliseconds borrow, statement;
};

class Shop {
 public:
  explicit Shop(const ops::NodeConfig& config);

  Response handle(const Request& r);
  [[nodiscard]] edge::ServerOptions server() const;
  store::Pool* pool() { return pool_.get(); }
  /// "" or why it cannot serve (A12).
  std::string not_ready();
  std::string metrics();
  /// Ends all background work.
  void stop();

 private:
  [[nodiscard]] bool on(Trait t) const { return switches_.on(t); }
  Response route(const Request& r, const std::vector<std::string>& parts);
  void start_background(const ops::NodeConfig& config);
  /// Log and trade rates: an order reached this outcome.
  void reached(const char* outcome, const ShopOrder& order, const std::string& why) const;
  /// Calls `once` until it says true: three times at once at each of two layers (A03), else once.
  bool insist(const std::function<bool()>& once) const;

  // shop_window.cpp
  Response goods(const std::string& sku);
  ShopWindow::Goods query_goods();

  // shop_orders.cpp
  Response create(const Request& r, const std::string& buyer);
  Response create_in(Connection& db, const CreateBody& body, const domain::Good& good, ShopOrder order,
                     const std::string& key);
  Response show(const std::string& buyer, const std::string& order_no);
  Response list(const Request& r, const std::string& buyer);
  std::optional<ShopOrder> find(Connection& db, const std::string& order_no, bool lock = false);
  bool close_unpaid(const std::string& order_no);
  bool close_old();
  bool report();

  // shop_payment.cpp
  Response pay(const Request& r, const std::string& buyer, const std::string& order_no);
  Response pay_by_channel(store::Pool::Lease db, ShopOrder order);
  bool mark_paying(Connection& db, const ShopOrder& order);
  bool call_channel(store::Pool::Lease* request, ShopOrder& order);
  bool call_in_transaction(Connection& db, ShopOrder& order);
  bool send_payment(ShopOrder& order);
  void audit(const std::string& what, const std::string& order_no);
  Response pay_by_wallet(Connection& db, const ShopOrder& order);
  bool book_at_once(Connection& db, const ShopOrder& order);
  std::int64_t balance_of(Connection& db, const std::string& buyer);
  void book(Connection& db, const ShopOrder& order, const std::string& kind, std::int64_t balance, std::int64_t delta);
  Response wallet(const std::string& buyer);

  // shop_credit.cpp
  Response notify(const Request& r, const std::string& channel);
  Response notify_topup(const Request& r);
  bool credit(const ChannelNotify& told);
  bool credit_and_deliver(const ChannelNotify& told);
  bool credit_once(const ChannelNotify& told);
  bool ask(const std::string& channel);
  void ask_about(const ShopOrder& order, bool too_old);

  // shop_delivery.cpp
  bool do_job(const ShopJob& job);
  [[nodiscard]] ShopJob delivery_of(const ShopOrder& order) const;
  bool deliver(Connection& db, const ShopOrder& order);
  void deliver_made(Connection& db, const ShopOrder& order);
  bool deliver_cards(Connection& db, const ShopOrder& order);
  bool claim_cards(Connection& db, const ShopOrder& order);
  static std::vector<std::string> look_for_cards(Connection& db, const ShopOrder& order, int spread);
  void undeliverable(Connection& db, const ShopOrder& order, const std::string& why);

  // shop_supplier.cpp
  enum class Supply { over, again, nowhere };
  using Run = std::function<store::Rows(const char* sql, const std::vector<store::Param>& params)>;
  Supply supply(const Run& run, ShopOrder order);
  Supply supply_naively(const Run& run, const ShopOrder& order);
  Supply supply_carefully(const Run& run, ShopOrder order);
  edge::CallResult order_topup(const ShopOrder& order, const std::string& supplier, const std::string& number);
  edge::CallResult ask_topup(const ShopOrder& order, const std::string& supplier, const std::string& number);

  // shop_refund.cpp
  Response refund(const std::string& buyer, const std::string& order_no);
  Response refund_inside(Connection& db, const ShopOrder& order);
  bool give_back(Connection& db, const ShopOrder& order);
  bool give_back_to_wallet(Connection& db, const ShopOrder& order);
  bool refund_at_channel(const ShopOrder& order, const std::string& number);
  bool refund_later(const ShopJob& job);

  const domain::Switches switches_;
  const ShopLimits limits_;
  const PartnerKey partner_;
  const std::string public_url_;
  std::vector<std::string> suppliers_;  // of top-ups
  const std::vector<std::string> channel_names_;
  const int unpaid_s_;
  BusinessLog log_;
  Metrics metrics_;
  std::atomic<int> busy_{0}, calls_{0};    // requests in work, calls to partners that have not come back
  std::atomic<std::int64_t> progress_ms_;  // when a worker was last done, or all became busy
  std::unique_ptr<store::Pool> pool_;
  std::unique_ptr<ShopLimiter> limiter_;
  ShopWindow window_;
  std::map<std::string, std::unique_ptr<Workers>> channels_;  // A01 off: who calls them
  std::unique_ptr<ShopCourier> courier_;
  std::vector<std::unique_ptr<Loop>> loops_;  // last: they use all above
};

}  // namespace platform::services
