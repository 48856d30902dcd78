// peers: the load generators that others use, as found on this machine: how each is asked for the same load, and what
// one would conclude from what it prints.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/bench/bench.hpp"
#include "harness/core/clock.hpp"

namespace cardstorm {

// rate 0: as fast as it can
struct PeerLoad {
  std::string url;
  int rate = 0;
  int seconds = 0;
  int connections = 32;
};

/// What a tool said. `success` is what its user computes from its counts; nullopt: it printed no result.
struct PeerSays {
  std::optional<double> requests, ok, success, p50_ms, p99_ms;
  double wall_s = 0, cpu_s = 0;
  std::string words;  // its own error words, one line
};

struct Peer {
  std::string name;
  bool holds_rate = true;  // false: closed loop, a rate cannot be asked for
  std::vector<std::string> (*args)(const PeerLoad&, const std::string& dir);
  PeerSays (*read)(const std::string& printed, const PeerLoad&, const std::string& dir);
};
const std::vector<Peer>& peers();

/// The program's path in `dirs` or PATH, "" when it is not there.
std::string find_peer(const std::string& name, const std::vector<std::string>& dirs);
/// Runs it to its end (at most load.seconds + 30 s); `on_start` is called when it has been started. Processor time is
/// that of its whole tree.
Result<PeerSays> run_peer(const Peer& peer, const std::string& program, const PeerLoad& load, const std::string& dir,
                          int cpu, const std::function<void()>& on_start = {});

/// "1.25ms", "870us", "2.1s" as milliseconds.
std::optional<double> millis_of(const std::string& text);

}  // namespace cardstorm
