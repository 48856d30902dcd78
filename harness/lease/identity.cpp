// identity: see identity.hpp. Reads /proc, signals by pidfd only.
#include "harness/lease/identity.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <utility>

namespace cardstorm {
namespace {

/// Files of /proc have no size: read until the end, at most `bytes_max`.
std::string read_proc(const std::string& path, std::size_t bytes_max = 1 << 20) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.open()) return {};
  std::string text;
  char chunk[4096];
  while (text.size() < bytes_max) {
    const ssize_t got = ::read(fd.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(chunk, static_cast<std::size_t>(got));
  }
  return text;
}

/// Field `number` of the text after the command name, counted from 3 (the state) as in proc(5).
std::string_view field(std::string_view after_name, int number) {
  std::size_t begin = 0;
  for (int at = 3; begin < after_name.size(); ++at) {
    const auto end = after_name.find_first_of(" \n", begin);
    const auto length = end == std::string_view::npos ? after_name.size() - begin : end - begin;
    if (at == number) return after_name.substr(begin, length);
    begin += length + 1;
  }
  return {};
}

template <class Number>
bool parse(std::string_view text, Number* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool carries_mark(pid_t pid, std::string_view mark) {
  if (mark.empty()) return false;
  const std::string wanted = std::string(kTreeMark) + "=" + std::string(mark);
  const std::string environment = read_proc("/proc/" + std::to_string(pid) + "/environ");
  for (std::size_t at = 0; at < environment.size();) {
    const auto end = std::min(environment.find('\0', at), environment.size());
    if (std::string_view(environment).substr(at, end - at) == wanted) return true;
    at = end + 1;
  }
  return false;
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  DIR* dir = ::opendir("/proc");
  if (dir == nullptr) return pids;
  while (const dirent* entry = ::readdir(dir)) {
    pid_t pid = 0;
    if (parse(std::string_view(entry->d_name), &pid) && pid > 0) pids.push_back(pid);
  }
  ::closedir(dir);
  return pids;
}

}  // namespace

Result<ProcessStat> parse_stat(std::string_view text) {
  // The name is the only field that may hold anything, so the last ')' ends it.
  const auto close = text.rfind(')');
  if (close == std::string_view::npos || close + 2 >= text.size())
    return Error{Errc::io, "not a /proc/PID/stat line: '" + std::string(text.substr(0, 80)) + "'"};
  const auto rest = text.substr(close + 2);
  ProcessStat stat;
  const auto state = field(rest, 3);
  if (state.size() != 1 || !parse(field(rest, 4), &stat.parent) || !parse(field(rest, 5), &stat.group) ||
      !parse(field(rest, 6), &stat.session) || !parse(field(rest, 22), &stat.start_time))
    return Error{Errc::io, "a /proc/PID/stat line lacks fields: '" + std::string(text.substr(0, 80)) + "'"};
  stat.state = state.front();
  return stat;
}

Result<ProcessStat> stat_of(pid_t pid) {
  const std::string text = read_proc("/proc/" + std::to_string(pid) + "/stat");
  if (text.empty() && ::access("/proc/self", F_OK) != 0)
    return Error{Errc::unavailable, "/proc is not mounted: processes cannot be told apart", "mount -t proc proc /proc"};
  if (text.empty()) return Error{Errc::not_found, "no process " + std::to_string(pid)};
  return parse_stat(text);
}

Result<ProcessId> identify(pid_t pid) {
  const auto stat = stat_of(pid);
  if (!stat) return stat.error();
  return ProcessId{pid, stat->start_time};
}

bool alive(const ProcessId& id) {
  const auto stat = stat_of(id.pid);
  return stat && stat->start_time == id.start_time && stat->state != 'Z' && stat->state != 'X';
}

std::string boot_id() {
  std::string text = read_proc("/proc/sys/kernel/random/boot_id");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Result<PidFd> PidFd::open(const ProcessId& id) {
  const auto gone = [&] { return Error{Errc::not_found, "process " + std::to_string(id.pid) + " has ended"}; };
  if (id.pid <= 0) return Error{Errc::not_found, "no process with pid " + std::to_string(id.pid)};
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, id.pid, 0)));  // is CLOEXEC by itself
  if (!fd.open() && errno == ESRCH) return gone();
  if (!fd.open())
    return Error{Errc::io, std::string("pidfd_open: ") + std::strerror(errno), "needs Linux 5.3 or newer"};
  PidFd handle(std::move(fd));
  // Checked after the open: from here on the handle cannot change its meaning.
  const auto found = identify(id.pid);
  if (!found) return gone();
  if (found->start_time != id.start_time)
    return Error{Errc::not_found, "pid " + std::to_string(id.pid) + " now belongs to another process"};
  return handle;
}

Status PidFd::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, fd_.get(), number, nullptr, 0) == 0 || errno == ESRCH) return ok();
  const Errc code = errno == EPERM ? Errc::refused : Errc::io;
  return Error{code, std::string("pidfd_send_signal: ") + std::strerror(errno)};
}

bool PidFd::exited(Nanos wait) const {
  const Nanos end = monotonic_now() + wait;
  for (;;) {
    pollfd p{fd_.get(), POLLIN, 0};
    const auto left = std::max<std::int64_t>(0, (end - monotonic_now()).count());
    const timespec limit{left / 1'000'000'000, left % 1'000'000'000};
    const int ready = ::ppoll(&p, 1, &limit, nullptr);
    if (ready > 0) return (p.revents & POLLIN) != 0;
    if (ready == 0) return false;
    if (errno != EINTR) return false;
  }
}

std::vector<ProcessId> process_tree(const ProcessId& root, std::string_view mark) {
  std::vector<ProcessId> tree;
  for (const pid_t pid : all_pids()) {
    const auto stat = stat_of(pid);
    if (!stat || pid == ::getpid() || stat->start_time < root.start_time || stat->state == 'Z') continue;
    const bool ours = root.pid > 0 && (stat->session == root.pid || stat->group == root.pid);
    if (ours || carries_mark(pid, mark)) tree.push_back(ProcessId{pid, stat->start_time});
  }
  return tree;
}

bool kill_tree(const ProcessId& root, std::string_view mark, Nanos wait) {
  const Nanos end = monotonic_now() + wait;
  for (;;) {
    const auto tree = process_tree(root, mark);  // again each round: a member may have forked meanwhile
    if (tree.empty()) return true;
    for (const auto& member : tree) {
      auto handle = PidFd::open(member);
      if (!handle) continue;
      (void)handle->signal(SIGKILL);  // what refuses to die is seen in the next round
      (void)handle->exited(std::max(Nanos(0), std::min(Nanos(200ms), end - monotonic_now())));
    }
    if (monotonic_now() >= end) return process_tree(root, mark).empty();
  }
}

}  // namespace cardstorm
