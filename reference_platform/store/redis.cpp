// redis: a RESP2 client on plain sockets. Every command has one time limit for all that it may need (connect, send, receive), and
// a server that is down is asked by one caller every 500 ms only.
#include "reference_platform/store/redis.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace platform::store {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;

constexpr auto kBackOff = 500ms;
constexpr std::size_t kReplyMax = 8U << 20;

struct Address {
  std::string host = "127.0.0.1", port = "6379", user, password, database;
};

Address address_of(const std::string& url) {
  constexpr std::string_view scheme = "redis://";
  if (url.rfind(scheme, 0) != 0) throw std::runtime_error("a Redis address looks like redis://host:port, not '" + url + "'");
  Address a;
  std::string rest = url.substr(scheme.size());
  if (const auto at = rest.rfind('@'); at != std::string::npos) {
    const std::string login = rest.substr(0, at);
    const auto colon = login.find(':');
    a.user = login.substr(0, colon);
    if (colon != std::string::npos) a.password = login.substr(colon + 1);
    rest.erase(0, at + 1);
  }
  if (const auto slash = rest.find('/'); slash != std::string::npos) {
    a.database = rest.substr(slash + 1);
    rest.resize(slash);
  }
  const auto colon = rest.rfind(':');
  if (colon != std::string::npos) a.port = rest.substr(colon + 1);
  if (colon != 0 && !rest.empty()) a.host = rest.substr(0, colon);
  return a;
}

struct Reply {
  char kind = '-';   // + status, - error, : number, $ text, 0 nil
  std::string text;
};

/// One connection. Every function ends by `until` and says false when the connection is of no more use.
class Link {
 public:
  Link() = default;
  Link(Link&& o) noexcept : fd_(std::exchange(o.fd_, -1)), in_(std::move(o.in_)) {}
  Link& operator=(Link&& o) noexcept {
    std::swap(fd_, o.fd_);
    std::swap(in_, o.in_);
    return *this;
  }
  ~Link() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool open(const addrinfo& to, Clock::time_point until) {
    fd_ = ::socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to.ai_protocol);
    if (fd_ < 0) return false;
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd_, to.ai_addr, to.ai_addrlen) == 0) return true;
    if (errno != EINPROGRESS || !wait(POLLOUT, until)) return false;
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  }

  bool ask(const Words& words, Reply& reply, Clock::time_point until) {
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const auto& w : words) out.append("$").append(std::to_string(w.size())).append("\r\n").append(w).append("\r\n");
    return send(out, until) && receive(reply, until);
  }

 private:
  bool wait(short events, Clock::time_point until) const {
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
      if (left <= 0) return false;
      pollfd p{fd_, events, 0};
      const int n = ::poll(&p, 1, static_cast<int>(left));
      if (n > 0) return true;
      if (n < 0 && errno != EINTR) return false;
    }
  }

  bool send(std::string_view out, Clock::time_point until) const {
    while (!out.empty()) {
      const ssize_t n = ::send(fd_, out.data(), out.size(), MSG_NOSIGNAL);
      if (n > 0) out.remove_prefix(static_cast<std::size_t>(n));
      else if (errno == EAGAIN ? !wait(POLLOUT, until) : errno != EINTR) return false;
    }
    return true;
  }

  bool fill(Clock::time_point until) {
    char part[4096];
    for (;;) {
      const ssize_t n = ::recv(fd_, part, sizeof part, 0);
      if (n > 0) return in_.append(part, static_cast<std::size_t>(n)).size() <= kReplyMax;
      if (n == 0) return false;
      if (errno == EAGAIN ? !wait(POLLIN, until) : errno != EINTR) return false;
    }
  }

  bool line(std::string& out, Clock::time_point until) {
    std::size_t end;
    while ((end = in_.find("\r\n")) == std::string::npos)
      if (!fill(until)) return false;
    out = in_.substr(0, end);
    in_.erase(0, end + 2);
    return !out.empty();
  }

  bool receive(Reply& reply, Clock::time_point until) {
    std::string head;
    if (!line(head, until)) return false;
    reply.kind = head[0];
    reply.text = head.substr(1);
    if (reply.kind == '+' || reply.kind == '-' || reply.kind == ':') return true;
    if (reply.kind != '$') return false;   // our commands have no arrays
    const long size = std::strtol(reply.text.c_str(), nullptr, 10);
    reply.text.clear();
    if (size < 0) {
      reply.kind = '0';
      return true;
    }
    const auto n = static_cast<std::size_t>(size);
    if (n > kReplyMax) return false;
    while (in_.size() < n + 2)
      if (!fill(until)) return false;
    reply.text = in_.substr(0, n);
    in_.erase(0, n + 2);
    return true;
  }

  int fd_ = -1;
  std::string in_;
};

