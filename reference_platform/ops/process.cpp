// process: fork and exec by hand, because Boost.Process leaks descriptors into children, and a listening socket that
// lives on in a sibling of a killed node makes its recovery a lie.
#include "reference_platform/ops/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

namespace platform::ops {
namespace {

std::string error_text(int number) {
  return std::strerror(number);
}  // NOLINT(concurrency-mt-unsafe): glibc's is thread-safe

/// Everything the child needs, made before fork: after it only system calls are safe.
struct Prepared {
  std::vector<char*> argv, environment;
  int log = -1, null = -1, report = -1, pipe = -1;
  pid_t parent = 0;

  explicit Prepared(const Command& c) {
    for (const auto& a : c.argv) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    if (c.environment) {
      for (const auto& e : *c.environment) environment.push_back(const_cast<char*>(e.c_str()));
      environment.push_back(nullptr);
    } else {
      for (char** e = environ; *e != nullptr; ++e) environment.push_back(*e);
      environment.push_back(nullptr);
    }
  }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() {
    for (const int fd : {log, null, pipe})
      if (fd >= 0) ::close(fd);
  }
};

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int s : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGQUIT}) ::signal(s, SIG_DFL);
}

bool arrange(const Command& c, const Prepared& p) {
  ::setpgid(0, 0);
  reset_signals();
  // The sources are above 10 (see spawn): no dup2 overwrites another's source, or is its own, which would keep
  // close-on-exec.
  if (::dup2(p.null, 0) < 0 || ::dup2(p.log, 1) < 0 || ::dup2(p.log, 2) < 0) return false;
  if (p.pipe >= 0 && ::dup2(p.pipe, kSupervisorFd) < 0) return false;
  const unsigned first = p.pipe >= 0 ? kSupervisorFd + 1 : kSupervisorFd;
  if (::close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return false;
  if (c.account && (::setgroups(0, nullptr) != 0 || ::setgid(c.account->gid) != 0 || ::setuid(c.account->uid) != 0))
    return false;
  // After setuid, which clears it. If the parent died before, the signal would never come.
  if (::prctl(PR_SET_PDEATHSIG, c.death_signal) != 0) return false;
  if (::getppid() != p.parent) ::_exit(126);
  return ::chdir(c.directory.c_str()) == 0;
}

[[noreturn]] void child(const Command& c, const Prepared& p) {
  if (arrange(c, p)) ::execve(c.program.c_str(), p.argv.data(), p.environment.data());
  const int why = errno;
  [[maybe_unused]] const auto n = ::write(p.report, &why, sizeof why);
  ::_exit(127);
}

/// `fd` moved above 10 and close-on-exec.
int high(int fd) {
  if (fd < 0) return fd;
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, 10);
  ::close(fd);
  return moved;
}

}  // namespace

Process Process::spawn(const Command& command) {
  Prepared p(command);
  p.parent = ::getpid();
  p.null = high(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  p.log = high(
      ::open(command.log.empty() ? "/dev/null" : command.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (p.log < 0 || p.null < 0) throw EnvironmentError("cannot write " + command.log + ": " + error_text(errno));
  if (command.supervisor_pipe >= 0) p.pipe = ::fcntl(command.supervisor_pipe, F_DUPFD_CLOEXEC, 10);
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) throw EnvironmentError("no pipe: " + error_text(errno));
  p.report = high(report[1]);

  const pid_t pid = ::fork();
  if (pid == 0) child(command, p);
  const int fork_error = errno;
  ::close(p.report);
  int why = pid < 0 ? fork_error : 0;
  if (pid > 0 && ::read(report[0], &why, sizeof why) != sizeof why) why = 0;  // EOF: exec closed it
  ::close(report[0]);
  if (why != 0) {
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    throw EnvironmentError("cannot start " + command.program + ": " + error_text(why));
  }

  Process child_process;
  child_process.pid_ = pid;
  child_process.pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));  // close-on-exec by itself
  child_process.start_time_ = start_time_of(pid);
  if (child_process.pidfd_ < 0) throw EnvironmentError("this kernel has no pidfd_open: " + error_text(errno));
  return child_process;
}

Process::~Process() {
  if (pid_ > 0 && !ended()) {
    ::kill(-pid_, SIGKILL);
    signal(SIGKILL);
    wait(std::chrono::seconds(5));
  }
  if (pidfd_ >= 0) ::close(pidfd_);
}

bool Process::ended() {
  if (ended_ || pid_ == 0) return true;
  if (::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
  return ended_;
}

bool Process::wait(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!ended()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd p{pidfd_, POLLIN, 0};
    ::poll(&p, 1, static_cast<int>(left));
  }
  return true;
}

void Process::signal(int number) const {
  if (pidfd_ >= 0 && !ended_) ::syscall(SYS_pidfd_send_signal, pidfd_, number, nullptr, 0);
}

std::string Process::how() const {
  if (WIFSIGNALED(status_)) return "signal " + std::to_string(WTERMSIG(status_));
  return "exit code " + std::to_string(WEXITSTATUS(status_));
}
bool Process::good() const { return ended_ && WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

void Process::swap(Process& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(status_, other.status_);
  std::swap(start_time_, other.start_time_);
  std::swap(ended_, other.ended_);
}

std::uint64_t start_time_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto name_end = text.rfind(')');  // the name may hold spaces and brackets; field 3 follows it
  if (name_end == std::string::npos) return 0;
  std::size_t at = name_end;
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at, nullptr, 10);
}

std::string log_tail(const std::string& path) {
  std::ifstream in(path);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (text.size() > 400) text.erase(0, text.size() - 400);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace platform::ops
