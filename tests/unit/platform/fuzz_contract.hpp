// fuzz_contract: what is promised to those whose requests are refused: a code that api.md names for this call, and that
// nothing has changed.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "reference_platform/store/pg.hpp"

namespace platform::services_test {

/// api.md as far as refusals go.
class Contract {
 public:
  Contract();
  /// Codes that stand in the table row of `call`, and those that the text outside of the tables names for all calls.
  [[nodiscard]] bool knows(const std::string& call, const std::string& code) const;
  /// Every "GET /path" that it names, without the query.
  [[nodiscard]] const std::set<std::string>& calls() const { return calls_; }

 private:
  std::set<std::string> everywhere_, calls_;
  std::vector<std::pair<std::string, std::set<std::string>>> rows_;  // a row's text and its codes
};

/// Every committed change of any row of some databases. Rows that were written as they were are no change.
class Journal {
 public:
  explicit Journal(const std::vector<std::string>& database_urls);
  [[nodiscard]] std::int64_t changes() const;
  /// The latest ones, to be read by people.
  [[nodiscard]] std::string latest() const;

 private:
  std::vector<std::unique_ptr<store::Connection>> databases_;
};

}  // namespace platform::services_test
