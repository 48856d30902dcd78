// partners: payment channels, suppliers and logistics, as simulators that any platform can be pointed at. They are the
// bank: their fsynced journals are a witness. Wire contract: partners/api.md; journal lines: partners/journal.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"
#include "harness/net/allow.hpp"
#include "harness/net/http_server.hpp"
#include "harness/partners/behaviour.hpp"

namespace cardstorm {

struct PartnersSetup {
  int port = 0;
  std::string journal_dir;  // NAME.jsonl of each partner is written here
  std::string key;          // shared secret of the native dialects; never printed
  std::string keys_dir;  // ids, secrets and key pairs of the others, and merchant.json; "": only native ones can be had
  std::string control_token;  // for /control/...
  std::uint64_t seed = 1;
  double time_scale = 60;  // notify retry gaps are divided by this
  Nanos answer{40ms};      // how long a channel takes to answer, spread +-50 %
  Nanos confirm{120ms};    // from create to the buyer's confirmation (the charge)
  AllowList allow;         // where notifies may go
  double duplicate_share =
      0.02;  // of notify attempts go out as two copies in flight at the same time, as WeChat Pay warns
  std::vector<PartnerSpec> channels{{.name = "alpha"}, {.name = "beta"}};
  std::vector<PartnerSpec> suppliers{{.name = "topup"}};  // logistics too: dialect transfer
};

/// Puts `spec` in place of the one of its name, or behind the others.
void put_partner(std::vector<PartnerSpec>& partners, PartnerSpec spec);
/// "name: what it is", a line per dialect, for help.
std::string dialects_text();

class Partners {
 public:
  virtual ~Partners() = default;
  [[nodiscard]] virtual int port() const = 0;
  /// "" while the journals can be written. Afterwards every call is answered 503 and nothing leaves any more. Any
  /// thread.
  [[nodiscard]] virtual std::string problem() const = 0;
};

/// Returns when it listens; all mistakes in the setup at once. Errc::unavailable when the port is taken or
/// `journal_dir` holds journals already. Destroying it ends the journals with their `closed` lines.
Result<std::unique_ptr<Partners>> start_partners(const PartnersSetup& setup);

}  // namespace cardstorm
