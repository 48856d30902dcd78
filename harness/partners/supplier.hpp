// supplier: the order book of those who deliver for the platform: phone top-ups, cards from somebody else's stock,
// transfers of virtual equipment. Accepted is not done, and one request number orders once. The words are its dialect's
// business.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/partners/partner.hpp"

namespace cardstorm::partners {

enum class SupplierKind { topup, cards, transfer };
enum class SupplyStatus { accepted, success, partial, failed, cancelled, revoked };

struct Supply {
  std::string request_no, supply_no, order, target_digest, product, notify_url;
  std::int64_t id = 0;      // 1, 2, 3, ...
  std::int64_t amount = 0;  // cents of all pieces
  int quantity = 1, delivered = 0;
  std::vector<std::string> cards;  // what was delivered; never in a journal
  SupplyStatus status = SupplyStatus::accepted;
  std::int64_t done_at = 0;  // unix seconds
  Nanos unseen_until{0};
};

/// What of the amount was delivered.
inline std::int64_t delivered_cents(const Supply& supply) {
  return supply.status == SupplyStatus::success   ? supply.amount
         : supply.status == SupplyStatus::partial ? supply.amount / 2
                                                  : 0;
}

struct SupplyWanted {
  std::string request_no, order, target_digest = {}, product = {}, notify_url = {};
  std::int64_t amount = 0;
  int quantity = 1;
  bool at_once = false;  // deliver before the answer
};

// stock -1: without end; price in cents
struct Product {
  int id = 0;
  std::string name;
  std::int64_t stock = -1, price = 0;
};

enum class Taken { ok, conflict, no_such_product, no_stock };
struct Ordered {
  Taken taken = Taken::ok;
  const Supply* supply = nullptr;
  bool fresh = false;
};

/// The words of one kind of supplier. Called on the server's thread.
class SupplierDialect {
 public:
  virtual ~SupplierDialect() = default;
  /// A call below the supplier's address; `call` is the rest of the path, without the first slash. Checks who is
  /// asking.
  virtual Answer handle(const ServerRequest& request, const std::string& call) = 0;
  /// The call that a path without the partner's name stands for.
  [[nodiscard]] virtual std::string root_call(const std::string& path) const { return path; }
  /// Whether this kind of supplier calls back at all.
  [[nodiscard]] virtual bool tells() const { return true; }
  [[nodiscard]] virtual HttpRequest tell(const Supply& supply, const std::string& notify_no) const = 0;
  [[nodiscard]] virtual bool acknowledged(int status, const std::string& body) const = 0;
  [[nodiscard]] virtual std::vector<Nanos> gaps() const = 0;
  /// What a shop's admin enters, for a supplier that is reached at `base`.
  [[nodiscard]] virtual Json card(const std::string& base) const = 0;
};

class Supplier final : public Partner {
 public:
  Supplier(Book book, std::string name, PartnerContext context, PartnerBehaviour behaviour, SupplierKind kind);
  /// Reads the stock folder, if there is one: NAME.txt is a product, a line is a card.
  Status load_stock();

  void speak(SupplierDialect& dialect) { dialect_ = &dialect; }

  /// Takes an order, or finds the one of that request number; conflict when that one asks for something else.
  Ordered order(const SupplyWanted& wanted);
  /// nullptr when there is none, or while it is not to be seen yet.
  [[nodiscard]] const Supply* find(const std::string& request_no) const;
  [[nodiscard]] const Supply* find_numbered(const std::string& supply_no) const;
  [[nodiscard]] const Supply* find_id(std::int64_t id) const;
  /// The order of that number, seen or not; nullptr when there is none.
  [[nodiscard]] const Supply* known(const std::string& request_no) const;
  [[nodiscard]] bool knows(const std::string& request_no) const { return known(request_no) != nullptr; }
  /// Takes back what was delivered, or stops what is not done yet; twice is fine. False when nothing was or will be
  /// delivered.
  bool revoke(const std::string& request_no);
  /// False when it is done already.
  bool cancel(const std::string& request_no);
  [[nodiscard]] std::vector<Product> products() const;
  /// Digests a phone number or an account: they never stand in the clear.
  [[nodiscard]] std::string digest(const std::string& kind, const std::string& text) const;
  void digest_with(std::string key) { key_ = std::move(key); }
  [[nodiscard]] Json state() const;

 private:
  struct Shelf {
    std::string name;
    std::deque<std::string> cards;
  };

  Taken reserve(const SupplyWanted& wanted, std::vector<std::string>& cards);
  void put_back(Supply& supply, std::size_t keep);
  void settle(const std::string& request_no);
  void note(const char* what, const Supply& supply);
  void notify(const std::string& request_no);

  SupplierKind kind_;
  SupplierDialect* dialect_ = nullptr;
  std::string key_;
  std::int64_t price_ = 0;
  bool own_cards_ = true;                             // no stock folder: cards without end
  std::vector<Shelf> shelves_;                        // product id is its place, from 1
  std::unordered_map<std::string, Supply> supplies_;  // by request_no
  std::unordered_map<std::string, std::string> by_number_;
  std::vector<std::string> by_id_;
};

}  // namespace cardstorm::partners
