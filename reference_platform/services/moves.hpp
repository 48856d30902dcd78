// moves: brings free goods from one database to another, so that an order can be served although its own database has
// too few. Out here, in there, done here: three transactions with a barrier row on either side, so that a crash between
// any two loses and doubles nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "reference_platform/domain/switches.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services {

class Moves {
 public:
  Moves(store::Shards& shards, const domain::Switches& switches, const BusinessLog& log, Metrics& metrics)
      : shards_(shards), switches_(switches), log_(log), metrics_(metrics) {}

  /// Up to `quantity` free pieces of `sku` to database `to`, within `limit`. How many came. Goods that are under way or
  /// held by a transaction of the moment are waited for, so that 0 means that there are none; -1: there still were such
  /// when the time was over.
  std::int64_t move(const std::string& sku, int quantity, int to, bool shadow, std::chrono::milliseconds limit);

  /// The janitor: moves that nobody has finished for `patience` are refused where they go and taken back where they
  /// came from, or, where they came in already, marked as done. False: there is nothing more to do now.
  bool tidy(std::chrono::milliseconds patience);

  // The steps, each one transaction that may be repeated. `Move::id` names a move for ever.
  struct Move {
    std::string id, sku;
    int from = 0, to = 0;
    bool shadow = false;
  };
  /// How many went out; -1: it was undone before it began.
  std::int64_t out(const Move& m, int quantity);
  /// True when they are in.
  bool in(const Move& m);
  void done(const Move& m);
  /// Undoes what is not in. `quantity` is what was asked for. False: nothing was to be taken back.
  bool undo(const Move& m, int quantity);

 private:
  store::Pool& from_pool(const Move& m) { return shards_.at(m.from, m.shadow); }
  store::Pool& to_pool(const Move& m) { return shards_.at(m.to, m.shadow); }
  std::int64_t try_once(const std::string& sku, int quantity, int to, bool shadow);
  bool may_come(const std::string& sku, int to, bool shadow);
  bool tidy_database(const store::Shards::Each& each, std::chrono::milliseconds patience);

  store::Shards& shards_;
  const domain::Switches& switches_;
  const BusinessLog& log_;
  Metrics& metrics_;
  std::chrono::steady_clock::time_point next_sweep_{};
};

}  // namespace platform::services
