// redis: a RESP2 client on plain sockets. Every command has one time limit for all that it may need (connect, send,
// receive), and a server that is down is asked by one caller every 500 ms only.
#include "reference_platform/store/redis.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace platform::store {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;

constexpr auto kBackOff = 500ms;
constexpr std::size_t kReplyMax = 64U << 20;
constexpr int kDepthMax = 8;  // arrays in arrays

struct Address {
  std::string host = "127.0.0.1", port = "6379", user, password, database;
};

Address address_of(const std::string& url) {
  constexpr std::string_view scheme = "redis://";
  if (url.rfind(scheme, 0) != 0)
    throw std::runtime_error("a Redis address looks like redis://host:port, not '" + url + "'");
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

using Kind = RedisReply::Kind;

/// One connection. Every function ends by `until` and says false when the connection is of no more use.
class Link {
 public:
  Link() = default;
  Link(Link&& o) noexcept : fd_(std::exchange(o.fd_, -1)), in_(std::move(o.in_)), at_(std::exchange(o.at_, 0)) {}
  Link& operator=(Link&& o) noexcept {
    std::swap(fd_, o.fd_);
    std::swap(in_, o.in_);
    std::swap(at_, o.at_);
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

  bool ask(const Words& words, RedisReply& reply, Clock::time_point until) {
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const auto& w : words)
      out.append("$").append(std::to_string(w.size())).append("\r\n").append(w).append("\r\n");
    if (!send(out, until) || !receive(reply, until, 0)) return false;
    in_.erase(0, at_);
    at_ = 0;
    return true;
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
      if (n > 0)
        out.remove_prefix(static_cast<std::size_t>(n));
      else if (errno == EAGAIN ? !wait(POLLOUT, until) : errno != EINTR)
        return false;
    }
    return true;
  }

  bool fill(Clock::time_point until) {
    char part[16384];
    for (;;) {
      const ssize_t n = ::recv(fd_, part, sizeof part, 0);
      if (n > 0) return in_.append(part, static_cast<std::size_t>(n)).size() <= kReplyMax;
      if (n == 0) return false;
      if (errno == EAGAIN ? !wait(POLLIN, until) : errno != EINTR) return false;
    }
  }

  bool line(std::string_view& out, Clock::time_point until) {
    std::size_t end;
    while ((end = in_.find("\r\n", at_)) == std::string::npos)
      if (!fill(until)) return false;
    out = std::string_view(in_).substr(at_, end - at_);
    at_ = end + 2;
    return !out.empty();
  }

  bool receive(RedisReply& reply, Clock::time_point until, int depth) {
    std::string_view head;
    if (depth > kDepthMax || !line(head, until)) return false;
    const char kind = head[0];
    head.remove_prefix(1);
    if (kind == '+' || kind == '-') {
      reply.kind = kind == '+' ? Kind::status : Kind::error;
      reply.text = head;
      return true;
    }
    std::int64_t n = 0;
    if (std::from_chars(head.data(), head.data() + head.size(), n).ec != std::errc()) return false;
    if (kind == ':') {
      reply.kind = Kind::number;
      reply.number = n;
      return true;
    }
    if (kind != '$' && kind != '*') return false;
    if (n < 0) {
      reply.kind = Kind::nil;
      return true;
    }
    if (static_cast<std::size_t>(n) > kReplyMax) return false;
    return kind == '$' ? text(reply, static_cast<std::size_t>(n), until)
                       : array(reply, static_cast<std::size_t>(n), until, depth);
  }

  bool text(RedisReply& reply, std::size_t n, Clock::time_point until) {
    while (in_.size() < at_ + n + 2)
      if (!fill(until)) return false;
    reply.kind = Kind::text;
    reply.text = in_.substr(at_, n);
    at_ += n + 2;
    return true;
  }

  bool array(RedisReply& reply, std::size_t n, Clock::time_point until, int depth) {
    reply.kind = Kind::array;
    for (std::size_t i = 0; i < n; ++i)
      if (!receive(reply.items.emplace_back(), until, depth + 1)) return false;
    return true;
  }

  int fd_ = -1;
  std::string in_;
  std::size_t at_ = 0;  // where in in_ the next part of the reply begins
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

  RedisReply command(const Words& words, std::optional<milliseconds> limit) override {
    return ask(words, limit.value_or(limit_));
  }
  std::optional<std::string> get(const std::string& key) override {
    RedisReply r = ask({"GET", key}, limit_);
    if (!r.is(Kind::text)) return std::nullopt;
    return std::move(r.text);
  }
  void set(const std::string& key, const std::string& value, milliseconds ttl) override {
    ask({"SET", key, value, "PX", std::to_string(std::max<std::int64_t>(1, ttl.count()))}, limit_);
  }
  void del(const std::string& key) override { ask({"DEL", key}, limit_); }
  bool reachable() override { return ask({"PING"}, limit_).is(Kind::status); }

 private:
  /// A kept link may have died while idle, so it gets a second try on a new one, within the same limit.
  RedisReply ask(const Words& words, milliseconds limit) {
    if (!may_try()) return {};
    const auto until = Clock::now() + limit;
    RedisReply reply;
    Link link;
    if (pop(link) && link.ask(words, reply, until)) return keep(std::move(link), std::move(reply));
    Link fresh;
    reply = {};
    if (fresh.open(*resolved_, until) && greet(fresh, until) && fresh.ask(words, reply, until))
      return keep(std::move(fresh), std::move(reply));
    down();
    return {};
  }

  bool greet(Link& link, Clock::time_point until) const {
    RedisReply r;
    if (!address_.password.empty()) {
      Words auth{"AUTH"};
      if (!address_.user.empty()) auth.push_back(address_.user);
      auth.push_back(address_.password);
      if (!link.ask(auth, r, until) || !r.is(Kind::status)) return false;
    }
    if (address_.database.empty() || address_.database == "0") return true;
    return link.ask({"SELECT", address_.database}, r, until) && r.is(Kind::status);
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
  RedisReply keep(Link link, RedisReply reply) {
    const std::lock_guard lock(mutex_);
    up_ = true;
    idle_.push_back(std::move(link));
    return reply;
  }

  const Address address_;
  const milliseconds limit_;
  addrinfo* resolved_ = nullptr;
  std::mutex mutex_;        // guards all below
  std::vector<Link> idle_;  // never more than there are threads: each uses one at a time
  bool up_ = true;
  Clock::time_point next_try_{};
};

}  // namespace

std::unique_ptr<Redis> make_redis(const std::string& url, milliseconds limit) {
  return std::make_unique<RedisImpl>(url, limit);
}

}  // namespace platform::store
