// doctor: says in plain words what works on this machine, or on a platform of the user, what is missing, and what to
// do. Changes nothing; only --try sends load, and breaks simulators of our own.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>
#include <thread>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/core/files.hpp"
#include "harness/core/self.hpp"
#include "harness/core/text.hpp"
#include "harness/drive/driver.hpp"
#include "harness/lease/process.hpp"
#include "harness/net/http_server.hpp"
#include "harness/run/active.hpp"
#include "harness/run/doctor.hpp"
#include "harness/run/doctor_try.hpp"
#include "harness/run/interrupt.hpp"
#include "harness/run/progress.hpp"
#include "harness/run/run_folder.hpp"
#include "harness/scenario/load.hpp"

namespace cardstorm {
namespace {
namespace fs = std::filesystem;

struct Row {
  std::string what;
  Health health;
  std::string found, remedy;
};

Row cores() {
  const unsigned n = std::thread::hardware_concurrency();
  return {"processor cores", n >= 2 ? Health::good : Health::note, std::to_string(n),
          n >= 2 ? "" : "two or more keep the generator apart from the target"};
}

Row disk(const std::string& dir) {
  std::error_code error;
  const auto space = fs::space(dir, error);
  const double gib = error ? 0 : static_cast<double>(space.available) / (1 << 30);
  return {"free space for runs",
          gib >= 2     ? Health::good
          : gib >= 0.5 ? Health::note
                       : Health::bad,
          fixed(gib, 1) + " GiB in " + dir, gib >= 2 ? "" : "a drill writes some 100 MB; free some space"};
}

/// In a bare root folder (chroot, a container made by hand) these may be missing.
Row system_folders() {
  std::string lacking;
  const auto lacks = [&lacking](const std::string& what) { lacking += (lacking.empty() ? "" : ", ") + what; };
  if (!read_file("/proc/self/stat")) lacks("/proc");
  if (::access("/dev/null", R_OK | W_OK) != 0) lacks("/dev/null");
  std::error_code error;
  const fs::path scratch = fs::temp_directory_path(error);
  if (error || ::access(scratch.c_str(), W_OK | X_OK) != 0) lacks("a folder for what is temporary");
  return {"what a run needs of the system", lacking.empty() ? Health::good : Health::note,
          lacking.empty() ? "/proc, /dev/null, " + scratch.string() : "no " + lacking,
          lacking.empty() ? "" : "to run, mount /proc, make /dev/null, set TMPDIR to a writable folder"};
}

Row priority() {
  std::string got;
  std::thread([&got] { got = take_priority(); }).join();
  return {"priority of the generator", got == "plain" ? Health::note : Health::good, got,
          got == "plain" ? "run as root or allow real-time priority (ulimit -r) for steadier timing" : ""};
}

Row loopback() {
  auto server = serve(0, [](const ServerRequest&, HttpServer::Reply reply) { reply({}); });
  if (!server) return {"ports on loopback", Health::bad, server.error().what, server.error().remedy};
  HttpRequest request;
  request.url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/";
  const auto answer = fetch(request);
  return {"ports on loopback", answer.status == 200 ? Health::good : Health::bad,
          answer.status == 200 ? "free and reachable" : answer.error, ""};
}

Row program(const std::string& what, const std::vector<std::string>& candidates, const std::string& remedy,
            Health without) {
  for (const std::string& candidate : candidates) {
    std::string version;
    const ProcessSpec spec{.program = candidate,
                           .args = {"--version"},
                           .env = {},
                           .stderr_path = "",
                           .read_stdout = true,
                           .marked = false};
    const auto code = run_program(spec, 5s, [&](std::string line) {
      if (version.empty()) version = std::move(line);
    });
    if (code && *code == 0) return {what, Health::good, version, ""};
  }
  return {what, without, "not found", remedy};
}

Row platform() {
  const std::string binary = binary_dir() + "/cardstorm-platform";
  const bool there = fs::exists(binary);
  return {"reference platform", there ? Health::good : Health::note, there ? binary : "not built",
          there ? "" : "run `cardstorm build`; not needed for a platform of your own"};
}

Row actives() {
  const auto all = list_active();
  std::string names;
  for (const auto& a : all) names += (names.empty() ? "" : ", ") + a.what + " (pid " + std::to_string(a.pid) + ")";
  return {"running at this moment", all.empty() ? Health::good : Health::note, all.empty() ? "nothing of ours" : names,
          all.empty() ? "" : "end it with: cardstorm stop"};
}

/// A target file by path, or by its name under scenarios/targets.
std::string target_path(const std::string& argument) {
  if (argument.find('/') != std::string::npos || argument.ends_with(".yaml") || fs::exists(argument)) return argument;
  return root_dir() + "/scenarios/targets/" + argument + ".yaml";
}

/// Adds what the trial found. Not kPass: it came to no end, and what there was to say is said.
int try_out(const Args& args, const std::string& path, std::vector<DoctorFact>* facts) {
  const std::string out = args.get("--out", default_out(runs_root(), "doctor-try", 1));
  Progress progress(std::cerr, ::isatty(STDERR_FILENO) == 1);
  progress.say("trying " + path + ", about a minute; folder " + out);
  const ActiveEntry entry("run", out);
  const Interrupt interrupt;
  auto end = try_target({path, root_dir(), out, self_path(), binary_dir(), args.get("--mint"), known_names()}, progress,
                        interrupt.token());
  if (!end) return complain(end.error());
  if (!end->mistakes.empty()) return complain(end->mistakes);
  if (end->residue > 0) return kResidue;
  if (end->interrupted) return interrupt.signal() == SIGTERM ? kTerminated : kInterrupted;
  facts->insert(facts->end(), end->facts.begin(), end->facts.end());
  return kPass;
}

int examine(const Args& args) {
  for (const char* option : {"--out", "--mint"})
    if (args.has(option) && !args.has("--try"))
      return complain(Error{Errc::invalid, std::string(option) + " wants --try", "see: cardstorm doctor --help"});
  const std::string path = target_path(args.get("--target"));
  const auto text = read_file(path);
  if (!text)
    return complain(Error{Errc::not_found, text.error().what, "give a file, or a name under scenarios/targets"});
  const auto loaded = load_target(path, root_dir(), known_names());
  if (const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded)) return complain(*mistakes);
  const TargetSpec& spec = std::get<TargetSpec>(loaded);

