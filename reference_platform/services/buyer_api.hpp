// buyer_api: the buyer's side of api.md as both variants speak it: what comes in, checked, and the shape of the
// answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reference_platform/domain/trade.hpp"
#include "reference_platform/edge/http.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::services {

inline constexpr std::int64_t kOpeningCents = 10'000'000;  // of every new wallet

/// Printable and not longer than `size_max` bytes; may be empty.
bool plain_text(std::string_view text, std::size_t size_max);

/// The buyer's name; "" when missing or malformed.
std::string buyer_of(const edge::Request& request);
inline std::string mark_of(const edge::Request& request) { return request.header("x-cardstorm-mark"); }

struct CreateBody {
  std::string sku, phone;
  std::int64_t quantity = 0;
  std::string coupon;
};
/// nullopt: not JSON, or not these members, or a text that no name of ours can be (control characters, too long).
std::optional<CreateBody> read_create(const std::string& body);
/// One of `channels`, or "wallet"; "" for anything else.
std::string read_channel(const std::string& body, const std::vector<std::string>& channels);
edge::Response bad_channel(const std::vector<std::string>& channels, bool wallet_too);

/// What a channel (or the supplier) tells in a notify.
struct ChannelNotify {
  std::string channel, trade_no, out_trade_no, order_no;
  std::int64_t amount_cents = 0;
};
std::optional<ChannelNotify> read_notify(const std::string& body);

std::string goods_json(const domain::Good& good, bool with_steps);
std::string goods_list_json(const std::vector<domain::Good>& goods);
std::string created_json(const std::string& order_no, const std::string& status, const std::string& sku,
                         std::int64_t quantity, std::int64_t amount_cents);
/// The answer to pay: delivering is paid, as far as paying goes.
std::string pay_json(const std::string& order_no, const std::string& status);
std::string refund_json(const std::string& order_no, const std::string& status, std::int64_t amount_cents);
std::string wallet_json(const std::string& buyer, std::int64_t balance_cents);

}  // namespace platform::services
