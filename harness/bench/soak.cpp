// soak: see soak.hpp. The killer finds the nodes as the run's descendants: it knows nothing that a stranger with
// kill(1) would not.
#include "harness/bench/soak.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/lease/process.hpp"
#include "harness/pattern/pattern.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kEndWait = 200s;  // after the load: drain, audit, judging

/// The words of its command line.
std::vector<std::string> words_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/cmdline");
  return split(std::string{std::istreambuf_iterator<char>(in), {}}, '\0');
}

bool descends(pid_t pid, pid_t ancestor) {
  while (pid > 1 && pid != ancestor) {
    const auto stat = stat_of(pid);
    if (!stat) return false;
    pid = stat->parent;
  }
  return pid == ancestor;
}

/// Nodes of the platform among everything that the run has started, whatever session it is in.
std::vector<ProcessId> nodes_of(const Process& run) {
  std::vector<ProcessId> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    const auto words = words_of(pid);
    if (words.size() < 3 || !words[0].ends_with("cardstorm-platform") || words[1] != "node" ||
        !descends(pid, run.id().pid))
      continue;
    if (const auto id = identify(pid)) out.push_back(*id);
  }
  return out;
}

/// The fault lane is opened with the load: before that there is nothing to disturb.
bool history_begun(const std::string& out) {
  std::error_code error;
  return std::filesystem::exists(out + "/history/fault.hist", error);
}

Result<SoakSeen> read_card(const std::string& text, const SoakOptions& options) {
  const auto card = Json::parse(text);
  if (!card) {
    const auto words = read_file(options.out + ".err");
    return Error{Errc::unavailable,
                 "the run ended without a scorecard: " + (words ? std::string(trim(*words)) : card.error().what)};
  }
  SoakSeen seen;
  seen.success_rate = (*card)["success_rate"].number();
  seen.planned = static_cast<std::uint64_t>((*card)["traffic"]["planned"].integer());
  for (const Json& check : (*card)["checks"].items()) {
    if (check["verdict"].string() == "fail") seen.broken.push_back(check["name"].string());
    if (check["verdict"].string() == "unknown") seen.unknown.push_back(check["name"].string());
  }
  return seen;
}

/// A copy of the target's file beside `out`, with another operator.
Result<std::string> with_operator(const SoakOptions& options) {
  auto text = read_file(options.root + "/scenarios/targets/" + options.target + ".yaml");
  if (!text) return std::move(text).error();
  const auto value = Pattern::compile("restart_delay: ([0-9.]+)").value().first(*text);
  if (!value)
    return Error{Errc::invalid, "target " + options.target + " has no restart_delay", "leave restart_delay_s at 0"};
  text->replace(static_cast<std::size_t>(value->data() - text->data()), value->size(),
                fixed(options.restart_delay_s, 1));
  std::string path = options.out + ".target.yaml";
  if (Status s = write_file(path, *text); !s) return s.error();
  return path;
}

}  // namespace

Result<SoakSeen> soak(const SoakOptions& options, const std::stop_token& stop) {
  std::string target = options.target;
  if (options.restart_delay_s > 0) {
    auto file = with_operator(options);
    if (!file) return std::move(file).error();
    target = *file;
  }
  ProcessSpec spec;
  spec.program = options.self;
  spec.args = {
      "run", "soak", "--target", target, "--out", options.out, "--json", "--seed", std::to_string(options.seed)};
  if (options.quick) spec.args.emplace_back("--quick");
  spec.args.insert(spec.args.end(), options.args.begin(), options.args.end());
  if (!options.root.empty()) spec.env = {{"CARDSTORM_ROOT", options.root}};
  spec.stderr_path = options.out + ".err";
  auto run = Process::spawn(spec);
  if (!run) return std::move(run).error();

  std::mt19937_64 random(options.seed);
  const Nanos length = options.quick ? Nanos(60s) : Nanos(600s), began = monotonic_now();
  Nanos load_began{0}, next{0};
  int kills = 0;
  std::string text;
  for (;;) {
    auto line = run->read_line(options.every > Nanos(0) ? std::min<Nanos>(options.every, 200ms) : Nanos(200ms));
    if (line && !line->has_value()) break;
    if (line) {
      text += **line + "\n";
      continue;
    }
    if (line.error().code != Errc::timeout) return std::move(line).error();
    if (stop.stop_requested()) return Error{Errc::cancelled, "stopped"};
    const Nanos now = monotonic_now();
    if (now - began > length + kEndWait + 60s) return Error{Errc::timeout, "the run did not end in time"};
    if (load_began == Nanos(0) && history_begun(options.out)) {
      load_began = now;
      next = now + options.every;
    }
    if (load_began == Nanos(0) || options.every == Nanos(0) || now < next || now > load_began + length) continue;
    next = now + options.every;
    const auto nodes = nodes_of(*run);
    if (nodes.empty()) continue;
    auto victim = PidFd::open(nodes[random() % nodes.size()]);
    if (victim && victim->signal(SIGKILL)) ++kills;
  }
  (void)run->wait(10s);
  auto seen = read_card(text, options);
  if (seen) seen->kills = kills;
  return seen;
}

}  // namespace cardstorm
