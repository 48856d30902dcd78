// command: see command.hpp.
#include "harness/lease/command.hpp"

#include "harness/core/text.hpp"
#include "harness/lease/process.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kSaidMax = 200;

ProcessSpec spec_of(const std::vector<std::string>& argv, const std::string& log, bool read) {
  ProcessSpec spec;
  spec.program = argv.empty() ? "" : argv[0];
  spec.args.assign(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  spec.stderr_path = log;
  spec.read_stdout = read;  // a server that it starts would hold our pipe open
  spec.marked = false;      // what it starts belongs to the user: nobody may end it as part of this run
  return spec;
}

}  // namespace

Result<int> run_command(const std::vector<std::string>& argv, Nanos wait, const std::string& log) {
  auto child = Process::spawn(spec_of(argv, log, false));
  if (!child) return std::move(child).error();
  child->close_stdin();
  if (const auto code = child->wait(wait)) return *code;
  (void)child->terminate(Nanos(0), 500ms);
  return Error{Errc::timeout, "'" + argv[0] + "' did not end within " + duration_text(wait)};
}

Result<ProbeAnswer> run_probe(const std::vector<std::string>& argv, Nanos wait, const std::string& log) {
  ProbeAnswer answer;
  const auto code = run_program(spec_of(argv, log, true), wait, [&](const std::string& line) {
    if (answer.said.empty()) answer.said = std::string(trim(line)).substr(0, kSaidMax);
  });
  // A probe that hangs asks a node that hangs.
  if (!code && code.error().code == Errc::timeout) return ProbeAnswer{};
  if (!code) return code.error();
  answer.up = *code == 0;
  return answer;
}

}  // namespace cardstorm
