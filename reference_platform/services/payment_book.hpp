// payment_book: what is written down about payments. A payment is one order at one channel under one stable number; every change is
// a compare-and-set, so that a late answer, a notify and a query may come in any order and any number of times.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reference_platform/store/pg.hpp"

namespace platform::services {

struct Payment {
  std::string id, order_no, channel, out_trade_no, buyer, mark, state;
  std::int64_t amount_cents = 0, asked = 0, absent = 0, sent_age_ms = 0, age_s = 0;
};

enum class Credit { credited, repeated, surplus, unknown_payment, wrong_amount };
const char* name_of(Credit c);

/// A channel says that it charged. The first to say so wins: payment paid, message to the order, all in one transaction. Money
/// for a payment that is closed or paid already goes back by itself.
Credit record_charge(store::Connection& db, const std::string& channel, const std::string& out_trade_no, const std::string& trade_no, std::int64_t amount_cents);

/// Up to `limit` payments that never left the house; from now on they may have ("sent"), until `lease` passes.
std::vector<Payment> take_new(store::Connection& db, const std::string& channel, int limit, int lease_ms);
/// Payments that never left the house change to another channel that they have not used. How many.
std::int64_t reroute_new(store::Connection& db, const std::string& from, const std::string& to);
/// Payments that waited longer than `age_s` for a channel and never left the house are closed; their orders are told.
void expire_new(store::Connection& db, const std::string& channel, int age_s);
/// Payments whose state at the channel should be asked for now. The lease is `lease_ms` for the first question, up to four times that later.
std::vector<Payment> take_due(store::Connection& db, const std::string& channel, int limit, int lease_ms);

void set_waiting(store::Connection& db, const Payment& p, const std::string& trade_no, int next_ms);
/// Surely not sent: may go anywhere.
void set_unsent(store::Connection& db, const Payment& p, int next_ms);
/// The channel does not know it: to be created there again, under the same number.
void set_absent(store::Connection& db, const Payment& p);
void ask_again(store::Connection& db, const Payment& p, int next_ms);
/// Surely no money at this channel, now and later. Goes on at `next_channel` ("" or one used before: the order is told that it stays unpaid).
void close_payment(store::Connection& db, const Payment& p, const std::string& next_channel);

struct Refund { std::string refund_no, order_no, channel, out_trade_no, reason, mark; std::int64_t amount_cents = 0, asked = 0; };
std::vector<Refund> take_refunds(store::Connection& db, const std::string& channel, int limit, int lease_ms);
void refund_done(store::Connection& db, const Refund& refund);
void refund_stuck(store::Connection& db, const Refund& refund);
void refund_again(store::Connection& db, const Refund& refund, int next_ms);

}  // namespace platform::services
