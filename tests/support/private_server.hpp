// private_server: starts a database server for tests as an unprivileged account, in a folder of its own, on a port of
// loopback that is held for it, and ends it by its id. Shared by postgres.hpp and mariadb.hpp.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace cardstorm::test {

/// A port of loopback that nobody else is given while this lives. It is bound and never listened on: a server that sets
/// SO_REUSEADDR, as all do, can listen there, and until then whoever connects is refused.
class HeldPort {
 public:
  HeldPort() {
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    number_ = ntohs(address.sin_port);
  }
  ~HeldPort() { ::close(fd_); }
  HeldPort(const HeldPort&) = delete;
  HeldPort& operator=(const HeldPort&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), number_ = 0;
};

/// A folder directly under /tmp (a socket path has at most 107 bytes) and the programs started in it. As root
/// everything runs as `nobody`, who owns the folder: PostgreSQL refuses to run as root.
class PrivateFolder {
 public:
  PrivateFolder() {
    std::string pattern = "/tmp/cardstorm-db-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
    own(path_);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  ~PrivateFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

  void write(const std::string& name, const std::string& text) const {
    const std::string file = path_ + "/" + name;
    std::ofstream(file) << text;
    ::chmod(file.c_str(), 0600);
    own(file);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(path_ + "/" + name);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

  /// Starts argv[0] (a path); its words go to `log`. It dies when the thread that started it ends. -1 when it cannot.
  [[nodiscard]] pid_t spawn(std::vector<std::string> argv, const std::string& log, int dies_of = SIGKILL) const {
    if (::geteuid() == 0) {
      const std::vector<std::string> drop{"/usr/bin/setpriv",
                                          "--reuid=nobody",
                                          "--regid=nogroup",
                                          "--clear-groups",
                                          std::string("--pdeathsig=") + (dies_of == SIGQUIT ? "QUIT" : "KILL"),
                                          "--"};
      argv.insert(argv.begin(), drop.begin(), drop.end());
    }
    std::vector<char*> words;
    for (std::string& word : argv) words.push_back(word.data());
    words.push_back(nullptr);
    std::string home = "HOME=" + path_, path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale = "LC_ALL=C",
                zone = "TZ=UTC";
    char* environment[] = {home.data(), path.data(), locale.data(), zone.data(), nullptr};
    const int out = ::open((path_ + "/" + log).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const pid_t pid = ::fork();
    if (pid == 0) {  // from here to exec only calls that are safe after fork
      ::prctl(PR_SET_PDEATHSIG, dies_of);
      ::setsid();
      ::dup2(nothing, 0);
      ::dup2(out, 1);
      ::dup2(out, 2);
      ::close_range(3, ~0u, 0);
      if (::chdir(path_.c_str()) == 0) ::execve(words[0], words.data(), environment);
      ::_exit(127);
    }
    ::close(out);
    ::close(nothing);
    return pid;
  }

  /// True when the program ended with 0 in time.
  [[nodiscard]] static bool ended_well(pid_t pid, std::chrono::seconds wait) {
    int status = 0;
    if (ended(pid, wait, &status)) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    ::kill(pid, SIGKILL);
    (void)::waitpid(pid, &status, 0);
    return false;
  }
  static void end(pid_t pid, int with, std::chrono::seconds wait) {
    if (pid <= 0) return;
    int status = 0;
    ::kill(pid, with);
    if (ended(pid, wait, &status)) return;
    ::kill(pid, SIGKILL);
    (void)::waitpid(pid, &status, 0);
  }

 private:
  static bool ended(pid_t pid, std::chrono::seconds wait, int* status) {
    for (const auto end = std::chrono::steady_clock::now() + wait; std::chrono::steady_clock::now() < end;) {
      if (::waitpid(pid, status, WNOHANG) == pid) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }
  static void own(const std::string& path) {
    const passwd* nobody = ::getpwnam("nobody");
    if (::geteuid() == 0 && nobody != nullptr) (void)!::chown(path.c_str(), nobody->pw_uid, nobody->pw_gid);
  }
  std::string path_;
};

/// Polls `ready` until it holds (true), or the server has ended or the time is over (false).
template <class Ready>
bool await_server(pid_t pid, std::chrono::seconds wait, Ready ready) {
  for (const auto end = std::chrono::steady_clock::now() + wait; std::chrono::steady_clock::now() < end;) {
    if (ready()) return true;
    siginfo_t gone{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &gone, WEXITED | WNOHANG | WNOWAIT) == 0 && gone.si_pid == pid)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

/// Whether something on that port of loopback sends a first byte within 200 ms, as a MySQL server does when it serves.
inline bool greets(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  bool greeted = false;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    pollfd readable{fd, POLLIN, 0};
    char byte = 0;
    greeted = ::poll(&readable, 1, 200) == 1 && ::recv(fd, &byte, 1, 0) == 1;
  }
  ::close(fd);
  return greeted;
}

}  // namespace cardstorm::test
