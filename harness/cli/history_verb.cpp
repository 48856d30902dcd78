// history: look into the event log of a run.
#include <filesystem>
#include <iostream>
#include <set>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/history/history.hpp"

namespace cardstorm {
namespace {

int warn(const std::vector<HistoryDamage>& damage) {
  for (const auto& d : damage)
    std::cerr << "cardstorm: " << d.file << " at byte " << d.offset << ": " << d.what << "\n";
  return damage.empty() ? kPass : kUnknown;
}

int stats(const std::string& dir) {
  const auto found = history_stats(dir);
  if (!found) return complain(found.error());
  Json kinds = Json::object(), lanes = Json::array();
  for (const auto& [name, count] : found->by_kind) kinds.set(name, count);
  for (const auto& lane : found->lanes)
    lanes.push(Json::object({{"name", lane.name}, {"events", lane.events}, {"bytes", lane.bytes}}));
  std::cout << Json::object({{"events", found->events},
                             {"by_kind", kinds},
                             {"lanes", lanes},
                             {"first_s", seconds(found->first)},
                             {"last_s", seconds(found->last)},
                             {"damage", static_cast<std::uint64_t>(found->damage.size())}})
                   .dump(2)
            << "\n";
  return warn(found->damage);
}

/// Every order that our buyers saw, once, in order of time: what is to be purged from a platform that keeps its data.
int orders(const std::string& dir) {
  std::set<std::string> told;
  const auto damage = read_history(dir, [&](const Event& e) {
    if (const auto* order = std::get_if<OrderSeen>(&e); order != nullptr && told.insert(order->order).second)
      std::cout << order->order << "\n";
  });
  return damage ? warn(*damage) : complain(damage.error());
}

int run_history(const Args& args) {
  const std::string folder = args.get("run"), dir = folder + "/history";
  // `latest` is a drill's folder after a drill, and that has a history for each of its runs.
  if (std::filesystem::is_directory(folder + "/candidate"))
    return complain(Error{Errc::not_found, folder + " is a drill's folder",
                          "name one of its runs, such as " + folder + "/candidate/1"});
  if (args.get("action") == "stats") return stats(dir);
  if (args.get("action") == "orders") return orders(dir);
  const auto damage = read_history(dir, [](const Event& e) { std::cout << json_of_event(e).dump() << "\n"; });
  return damage ? warn(*damage) : complain(damage.error());
}

}  // namespace

Verb verb_history() {
  return {"history",
          "look into the event log of a run",
          "  cardstorm history stats reports/runs/latest\n  cardstorm history cat reports/runs/latest | grep "
          "fault_changed\n"
          "  cardstorm history orders reports/runs/latest > to-purge.txt",
          {{"action",
            "cat: one JSON object per event, in order of time; stats: counts; orders: the numbers of all orders that "
            "our buyers saw, one a line, for a later purge; export: like cat",
            true,
            {"cat", "stats", "orders", "export"}},
           {"run", "a run folder"}},
          {},
          run_history};
}

}  // namespace cardstorm
