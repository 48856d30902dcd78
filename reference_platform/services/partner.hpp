// partner: signed calls to payment channels and supplier, and the check of their signed notifies (contract:
// harness/partners/api.md).
#pragma once

#include <cstdint>
#include <string>

#include "reference_platform/edge/http.hpp"

namespace platform::services {

struct PartnerKey {
  std::string url, key;
};

/// hex(HMAC-SHA256(key, METHOD "\n" PATH "\n" TIMESTAMP "\n" BODY)). PATH is path and query as sent.
std::string partner_sign(const std::string& key, const std::string& method, const std::string& path,
                         const std::string& timestamp, const std::string& body);

/// Blocking. `mark` goes along as X-Cardstorm-Mark when it is not empty.
edge::CallResult partner_call(const PartnerKey& partner, const std::string& method, const std::string& path,
                              const std::string& body, const std::string& mark, const edge::CallOptions& options);

/// Whether a notify was signed with the key within the last 300 s.
bool partner_signed(const std::string& key, const edge::Request& request);

/// The channels' and the supplier's calls, by name.
struct PayOrder {
  std::string channel, out_trade_no, order_no, buyer, mark, notify_url;
  std::int64_t amount_cents = 0;
};
edge::CallResult channel_pay(const PartnerKey& p, const PayOrder& pay, const edge::CallOptions& options);
edge::CallResult channel_query(const PartnerKey& p, const std::string& channel, const std::string& out_trade_no,
                               const std::string& mark, const edge::CallOptions& options);
edge::CallResult channel_close(const PartnerKey& p, const std::string& channel, const std::string& out_trade_no,
                               const std::string& mark, const edge::CallOptions& options);
struct RefundOrder {
  std::string channel, out_trade_no, refund_no, mark;
  std::int64_t amount_cents = 0;
};
edge::CallResult channel_refund(const PartnerKey& p, const RefundOrder& refund, const edge::CallOptions& options);
edge::CallResult channel_refund_query(const PartnerKey& p, const std::string& channel, const std::string& refund_no,
                                      const std::string& mark, const edge::CallOptions& options);
/// What the channel charged from `since` on and before `until` (unix seconds).
edge::CallResult channel_bill(const PartnerKey& p, const std::string& channel, std::int64_t since, std::int64_t until,
                              const edge::CallOptions& options);
struct TopupOrder {
  std::string request_no, order_no, phone, mark, notify_url;
  std::int64_t amount_cents = 0;
};
edge::CallResult topup_order(const PartnerKey& p, const TopupOrder& order, const edge::CallOptions& options);
edge::CallResult topup_query(const PartnerKey& p, const std::string& request_no, const std::string& mark,
                             const edge::CallOptions& options);

/// Digests for suppliers of other dialects, lower hex.
std::string hmac_sha256_hex(const std::string& key, const std::string& text);
std::string md5_hex(const std::string& text);
/// Compares without telling by its time where they differ.
bool same_secret(const std::string& a, const std::string& b);

/// 20 hex digits that only we can make for an order: activation codes and the like.
std::string keyed_code(const std::string& key, const std::string& text);

}  // namespace platform::services
