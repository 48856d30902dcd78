// order_state: the states of an order as an explicit graph. Every change of status in the hardened variant is one of
// these moves, written as a compare-and-set whose two halves come from here; a trigger on the table
// (store/schema_orders_sql.hpp) refuses everything else.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace platform::domain {

enum class OrderState { created, paying, paid, delivering, delivered, closed, refunding, refunded, failed };
inline constexpr int kOrderStates = 9;
std::string_view name_of(OrderState state);

enum class OrderMove {
  ask_channel,  // the buyer pays at a channel: its money is on its way or is not
  pay_from_wallet,
  charge,          // a channel has charged
  expire,          // nobody paid in time
  stay_unpaid,     // no channel has or will have money for it
  start_delivery,  // a supplier or the logistics partner works on it
  deliver,
  undeliverable,  // nothing was delivered and nothing will be: the money goes back
  cancel,         // the buyer takes a paid order back before anything was delivered
  take_back,      // the buyer gives a delivered one back
  money_back,     // all that was promised has been given back
};
struct MoveRow {
  OrderMove move;
  const char* name;
  std::span<const OrderState> from;
  OrderState to;
};
/// The graph. Each move once.
std::span<const MoveRow> order_moves();

/// "status IN ('created','paying')": the states that the move may start from.
std::string status_before(OrderMove move);
/// "status = 'paid'": where it leads.
std::string status_after(OrderMove move);
/// Whether some move leads from one to the other.
bool may_move(OrderState from, OrderState to);

}  // namespace platform::domain
