// order: orders and wallets of the hardened variant. Two instances share the tables of all databases; whatever one of
// them was doing when it died, the other one finishes. Every change of state is a compare-and-set
// (domain/order_state.hpp) in one transaction with the message that tells of it.
#include <memory>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/account.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/backend.hpp"
#include "reference_platform/services/background.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/intake.hpp"
#include "reference_platform/services/order_create.hpp"
#include "reference_platform/services/order_events.hpp"
#include "reference_platform/services/order_pay.hpp"
#include "reference_platform/services/order_refund.hpp"
#include "reference_platform/services/order_view.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/services/session.hpp"
#include "reference_platform/services/wallet.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using edge::Request;
using edge::Response;

constexpr int kOrderWorkers = 12;
constexpr int kOrderPoolSize = 6;  // per database: a database that hangs keeps half of the workers at most

class Orders {
 public:
  explicit Orders(const ops::NodeConfig& config)
      : config_(config),
        channels_(channel_names(config)),
        log_(config.name),
        shards_(config.database_urls, config.shadow_urls, {"", kOrderPoolSize, 1000ms, 1000ms}),
        guard_(shards_.databases()),
        terms_(shards_),
        coupons_(shards_, config_.switches, option(config, "coupon_settle_s", 30)),
        sessions_(config.partners_key, store::make_redis(config.redis_url)),
        intake_(make_intake()),
        creation_(config_, shards_, terms_, coupons_, intake_.get(), log_, metrics_) {
    for (const auto& each : shards_.each()) {
      events_.push_back(
          std::make_unique<OrderEvents>(each, coupons_, log_, metrics_,
                                        OrderEvents::Options{option(config, "unpaid_close_s", 300), config.switches}));
      loops_.push_back(
          std::make_unique<Loop>("order events " + std::to_string(each.database) + (each.shadow ? " shadow" : ""), 50ms,
                                 [e = events_.back().get()] { return e->step(); }));
    }
  }

  Response handle(const Request& r);
  store::Shards& shards() { return shards_; }
  [[nodiscard]] std::string not_ready() const {
    return guard_.all_away() ? "no database answers" : pool_not_ready(shards_);
  }
  std::string metrics() const { return metrics_.text(); }

 private:
  std::unique_ptr<Intake> make_intake() {
    if (config_.queue_url.empty()) return nullptr;
    return std::make_unique<Intake>(config_.name, queue::make_queue(config_.queue_url), shards_,
                                    reserve_way(config_.switches), log_, metrics_);
  }
  Response audit(const Request& r);
  Response sessions(const Request& r);
  Response for_buyer(const Request& r, const std::vector<std::string>& parts, const std::string& buyer,
                     store::Place place);
  Response for_order(const Request& r, const std::vector<std::string>& parts, const std::string& buyer,
                     store::Place place);

  const ops::NodeConfig config_;
  const std::vector<std::string> channels_;
  BusinessLog log_;
  Metrics metrics_;
  store::Shards shards_;
  DatabaseGuard guard_;
  OrderTerms terms_;
  Coupons coupons_;
  Sessions sessions_;
  std::unique_ptr<Intake> intake_;
  OrderCreate creation_;
  std::vector<std::unique_ptr<OrderEvents>> events_;
  std::vector<std::unique_ptr<Loop>> loops_;  // last: end first
};

Response Orders::handle(const Request& r) {
  const auto parts = path_parts(r.path);
  const std::string head = parts.empty() ? "" : parts[0];
  if (head == "audit") return audit(r);
  if (head == "sessions") return sessions(r);
  if (head == "operator") return operate(shards_, terms_, r);
  if (head != "orders" && head != "wallet" && head != "account") return error_answer(404, "not_found");
  std::string buyer = buyer_of(r);
  std::optional<Sessions::Session> session;
  if (const std::string& token = r.header("x-session"); !token.empty()) {
    session = sessions_.read(token);
    if (!session) return no_session();
    if (!r.header("x-buyer").empty() && session->buyer != buyer) return no_session("the session is another buyer's");
    buyer = session->buyer;
  }
  if (buyer.empty())
    return error_answer(400, "bad_buyer",
                        "X-Session, or X-Buyer with the buyer's name: up to 32 letters, digits, dashes");
  const store::Place place = shards_.of_buyer(buyer, !mark_of(r).empty());
  return guarded(guard_, shards_.database_of(place), [&] {
    if (session && sessions_.ended(*session, *borrow(shards_.at(shards_.of_buyer(buyer, session->marked)), r)))
      return no_session();
    return for_buyer(r, parts, buyer, place);
  });
}

