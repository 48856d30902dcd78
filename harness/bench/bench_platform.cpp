// bench_platform: see bench_platform.hpp.
#include "harness/bench/bench_platform.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/mint/mint.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;

constexpr Nanos kReady = 300s;  // seeding ten million orders takes its time

struct Proc {
  pid_t pid = 0, parent = 0;
  double cpu_s = 0;
  std::string part;
};

/// The node's name in "cardstorm-platform node NAME ...", else what the program is.
std::string part_of(pid_t pid, const std::string& comm) {
  if (comm == "postgres") return "postgresql";
  if (comm.starts_with("redis")) return "redis";
  if (comm == "java") return "kafka";
  std::ifstream in("/proc/" + std::to_string(pid) + "/cmdline");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto words = split(text, '\0');
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == "node") return words[i + 1];
  return "supervisor";
}

/// Every living descendant of `root` and itself.
std::vector<Proc> tree_of(pid_t root) {
  std::map<pid_t, std::pair<pid_t, std::string>> all;  // pid -> parent, the rest of its stat line
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "stat");
    std::string line;
    if (!std::getline(in, line)) continue;
    const auto close = line.rfind(')');
    if (close == std::string::npos) continue;
    std::istringstream rest(line.substr(close + 2));
    char state = 0;
    pid_t parent = 0;
    rest >> state >> parent;
    all[std::stoi(name)] = {parent, line};
  }
  std::vector<Proc> out;
  std::vector<pid_t> todo{root};
  while (!todo.empty()) {
    const pid_t pid = todo.back();
    todo.pop_back();
    const auto it = all.find(pid);
    if (it == all.end()) continue;
    const std::string& line = it->second.second;
    const auto open = line.find('('), close = line.rfind(')');
    const auto fields = split(line.substr(close + 2), ' ');  // from field 3 on
    Proc p;
    p.pid = pid;
    p.parent = it->second.first;
    if (fields.size() > 14)
      p.cpu_s = (std::stod(fields[11]) + std::stod(fields[12])) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    p.part = part_of(pid, line.substr(open + 1, close - open - 1));
    out.push_back(p);
    for (const auto& [child, known] : all)
      if (known.first == pid) todo.push_back(child);
  }
  return out;
}

double pss_mb(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("Pss:")) return std::stod(line.substr(4)) / 1024;
  return 0;
}

/// "order-2" → "order": instances of one role are one part.
std::string role_of(const std::string& part) {
  const auto dash = part.rfind('-');
  const bool numbered =
      dash != std::string::npos && part.find_first_not_of("0123456789", dash + 1) == std::string::npos;
  return numbered ? part.substr(0, dash) : part;
}

}  // namespace

Result<BenchPlatform> BenchPlatform::start(const BenchSetup& setup, const std::string& dir,
                                           const BenchPlatformOptions& options) {
  std::error_code error;
  const std::string self = fs::read_symlink("/proc/self/exe", error).string();
  const std::string binary = (fs::path(self).parent_path() / "cardstorm-platform").string();
  if (!fs::exists(binary, error))
    return Error{Errc::unavailable, "the reference platform is not built beside " + self, "run: cardstorm build"};
  BenchPlatform platform;
  platform.dir_ = dir;
  fs::create_directories(dir + "/logs", error);
  auto secrets = SecretFolder::make();
  if (!secrets) return std::move(secrets).error();
  platform.secrets_ = std::make_unique<SecretFolder>(std::move(*secrets));
  const std::string mint = platform.secrets_->path() + "/mint";
  if (Status s = write_mint(mint, "bench-key", {{kLabSku, "game_card", 1, options.cards, 100}}); !s) return s.error();
  auto partners = PartnersLink::start({self, dir, platform.secrets_->path(), 1, {"127.0.0.0/8"}});
  if (!partners) return std::move(partners).error();
  platform.partners_ = std::make_unique<PartnersLink>(std::move(*partners));

  ProcessSpec spec;
  spec.program = binary;
  spec.args = {"up",
               options.variant,
               "--partners",
               platform.partners_->url(),
               "--partners-key-file",
               platform.secrets_->path() + "/partners.key",
               "--mint",
               mint,
               "--dir",
               dir + "/platform"};
  spec.args.insert(spec.args.end(), options.args.begin(), options.args.end());
  spec.stderr_path = dir + "/logs/supervisor.log";
  const Nanos began = monotonic_now();
  auto process = Process::spawn(spec);
  if (!process) return std::move(process).error();
  platform.supervisor_ = std::make_unique<Process>(std::move(*process));
  auto line = platform.supervisor_->read_line(200ms);
  while (!line && line.error().code == Errc::timeout && monotonic_now() - began < kReady &&
         !setup.stop.stop_requested())
    line = platform.supervisor_->read_line(200ms);
  if (setup.stop.stop_requested()) return Error{Errc::cancelled, "stopped"};
  if (!line) return std::move(line).error().in("starting the " + options.variant + " platform");
  if (!line->has_value()) {
    const auto words = read_file(spec.stderr_path);
    const auto lines = words ? split(std::string(trim(*words)), '\n') : std::vector<std::string>{};
    return Error{Errc::unavailable, "the " + options.variant + " platform ended before it was ready: " +
                                        (lines.empty() ? "it said nothing" : lines.back())};
  }
  platform.start_s_ = seconds(monotonic_now() - began);
  auto facts = Json::parse(**line);
  if (!facts) return std::move(facts).error().in("the supervisor's line");
  platform.url_ = (*facts)["url"].string();
  platform.control_url_ = (*facts)["control_url"].string();
  platform.database_url_ = (*facts)["database_url"].string();
  return platform;
}

std::map<std::string, double> BenchPlatform::cpu_seconds() const {
  std::map<std::string, double> out;
  for (const Proc& p : tree_of(supervisor_->id().pid)) out[role_of(p.part)] += p.cpu_s;
  if (const Process* p = partners_->process())
    for (const Proc& child : tree_of(p->id().pid)) out["partners"] += child.cpu_s;
  return out;
}

std::vector<std::pair<std::string, pid_t>> BenchPlatform::nodes() const {
  std::vector<std::pair<std::string, pid_t>> out;
  for (const Proc& p : tree_of(supervisor_->id().pid))
    if (p.part != "postgresql" && p.part != "redis" && p.part != "kafka" && p.part != "supervisor")
      out.emplace_back(p.part, p.pid);
  return out;
}

double BenchPlatform::nodes_mb() const {
  double sum = 0;
  for (const auto& [name, pid] : nodes()) sum += pss_mb(pid);
  return sum;
}

Status BenchPlatform::stop() {
  if (supervisor_) (void)supervisor_->terminate(20s, 5s);
  supervisor_.reset();
  partners_.reset();
  return ok();
}

}  // namespace cardstorm
