// routes: a routes file says which journey stands for which route of a log. A log holds no bodies: a write that no
// entry maps is never replayed blind, but refused by name.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/plan/arrivals.hpp"
#include "harness/scenario/journeys.hpp"
#include "harness/scenario/yaml_fields.hpp"
#include "harness/trace/recording.hpp"

namespace cardstorm {

/// One entry of `map:`. A line that fits `route` starts one trade of one of `journeys` (their weights decide); lines of
/// the same session that fit `covers` are steps of that journey already, and are absorbed.
struct RouteEntry {
  std::string route;
  std::vector<std::string> journeys, covers;
  Place at, journeys_at;
};

struct RoutesFile {
  std::string name, why;
  std::vector<RouteEntry> map;
  std::vector<std::string> ignore, skip_writes;
  bool replay_reads = false;
  Place at, map_at;
};

/// The journey that replays a read as it was recorded, with the headers that all steps of `others` have alike (such as
/// the buyer's name). A journeys file may hold one of this name instead.
inline constexpr const char* kReplayGet = "replay_get";
Journey replay_get_journey(const std::vector<PlacedJourney>& others);

/// Whether "METHOD /path" fits a pattern such as "GET /goods/*"; `*` stands for any text.
bool route_fits(std::string_view pattern, std::string_view line);

RoutesFile read_routes(const Yaml& root, Mistakes& mistakes);

/// The recording as starts of trades. `journey` finds a journey by name. Unmapped writes are mistakes at the file's
/// `map`.
Trace apply_routes(const RoutesFile& routes, const Recording& recording,
                   const std::function<std::optional<std::uint16_t>(const std::string&)>& journey, Mistakes& mistakes);

/// The recording as arrivals of which each starts a trade of the mix.
Trace trace_of_recording(const Recording& recording);

}  // namespace cardstorm
