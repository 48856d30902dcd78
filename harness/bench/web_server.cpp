// web_server: see web_server.hpp.
#include "harness/bench/web_server.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "harness/core/files.hpp"
#include "harness/net/http_client.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kStart = 5s;

Result<int> free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  const bool bound = fd >= 0 && ::bind(fd, plain, length) == 0 && ::getsockname(fd, plain, &length) == 0;
  if (fd >= 0) ::close(fd);
  if (!bound) return Error{Errc::unavailable, "no free port"};
  return int{ntohs(address.sin_port)};
}

std::string config(int port) {
  return "worker_processes 1;\nworker_rlimit_nofile 40000;\ndaemon off;\npid nginx.pid;\nerror_log error.log crit;\n"
         "events { worker_connections 20000; }\nhttp {\n  access_log off;\n  keepalive_requests 1000000000;\n  "
         "keepalive_timeout 600s;\n"
         "  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; "
         "scgi_temp_path scgi;\n"
         "  server { listen 127.0.0.1:" +
         std::to_string(port) +
         " backlog=4096; location / { default_type application/json; return 200 '{\"status\":\"ok\",\"n\":12345}'; } "
         "}\n}\n";
}

}  // namespace

Result<WebServer> WebServer::start(const std::string& dir, int cpu) {
  WebServer out;
  out.dir_ = dir;
  out.cpu_ = cpu;
  const auto port = free_port();
  if (!port) return port.error();
  out.port_ = *port;
  if (Status s = write_file(dir + "/nginx.conf", config(*port)); !s) return s.error();
  if (Status s = out.launch(); !s) return s.error();
  return out;
}

Status WebServer::launch() {
  ProcessSpec spec;
  spec.program = cpu_ >= 0 ? "taskset" : "/usr/sbin/nginx";
  if (cpu_ >= 0) spec.args = {"-c", std::to_string(cpu_), "/usr/sbin/nginx"};
  spec.args.insert(spec.args.end(), {"-p", dir_ + "/", "-c", "nginx.conf"});
  spec.stderr_path = dir_ + "/stderr.log";
  spec.read_stdout = false;
  auto process = Process::spawn(spec);
  if (!process) return std::move(process).error().in("starting nginx");
  process_.emplace(std::move(*process));
  for (const Nanos end = monotonic_now() + kStart; monotonic_now() < end; std::this_thread::sleep_for(2ms)) {
    HttpRequest request;
    request.url = url();
    request.timeout = 500ms;
    const Nanos asked = monotonic_now();
    if (fetch(request).status == 200) {
      answered_ = asked;
      return open_handles();
    }
    if (process_->wait(Nanos(0))) break;
  }
  const auto words = read_file(dir_ + "/stderr.log");
  return Error{Errc::unavailable, "nginx does not answer: " + (words ? *words : ""),
               "install nginx-light (./cardstorm bench does)"};
}

Status WebServer::open_handles() {
  handles_.clear();
  auto ids = process_tree(process_->id(), process_->mark());
  // The master first: it would start a new worker in place of a killed one.
  std::stable_partition(ids.begin(), ids.end(), [&](const ProcessId& id) { return id == process_->id(); });
  for (const ProcessId& id : ids)
    if (auto handle = PidFd::open(id)) handles_.push_back(std::move(*handle));
  return ok();
}

Result<Nanos> WebServer::signal_all(int number) {
  for (const PidFd& handle : handles_)
    if (Status s = handle.signal(number); !s) return s.error();
  return monotonic_now();
}

Result<Nanos> WebServer::kill() {
  auto at = signal_all(SIGKILL);
  handles_.clear();
  if (!kill_tree(process_->id(), process_->mark(), 2s)) return Error{Errc::io, "nginx survived SIGKILL"};
  (void)process_->wait(1s);
  process_.reset();
  return at;
}

Result<Nanos> WebServer::restart() {
  if (Status s = launch(); !s) return s.error();
  return Nanos(answered_);
}
Result<Nanos> WebServer::freeze() { return signal_all(SIGSTOP); }
Result<Nanos> WebServer::thaw() { return signal_all(SIGCONT); }

Status WebServer::stop() {
  if (!process_) return ok();
  (void)thaw();
  const auto killed = kill();
  return killed ? ok() : Status(killed.error());
}

}  // namespace cardstorm
