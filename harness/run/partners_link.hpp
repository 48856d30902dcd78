// partners_link: the payment channels and suppliers of a run: our own process, which no fault kills, or simulators that
// run already and that the target file names. Either way their journals end up in the run folder: they are the
// witnesses.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/core/result.hpp"
#include "harness/lease/process.hpp"
#include "harness/net/allow.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm {

class PartnersLink {
 public:
  struct Own {
    std::string self, run_dir, secrets;
    std::uint64_t seed = 1;
    std::vector<std::string> allow;
  };
  /// Starts a process that ends with us. Its key and token are written into `secrets` (0600).
  static Result<PartnersLink> start(const Own& own);
  /// Errc::unavailable when they do not answer, Errc::not_found when token or journal cannot be read.
  static Result<PartnersLink> attach(const PartnersSpec& spec, const AllowList& allow);

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& token() const { return token_; }
  /// null when they are not ours.
  [[nodiscard]] const Process* process() const { return process_ ? &*process_ : nullptr; }
  /// "" while they can keep their journals.
  [[nodiscard]] std::string problem(const AllowList& allow) const;
  /// Ends our own in an orderly way. Of others it copies what they wrote from `start` (monotonic) on into
  /// `run_dir`/partners.
  Status end(const std::string& run_dir, Nanos start);

 private:
  std::optional<Process> process_;
  std::string url_, token_, journal_;
};

/// Names of the journals in `dir`, sorted: alpha, beta, topup.
std::vector<std::string> journal_names(const std::string& dir);
/// The head line of each journal in `from`, its lines of time `start` or later, and a closing line that says that it is
/// a copy.
Status copy_journals(const std::string& from, const std::string& to, Nanos start);

}  // namespace cardstorm
