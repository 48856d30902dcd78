// audit: the rows of audit.jsonl. One JSON object a line:
//   {"row":"source","source":"api"|"sql"}
//   {"row":"order","id","order_no","buyer","sku","class","status","paid_via","quantity","amount_cents","paid_cents",
//    "refunded_cents","cards":[{"sku":1,"index":5}|{"digest":".."}]}
//   {"row":"wallet","id","wallet","balance_cents","opening_cents"}
//   {"row":"earlier","sku":1,"cards":5}   so many cards of this SKU number were sold before the run, and stayed so
//   {"row":"ledger","id","wallet","order_no","kind","delta_cents","balance_after_cents"}   id strictly increasing
#pragma once

#include <string_view>

#include "harness/core/result.hpp"
#include "harness/judge/check.hpp"

namespace cardstorm {

/// Reads the text of audit.jsonl. Errc::invalid names the line; half an audit is none, for absence in it proves
/// nothing.
Result<Audit> audit_of_lines(std::string_view text);
/// Of what was minted, what there was to be sold when the run began: a platform that lives on may have sold some
/// before. `audit` may be null.
std::uint32_t stock_at_start(const MintedSku& sku, const Audit* audit);

}  // namespace cardstorm