  const Lang lang = args.get("--lang", "en") == "zh" ? Lang::zh : Lang::en;
  std::vector<DoctorFact> facts = examine_target(spec);
  if (args.has("--try") && !anything_missing(facts))
    if (const int code = try_out(args, path, &facts); code != kPass) return code;
  const bool missing = anything_missing(facts);
  if (args.has("--json")) {
    Json json = Json::array();
    for (const DoctorFact& fact : facts) json.push(json_of(fact));
    std::cout << json.dump(2) << "\n";
  } else {
    for (const DoctorFact& fact : facts) std::cout << line_of(fact, lang);
    std::cout << (missing ? std::string(text_of_code("doctor_", "missing", lang).value_or(""))
                          : say(Text::doctor_ready, lang, {args.get("--target")}))
              << "\n";
  }
  return missing ? kUnknown : kPass;
}

int run_doctor(const Args& args) {
  if (args.has("--target")) return examine(args);
  if (args.has("--try") || args.has("--out") || args.has("--mint"))
    return complain(Error{Errc::invalid, "--try, --out and --mint want --target FILE", "see: cardstorm doctor --help"});
  const std::string folder = runs_root() + "/reports/runs", place = fs::exists(folder) ? folder : runs_root();
  // The stores are the reference platform's: an installed harness does without.
  const bool reference = platform().health == Health::good;
  const Health without = reference ? Health::bad : Health::note;
  const std::vector<Row> rows{
      cores(),
      disk(place),
      system_folders(),
      priority(),
      loopback(),
      platform(),
      program("PostgreSQL server (reference platform)",
              {"/usr/lib/postgresql/15/bin/postgres", "/usr/lib/postgresql/16/bin/postgres",
               "/usr/lib/postgresql/17/bin/postgres", "postgres"},
              "run ./cardstorm build, which installs it, or give --postgres URL", without),
      program("Redis (reference platform)", {"redis-cli"},
              "run ./cardstorm build, which installs redis-tools, or give --redis URL", without),
      actives()};
  bool bad = false;
  const bool runs = system_folders().health == Health::good;
  Json json = Json::array();
  for (const Row& row : rows) {
    bad = bad || row.health == Health::bad;
    const char* word = row.health == Health::good ? "ok" : row.health == Health::note ? "note" : "missing";
    json.push(Json::object({{"name", row.what}, {"state", word}, {"found", row.found}, {"remedy", row.remedy}}));
    if (args.has("--json")) continue;
    std::cout << (row.health == Health::good   ? "  ok       "
                  : row.health == Health::note ? "  note     "
                                               : "  MISSING  ")
              << row.what << ": " << row.found << "\n";
    if (!row.remedy.empty()) std::cout << "           -> " << row.remedy << "\n";
  }
  if (args.has("--json"))
    std::cout << json.dump(2) << "\n";
  else
    std::cout << (bad         ? "Something is missing; see the arrows above.\n"
                  : !runs     ? "Ready to plan, judge and report; a run needs more, see the arrows above.\n"
                  : reference ? "Ready: cardstorm drill --quick\n"
                              : "Ready: cardstorm run smoke --target YOUR-SHOP.yaml\n");
  return bad ? kEnvironment : kPass;
}

}  // namespace

Verb verb_doctor() {
  return {
      "doctor",
      "say what works on this machine or on your platform, what is missing, and what to do; changes nothing",
      "  cardstorm doctor\n  cardstorm doctor --target my-shop.yaml\n"
      "With --target: exit 0 when all is there, 3 when something is missing, 2 when the file is wrong.",
      {},
      {{"--target", "NAME|FILE", "look at the platform of this target file instead of this machine"},
       {"--try", "",
        "with --target, when nothing is missing: a minute of light load that shows whether the verdict can be trusted"},
       {"--out", "DIR",
        "with --try: folder of its two runs, must not exist (default: reports/runs/<time>-doctor-try-1)"},
       {"--mint", "DIR", "with --try: the stock that the platform sells was made by `cardstorm mint DIR`"},
       {"--lang", "LANG", "en or zh", false, {"en", "zh"}},
       {"--json", "", "machine-readable"}},
      run_doctor};
}

}  // namespace cardstorm
