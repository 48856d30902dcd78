// doctor_try: a minute in which a user sees whether the verdict on their own platform can be trusted: a control without
// faults, a planted duplicate notify, and a delay of a simulator that the platform does not use, which must not be
// taken for resilience.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "harness/core/result.hpp"
#include "harness/run/doctor.hpp"
#include "harness/run/progress.hpp"
#include "harness/scenario/load.hpp"

namespace cardstorm {

struct TryRequest {
  std::string target;  // file, or name under scenarios/targets
  std::string root;    // folder that holds scenarios/
  std::string out;     // folder of both runs; must not exist
  std::string self, binary_dir;
  std::string mint;  // stock that the platform sells, "" = not ours
  Known known;
};

struct TryEnd {
  std::vector<Mistake> mistakes;  // of the target's files: then nothing was done
  std::vector<DoctorFact> facts;  // try_control, try_duplicate, try_bypassed
  bool interrupted = false;
  int residue = 0;
};

Result<TryEnd> try_target(const TryRequest& request, Progress& progress, const std::stop_token& stop);

/// What the journals of one run say about the channels: who had payments, and how many trades were notified more than
/// once.
struct ChannelUse {
  std::string channel;
  int payments = 0, repeated = 0;
};
std::vector<ChannelUse> channel_use(const std::string& run_dir);

}  // namespace cardstorm
