// moves: see moves.hpp; the steps are functions of store/schema_goods_sql.hpp.
#include "reference_platform/services/moves.hpp"

#include <algorithm>
#include <thread>

#include "reference_platform/services/backend.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto kMovesBorrow = 200ms, kLookAgain = 10ms, kWaitMax = 500ms;
constexpr auto kSweepEvery = 1min;
constexpr int kTidyMax = 50;

std::string flag(bool on) { return on ? "true" : "false"; }

/// The partitions of a database.
struct Parts {
  int first, count;
};
Parts parts_of(int database, int databases) {
  return {(database * store::kPartitions + databases - 1) / databases, store::kPartitions / databases};
}

}  // namespace

std::int64_t Moves::out(const Move& m, int quantity) {
  return from_pool(m)
      .take(kMovesBorrow)
      ->run("SELECT inventory_move_out($1, $2, $3, $4)", {m.id, m.sku, std::to_string(quantity), std::to_string(m.to)})
      .number(0, 0);
}

bool Moves::in(const Move& m) {
  const auto goods =
      from_pool(m)
          .take(kMovesBorrow)
          ->run("SELECT quantity, cards FROM card_moves WHERE move_id = $1 AND side = 'out' AND state = 'taken'",
                {m.id});
  if (goods.empty()) return false;
  const Parts parts = parts_of(m.to, shards_.databases());
  return to_pool(m)
             .take(kMovesBorrow)
             ->run("SELECT inventory_move_in($1, $2, $3, $4, $5, $6, $7)",
                   {m.id, m.sku, std::string(goods.text(0, 0)), std::string(goods.text(0, 1)),
                    std::to_string(parts.first), std::to_string(parts.count), flag(!switches_.on(domain::Bug::B27))})
             .text(0, 0) == "t";
}

void Moves::done(const Move& m) { from_pool(m).take(kMovesBorrow)->run("SELECT inventory_move_done($1)", {m.id}); }

bool Moves::undo(const Move& m, int quantity) {
  if (to_pool(m).take(kMovesBorrow)->run("SELECT inventory_move_refuse($1)", {m.id}).text(0, 0) != "t") {
    done(m);
    return false;
  }
  const Parts parts = parts_of(m.from, shards_.databases());
  return from_pool(m)
             .take(kMovesBorrow)
             ->run("SELECT inventory_move_back($1, $2, $3, $4, $5, $6)",
                   {m.id, m.sku, std::to_string(quantity), std::to_string(parts.first), std::to_string(parts.count),
                    flag(!switches_.on(domain::Bug::B27))})
             .text(0, 0) == "t";
}

std::int64_t Moves::try_once(const std::string& sku, int quantity, int to, bool shadow) {
  std::int64_t moved = 0;
  for (int from = 0; from < shards_.databases() && moved < quantity; ++from) {
    if (from == to) continue;
    const Move m{random_id(), sku, from, to, shadow};
    const std::int64_t taken = out(m, quantity - static_cast<int>(moved));
    if (taken <= 0) continue;
    if (!in(m)) continue;  // the janitor was quicker
    done(m);
    moved += taken;
  }
  return moved;
}

// Goods that are on their way (either way), or free and locked at this moment.
bool Moves::may_come(const std::string& sku, int to, bool shadow) {
  for (int database = 0; database < shards_.databases(); ++database) {
    const auto row =
        shards_.at(database, shadow)
            .take(kMovesBorrow)
            ->run(
                "SELECT EXISTS (SELECT 1 FROM card_moves WHERE state = 'taken' AND sku = $1) OR "
                "($2::boolean AND EXISTS (SELECT 1 FROM cards WHERE sku = $1 AND order_no IS NULL AND NOT sold))",
                {sku, flag(database != to)});
    if (row.text(0, 0) == "t") return true;
  }
  return false;
}

std::int64_t Moves::move(const std::string& sku, int quantity, int to, bool shadow, std::chrono::milliseconds limit) {
  const auto until = steady_clock::now() + std::min(limit / 2, std::chrono::milliseconds(kWaitMax));
  std::int64_t moved = try_once(sku, quantity, to, shadow);
  while (moved == 0 && may_come(sku, to, shadow)) {
    if (steady_clock::now() >= until) return -1;
    std::this_thread::sleep_for(kLookAgain);
    moved = try_once(sku, quantity, to, shadow);
  }
  metrics_.add("stock_moved_total", static_cast<double>(moved));
  log_.event("stock_moved", "", shadow ? "shadow" : "",
             sku + " " + std::to_string(moved) + " to " + std::to_string(to));
  return moved;
}

bool Moves::tidy(std::chrono::milliseconds patience) {
  bool busy = false;
  const bool sweep = steady_clock::now() >= next_sweep_;
  if (sweep) next_sweep_ = steady_clock::now() + kSweepEvery;
  for (const auto& each : shards_.each()) {
    if (!pool_not_ready(*each.pool).empty()) continue;
    try {
      // Barriers stay longer than any call can be late.
      if (sweep)
        each.pool->take(kMovesBorrow)
            ->run("DELETE FROM card_moves WHERE state <> 'taken' AND created_at < now() - interval '1 hour'");
      busy = tidy_database(each, patience) || busy;
    } catch (const std::exception& e) {  // one database that is away leaves its moves as they are, for later
      log_.event("stock_moves", "", "", e.what());
    }
  }
  return busy;
}

bool Moves::tidy_database(const store::Shards::Each& each, std::chrono::milliseconds patience) {
  const auto rows = each.pool->take(kMovesBorrow)
                        ->run(
                            "SELECT move_id, sku, target, quantity FROM card_moves WHERE state = 'taken' AND "
                            "created_at < now() - $1 * "
                            "interval '1 ms' ORDER BY created_at LIMIT $2",
                            {std::to_string(patience.count()), std::to_string(kTidyMax)});
  for (int i = 0; i < rows.size(); ++i) {
    const Move m{std::string(rows.text(i, 0)), std::string(rows.text(i, 1)), each.database,
                 static_cast<int>(rows.number(i, 2)), each.shadow};
    const bool back = undo(m, static_cast<int>(rows.number(i, 3)));
    log_.event("stock_move_tidied", "", "", m.sku + (back ? " taken back" : " was in"));
  }
  return rows.size() == kTidyMax;
}

}  // namespace platform::services