class RedisImpl final : public Redis {
 public:
  RedisImpl(const std::string& url, milliseconds limit) : address_(address_of(url)), limit_(limit) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    const int code = ::getaddrinfo(address_.host.c_str(), address_.port.c_str(), &hints, &resolved_);
    if (code != 0) throw std::runtime_error("cannot resolve '" + address_.host + "': " + ::gai_strerror(code));
  }
  RedisImpl(const RedisImpl&) = delete;
  RedisImpl& operator=(const RedisImpl&) = delete;
  ~RedisImpl() override { ::freeaddrinfo(resolved_); }

  std::optional<std::string> get(const std::string& key) override {
    Reply r;
    if (!ask({"GET", key}, r) || r.kind != '$') return std::nullopt;
    return std::move(r.text);
  }
  void set(const std::string& key, const std::string& value, milliseconds ttl) override {
    Reply r;
    ask({"SET", key, value, "PX", std::to_string(std::max<std::int64_t>(1, ttl.count()))}, r);
  }
  void del(const std::string& key) override {
    Reply r;
    ask({"DEL", key}, r);
  }
  bool reachable() override {
    Reply r;
    return ask({"PING"}, r) && r.kind == '+';
  }

 private:
  /// False: not reached. A kept link may have died while idle, so it gets a second try on a new one, within the same limit.
  bool ask(const Words& words, Reply& reply) {
    if (!may_try()) return false;
    const auto until = Clock::now() + limit_;
    Link link;
    if (pop(link) && link.ask(words, reply, until)) return push(std::move(link));
    Link fresh;
    if (fresh.open(*resolved_, until) && greet(fresh, until) && fresh.ask(words, reply, until)) return push(std::move(fresh));
    down();
    return false;
  }

  bool greet(Link& link, Clock::time_point until) const {
    Reply r;
    if (!address_.password.empty()) {
      Words auth{"AUTH"};
      if (!address_.user.empty()) auth.push_back(address_.user);
      auth.push_back(address_.password);
      if (!link.ask(auth, r, until) || r.kind != '+') return false;
    }
    if (address_.database.empty() || address_.database == "0") return true;
    return link.ask({"SELECT", address_.database}, r, until) && r.kind == '+';
  }

  // While it is down, one caller per back-off finds out whether it is back; all others miss at once.
  bool may_try() {
    const std::lock_guard lock(mutex_);
    if (up_) return true;
    const auto now = Clock::now();
    if (now < next_try_) return false;
    next_try_ = now + kBackOff;
    return true;
  }
  void down() {
    const std::lock_guard lock(mutex_);
    up_ = false;
    next_try_ = Clock::now() + kBackOff;
    idle_.clear();
  }
  bool pop(Link& link) {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return false;
    link = std::move(idle_.back());
    idle_.pop_back();
    return true;
  }
  bool push(Link link) {
    const std::lock_guard lock(mutex_);
    up_ = true;
    idle_.push_back(std::move(link));
    return true;
  }

  const Address address_;
  const milliseconds limit_;
  addrinfo* resolved_ = nullptr;
  std::mutex mutex_;                 // guards all below
  std::vector<Link> idle_;           // never more than there are threads: each uses one at a time
  bool up_ = true;
  Clock::time_point next_try_{};
};

}  // namespace

std::unique_ptr<Redis> make_redis(const std::string& url, milliseconds limit) { return std::make_unique<RedisImpl>(url, limit); }

}  // namespace platform::store
