// The order's states: the graph of the code and the one that the table enforces are the same, and nothing leads past
// it.
#include <filesystem>
#include <fstream>

#include "reference_platform/domain/order_state.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using domain::OrderState;

std::vector<OrderState> all_states() {
  std::vector<OrderState> out;
  for (int i = 0; i < domain::kOrderStates; ++i) out.push_back(static_cast<OrderState>(i));
  return out;
}

TEST(OrderState, WritesBothHalvesOfACompareAndSet) {
  EXPECT_EQ(domain::status_before(domain::OrderMove::charge), "status IN ('created','paying')");
  EXPECT_EQ(domain::status_after(domain::OrderMove::charge), "status = 'paid'");
}

TEST(OrderState, EndsSomewhereFromEverywhereAndNeverComesBack) {
  for (const OrderState s : all_states()) {
    EXPECT_FALSE(domain::may_move(s, OrderState::created));
    EXPECT_FALSE(domain::may_move(OrderState::refunded, s));
    EXPECT_FALSE(domain::may_move(OrderState::closed, s));
  }
}

TEST_F(Hardened, KeepsOrdersOnTheGraphWhoeverWrites) {
  auto db = dbs_.front()->take();
  int tried = 0;
  for (const OrderState from : all_states()) {
    for (const OrderState to : all_states()) {
      const std::string no = "H0x" + std::to_string(++tried), a(domain::name_of(from)), b(domain::name_of(to));
      db->run(
          "INSERT INTO orders(part, order_no, buyer, sku, class, quantity, amount_cents, status) VALUES (0, $1, 'b', "
          "'s', 'game_card', 1, 1, $2)",
          {no, a});
      bool moved = true;
      try {
        db->run("UPDATE orders SET status = $2 WHERE part = 0 AND order_no = $1", {no, b});
      } catch (const store::SqlError& e) {
        EXPECT_EQ(e.state, "23514");
        moved = false;
      }
      EXPECT_EQ(moved, from == to || domain::may_move(from, to)) << a << " to " << b;
    }
  }
}

// The table refuses a wrong move; the code must not even try: outside of the graph's own file no statement names a
// state to move to.
TEST(OrderState, IsNamedByNoStatementThatSetsIt) {
  int updates = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing_paths::source_dir() + "/reference_platform/services")) {
    const std::string name = entry.path().filename();
    if (entry.path().extension() != ".cpp" || name.starts_with("shop"))
      continue;  // the fragile variant moves as it likes
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      const auto set = line.find("UPDATE orders");
      if (set == std::string::npos) continue;
      ++updates;
      EXPECT_EQ(line.find("SET status", set), std::string::npos) << name << ": " << line;
      EXPECT_EQ(line.substr(set, line.find(" WHERE", set) - set).find("status = '"), std::string::npos)
          << name << ": " << line;
    }
  }
  EXPECT_GT(updates, 8);  // else it looked at the wrong place
}

}  // namespace
}  // namespace platform::services_test
