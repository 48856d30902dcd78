// partners: two payment channels and a phone top-up supplier, as simulators that any platform can be pointed at. They are the
// bank: their fsynced journals are a witness. Wire contract: partners/api.md; journal lines: partners/journal.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"
#include "harness/net/allow.hpp"
#include "harness/net/http_server.hpp"

namespace cardstorm {

struct PartnersSetup {
  int port = 0;
  std::string journal_dir;             // alpha.jsonl, beta.jsonl, topup.jsonl are written here
  std::string key;                     // shared secret for signatures; never printed
  std::string control_token;           // for /control/...
  std::uint64_t seed = 1;
  double time_scale = 60;              // notify retry gaps are divided by this
  Nanos answer{40ms};                  // how long a channel takes to answer, spread +-50 %
  Nanos confirm{120ms};                // from create to the buyer's confirmation (the charge)
  AllowList allow;                     // where notifies may go
  double duplicate_share = 0.02;       // of notify attempts go out as two copies in flight at the same time, as WeChat Pay warns
};

class Partners {
 public:
  virtual ~Partners() = default;
  [[nodiscard]] virtual int port() const = 0;
  /// "" while the journals can be written. Afterwards every call is answered 503 and nothing leaves any more. Any thread.
  [[nodiscard]] virtual std::string problem() const = 0;
};

/// Returns when it listens. Errc::unavailable when the port is taken or `journal_dir` holds journals already.
/// Destroying it ends the journals with their `closed` lines.
Result<std::unique_ptr<Partners>> start_partners(const PartnersSetup& setup);

}  // namespace cardstorm
