// registry: the table of writers, and writing all of them into one folder.
#include <ostream>
#include <sstream>

#include "harness/core/files.hpp"
#include "reports/report.hpp"

namespace cardstorm {

#define REPORTER(name, run_file, drill_file, title) \
  std::unique_ptr<Reporter> make_##name##_reporter(const ReportOptions&);
#include "reports/registry.def"
#undef REPORTER

const std::vector<ReporterEntry>& reporter_registry() {
  static const std::vector<ReporterEntry> table = {
#define REPORTER(name, run_file, drill_file, title) {#name, run_file, drill_file, Text::title, &make_##name##_reporter},
#include "reports/registry.def"
#undef REPORTER
  };
  return table;
}

Result<std::unique_ptr<Reporter>> make_reporter(std::string_view name, const ReportOptions& options) {
  std::string known;
  for (const ReporterEntry& entry : reporter_registry()) {
    if (entry.name == name) return entry.make(options);
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  return Error{Errc::not_found, "no report is called '" + std::string(name) + "'", "known reports: " + known};
}

namespace {

template <class Card>
Status write_all(const Card& card, const std::string& dir, const ReportOptions& options,
                 std::string_view ReporterEntry::*file) {
  ReportOptions in_file = options;
  in_file.colour = false;  // a file has no terminal
  for (const ReporterEntry& entry : reporter_registry()) {
    std::ostringstream out;
    entry.make(in_file)->write(card, out);
    const std::string path = dir + "/" + std::string(entry.*file);
    if (Status written = write_file(path, out.str()); !written) return written;
  }
  return ok();
}

}  // namespace

Status write_reports(const Scorecard& card, const std::string& dir, const ReportOptions& options) {
  return write_all(card, dir, options, &ReporterEntry::run_file);
}
Status write_reports(const DrillCard& card, const std::string& dir, const ReportOptions& options) {
  return write_all(card, dir, options, &ReporterEntry::drill_file);
}

}  // namespace cardstorm
