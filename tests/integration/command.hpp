// command: runs the built binary as a user would, and keeps what it said.
#pragma once

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/lease/process.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm {

/// A folder that goes with the test.
class TestFolder {
 public:
  TestFolder() {
    path_ = std::filesystem::temp_directory_path().string() + "/cs test XXXXXX";  // with a space: paths may have them
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// The release binary when the launcher built one (a drill is measured, sanitizers would distort it), else our own
/// build.
inline std::string binary_dir() {
  const char* release = std::getenv("CARDSTORM_RELEASE_BIN");
  return release != nullptr && *release != '\0' ? release : testing_paths::binary_dir();
}

struct Said {
  int code = -1;
  std::string out, err;
};

class Command {
 public:
  Command(const TestFolder& folder, std::vector<std::string> args)
      : err_path_(folder.at("stderr-" + std::to_string(++count()))) {
    ProcessSpec spec;
    spec.program = binary_dir() + "/cardstorm";
    spec.args = std::move(args);
    spec.env = {{"CARDSTORM_ROOT", testing_paths::source_dir()}};
    spec.stderr_path = err_path_;
    auto process = Process::spawn(spec);
    if (!process) std::abort();
    process_ = std::make_unique<Process>(std::move(*process));
  }
  [[nodiscard]] Process& process() { return *process_; }
  [[nodiscard]] std::string err() const {
    const auto text = read_file(err_path_);
    return text ? *text : "";
  }
  Status signal(int number) {
    auto fd = PidFd::open(process_->id());
    if (!fd) return fd.error();
    return fd->signal(number);
  }
  Said finish(Nanos wait) {
    Said said;
    const Nanos end = monotonic_now() + wait;
    for (;;) {
      const auto line = process_->read_line(std::max(end - monotonic_now(), Nanos(0)));
      if (!line || !line->has_value()) break;
      said.out += **line + "\n";
    }
    said.code = process_->wait(std::max(end - monotonic_now(), Nanos(0))).value_or(-1);
    said.err = err();
    return said;
  }

 private:
  static int& count() {
    static int n = 0;
    return n;
  }
  std::string err_path_;
  std::unique_ptr<Process> process_;
};

inline Said run_command(const TestFolder& folder, std::vector<std::string> args, Nanos wait = 60s) {
  return Command(folder, std::move(args)).finish(wait);
}

/// Whether a run says "unknown" for one reason alone: it was late itself, because this machine stood still for a
/// moment. Then it has said nothing about the platform, and is to be made again.
inline bool only_late(const Json& card) {
  const auto& why = card["why"].items();
  return card["verdict"].string() == "unknown" && !why.empty() &&
         std::all_of(why.begin(), why.end(),
                     [](const Json& reason) { return reason["code"].string() == "generator_untrusted"; });
}

/// Polls `holds` until it is true; false when `wait` has passed.
template <class Condition>
bool eventually(Nanos wait, Condition&& holds) {
  const Nanos end = monotonic_now() + wait;
  while (!holds()) {
    if (monotonic_now() > end) return false;
    timespec pause{0, 20'000'000};
    nanosleep(&pause, nullptr);
  }
  return true;
}

}  // namespace cardstorm
