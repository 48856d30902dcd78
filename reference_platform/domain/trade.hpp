// trade: the rules of the shop that need no database: prices, who may refund what, what a buyer may send.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace platform::domain {

struct PriceStep {
  std::int64_t from_quantity = 0, price_cents = 0;
};

struct Good {
  std::string sku, name, goods_class;  // game_card | membership | topup | equipment
  std::int64_t price_cents = 0, stock = 0;
  bool unlimited = false;
  std::vector<PriceStep> wholesale;  // rising from_quantity
};

inline constexpr std::int64_t kQuantityMax = 1000;
/// What an unlimited good shows as its stock.
inline constexpr std::int64_t kUnlimitedStock = 999999;

/// Cards are counted out from stock; everything else is made at delivery.
inline bool needs_cards(std::string_view goods_class) { return goods_class == "game_card"; }

/// The price of the whole order: the wholesale price holds for all pieces from its quantity on.
std::int64_t amount_of(const Good& good, std::int64_t quantity);

/// Why a buyer cannot order this, as an error code of api.md; "" when he can.
std::string refuse_order(const Good& good, std::int64_t quantity, std::string_view phone);

/// Only a membership or an equipment transfer can be taken back after delivery.
bool refundable(std::string_view goods_class, std::string_view status);

/// Up to 32 letters, digits, dashes.
bool valid_buyer(std::string_view name);

/// 1 and ten digits.
bool valid_phone(std::string_view phone);

/// What the buyer gets for a good that is no card: stable for one order, not guessable without the key.
std::string receipt_of(std::string_view goods_class, std::string_view order_no, std::string_view random);

}  // namespace platform::domain
