// audit_since: what was there before the run is not the run's.
#include "harness/run/audit_since.hpp"

#include <gtest/gtest.h>

namespace cardstorm {
namespace {

std::vector<Json> rows(const std::vector<std::string>& lines) {
  std::vector<Json> out;
  for (const std::string& line : lines) out.push_back(*Json::parse(line));
  return out;
}

TEST(AuditSince, LeavesWhatHappenedInTheRun) {
  const auto before =
      rows({R"({"row":"source","source":"sql"})", R"({"row":"order","id":1,"order_no":"old","status":"DONE"})",
            R"({"row":"order","id":2,"order_no":"open","status":"NEW"})",
            R"({"row":"wallet","id":1,"wallet":"w","balance_cents":70,"opening_cents":100})",
            R"({"row":"ledger","id":4,"wallet":"w","delta_cents":-30})"});
  const auto after = audit_since(
      before, rows({R"({"row":"source","source":"sql"})", R"({"row":"order","id":7,"order_no":"old","status":"DONE"})",
                    R"({"row":"order","id":2,"order_no":"open","status":"PAID"})",
                    R"({"row":"order","id":3,"order_no":"new","status":"DONE"})",
                    R"({"row":"wallet","id":1,"wallet":"w","balance_cents":50,"opening_cents":100})",
                    R"({"row":"wallet","id":2,"wallet":"v","balance_cents":5,"opening_cents":5})",
                    R"({"row":"ledger","id":4,"wallet":"w","delta_cents":-30})",
                    R"({"row":"ledger","id":5,"wallet":"w","delta_cents":-20})"}));
  ASSERT_EQ(after.size(), 6u);
  EXPECT_EQ(after[1]["order_no"].string(), "open") << "changed in the run";
  EXPECT_EQ(after[2]["order_no"].string(), "new");
  EXPECT_EQ(after[3]["opening_cents"].integer(), 70);
  EXPECT_EQ(after[4]["opening_cents"].integer(), 5) << "a wallet of this run";
  EXPECT_EQ(after[5]["id"].integer(), 5);
}

TEST(AuditSince, TellsWhichCardsWereSoldBefore) {
  const std::string sold = R"({"row":"order","id":1,"order_no":"a","status":"delivered","cards":["A","B"]})";
  const std::string back = R"({"row":"order","id":2,"order_no":"b","status":"refunded","cards":["C"]})";
  const std::string was = R"({"row":"order","id":3,"order_no":"c","status":"delivered","cards":["D"]})";
  const std::string is = R"({"row":"order","id":3,"order_no":"c","status":"refunding","cards":["D"]})";
  const std::string fresh = R"({"row":"order","id":4,"order_no":"d","status":"delivered","cards":["E"]})";
  const auto after = audit_since(rows({sold, back, was}), rows({sold, back, is, fresh}));
  ASSERT_EQ(after.size(), 3u);
  EXPECT_EQ(after[2].dump(), R"({"row":"earlier","cards":["A","B"]})")
      << "what was refunded, or changed in the run, may be sold again";
}

TEST(AuditSince, TakesEverythingWhereNothingWasBefore) {
  const auto all = rows({R"({"row":"order","id":1,"order_no":"a"})", R"({"row":"ledger","id":0,"wallet":"w"})"});
  EXPECT_EQ(audit_since({}, all), all);
}

}  // namespace
}  // namespace cardstorm
