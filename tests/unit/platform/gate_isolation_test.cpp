// The isolation matrix: a part of the hardened shop is away; what a buyer can still do stands in
// reference_platform/README.md, and holds.
#include "reference_platform/ops/layout.hpp"
#include "tests/unit/platform/isolation.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

class Isolation : public Hardened, public ::testing::WithParamInterface<std::size_t> {
 protected:
  /// Takes away what the row names; `back` undoes it.
  void take_away(const std::string& away) {
    for (const auto& n : nodes_)
      if (names(away, n.name)) stop_one(n);
    if (away.find("database") != std::string::npos)
      for (const int database : databases_of(away)) set_away(database, true);
    if (away == "the channels" || away == "the suppliers")
      partners_->refuse(away == "the channels" ? "channel" : "supplier");
  }
  void give_back(const std::string& away) {
    for (const auto& n : nodes_)
      if (names(away, n.name)) start(n);
    for (const int database : databases_of(away)) set_away(database, false);
    partners_->refuse("");
  }
  static bool names(const std::string& away, const std::string& node) {
    return away.starts_with(node) || (away == "order-1 and order-2" && node == "order-2");
  }
  static std::vector<int> databases_of(const std::string& away) {
    if (away == "both databases") return {0, 1};
    return away.starts_with("one database") ? std::vector<int>{1} : std::vector<int>{};
  }
};

TEST_P(Isolation, ABuyerGoesOnAsFarAsTheTableSays) {
  const IsolationRow row = read_isolation_matrix().at(GetParam());
  if (kDatabases < 2 && !databases_of(row.away).empty()) GTEST_SKIP() << "needs two databases";
  configure();
  if (row.away.starts_with("Redis")) {  // in these tests nobody is at its address
    for (auto& n : nodes_) n.queue_url = n.redis_url;
  }
  start_here();
  const std::string buyer = buyer_in(row.away == "one database, for its own buyers" ? 1 : 0);
  IsolationWalk walk([&](const auto& method, const auto& path, const auto& body,
                         const auto& key) { return as_buyer(url_, buyer, method, path, body, key); },
                     *partners_);
  walk.before();
  if (HasFatalFailure()) return;
  take_away(row.away);
  walk.during(row);
  give_back(row.away);
  walk.after(row);
}

std::string name_of_row(const ::testing::TestParamInfo<std::size_t>& info) {
  const std::string away = read_isolation_matrix().at(info.param).away;
  std::string out;
  for (const char c : away) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) out += c;
  }
  return out;
}

/// None when the table cannot be read: the test below says why.
std::size_t rows() {
  try {
    return read_isolation_matrix().size();
  } catch (const std::exception&) {
    return 0;
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Isolation);
INSTANTIATE_TEST_SUITE_P(Away, Isolation, ::testing::Range(std::size_t{0}, rows()), name_of_row);

TEST(IsolationMatrix, HasALineForEveryNode) {
  std::string lines;
  for (const auto& row : read_isolation_matrix()) lines += row.away + "\n";
  for (const auto& instance : ops::layout("hardened"))
    EXPECT_NE(lines.find(instance.name), std::string::npos) << instance.name;
}

}  // namespace
}  // namespace platform::services_test
