// support: what the tests of this room share: a recorder of edges, segments of a few milliseconds, a fault made of
// lambdas.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "harness/fault/lane.hpp"
#include "harness/target/nodes.hpp"
#include "tests/contract/fake_target.hpp"
#include "tests/support/temp_dir.hpp"

namespace cardstorm::test {

class Recorder final : public EventSink {
 public:
  void write(const Event& e) override {
    const std::lock_guard lock(mutex_);
    if (const auto* changed = std::get_if<FaultChanged>(&e)) edges_.push_back(*changed);
  }
  std::vector<FaultChanged> edges() const {
    const std::lock_guard lock(mutex_);
    return edges_;
  }
  std::string names() const {
    std::string text;
    for (const auto& e : edges()) text += (text.empty() ? "" : " ") + std::string(to_text(e.edge));
    return text;
  }
  bool has(FaultEdge edge) const { return at(edge) >= Nanos(0); }
  Nanos at(FaultEdge edge) const {
    for (const auto& e : edges())
      if (e.edge == edge) return e.at;
    return Nanos(-1);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<FaultChanged> edges_;
};

/// A segment that begins at `begin`: fault after 40 ms, healed at 400 ms (or `heal`), horizon at 700 ms (or later).
/// Long enough for a busy machine: no test may depend on its speed.
inline Segment segment(const std::string& fault, const std::string& on, Nanos begin = Nanos(0), Nanos heal = 400ms,
                       Nanos horizon = 700ms) {
  Segment s{};
  s.begin = begin;
  s.index = static_cast<std::uint32_t>(begin / Nanos(1s));
  s.fault_at = begin + 40ms;
  s.heal_at = begin + heal;
  s.horizon_at = begin + horizon;
  s.end = begin + horizon + 100ms;
  s.fault.fault = fault;
  s.fault.on = on;
  return s;
}

/// Looks every 10 ms; what ends a wait early is the effect, not the limit.
inline FaultLimits quick() {
  FaultLimits limits;
  limits.prepare = 30ms;
  limits.verify = 3s;
  limits.clear = 5s;
  limits.clear_stopped = 3s;
  limits.probe_gap = 10ms;
  limits.renew = 50ms;
  return limits;
}

/// A target that has nodes and nothing else.
class NodesTarget final : public Target {
 public:
  explicit NodesTarget(const NodeSpecs& specs) : nodes_(make_nodes(specs, "")) {}
  Status start(Nanos, const std::stop_token&) override { return ok(); }
  Status stop() override { return ok(); }
  [[nodiscard]] std::string url() const override { return ""; }
  [[nodiscard]] std::string version() const override { return ""; }
  NodeControl* nodes() override { return nodes_.get(); }

 private:
  std::unique_ptr<NodeControl> nodes_;
};

/// A fault whose every answer the test decides.
struct Script {
  std::function<Status()> inject = [] { return ok(); }, heal = [] { return ok(); };
  std::function<Probe()> probe = [] { return Probe::in_force; };
  Result<Undo> undo = Undo(CommandUndo{{"true"}, 1s});
  bool one_shot = false;
};
class ScriptedFault final : public Fault {
 public:
  explicit ScriptedFault(Script& script) : script_(script) {}
  Result<Undo> undo() override { return script_.undo; }
  Status inject() override { return script_.inject(); }
  Status heal() override { return script_.heal(); }
  Probe probe(std::string* note) override {
    *note = "scripted";
    return script_.probe();
  }
  [[nodiscard]] bool one_shot() const override { return script_.one_shot; }

 private:
  Script& script_;
};
inline auto scripted(Script& script) {
  return [&script](const FaultSpec&, Target&) {
    return Result<std::unique_ptr<Fault>>(std::make_unique<ScriptedFault>(script));
  };
}

}  // namespace cardstorm::test
