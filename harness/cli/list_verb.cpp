// list: what exists, from the registries and the scenarios folder.
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/fault/fault.hpp"
#include "harness/judge/check.hpp"
#include "harness/target/target.hpp"
#include "reports/report.hpp"

namespace cardstorm {
namespace {

Json faults() {
  Json rows = Json::array();
  for (const FaultEntry& f : fault_registry()) {
    Json params = Json::array();
    for (const auto& p : f.params)
      params.push(
          Json::object({{"name", p.name}, {"type", p.type}, {"default", p.default_text}, {"summary", p.summary}}));
    rows.push(Json::object({{"name", f.name},
                            {"summary", f.summary},
                            {"why", f.why_in_production},
                            {"needs", f.needs},
                            {"params", params}}));
  }
  return rows;
}

Json checks() {
  Json rows = Json::array();
  for (const CheckEntry& c : check_registry())
    rows.push(Json::object({{"name", c.name}, {"summary", c.title_en}, {"summary_zh", c.title_zh}}));
  return rows;
}

/// First comment line of each YAML file of a folder.
Json files(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".yaml") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  Json rows = Json::array();
  for (const auto& path : found) {
    const auto text = read_file(path.string());
    std::string summary;
    if (text && text->starts_with("#"))
      summary = std::string(trim(std::string_view(*text).substr(1, text->find('\n') - 1)));
    rows.push(Json::object({{"name", path.stem().string()}, {"summary", summary}, {"file", path.string()}}));
  }
  return rows;
}

Json targets() {
  Json rows = files(root_dir() + "/scenarios/targets");
  for (const TargetEntry& t : target_registry()) {
    Json abilities = Json::array();
    for (const auto& a : t.abilities) abilities.push(a);
    rows.push(Json::object({{"name", "kind:" + t.name}, {"summary", t.summary}, {"abilities", abilities}}));
  }
  return rows;
}

Json report_kinds() {
  Json rows = Json::array();
  for (const auto& r : reporter_registry())
    rows.push(Json::object(
        {{"name", std::string(r.name)}, {"summary", text(r.title, Lang::en)}, {"file", std::string(r.run_file)}}));
  return rows;
}

int run_list(const Args& args) {
  const std::string what = args.get("what");
  const Json rows = what == "faults"    ? faults()
                    : what == "checks"  ? checks()
                    : what == "targets" ? targets()
                    : what == "reports" ? report_kinds()
                                        : files(root_dir() + "/scenarios");
  if (args.has("--json")) {
    std::cout << rows.dump(2) << "\n";
    return kPass;
  }
  std::size_t width = 0;
  for (const Json& row : rows.items()) width = std::max(width, row["name"].string().size());
  for (const Json& row : rows.items()) {
    const std::string& name = row["name"].string();
    std::cout << name << std::string(width - name.size() + 2, ' ') << row["summary"].string() << "\n";
    if (row.has("why"))
      std::cout << std::string(width + 2, ' ') << "in production: " << row["why"].string()
                << "; needs: " << row["needs"].string() << "\n";
    for (const Json& p : row["params"].items())
      std::cout << std::string(width + 4, ' ') << p["name"].string() << " (" << p["type"].string() << ", default "
                << p["default"].string() << "): " << p["summary"].string() << "\n";
  }
  return kPass;
}

}  // namespace

Verb verb_list() {
  return {"list",
          "show what exists: faults, checks, targets, reports, scenarios",
          "  cardstorm list faults\n  cardstorm list scenarios --json",
          {{"what",
            "faults | checks | targets | reports | scenarios",
            true,
            {"faults", "checks", "targets", "reports", "scenarios"}}},
          {{"--json", "", "machine-readable, on stdout"}},
          run_list};
}

}  // namespace cardstorm
