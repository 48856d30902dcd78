// session: one run of one plan against one target, from an empty folder to a recorded one. The only place where all
// parts meet: lanes for sending, breaking and sampling, none of which waits for another.
#pragma once

#include <stop_token>
#include <string>

#include "harness/core/result.hpp"
#include "harness/run/progress.hpp"
#include "harness/scenario/load.hpp"

namespace cardstorm {

struct SessionRequest {
  const Loaded& loaded;
  std::string out;         // the run folder; must not exist
  std::string self;        // our own binary: guardian and partners are started from it
  std::string binary_dir;  // where cardstorm-platform lies
  std::string command;     // the command that repeats this run
  bool keep_stores = false;
  std::string postgres_url = {}, redis_url = {};  // existing stores, "" = private ones
  int metrics_port = -1;                          // -1: none
  std::string mint_dir = {};  // stock minted before, that the target sells already; "" = mint for this run
};

struct SessionEnd {
  bool interrupted = false;
  int residue = 0;  // faults that could not be reverted
};

/// Runs to the end or to a stop request; either way everything started is ended and everything broken is mended before
/// it returns. An error means that the run could not be made (nothing is left running); a partial folder may remain.
Result<SessionEnd> run_session(const SessionRequest& request, Progress& progress, const std::stop_token& stop);

}  // namespace cardstorm
