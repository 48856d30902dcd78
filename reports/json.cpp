// json: the contract's scorecard.json and drill.json, as the judge forms them.
#include <ostream>

#include "reports/report.hpp"

namespace cardstorm {
namespace {

class JsonReporter final : public Reporter {
 public:
  void write(const Scorecard& card, std::ostream& out) const override {
    out << json_of_scorecard(card).dump(2) << '\n';
  }
  void write(const DrillCard& card, std::ostream& out) const override { out << json_of_drill(card).dump(2) << '\n'; }
};

}  // namespace

std::unique_ptr<Reporter> make_json_reporter(const ReportOptions&) { return std::make_unique<JsonReporter>(); }

}  // namespace cardstorm
