// behaviour: how a partner misbehaves, as data: one set of numbers per partner, the same words for every dialect.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// Shares lie in 0 to 1; which message or call they hit depends on the seed alone. Durations are divided by time_scale.
struct PartnerBehaviour {
  std::optional<std::vector<Nanos>> schedule;  // gaps between the notifies of one message; unset: the dialect's own
  std::optional<double>
      duplicate;              // notify attempts that go out as two copies at the same time; unset: the share of all
  double drop = 0;            // notify attempts that are lost on the way
  double silent = 0;          // messages that are never sent: the shop has to ask
  double early = 0;           // payments whose notify comes before the answer to their create call
  double reorder = 0;         // messages that the next one overtakes
  double late = 0;            // buyers who pay only after `late_after`
  double after_close = 0;     // close calls that the buyer's payment overtakes: the call is refused, the notify follows
  double hostile = 0;         // payments before which somebody else sends a forged notify
  double lose_query = 0;      // queries that are never answered in time
  double refund_pending = 0;  // refunds that are only accepted, and decided after `refund_after`
  double refund_fail = 0;     // pending refunds that end without money
  double fail = 0, partial = 0;  // supplier orders that end failed, or with fewer pieces than ordered
  double unseen = 0;             // supplier orders that a query does not find during `unseen_for`
  Nanos late_after = 20min, refund_after = 1min, unseen_for = 1min;
  Nanos close_after = 5min;  // WeChat Pay closes nothing that is younger
  std::string notify;        // where notifies go instead of the address in the request
  std::string order_from =
      "out_trade_no";          // which member of a payment names the shop's order: out_trade_no | attach | subject
  std::string price = "1.00";  // supplier: yuan that a piece costs
  std::string id;              // merchant id, app id, pid, Api-Key; empty: from the keys folder, or made
  std::string stock;  // supplier: a folder of NAME.txt, one card a line, dealt out once each; empty: cards of its own
};

struct PartnerSpec {
  std::string name, dialect = "native";
  PartnerBehaviour behaviour = {};
  std::vector<std::string> keys = {};  // those that were given
};

/// Who keeps to a key.
enum class PartnerRole { channel, supplier };
/// False for a key that would change nothing there.
bool partner_key_fits(const std::string& key, PartnerRole role);

/// Reads "NAME=DIALECT[,key=value...]", as options give it. All mistakes at once; known dialects are checked by
/// start_partners().
Result<PartnerSpec> parse_partner(const std::string& text);
/// "15s/15s/30s/3m", or "none" for a single attempt.
Result<std::vector<Nanos>> parse_schedule(const std::string& text);
/// The keys that parse_partner knows, for help.
std::vector<std::string> partner_option_names();

}  // namespace cardstorm
