// isolation: the isolation matrix of reference_platform/README.md, read as it stands there, and one line of it
// measured.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {

inline const std::vector<std::string> kIsolationColumns{"browse", "order",    "pay (wallet)", "pay (channel)", "look",
                                                        "list",   "callback", "cards",        "top-ups"};

// by column: yes, later, no
struct IsolationRow {
  std::string away;
  std::map<std::string, std::string> cells;
};
/// Throws std::runtime_error when the table is not there or not of this shape.
std::vector<IsolationRow> read_isolation_matrix();

/// A buyer's walk beside a part that is away: before, while, and after.
class IsolationWalk {
 public:
  using Ask = std::function<Answer(const std::string& method, const std::string& path, const std::string& body,
                                   const std::string& key)>;
  /// `ask` as this buyer; `partners` are the shop's.
  IsolationWalk(Ask ask, FakePartners& partners) : ask_(std::move(ask)), partners_(partners) {}

  /// Everything is there: an order paid at a channel, and goods in the caches.
  void before();
  /// Expects of every cell what the row says, while it is away. Returns at once for what comes later.
  void during(const IsolationRow& row);
  /// It is back: what was put off is done, and once only.
  void after(const IsolationRow& row);

 private:
  Answer create(const std::string& sku, const std::string& key);
  Answer pay(const std::string& no, const std::string& channel);
  bool delivered(const std::string& no, std::chrono::milliseconds limit);
  bool charged(const std::string& no, std::chrono::milliseconds limit);
  bool callback();

  const Ask ask_;
  FakePartners& partners_;
  std::string old_, card_, channel_, topup_;  // order numbers
};

}  // namespace platform::services_test
