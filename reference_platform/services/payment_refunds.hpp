// payment_refunds: what is written down about refunds. Whoever wants one writes a row; it has one number for all its
// life, whatever is tried, and ends done (the channel's word that the money has moved) or stuck (for people).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reference_platform/services/payment_book.hpp"

namespace platform::services {

struct Refund {
  std::string refund_no, order_no, channel, out_trade_no, reason, mark, trace, state;
  std::int64_t amount_cents = 0, asked = 0, failed = 0;
};

/// Refunds that are due at channels with room, new ones and those that were only accepted so far.
std::vector<Refund> take_refunds(store::Connection& db, const std::vector<Room>& rooms, int lease_ms);
/// Whether the money that it gives back is known from a notify only: of a payment that was paid or closed before, the
/// channel was not asked.
bool only_told_of(const Refund& refund);
/// What our books say was charged under the number, for the order and as surplus.
std::int64_t booked_cents(store::Connection& db, const std::string& out_trade_no);
/// The money has moved: message `refunded`, except for surplus money, of which the order knows nothing.
void refund_done(store::Connection& db, const Refund& refund);
/// The channel has taken it on: from now on it is asked, not told.
void refund_accepted(store::Connection& db, const Refund& refund, int next_ms);
/// Surely not moved: to be sent again under the same number.
void refund_failed(store::Connection& db, const Refund& refund, int next_ms);
void refund_again(store::Connection& db, const Refund& refund, int next_ms);
void refund_stuck(store::Connection& db, const Refund& refund, const std::string& trouble);
/// A person says: try again. False when it is not stuck.
bool refund_unstick(store::Connection& db, const std::string& refund_no);

}  // namespace platform::services
