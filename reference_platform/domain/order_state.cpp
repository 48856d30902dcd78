// order_state: see order_state.hpp.
#include "reference_platform/domain/order_state.hpp"

#include <algorithm>

namespace platform::domain {
namespace {

using S = OrderState;

constexpr S kCreated[] = {S::created}, kPaying[] = {S::paying}, kPaid[] = {S::paid}, kDelivered[] = {S::delivered},
            kRefunding[] = {S::refunding};
constexpr S kUnpaid[] = {S::created, S::paying}, kUndelivered[] = {S::paid, S::delivering};

constexpr MoveRow kMoves[] = {
    {OrderMove::ask_channel, "ask_channel", kCreated, S::paying},
    {OrderMove::pay_from_wallet, "pay_from_wallet", kCreated, S::paid},
    {OrderMove::charge, "charge", kUnpaid, S::paid},
    {OrderMove::expire, "expire", kCreated, S::closed},
    {OrderMove::stay_unpaid, "stay_unpaid", kPaying, S::closed},
    {OrderMove::start_delivery, "start_delivery", kPaid, S::delivering},
    {OrderMove::deliver, "deliver", kUndelivered, S::delivered},
    {OrderMove::undeliverable, "undeliverable", kUndelivered, S::refunding},
    {OrderMove::cancel, "cancel", kPaid, S::refunding},
    {OrderMove::take_back, "take_back", kDelivered, S::refunding},
    {OrderMove::money_back, "money_back", kRefunding, S::refunded},
};

const MoveRow& row_of(OrderMove move) {
  return *std::find_if(std::begin(kMoves), std::end(kMoves), [move](const MoveRow& r) { return r.move == move; });
}

}  // namespace

std::string_view name_of(OrderState state) {
  static constexpr std::string_view kNames[kOrderStates] = {
      "created", "paying", "paid", "delivering", "delivered", "closed", "refunding", "refunded", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

std::span<const MoveRow> order_moves() { return kMoves; }

std::string status_before(OrderMove move) {
  std::string out;
  for (const OrderState s : row_of(move).from)
    out.append(out.empty() ? "status IN ('" : ",'").append(name_of(s)).append("'");
  return out + ")";
}

std::string status_after(OrderMove move) { return "status = '" + std::string(name_of(row_of(move).to)) + "'"; }

bool may_move(OrderState from, OrderState to) {
  return std::any_of(std::begin(kMoves), std::end(kMoves), [from, to](const MoveRow& r) {
    return r.to == to && std::find(r.from.begin(), r.from.end(), from) != r.from.end();
  });
}

}  // namespace platform::domain