Response Orders::audit(const Request& r) {
  if (r.method == "GET" && r.path == "/audit/marked") return audit_marked(config_.database_urls, config_.shadow_urls);
  return audit_page(shards_, r);
}

Response Orders::sessions(const Request& r) {
  if (r.path != "/sessions") return error_answer(404, "not_found");
  if (r.method == "POST") return sessions_.log_in(r);
  if (r.method != "GET" && r.method != "DELETE") return error_answer(405, "bad_method");
  const auto session = sessions_.read(r.header("x-session"));
  if (!session) return no_session();
  const store::Place place = shards_.of_buyer(session->buyer, session->marked);
  return guarded(guard_, shards_.database_of(place), [&] {
    auto db = borrow(shards_.at(place), r);
    return r.method == "GET" ? sessions_.look(*session, *db) : sessions_.log_out(*session, *db);
  });
}

Response Orders::for_buyer(const Request& r, const std::vector<std::string>& parts, const std::string& buyer,
                           store::Place place) {
  const bool get = r.method == "GET", post = r.method == "POST";
  if (!get && !post) return error_answer(405, "bad_method");
  if (parts[0] == "account")
    return get && parts.size() == 1 ? show_account(terms_, buyer, place.shadow) : error_answer(404, "not_found");
  if (parts[0] == "wallet") {
    if (get && parts.size() == 1) return show_wallet(*borrow(shards_.at(place), r), buyer);
    if (get && parts.size() == 2 && parts[1] == "entries")
      return wallet_entries(*borrow(shards_.at(place), r), r, buyer);
    if (post && parts.size() == 2 && parts[1] == "recharge")
      return recharge_wallet(*borrow(shards_.at(place), r), r, buyer, place, channels_);
    return error_answer(404, "not_found");
  }
  if (parts.size() == 1)
    return post ? creation_.create(r, buyer, place) : list_orders(*borrow(shards_.at(place), r), r, buyer, place);
  return for_order(r, parts, buyer, place);
}

// The number says where the order is; it is the buyer's own only where the buyer's orders are. Looking is free; but a
// marked request changes no real order, nor the other way round.
Response Orders::for_order(const Request& r, const std::vector<std::string>& parts, const std::string& buyer,
                           store::Place place) {
  const auto found = store::place_of(parts[1]);
  const bool post = r.method == "POST";
  if (!found || found->partition != place.partition || (found->shadow && !shards_.has_shadow()) ||
      (post && found->shadow != place.shadow) || !plain_text(parts[1], 32)) {
    return error_answer(404, "unknown_order");
  }
  const OrderId order{*found, parts[1], buyer};
  const std::string verb = parts.size() == 3 ? parts[2] : "";
  if (!post && parts.size() == 2) return show_order(*borrow(shards_.at(order.place), r), order);
  if (post && verb == "refund") return refund_order(*borrow(shards_.at(order.place), r), r, order, log_);
  if (post && verb == "confirm") return confirm_order(*borrow(shards_.at(order.place), r), order);
  if (!post || verb != "pay") return error_answer(404, "not_found");
  const std::string channel = read_channel(r.body, channels_);
  if (channel.empty()) return bad_channel(channels_, true);
  auto db = borrow(shards_.at(order.place), r);
  return channel == "wallet" ? pay_from_wallet(*db, order, config_.switches, log_)
                             : pay_at_channel(*db, order, channel, log_);
}

}  // namespace

ops::Service make_order(const ops::NodeConfig& config) {
  const auto orders = std::make_shared<Orders>(config);
  ops::Service service = backend_service(config, kOrderWorkers, orders);
  service.not_ready = [orders] { return orders->not_ready(); };
  return service;
}

}  // namespace platform::services
