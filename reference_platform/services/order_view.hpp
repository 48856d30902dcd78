// order_view: what is only looked at: one order, a buyer's orders, and the audit pages over all databases.
#pragma once

#include <string>
#include <vector>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/services/order_pay.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

/// GET /orders/{no}. An order that came through the queue and was refused there says so for some minutes (409).
edge::Response show_order(store::Connection& db, const OrderId& order);
/// GET /orders?after=&limit=: the newest first; `after` is the `next` of the page before.
edge::Response list_orders(store::Connection& db, const edge::Request& r, const std::string& buyer, store::Place place);

/// GET /audit/{orders,wallets,ledger}: a keyset page over all databases, merged by id; of the shadow tables when the
/// request is marked and there are such. Throws when one database does not answer: half an audit is none.
edge::Response audit_page(store::Shards& shards, const edge::Request& r);

/// GET /audit/marked: rows with a mark in real tables, rows without one in shadow tables. Its own connections, one
/// after the other: it may take long.
edge::Response audit_marked(const std::vector<std::string>& real_urls, const std::vector<std::string>& shadow_urls);

}  // namespace platform::services
