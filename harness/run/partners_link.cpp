// partners_link: see partners_link.hpp.
#include "harness/run/partners_link.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"
#include "harness/net/http_client.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;
constexpr Nanos kStart = 10s;
/// Beside the usual ones: the reference platform has a supplier for each class of goods, and a second one for top-ups.
constexpr std::pair<const char*, const char*> kBeside[] = {
    {"--supplier", "topup2"}, {"--supplier", "members"}, {"--logistics", "truck"}};

HttpRequest ready_request(const std::string& url) {
  HttpRequest request;
  request.url = url + "/ready";
  request.timeout = 2s;
  return request;
}

/// One journal without what happened before the run. A torn last line is the write of this very moment: nothing of
/// ours.
Result<std::string> part_since(const std::string& text, Nanos start) {
  std::string out;
  bool head = true;
  for (const std::string& line : split(text.substr(0, text.rfind('\n') + 1), '\n')) {
    if (line.empty()) continue;
    const auto json = Json::parse(line);
    if (!json) return Error{Errc::invalid, "a line cannot be read: " + line.substr(0, 80)};
    if (head || (Nanos((*json)["mono_ns"].integer()) >= start && (*json)["kind"].string() != "closed"))
      out += line + "\n";
    head = false;
  }
  if (head) return Error{Errc::invalid, "it is empty"};
  return out +
         Json::object({{"kind", "closed"},
                       {"mono_ns", static_cast<std::int64_t>(monotonic_now().count())},
                       {"note", "a copy; the partners run on"}})
             .dump() +
         "\n";
}

}  // namespace

std::vector<std::string> journal_names(const std::string& dir) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(dir, ignored))
    if (entry.path().extension() == ".jsonl") out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

Status copy_journals(const std::string& from, const std::string& to, Nanos start) {
  const auto names = journal_names(from);
  if (names.empty())
    return Error{Errc::not_found, "no journal in '" + from + "'",
                 "point `partners: { journal: ... }` at the folder given to cardstorm partners up --journal"};
  std::error_code error;
  fs::create_directories(to, error);
  if (error) return Error{Errc::io, "cannot make " + to + ": " + error.message()};
  for (const auto& name : names) {
    const auto text = read_file(from + "/" + name + ".jsonl");
    if (!text) return text.error();
    auto part = part_since(*text, start);
    if (!part) return std::move(part).error().in(from + "/" + name + ".jsonl");
    if (Status s = write_file(to + "/" + name + ".jsonl", *part); !s) return s;
  }
  return ok();
}

Result<PartnersLink> PartnersLink::start(const Own& own) {
  PartnersLink out;
  out.token_ = random_token(32);
  if (Status s = write_secret(own.secrets + "/partners.key", random_token(32)); !s) return s.error();
  if (Status s = write_secret(own.secrets + "/partners.token", out.token_); !s) return s.error();
  ProcessSpec spec;
  spec.program = own.self;
  spec.args = {"partners",     "up",
               "--journal",    own.run_dir + "/partners",
               "--key-file",   own.secrets + "/partners.key",
               "--token-file", own.secrets + "/partners.token",
               "--seed",       std::to_string(own.seed)};
  for (const auto& [option, name] : kBeside) {
    spec.args.emplace_back(option);
    spec.args.emplace_back(name);
  }
  for (const auto& block : own.allow) {
    spec.args.emplace_back("--allow");
    spec.args.push_back(block);
  }
  spec.stderr_path = own.run_dir + "/logs/partners.log";
  auto process = Process::spawn(spec);
  if (!process) return std::move(process).error();
  out.process_.emplace(std::move(*process));
  auto line = out.process_->read_line(kStart);
  if (!line) return std::move(line).error().in("starting the partners");
  if (!line->has_value()) return Error{Errc::unavailable, "the partners did not start", "see " + spec.stderr_path};
  const auto facts = Json::parse(**line);
  if (!facts || (*facts)["url"].string().empty())
    return Error{Errc::internal, "the partners' first line is not understood: " + **line, ""};
  out.url_ = (*facts)["url"].string();
  return out;
}

Result<PartnersLink> PartnersLink::attach(const PartnersSpec& spec, const AllowList& allow) {
  PartnersLink out;
  out.url_ = spec.url;
  out.journal_ = spec.journal;
  if (!spec.token_file.empty()) {
    auto token = read_file(spec.token_file);
    if (!token) return std::move(token).error().in("the partners' token");
    out.token_ = std::string(trim(*token));
  }
  if (!spec.journal.empty() && journal_names(spec.journal).empty())
    return Error{Errc::not_found, "no journal of the partners in '" + spec.journal + "'",
                 "give the folder that cardstorm partners up --journal writes"};
  const HttpResponse answer = fetch(ready_request(spec.url), allow);
  if (answer.status != 200)
    return Error{Errc::unavailable, "the partners at " + spec.url + " are not ready: " + answer.error + answer.body,
                 "start them: cardstorm partners up --help"};
  return out;
}

std::string PartnersLink::problem(const AllowList& allow) const {
  const HttpResponse ready = fetch(ready_request(url_), allow);
  return ready.status == 200 ? "" : ready.error + ready.body;
}

Status PartnersLink::end(const std::string& run_dir, Nanos start) {
  if (process_) {
    const auto code = process_->terminate(10s, 3s);
    process_.reset();
    if (!code) return code.error();
    return ok();
  }
  if (journal_.empty()) return ok();
  return copy_journals(journal_, run_dir + "/partners", start);
}

}  // namespace cardstorm
