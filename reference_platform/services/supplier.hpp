// supplier: those who deliver what we sold, each in the words of its trade: phone top-ups and memberships (native),
// equipment by logistics (transfer), cards from another shop's stock (hmac, sharedstock). Contract:
// harness/partners/api.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reference_platform/services/partner.hpp"

namespace platform::services {

struct SupplyRequest {
  std::string request_no, order_no, target, sku, notify_url;  // target: a phone number or an account
  std::string supply_no;                                      // the supplier's own number, once known
  int quantity = 1;
  std::int64_t amount_cents = 0;
};

/// What became of a request, as far as one answer tells. Only done, partial and failed are ends.
enum class Supplied {
  unknown,   // no answer, or one that is not understood: it may have been taken
  unsent,    // surely never left
  absent,    // the supplier does not know it: no failure, and no promise that it will stay so
  accepted,  // taken, not done
  done,
  partial,  // done for a part
  failed,   // surely nothing was or will be delivered
  refused,  // this call had no effect
  taken,    // this number was used before, and what it brought cannot be asked for
  revoked,
};

struct SupplyAnswer {
  Supplied what = Supplied::unknown;
  bool alive = false;  // it answered like something that works; for its breaker
  std::string supply_no = {}, why = {};
  int delivered = 0;                 // pieces
  std::int64_t delivered_cents = 0;  // what of the amount was delivered
  std::vector<std::string> cards = {};
};

// stock below 0: without end; price below 1: not understood
struct Offer {
  std::string sku;
  std::int64_t stock = 0, price_cents = 0;
};

/// Blocking; any thread. A request number orders once, however often it is sent.
class SupplierClient {
 public:
  virtual ~SupplierClient() = default;
  virtual SupplyAnswer order(const SupplyRequest& r) = 0;
  virtual SupplyAnswer query(const SupplyRequest& r) = 0;
  /// Takes back what was delivered, or stops what is not done yet. Twice is fine.
  virtual SupplyAnswer revoke(const SupplyRequest&) {
    return {Supplied::refused, true, {}, "this supplier takes nothing back"};
  }
  /// A question that changes nothing, for a breaker that wants to close.
  virtual bool alive() = 0;
  /// What can be had there; nullopt when it does not say.
  virtual std::optional<std::vector<Offer>> offers() { return std::nullopt; }
  /// What a signed notify of this supplier tells; nullopt when it is none.
  virtual std::optional<SupplyAnswer> told(const std::string&) const { return std::nullopt; }
};

/// Where and as whom we buy. `dialect`: native, transfer, hmac, sharedstock.
struct SupplierSetup {
  std::string name, dialect, url, id, key;
};

/// nullptr for an unknown dialect.
std::unique_ptr<SupplierClient> make_supplier(const SupplierSetup& setup);

std::unique_ptr<SupplierClient> make_native_supplier(const SupplierSetup& setup);
std::unique_ptr<SupplierClient> make_transfer_supplier(const SupplierSetup& setup);
std::unique_ptr<SupplierClient> make_hmac_supplier(const SupplierSetup& setup);
std::unique_ptr<SupplierClient> make_sharedstock_supplier(const SupplierSetup& setup);

/// "19.90" as cents; nullopt for anything else. Digit by digit, never as a floating number.
std::optional<std::int64_t> cents_of(std::string_view yuan);
std::string yuan_of(std::int64_t cents);
/// The lines of a text, without empty ones.
std::vector<std::string> lines_of(std::string_view text);

/// A form: "a=b&c=d", percent-encoded, and back; names in sorted order.
using Form = std::map<std::string, std::string>;
std::string form_text(const Form& form);
/// nullopt for broken encoding or a name that stands twice.
std::optional<Form> parse_form(std::string_view text);
/// md5 over the sorted parameters that are not empty, without `sign`, then "&key=" and the key (the SharedStock
/// dialect).
std::string sharedstock_sign(const Form& form, const std::string& key);
/// HMAC-SHA256 over method, path, time and the md5 of the body (the HMAC dialect).
std::string upstream_sign(const std::string& key, const std::string& method, const std::string& path,
                          const std::string& timestamp, const std::string& body);

}  // namespace platform::services
