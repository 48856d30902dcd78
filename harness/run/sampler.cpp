// sampler: the node lane.
#include "harness/run/sampler.hpp"

#include <condition_variable>
#include <map>
#include <mutex>

namespace cardstorm {

void sample_nodes(Target& target, const Clock& clock, EventSink& history, Nanos every, const std::stop_token& stop) {
  NodeControl* control = target.nodes();
  std::mutex mutex;
  std::condition_variable_any woken;
  std::map<std::string, Node> known;
  while (control != nullptr && !stop.stop_requested()) {
    if (const auto nodes = control->nodes()) {
      int ready = 0;
      for (const Node& node : *nodes) {
        ready += node.ready ? 1 : 0;
        const auto old = known.find(node.name);
        const bool same = old != known.end() && old->second.pid == node.pid &&
                          old->second.start_time == node.start_time && old->second.instance == node.instance &&
                          old->second.ready == node.ready;
        if (!same)
          history.write(
              NodeChanged{clock.now(), node.name, node.ready, node.pid, old == known.end() ? "first seen" : ""});
        known[node.name] = node;
      }
      history.write(Sampled{clock.now(), "nodes_ready", static_cast<double>(ready)});
    }
    std::unique_lock lock(mutex);
    woken.wait_for(lock, stop, every, [] { return false; });
  }
}

}  // namespace cardstorm
