// process: see process.hpp. Boost.Process 1.81 v1 only spawns: its waits are broken with threads, and its limit_handles
// closes the pipe on which a failed exec is reported (measured: /nonexistent "starts"), so close_range does that work
// here. Header-only: without it the paths come from boost_filesystem, which would have to be linked.
#define BOOST_PROCESS_USE_STD_FS 1

#include "harness/lease/process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/environment.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/posix.hpp>
#include <boost/process/search_path.hpp>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "harness/core/unique_fd.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm {
namespace bp = boost::process;
namespace {

constexpr std::size_t kLineMax = 16u << 20;  // an audit row is a few kilobytes; more is not a line

Error system_error(const std::string& what) {
  const Errc code = errno == EMFILE || errno == ENFILE || errno == ENOSPC ? Errc::unavailable : Errc::io;
  return Error{code, what + ": " + std::strerror(errno)};
}

/// Above the standard three, so that dup2 in the child always makes a copy (a copy loses CLOEXEC, as wanted).
UniqueFd above_standard(UniqueFd fd) {
  if (fd.get() > 2) return fd;
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

struct Pipe {
  UniqueFd read, write;
};
Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe");
  Pipe made{above_standard(UniqueFd(ends[0])), above_standard(UniqueFd(ends[1]))};
  if (!made.read.open() || !made.write.open()) return system_error("pipe");
  return made;
}

Result<UniqueFd> open_file(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, 0644));
  if (!fd.open()) return system_error("cannot open " + path);
  return above_standard(std::move(fd));
}

