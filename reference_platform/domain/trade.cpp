// trade: the shop's rules, pure.
#include "reference_platform/domain/trade.hpp"

#include <algorithm>
#include <cctype>

namespace platform::domain {

std::int64_t amount_of(const Good& good, std::int64_t quantity) {
  std::int64_t price = good.price_cents;
  for (const PriceStep& step : good.wholesale) {
    if (quantity >= step.from_quantity) price = step.price_cents;
  }
  return price * quantity;
}

std::string refuse_order(const Good& good, std::int64_t quantity, std::string_view phone) {
  if (quantity < 1 || quantity > kQuantityMax) return "bad_quantity";
  if (good.goods_class != "topup") return "";
  if (quantity != 1) return "bad_quantity";  // one top-up, one request at the supplier
  return valid_phone(phone) ? "" : "bad_phone";
}

bool refundable(std::string_view goods_class, std::string_view status) {
  return status == "delivered" && (goods_class == "membership" || goods_class == "equipment");
}

bool valid_buyer(std::string_view name) {
  return !name.empty() && name.size() <= 32 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

bool valid_phone(std::string_view phone) {
  return phone.size() == 11 && phone[0] == '1' &&
         std::all_of(phone.begin(), phone.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string receipt_of(std::string_view goods_class, std::string_view order_no, std::string_view random) {
  if (goods_class == "topup") return "T" + std::string(order_no);
  return std::string(goods_class == "membership" ? "M-" : "E-") + std::string(random.substr(0, 20));
}

}  // namespace platform::domain
