// report: writes a Scorecard or a DrillCard for somebody to read: people, CI, a merge request. Writers compute no
// judgement and read no clock: the same card gives the same bytes. One writer, one file, one line in registry.def.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/result.hpp"
#include "harness/judge/scorecard.hpp"
#include "reports/texts.hpp"

namespace cardstorm {

struct ReportOptions {
  Lang lang = Lang::en;
  bool colour = false;   // terminal only: ANSI colours
  std::string dir = {};  // where the report lies, to be named in the terminal's text; "" leaves the line out
};

class Reporter {
 public:
  virtual ~Reporter() = default;
  /// Writes one run. Never throws for any content of the card: NaN, empty and hostile strings are written as such.
  virtual void write(const Scorecard& card, std::ostream& out) const = 0;
  /// Writes both sides of a drill; the verdict is the candidate's.
  virtual void write(const DrillCard& card, std::ostream& out) const = 0;
};

struct ReporterEntry {
  std::string_view name;                  // "html"
  std::string_view run_file, drill_file;  // file names in the run folder: "scorecard.json", "drill.json"
  Text title;
  std::unique_ptr<Reporter> (*make)(const ReportOptions&);
};
const std::vector<ReporterEntry>& reporter_registry();

/// The writer called `name`; an unknown name is Errc::not_found and lists the known ones.
Result<std::unique_ptr<Reporter>> make_reporter(std::string_view name, const ReportOptions& options);

/// Writes every registered report into `dir`, each file whole or absent. The first failure is returned.
Status write_reports(const Scorecard& card, const std::string& dir, const ReportOptions& options);
Status write_reports(const DrillCard& card, const std::string& dir, const ReportOptions& options);

}  // namespace cardstorm
