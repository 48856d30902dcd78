// db_pool_exhaustion: every database connection of one node is held, so that whoever asks for one waits. A node of ours
// takes them itself as they become free and gives them back when the lease ends; for a platform of somebody else, whose
// nodes do no such thing, the database is taken from outside (target/db_pool.hpp), and `on` names it.
#include "harness/fault/fault.hpp"

namespace cardstorm {
namespace {

class DbPoolExhaustion final : public Fault {
 public:
  DbPoolExhaustion(PoolControl& pool, std::string node) : pool_(pool), node_(std::move(node)) {}

  Result<Undo> undo() override { return pool_.undo(node_); }
  Status inject() override { return pool_.hold(node_, kLease); }
  Status heal() override { return pool_.release(node_); }

  Probe probe(std::string* note) override {
    const auto state = pool_.state(node_);
    if (!state) {
      *note = state.error().what;
      return Probe::unclear;
    }
    *note = "held " + std::to_string(state->held) + " of " + std::to_string(state->max) + ", in use " +
            std::to_string(state->used) + ", waiting " + std::to_string(state->waiting);
    if (state->held == 0) return Probe::normal;
    // What is still in use was taken before and is held as soon as it is given back: nobody new gets one.
    const bool exhausted = state->idle == 0 && state->held + state->used >= state->max;
    return exhausted ? Probe::in_force : Probe::unclear;
  }

 private:
  PoolControl& pool_;
  std::string node_;
};

Result<std::unique_ptr<Fault>> make_db_pool_exhaustion(const FaultSpec& spec, Target& target) {
  PoolControl* pool = target.pool();
  if (pool == nullptr)
    return Error{Errc::unavailable, "db_pool_exhaustion needs the ability 'pool', which this target does not offer",
                 "add 'pool' to `touch:` of a target that has it, or take the fault out"};
  const std::string node = target.resolve(spec.on);
  const auto state = pool->state(node);
  if (!state) return Error(state.error()).in("db_pool_exhaustion on " + spec.on);
  if (state->max < 1) return Error{Errc::unavailable, "'" + node + "' has no database pool"};
  return std::unique_ptr<Fault>(std::make_unique<DbPoolExhaustion>(*pool, node));
}

}  // namespace

FaultEntry db_pool_exhaustion_fault() {
  return {"db_pool_exhaustion",
          "holds every database connection of one node, or a row or slots of a database from outside",
          "a slow query, a leaked connection or a lock keeps all connections busy; every request behind them waits",
          "pool",
          {},
          make_db_pool_exhaustion};
}

}  // namespace cardstorm
