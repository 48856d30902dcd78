// evidence: see evidence.hpp.
#include "harness/judge/evidence.hpp"

#include <algorithm>
#include <filesystem>

#include "harness/core/files.hpp"
#include "harness/judge/audit.hpp"
#include "harness/judge/journals.hpp"

namespace cardstorm {
namespace {

Result<Json> read_json(const std::string& path) {
  auto text = read_file(path);
  if (!text) return std::move(text).error();
  auto json = Json::parse(*text);
  if (!json) return std::move(json).error().in(path);
  return json;
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// The partners of a reference platform; others are called as they please.
const std::vector<std::string> kNative{"alpha", "beta", "topup"};

std::vector<std::string> journals_in(const std::string& dir) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(dir, ignored))
    if (entry.path().extension() == ".jsonl") out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

void read_journals(const std::string& dir, RunRecord& r) {
  const auto names = journals_in(dir + "/partners");
  // A run with native partners has all three; one whose partners wrote nothing has none: then the checks that need them
  // say so.
  const bool native = std::any_of(kNative.begin(), kNative.end(),
                                  [&](const auto& n) { return std::count(names.begin(), names.end(), n) > 0; });
  r.evidence.journals_whole =
      !names.empty() && (!native || std::all_of(kNative.begin(), kNative.end(), [&](const auto& n) {
        return std::count(names.begin(), names.end(), n) > 0;
      }));
  for (const auto& name : names) {
    const std::string file = "partners/" + name + ".jsonl";
    const auto text = read_file(dir + "/" + file);
    if (!text) {
      r.evidence.journals_whole = false;
      r.damage.push_back(file + " cannot be read");
      continue;
    }
    const Journal journal = read_journal(name, *text, r.info.start, r.evidence);
    if (journal.damage.empty()) continue;
    r.evidence.journals_whole = false;
    r.damage.push_back(file + ": " + journal.damage);
  }
}

void read_audit(const std::string& dir, RunRecord& r) {
  if (!exists(dir + "/audit.jsonl")) return;
  const auto text = read_file(dir + "/audit.jsonl");
  if (!text) {
    r.damage.push_back("audit.jsonl cannot be read");
    return;
  }
  auto audit = audit_of_lines(*text);
  if (!audit)
    r.damage.push_back("audit.jsonl: " + audit.error().what);
  else if (!text->empty())
    r.audit = std::make_unique<Audit>(*std::move(audit));
}

/// A shop whose money all moves inside of it (a purse per buyer) has no bank whose journal could be missing.
/// One paid order that names a channel is enough to say that there is a bank, and that we do not see its books.
bool pays_from_purses_alone(const RunRecord& r) {
  return !r.info.partners && r.audit != nullptr &&
         std::all_of(r.audit->orders.begin(), r.audit->orders.end(),
                     [](const AuditOrder& o) { return o.paid_cents == 0 || o.paid_via == "wallet"; });
}

void read_minted(const std::string& dir, RunRecord& r) {
  if (!exists(dir + "/minted.json")) return;
  const auto json = read_json(dir + "/minted.json");
  if (json)
    r.evidence.minted = minted_of_json(*json);
  else
    r.damage.push_back("minted.json cannot be read");
}

}  // namespace

std::vector<MintedSku> minted_of_json(const Json& json) {
  std::vector<MintedSku> out;
  for (const auto& j : json["skus"].items())
    out.push_back({j["sku"].string(), j["goods"].string(), static_cast<std::uint32_t>(j["number"].integer()),
                   static_cast<std::uint32_t>(j["cards"].integer()), j["price_cents"].integer()});
  return out;
}

Result<RunRecord> read_run(const std::string& dir) {
  RunRecord r;
  for (const char* file : {"plan.json", "run.json"})
    if (!exists(dir + "/" + file))
      return Error{Errc::not_found, "'" + dir + "' has no " + file,
                   "give a run folder that cardstorm run or drill has written"};
  auto plan_json = read_json(dir + "/plan.json");
  if (!plan_json) return std::move(plan_json).error();
  auto plan = plan_of_json(*plan_json);
  if (!plan) return std::move(plan).error().in(dir + "/plan.json");
  auto info_json = read_json(dir + "/run.json");
  if (!info_json) return std::move(info_json).error();
  auto info = run_info_of_json(*info_json);
  if (!info) return std::move(info).error().in(dir + "/run.json");
  r.info = *std::move(info);
  r.plan = std::make_unique<Plan>(*std::move(plan));
  read_journals(dir, r);
  read_minted(dir, r);
  read_audit(dir, r);
  if (journals_in(dir + "/partners").empty() && pays_from_purses_alone(r)) r.evidence.journals_whole = true;
  r.evidence.plan = r.plan.get();
  r.evidence.audit = r.audit.get();
  r.evidence.drained = r.info.drained && !r.info.interrupted;
  r.evidence.end = r.plan->load_end + r.plan->drain;
  return r;
}

}  // namespace cardstorm
