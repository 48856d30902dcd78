// payment_book: what is written down about payments. A payment is one order at one channel under one stable number;
// every change is a compare-and-set, so that a late answer, a notify and a query may come in any order and any number
// of times. All calls work on one database; whoever calls has picked it by the number (store::place_of).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "reference_platform/domain/switches.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::services {

struct Payment {
  std::string id, order_no, channel, out_trade_no, buyer, mark, trace, state;
  std::int64_t amount_cents = 0, tried = 0, asked = 0, sent_age_ms = 0, age_s = 0;
};

/// What a channel says that it took. `order_no` is "" when it did not say for which order.
struct Charge {
  std::string channel, out_trade_no, trade_no, order_no;
  std::int64_t amount_cents = 0;
};

enum class Credit { credited, repeated, surplus, unknown_payment, wrong_amount, wrong_order };
const char* name_of(Credit c);
/// What became of a charge, and whose it was.
struct Credited {
  Credit credit;
  std::string order_no, mark, trace;
};

/// A channel says that it charged: one statement, one transaction. The first to say so wins: payment paid, message to
/// the order. Money for a payment that is closed or paid already goes back by itself.
Credited record_charge(store::Connection& db, const Charge& charge, const domain::Switches& switches);

/// So many places of a channel's workers are free.
struct Room {
  std::string channel;
  int places = 0;
};

/// Payments that never left the house, for all channels at once; from now on they may have ("sent"), until `lease`
/// passes.
std::vector<Payment> take_new(store::Connection& db, const std::vector<Room>& rooms, int lease_ms);
/// Payments whose state at the channel should be asked for now. The lease is `lease_ms` for the first question, up to
/// four times that later.
std::vector<Payment> take_due(store::Connection& db, const std::vector<Room>& rooms, int lease_ms);
/// Payments that never left the house change to the first of `to` that their order has not used. How many.
std::int64_t reroute_new(store::Connection& db, const std::string& from, const std::vector<std::string>& to);
/// Payments that waited longer than `age_s` for a channel and never left the house are closed; their orders are told.
void expire_new(store::Connection& db, const std::string& channel, int age_s);

/// What was learnt about a payment: written down in batches, for losing it costs one more question.
struct Learnt {
  enum class What { waiting, ask_again, unsent, absent };
  std::string payment_id;
  What what;  // unsent: surely not sent, may go anywhere; absent: to be created there again, under the same number
  std::string trade_no;  // of waiting
  int next_ms = 0;
};
/// One statement. Only what is still open changes.
void write_learnt(store::Connection& db, const std::vector<Learnt>& all);

/// Surely no money at this channel, now and later. Goes on at the first of `next_channels` that the order has not used;
/// when there is none the order is told that it stays unpaid.
void close_payment(store::Connection& db, const Payment& p, const std::vector<std::string>& next_channels);
/// Nobody asks for this payment any more. Only planted defect B03 does that.
void stop_asking(store::Connection& db, const std::string& out_trade_no);

}  // namespace platform::services
