// bench: the registry, and how a report is written.
#include "harness/bench/bench.hpp"

#include <algorithm>
#include <ostream>

#include "harness/core/relation.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {

#define BENCH(name) BenchEntry bench_##name();
#include "harness/bench/registry.def"
#undef BENCH

const std::vector<BenchEntry>& bench_registry() {
  static const std::vector<BenchEntry> all{
#define BENCH(name) bench_##name(),
#include "harness/bench/registry.def"
#undef BENCH
  };
  return all;
}

std::optional<bool> Goal::met() const {
  if (!value) return std::nullopt;
  return holds(*value, relation, bound);
}

Json json_of_bench(const BenchReport& report) {
  Json rows = Json::array(), ratios = Json::object(), absent = Json::array(), goals = Json::array(),
       notes = Json::array();
  for (const Json& row : report.rows) rows.push(row);
  for (const auto& [name, value] : report.ratios) ratios.set(name, value);
  for (const auto& name : report.absent) absent.push(name);
  for (const auto& note : report.notes) notes.push(note);
  for (const Goal& goal : report.goals) {
    const auto met = goal.met();
    goals.push(Json::object({{"name", goal.name},
                             {"value", goal.value ? Json(*goal.value) : Json()},
                             {"bound", goal.relation + " " + Json(goal.bound).text()},
                             {"met", met ? Json(*met) : Json()}}));
  }
  return Json::object({{"bench", report.bench},
                       {"rows", rows},
                       {"ratios", ratios},
                       {"absent", absent},
                       {"goals", goals},
                       {"notes", notes}});
}

namespace {

std::string cell(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_number() && !value.is_int()) return fixed(value.number(), 2);
  return value.text();
}

void write_rows(const std::vector<Json>& rows, std::ostream& out) {
  if (rows.empty()) return;
  std::vector<std::string> columns;
  std::vector<std::size_t> widths;
  for (const auto& [name, value] : rows.front().members()) {
    columns.push_back(name);
    std::size_t width = name.size();
    for (const Json& row : rows) width = std::max(width, cell(row[name]).size());
    widths.push_back(width);
  }
  const auto line = [&](const std::function<std::string(std::size_t)>& text) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string shown = text(i);
      out << "  " << shown << std::string(widths[i] - std::min(widths[i], shown.size()), ' ');
    }
    out << "\n";
  };
  line([&](std::size_t i) { return columns[i]; });
  for (const Json& row : rows) line([&](std::size_t i) { return cell(row[columns[i]]); });
}

}  // namespace

void write_bench(const BenchReport& report, std::ostream& out) {
  out << "bench " << report.bench << "\n\n";
  write_rows(report.rows, out);
  if (!report.ratios.empty()) out << "\n";
  for (const auto& [name, value] : report.ratios) out << "  " << name << ": " << fixed(value, 3) << "\n";
  out << "\n";
  for (const Goal& goal : report.goals) {
    const auto met = goal.met();
    out << "  " << (met ? (*met ? "met      " : "MISSED   ") : "not here ") << goal.name << ": "
        << (goal.value ? fixed(*goal.value, 4) : "-") << " (wanted " << goal.relation << " " << Json(goal.bound).text()
        << ")\n";
  }
  if (!report.absent.empty()) out << "\n  not on this machine: " << join(report.absent, ", ") << "\n";
  for (const auto& note : report.notes) out << "  " << note << "\n";
}

ExitCode exit_code_of(const BenchReport& report) {
  bool judged = false;
  for (const Goal& goal : report.goals) {
    const auto met = goal.met();
    if (met && !*met) return kFail;
    judged = judged || met.has_value();
  }
  return judged ? kPass : kUnknown;
}

}  // namespace cardstorm