/// close_range(2) knows CLOSE_RANGE_CLOEXEC since Linux 5.11; before, each descriptor that there may be is told.
void close_all_on_exec() {
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  for (int fd = 3; static_cast<rlim_t>(fd) < files.rlim_cur; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/// Runs in the child between fork and exec: only calls that are safe there.
void become_own_leader(bool deaf) {
  ::setsid();
  close_all_on_exec();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(number, deaf ? SIG_IGN : SIG_DFL);
  for (const int number : {SIGPIPE, SIGCHLD}) ::signal(number, SIG_DFL);
}

int code_of(const siginfo_t& info) { return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status; }

}  // namespace

Result<std::string> find_program(const std::string& program) {
  std::string path = program;
  if (program.find('/') == std::string::npos) path = bp::search_path(program).string();
  if (path.empty())
    return Error{Errc::unavailable, "program '" + program + "' is not in PATH",
                 "install it, or put its folder into PATH"};
  if (::access(path.c_str(), X_OK) != 0)
    return Error{Errc::unavailable, "cannot run " + path + ": " + std::strerror(errno)};
  return path;
}

struct Process::Impl {
  ProcessId id;
  std::string mark, program, buffer;
  PidFd handle;
  UniqueFd in, out;
  std::optional<int> code;
  bool swept = false;

  explicit Impl(PidFd h) : handle(std::move(h)) {}

  /// Reads the exit code; the zombie, and with it the number of the group, stays ours until reap().
  void peek() { take(WNOWAIT); }
  void reap() { take(0); }
  void take(int flags) {
    siginfo_t info{};
    const int got = ::waitid(P_PIDFD, static_cast<id_t>(handle.fd()), &info, WEXITED | WNOHANG | flags);
    // 255: somebody else reaped it (SIGCHLD ignored). It has ended; how is not known.
    if (!code) code = got == 0 && info.si_pid != 0 ? code_of(info) : 255;
  }

  /// An orderly supervisor has ended its own (and may have been told to keep a store); after any other end we do it.
  Result<int> sweep(const ProcessId& root) {
    assert(code);
    if (!swept && *code != 0 && !kill_tree(root, mark, 2s))
      return Error{Errc::io, "children of " + program + " survived SIGKILL"};
    swept = true;
    return *code;
  }
};

Process::Process(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}
Process::~Process() {
  if (impl_) (void)terminate(1s, 1s);
}

Result<Process> Process::spawn(const ProcessSpec& spec) {
  auto program = find_program(spec.program);
  if (!program) return std::move(program).error();
  auto in = make_pipe();
  if (!in) return std::move(in).error();
  auto out = make_pipe();
  if (!out) return std::move(out).error();
  auto null = open_file("/dev/null", O_RDWR);
  if (!null) return std::move(null).error();
  auto err = open_file(spec.stderr_path.empty() ? "/dev/null" : spec.stderr_path, O_WRONLY | O_APPEND | O_CREAT);
  if (!err) return std::move(err).error();

  const std::string mark = spec.marked ? random_token(12) : "";
  pid_t pid = 0;
  try {
    bp::environment env = boost::this_process::environment();
    for (const auto& [name, value] : spec.env) env[name] = value;
    env.erase(kTreeMark);  // that of a tree around us is not passed on: it would end with that one
    if (spec.marked) env[kTreeMark] = mark;
    std::error_code error;
    const auto setup = [deaf = spec.deaf](auto&) { become_own_leader(deaf); };
    bp::child child(bp::exe = *program, bp::args = spec.args, env, bp::posix::fd.bind(0, in->read.get()),
                    bp::posix::fd.bind(1, spec.read_stdout ? out->write.get() : null->get()),
                    bp::posix::fd.bind(2, err->get()), bp::extend::on_exec_setup(setup), error);
    if (error) return Error{Errc::unavailable, "cannot start " + *program + ": " + error.message()};
    pid = child.id();
    child.detach();  // from here on the pidfd is the owner
  } catch (const std::exception& e) {
    return Error{Errc::unavailable, "cannot start " + *program + ": " + e.what()};
  }
  const auto id = identify(pid);  // a child that already ended is a zombie and still answers
  if (!id) return id.error();
  auto handle = PidFd::open(*id);
  if (!handle) return std::move(handle).error();
  auto impl = std::make_unique<Impl>(std::move(*handle));
  impl->id = *id;
  impl->mark = mark;
  impl->program = *program;
  impl->in = std::move(in->write);
  if (spec.read_stdout) impl->out = std::move(out->read);
  return Process(std::move(impl));
}

ProcessId Process::id() const { return impl_->id; }
const std::string& Process::mark() const { return impl_->mark; }

Result<std::optional<std::string>> Process::read_line(Nanos wait) {
  const Nanos end = monotonic_now() + wait;
  for (std::size_t scanned = 0;;) {
    auto& buffer = impl_->buffer;
    if (const auto newline = buffer.find('\n', scanned); newline != std::string::npos) {
      std::string line = buffer.substr(0, newline);
      buffer.erase(0, newline + 1);
      return std::optional(std::move(line));
    }
    scanned = buffer.size();
    if (scanned > kLineMax) return Error{Errc::invalid, impl_->program + " wrote a line above 16 MiB"};
    if (!impl_->out.open()) {
      if (buffer.empty()) return std::optional<std::string>();
      return std::optional(std::exchange(buffer, {}));  // the last line may lack its newline
    }
    const auto left = end - monotonic_now();
    pollfd p{impl_->out.get(), POLLIN, 0};
    const timespec limit{std::max<std::int64_t>(0, left.count()) / 1'000'000'000,
                         std::max<std::int64_t>(0, left.count()) % 1'000'000'000};
    const int ready = ::ppoll(&p, 1, &limit, nullptr);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return system_error("poll");
    if (ready == 0) return Error{Errc::timeout, impl_->program + " wrote no line in time"};
    char chunk[65536];
    const ssize_t got = ::read(impl_->out.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      impl_->out.close();
    else
      buffer.append(chunk, static_cast<std::size_t>(got));
  }
}

Status Process::write(std::string_view text) {
  // A child that is gone must give an error, not a SIGPIPE: block it for this thread and take it back if it came.
  sigset_t pipe_only, before;
  ::sigemptyset(&pipe_only);
  ::sigaddset(&pipe_only, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
  Status result = ok();
  while (!text.empty()) {
    const ssize_t sent = ::write(impl_->in.get(), text.data(), text.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      result = system_error("cannot write to " + impl_->program);
      const timespec now{0, 0};
      ::sigtimedwait(&pipe_only, nullptr, &now);
      break;
    }
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return result;
}

void Process::close_stdin() { impl_->in.close(); }

std::optional<int> Process::wait(Nanos wait) {
  if (impl_->code) return impl_->code;
  if (!impl_->handle.exited(wait)) return std::nullopt;
  impl_->reap();
  return impl_->code;
}

Result<int> Process::terminate(Nanos grace, Nanos term) {
  close_stdin();
  if (impl_->code)
    return impl_->sweep(ProcessId{0, impl_->id.start_time});  // reaped: its number may be another's by now
  bool ended = impl_->handle.exited(grace);
  if (!ended) {
    (void)impl_->handle.signal(SIGTERM);
    ended = impl_->handle.exited(term);
  }
  if (!ended) {
    (void)impl_->handle.signal(SIGKILL);
    ended = impl_->handle.exited(2s);
  }
  if (!ended) return Error{Errc::io, impl_->program + " (pid " + std::to_string(impl_->id.pid) + ") survived SIGKILL"};
  impl_->peek();
  auto result = impl_->sweep(impl_->id);
  impl_->reap();
  return result;
}

}  // namespace cardstorm
