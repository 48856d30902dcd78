// selling: other shops buy from us, in the words that they know: SharedStock (acg-faka) below /shared and HMAC
// (dujiao-next) below /api/v1/upstream. Behind both stands one desk: a merchant's account orders like any buyer and
// pays from its wallet.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/node.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

struct Merchant {
  std::string app_id, secret, account;
};
struct SoldGood {
  std::int64_t id = 0;
  std::string sku, name;
  std::int64_t price_cents = 0, stock = 0;
};

/// An order of a merchant as it stands. `state`: our order's status; "" where it never came to be, with the reason in
/// `refused` (sold_out, no_money, unknown_sku, bad_quantity, conflict, try_again).
struct SoldOrder {
  std::string refused, state, order_no, sku;
  std::int64_t id = 0, amount_cents = 0;
  int quantity = 0;
  std::vector<std::string> cards = {};
};

class SellingDesk {
 public:
  SellingDesk(const ops::NodeConfig& config, store::Shards& shards) : config_(config), shards_(shards) {}

  /// nullopt: nobody of that name.
  std::optional<Merchant> merchant(const edge::Request& r, const std::string& app_id);
  /// Makes a merchant, or finds the one that is there with the same account; nullopt: the name is taken by another
  /// account.
  std::optional<Merchant> make_merchant(const edge::Request& r, const std::string& app_id, const std::string& account);

  /// What can be bought: cards, as the catalogue shows them. nullopt: it does not answer.
  std::optional<std::vector<SoldGood>> goods();
  /// Orders, pays from the wallet, and waits up to `wait` for the cards. The same request_no again is the same order.
  SoldOrder buy(const edge::Request& r, const Merchant& m, const std::string& sku, std::int64_t quantity,
                const std::string& request_no, const std::string& callback_url, std::chrono::milliseconds wait);
  /// By our order number, or by id; refused "unknown" when it is not this merchant's.
  SoldOrder look(const edge::Request& r, const Merchant& m, const std::string& order_no, std::int64_t id = 0);
  std::optional<std::int64_t> balance(const Merchant& m);

  /// Orders whose callback is due, leased for 10 s: at most `each` of a merchant, `most` in all, none of those who are
  /// `busy`; `order` is as it stood when it was made.
  struct Due {
    Merchant merchant;
    SoldOrder order;
    std::string request_no, url, mark, trace;
    int tries = 0;
  };
  std::vector<Due> due(store::Pool& pool, const std::vector<std::string>& busy, int each, int most);
  /// As it stands now; and what came of telling.
  void look_again(Due& d) { fill(d.merchant, d.order); }
  void told(store::Pool& pool, const Due& d, bool acknowledged, bool over);

 private:
  struct Answer {
    int status = 0;
    domain::Json json;
  };
  Answer ask(const std::string& role, const Merchant& m, const std::string& method, const std::string& path,
             const std::string& body = "", const std::string& key = "");
  void fill(const Merchant& m, SoldOrder& order);
  store::Pool& pool_of(const Merchant& m);

  const ops::NodeConfig& config_;
  store::Shards& shards_;
};

/// The dialects. `path` is what follows their root.
edge::Response sharedstock_answer(SellingDesk& desk, const edge::Request& r);
edge::Response upstream_answer(SellingDesk& desk, const std::string& callback_prefix, const edge::Request& r);
/// Tells a merchant of its order, if there is something to tell by now. Takes up to 5 s.
void tell_callback(SellingDesk& desk, store::Pool& pool, SellingDesk::Due d);

}  // namespace platform::services
