// drill: the order of the runs.
#include "harness/run/drill.hpp"

#include <filesystem>

namespace cardstorm {

Result<SessionEnd> run_drill(const DrillRequest& request, Progress& progress, const std::stop_token& stop) {
  std::error_code error;
  if (std::filesystem::exists(request.out))
    return Error{Errc::unavailable, "the out folder " + request.out + " exists already",
                 "choose another --out, or remove it yourself"};
  std::filesystem::create_directories(request.out, error);
  if (error)
    return Error{Errc::unavailable, "cannot make the out folder " + request.out + ": " + error.message(),
                 "choose a writable --out with space"};

  SessionEnd all;
  for (int repeat = 1; repeat <= request.repeats; ++repeat) {
    for (const int turn : {0, 1}) {
      const bool baseline = (turn == 0) == (repeat % 2 == 1);
      const std::string side = baseline ? "baseline" : "candidate";
      const Loaded& loaded = baseline ? request.baseline : request.candidate;
      std::string name = side + " " + loaded.target.name;
      if (request.repeats > 1) name += " " + std::to_string(repeat) + "/" + std::to_string(request.repeats);
      progress.prefix(name);
      SessionRequest one{.loaded = loaded,
                         .out = request.out + "/" + side + "/" + std::to_string(repeat),
                         .self = request.self,
                         .binary_dir = request.binary_dir,
                         .command = request.command,
                         .keep_stores = request.keep_stores,
                         .postgres_url = request.postgres_url,
                         .redis_url = request.redis_url};
      const auto end = run_session(one, progress, stop);
      if (!end) return std::move(Error(end.error())).in(name);
      all.residue += end->residue;
      if (end->interrupted) {
        all.interrupted = true;
        return all;
      }
    }
  }
  return all;
}

}  // namespace cardstorm
