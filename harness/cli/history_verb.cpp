// history: look into the event log of a run.
#include <iostream>
#include <map>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/history/history.hpp"

namespace cardstorm {
namespace {

int warn(const std::vector<HistoryDamage>& damage) {
  for (const auto& d : damage) std::cerr << "cardstorm: " << d.file << " at byte " << d.offset << ": " << d.what << "\n";
  return damage.empty() ? kPass : kUnknown;
}

int run(const Args& args) {
  const std::string action = args.get("action"), dir = args.get("run") + "/history";
  std::map<std::string, std::uint64_t> counts;
  Nanos first = Nanos::max(), last = Nanos::min();
  const bool cat = action != "stats";
  std::ostream& out = std::cout;
  const auto damage = read_history(dir, [&](const Event& e) {
    if (cat) {
      out << json_of_event(e).dump() << "\n";
      return;
    }
    ++counts[std::string(name_of(e))];
    first = std::min(first, time_of(e));
    last = std::max(last, time_of(e));
  });
  if (!damage) return complain(damage.error());
  if (!cat) {
    Json row = Json::object();
    for (const auto& [name, count] : counts) row.set(name, count);
    if (!counts.empty()) row.set("first_s", seconds(first)).set("last_s", seconds(last));
    row.set("damage", static_cast<std::uint64_t>(damage->size()));
    out << row.dump(2) << "\n";
  }
  return warn(*damage);
}

}  // namespace

Verb verb_history() {
  return {"history", "look into the event log of a run", "  cardstorm history stats reports/runs/latest\n  cardstorm history cat reports/runs/latest | grep fault_changed",
          {{"action", "cat: one JSON object per event, in order of time; stats: counts; export: like cat", true, {"cat", "stats", "export"}}, {"run", "a run folder"}}, {}, run};
}

}  // namespace cardstorm
