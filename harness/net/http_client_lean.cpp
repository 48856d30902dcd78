// http_client_lean: HTTP/1.1 over plain TCP and unix sockets with as little work per request as the kernel permits: one write, one
// read, and no allocation but the caller's own strings. Everything that is not plain HTTP/1.1 is libcurl's (decisions/0008).
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <unordered_map>

#include "harness/core/text.hpp"
#include "harness/net/deadlines.hpp"
#include "harness/net/http_parser.hpp"
#include "harness/net/http_transport.hpp"
#include "harness/net/http_url.hpp"
#include "harness/net/resolver.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kReadAtOnce = 64 * 1024;
constexpr int kReadsInARow = 16, kEventsAtOnce = 128;   // then the others have their turn
constexpr Nanos kAskAgain = 60s, kAskAgainAfterError = 1s;

struct Connection;
struct Endpoint;

/// One request on its way.
struct Exchange {
  HttpRequest request;
  UrlView url;              // into request.url
  HttpClient::Done done;
  Nanos sent{0}, deadline{0};   // on the client's clock
  std::size_t place = Deadlines<Exchange>::kNowhere;
  Endpoint* endpoint = nullptr;
  Connection* connection = nullptr;   // null: waits in the endpoint's line
  Exchange *before = nullptr, *after = nullptr;
};

struct Connection {
  int fd = -1;
  Endpoint* endpoint = nullptr;
  Exchange* exchange = nullptr;       // null: idle, at idle_place of the endpoint's idle ones
  std::size_t idle_place = 0;
  std::size_t address = 0, tried = 0;
  bool connected = false, watching_out = false;
  std::string out;                    // the request on the wire
  std::size_t out_done = 0;
  HttpParser parser;
};

/// Where requests go: host and port, and where they come from.
struct Endpoint {
  std::string authority, host, source, unix_socket;
  std::uint16_t port = 0;
  std::vector<DialAddress> addresses;   // those that are allowed
  std::string denied, unresolved;       // why there is none
  std::shared_ptr<const Resolution> asked;
  Nanos asked_at = Nanos::min();
  std::size_t preferred = 0;            // the address that answered last
  std::vector<Connection*> idle;        // the last one used comes last
  Exchange *first = nullptr, *last = nullptr;   // the line of those that wait for a connection
};

DialAddress unix_address(const std::string& path) {
  DialAddress out;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return out;   // length 0: cannot be dialled
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  std::memcpy(out.bytes, &address, sizeof address);
  out.length = sizeof address;
  out.family = AF_UNIX;
  out.text = path;
  return out;
}

const sockaddr* raw(const DialAddress& address) { return reinterpret_cast<const sockaddr*>(address.bytes); }

void append_number(std::string& out, std::size_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

bool is_name(const std::string& name, std::string_view lower_case) {
  return name.size() == lower_case.size() && lower(name) == lower_case;
}

void write_message(std::string& out, const HttpRequest& request, const UrlView& url) {
  out.clear();
  out.append(request.method).append(" ");
  if (!url.target.starts_with('/')) out.append("/");
  out.append(url.target).append(" HTTP/1.1\r\n");
  bool host = false, accept = false, type = false, length = false;
  for (const auto& [name, value] : request.headers) {
    host = host || is_name(name, "host");
    accept = accept || is_name(name, "accept");
    type = type || is_name(name, "content-type");
    length = length || is_name(name, "content-length");
  }
  if (!host) out.append("Host: ").append(url.authority).append("\r\n");
  if (!accept) out.append("Accept: */*\r\n");
  for (const auto& [name, value] : request.headers) out.append(name).append(": ").append(value).append("\r\n");
  if (!request.body.empty() && !type) out.append("Content-Type: application/json\r\n");
  if (!length && (!request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH")) {
    out.append("Content-Length: ");
    append_number(out, request.body.size());
    out.append("\r\n");
  }
  out.append("\r\n").append(request.body);
}

/// Why the request cannot be put on the wire at all.
std::optional<std::string> problem_of(const HttpRequest& request, const std::optional<UrlView>& url) {
  if (!is_token(request.method)) return "bad method '" + request.method + "'";
  for (const auto& [name, value] : request.headers)
    if (!is_token(name) || has_line_break(value)) return "a header has a bad name, or a line break in its value";
  if (!url) return "bad url";
  if (url->tls) return "the lean transport knows no TLS";
  return std::nullopt;
}

class LeanTransport final : public HttpTransport {
 public:
  LeanTransport(const Clock& clock, const AllowList& allow, const HttpClientLimits& limits)
      : clock_(clock), allow_(allow), limits_(limits), pace_(limits.connects_per_second), read_(kReadAtOnce, '\0') {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll_ < 0 || wake_ < 0) std::abort();   // out of descriptors before the first request
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  }
  ~LeanTransport() override {
    for (const Connection& connection : connections_)
      if (connection.fd >= 0) ::close(connection.fd);
    ::close(wake_);
    ::close(epoll_);
  }
  LeanTransport(const LeanTransport&) = delete;
  LeanTransport& operator=(const LeanTransport&) = delete;

  void submit(HttpRequest request, Done done) override {
    const Hold hold(*this);
    Exchange& exchange = take_exchange();
    exchange.request = std::move(request);
    exchange.done = std::move(done);
    exchange.sent = clock_.now();
    exchange.deadline = exchange.sent + std::max(exchange.request.timeout, Nanos(1));
    const auto url = split_url(exchange.request.url);
    if (auto problem = problem_of(exchange.request, url)) {
      conclude(exchange, never_sent(std::move(*problem)));
    } else {
      exchange.url = *url;
      exchange.endpoint = &endpoint_of(exchange.request, *url);
      deadlines_.add(exchange);
      start(exchange);
    }
  }

  void drive(Nanos until) override {
    const std::uint64_t told = told_;
    for (;;) {
      const Nanos wait = ended_.empty() ? std::min(until, next_due()) - clock_.now() : Nanos(0);
      const bool woken = turn(wait);
      if (told_ != told || woken || clock_.now() >= until) return;
    }
  }

  void wake() override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);   // a full counter means that it is awake already
  }
  [[nodiscard]] std::size_t in_flight() const override { return running_ + ended_.size(); }
  [[nodiscard]] int descriptor() const override { return epoll_; }
  [[nodiscard]] Nanos next_due() const override {
    if (!ended_.empty()) return Nanos::min();
    Nanos next = deadlines_.next();
    if (in_line_ > asking_ && (open_ < limits_.connections_max || idle_ > 0)) next = std::min(next, clock_.now() + (pace_.next() - monotonic_now()));
    return next;
  }

 private:
  struct Ended { HttpResponse response; Done done; };
  /// While it lives nobody is told: callers are told from drive() only, and not while we walk over what they may change.
  struct Hold {
    explicit Hold(LeanTransport& t) : transport(t), before(std::exchange(t.holding_, true)) {}
    ~Hold() { transport.holding_ = before; }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    LeanTransport& transport;
    bool before;
  };

  // ---- exchanges

  Exchange& take_exchange() {
    ++running_;
    if (free_exchanges_.empty()) return exchanges_.emplace_back();
    Exchange& exchange = *free_exchanges_.back();
    free_exchanges_.pop_back();
    return exchange;
  }

  /// The end of a request: it is nobody's any more when its caller is told, who may submit at once.
  void conclude(Exchange& exchange, HttpResponse response) {
    deadlines_.remove(exchange);
    response.sent = exchange.sent;
    response.done = clock_.now();
    Done done = std::move(exchange.done);
    exchange.done = nullptr;
    exchange.endpoint = nullptr;
    exchange.connection = nullptr;
    free_exchanges_.push_back(&exchange);
    --running_;
    if (holding_) {
      ended_.push_back({std::move(response), std::move(done)});
      return;
    }
    ++told_;
    done(std::move(response));
  }

  void deliver() {
    for (std::size_t left = ended_.size(); left > 0; --left) {   // not those that a callback adds: drive() must end
      Ended next = std::move(ended_.front());
      ended_.pop_front();
      ++told_;
      next.done(std::move(next.response));
    }
  }

  void keep_time() {
    const Hold hold(*this);
    if (names_ > 0) take_names();
    expire();
    if (in_line_ > 0) serve_lines();
  }

  void expire() {
    while (deadlines_.next() <= clock_.now()) {
      Exchange& exchange = *deadlines_.first();
      Connection* connection = exchange.connection;
      if (connection == nullptr) {
        leave_line(exchange);
        conclude(exchange, never_sent("no free connection in time", Cause::timeout));
      } else if (connection->out_done == 0) {
        close(*connection);
        conclude(exchange, never_sent("not connected in time", Cause::timeout));
      } else {
        fail(*connection, Cause::timeout, "no whole answer in time");
      }
    }
  }

  // ---- endpoints and names

  Endpoint& endpoint_of(const HttpRequest& request, const UrlView& url) {
    const std::string& unix_socket = request.unix_socket.empty() ? limits_.unix_socket : request.unix_socket;
    if (last_ != nullptr && last_->authority == url.authority && last_->source == request.source && last_->unix_socket == unix_socket) return *last_;
    const std::string key = std::string(url.authority) + '\n' + request.source + '\n' + unix_socket;
    const auto [found, made] = endpoints_.try_emplace(key);
    last_ = &found->second;
    if (made) {
      last_->authority = url.authority;
      last_->host = url.host;
      last_->port = url.port;
      last_->source = request.source;
      last_->unix_socket = unix_socket;
    }
    return *last_;
  }

  /// Makes sure that the endpoint's addresses are known or being asked for. False while there are none to dial yet.
  bool know_addresses(Endpoint& endpoint) {
    const Nanos now = monotonic_now();
    const bool unknown = endpoint.asked_at == Nanos::min();
    const Nanos age = unknown ? Nanos::max() : now - endpoint.asked_at;
    if (endpoint.asked == nullptr && age >= (endpoint.unresolved.empty() ? kAskAgain : kAskAgainAfterError)) {
      endpoint.asked_at = now;
      if (!endpoint.unix_socket.empty()) endpoint.addresses = {unix_address(endpoint.unix_socket)};
      else if (auto numeric = numeric_address(endpoint.host, endpoint.port); !numeric.empty()) take_addresses(endpoint, numeric);
      else endpoint.asked = resolve(endpoint.host, endpoint.port, wake_), ++names_;
    }
    return endpoint.asked == nullptr || !endpoint.addresses.empty();   // old ones serve while new ones are asked for
  }

  void take_addresses(Endpoint& endpoint, const std::vector<DialAddress>& found) {
    endpoint.addresses.clear();
    endpoint.denied.clear();
    endpoint.preferred = 0;
    for (const DialAddress& address : found) {
      if (allow_.holds(address.text)) endpoint.addresses.push_back(address);
      else endpoint.denied = "address " + address.text + " is outside the allow-list";
    }
  }

  void take_names() {
    for (auto& [key, endpoint] : endpoints_) {
      if (endpoint.asked == nullptr || !endpoint.asked->ready) continue;
      const auto answer = std::exchange(endpoint.asked, nullptr);
      --names_;
      endpoint.unresolved = answer->error.empty() ? "" : "cannot resolve '" + endpoint.host + "': " + answer->error;
      if (answer->error.empty()) take_addresses(endpoint, answer->addresses);
      if (endpoint.addresses.empty())
        while (endpoint.first != nullptr) {
          Exchange& exchange = *endpoint.first;
          leave_line(exchange);
          conclude(exchange, undialable(endpoint));
        }
    }
  }

  static HttpResponse undialable(const Endpoint& endpoint) {
    if (!endpoint.unresolved.empty()) return never_sent(endpoint.unresolved, Cause::dns);
    return never_sent(endpoint.denied, Cause::address);
  }

  // ---- connections

  void start(Exchange& exchange) {
    Endpoint& endpoint = *exchange.endpoint;
    if (endpoint.first == nullptr) {
      while (!endpoint.idle.empty()) {
        Connection& kept = *endpoint.idle.back();
        if (is_quiet(kept)) return send_on(kept, exchange);
        close(kept);
      }
    }
    if (!know_addresses(endpoint)) return join_line(exchange);
    if (endpoint.addresses.empty()) return conclude(exchange, undialable(endpoint));
    if (endpoint.first != nullptr || !may_dial()) return join_line(exchange);
    (void)dial(exchange);
  }

  /// Nothing came on a kept connection: no end, and no bytes that nobody asked for.
  static bool is_quiet(const Connection& connection) {
    char byte;
    return ::recv(connection.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  bool may_dial() {
    if (!pace_.may(monotonic_now())) return false;
    if (open_ < limits_.connections_max) return true;
    if (idle_ == 0) return false;
    for (auto& [key, endpoint] : endpoints_) {   // one that is kept for another place makes room
      if (endpoint.idle.empty()) continue;
      close(*endpoint.idle.front());
      break;
    }
    return open_ < limits_.connections_max;
  }

  /// False when the other side's queue is full and the exchange waits again.
  bool dial(Exchange& exchange) {
    Connection& connection = take_connection();
    connection.endpoint = exchange.endpoint;
    connection.exchange = &exchange;
    exchange.connection = &connection;
    connection.tried = 0;
    return dial_next(connection, 0);
  }

  /// Tries the addresses that have not been tried, in turn.
  bool dial_next(Connection& connection, int error) {
    Endpoint& endpoint = *connection.endpoint;
    while (connection.tried < endpoint.addresses.size()) {
      connection.address = (endpoint.preferred + connection.tried++) % endpoint.addresses.size();
      const DialAddress& address = endpoint.addresses[connection.address];
      error = dial_address(connection, address);
      if (error == 0) return true;
      if (error == EAGAIN && address.family == AF_UNIX) {
        Exchange& exchange = *connection.exchange;
        bury(connection);
        exchange.connection = nullptr;
        join_line(exchange);
        return false;
      }
    }
    Exchange& exchange = *connection.exchange;
    const std::string where = endpoint.unix_socket.empty() ? endpoint.authority : endpoint.unix_socket;
    bury(connection);
    conclude(exchange, never_sent("cannot connect to " + where + (endpoint.source.empty() ? "" : " from " + endpoint.source) + ": " + std::strerror(error)));
    return true;
  }

  /// 0: it is connected or will be. Else the system's error.
  int dial_address(Connection& connection, const DialAddress& address) {
    if (address.length == 0) return ENAMETOOLONG;
    pace_.take();
    connection.fd = ::socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection.fd < 0) return errno;
    ++open_;
    int error = address.family == AF_UNIX ? 0 : set_up(connection.fd, connection.endpoint->source, address.family);
    connection.connected = false;
    if (error == 0) {
      connection.connected = ::connect(connection.fd, raw(address), address.length) == 0;
      if (!connection.connected && errno != EINPROGRESS) error = errno;
    }
    if (error == 0) {
      epoll_event event{};
      connection.watching_out = !connection.connected;
      event.events = EPOLLIN | (connection.watching_out ? EPOLLOUT : 0U);
      event.data.ptr = &connection;
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) error = errno;
    }
    if (error != 0) {
      hang_up(connection);
      return error;
    }
    if (connection.connected) send_request(connection);
    return 0;
  }

  static int set_up(int fd, const std::string& source, int family) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (source.empty()) return 0;
    const auto from = numeric_address(source, 0);
    if (from.empty() || from.front().family != family) return EADDRNOTAVAIL;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);   // the port is chosen per destination: more fit
    return ::bind(fd, raw(from.front()), from.front().length) == 0 ? 0 : errno;
  }

  Connection& take_connection() {
    if (free_connections_.empty()) return connections_.emplace_back();
    Connection& connection = *free_connections_.back();
    free_connections_.pop_back();
    return connection;
  }

  void hang_up(Connection& connection) {
    if (connection.fd < 0) return;
    ::close(connection.fd);
    connection.fd = -1;
    --open_;
  }
  /// Events of this turn may still name it: it is used again only after the turn.
  void bury(Connection& connection) {
    hang_up(connection);
    connection.exchange = nullptr;
    connection.out_done = 0;
    buried_.push_back(&connection);
  }
  void close(Connection& connection) {
    if (connection.exchange == nullptr) leave_idle(connection);
    bury(connection);
  }

  void become_idle(Connection& connection) {
    connection.exchange = nullptr;
    connection.idle_place = connection.endpoint->idle.size();
    connection.endpoint->idle.push_back(&connection);
    ++idle_;
  }
  void leave_idle(Connection& connection) {
    auto& idle = connection.endpoint->idle;
    idle[connection.idle_place] = idle.back();
    idle[connection.idle_place]->idle_place = connection.idle_place;
    idle.pop_back();
    --idle_;
  }

  void join_line(Exchange& exchange) {
    Endpoint& endpoint = *exchange.endpoint;
    exchange.before = endpoint.last;
    exchange.after = nullptr;
    (endpoint.last != nullptr ? endpoint.last->after : endpoint.first) = &exchange;
    endpoint.last = &exchange;
    ++in_line_;
  }
  void leave_line(Exchange& exchange) {
    Endpoint& endpoint = *exchange.endpoint;
    (exchange.before != nullptr ? exchange.before->after : endpoint.first) = exchange.after;
    (exchange.after != nullptr ? exchange.after->before : endpoint.last) = exchange.before;
    exchange.before = exchange.after = nullptr;
    --in_line_;
  }

  /// Connections for those in line, as far as the caps permit.
  void serve_lines() {
    asking_ = 0;
    for (auto& [key, endpoint] : endpoints_) {
      if (endpoint.first != nullptr && endpoint.addresses.empty() && endpoint.asked != nullptr) {
        for (const Exchange* at = endpoint.first; at != nullptr; at = at->after) ++asking_;
        continue;
      }
      while (endpoint.first != nullptr && may_dial()) {
        Exchange& exchange = *endpoint.first;
        leave_line(exchange);
        if (!dial(exchange)) break;
      }
    }
  }

  // ---- the wire

  void send_on(Connection& kept, Exchange& exchange) {
    leave_idle(kept);
    kept.exchange = &exchange;
    exchange.connection = &kept;
    send_request(kept);
  }

  void send_request(Connection& connection) {
    const Exchange& exchange = *connection.exchange;
    write_message(connection.out, exchange.request, exchange.url);
    connection.out_done = 0;
    connection.parser.begin(exchange.request.method == "HEAD", exchange.request.want_headers, limits_.body_max);
    flush(connection);
  }

  void flush(Connection& connection) {
    while (connection.out_done < connection.out.size()) {
      const ssize_t put = ::send(connection.fd, connection.out.data() + connection.out_done, connection.out.size() - connection.out_done, MSG_NOSIGNAL);
      if (put >= 0) {
        connection.out_done += static_cast<std::size_t>(put);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return watch_out(connection, true);
      } else if (errno != EINTR) {
        const std::string why = std::strerror(errno);
        if (connection.out_done > 0) return fail(connection, Cause::reset, "the connection broke while the request was sent: " + why);
        Exchange& exchange = *connection.exchange;
        close(connection);
        return conclude(exchange, never_sent("the connection broke before the request left: " + why));
      }
    }
    watch_out(connection, false);
  }

  void watch_out(Connection& connection, bool on) {
    if (connection.watching_out == on) return;
    connection.watching_out = on;
    epoll_event event{};
    event.events = EPOLLIN | (on ? EPOLLOUT : 0U);
    event.data.ptr = &connection;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
  }

  /// The request has left, at least in part, and there will be no whole answer.
  void fail(Connection& connection, Cause cause, std::string why) {
    Exchange& exchange = *connection.exchange;
    HttpResponse response = answer_of(connection);
    response.cause = cause;
    response.outcome = Outcome::unknown;
    response.error = std::move(why);
    close(connection);
    conclude(exchange, std::move(response));
  }

  static HttpResponse answer_of(Connection& connection) {
    HttpResponse response;
    response.status = connection.parser.status();
    response.body = connection.parser.take_body();
    response.headers = connection.parser.take_headers();
    return response;
  }

  void finish(Connection& connection, bool clean) {
    Exchange& exchange = *connection.exchange;
    Endpoint& endpoint = *connection.endpoint;
    HttpResponse response = answer_of(connection);
    if (!clean || !connection.parser.keep_alive() || connection.out_done < connection.out.size()) {
      close(connection);
    } else {
      become_idle(connection);
      if (Exchange* next = endpoint.first; next != nullptr && is_quiet(connection)) {
        leave_line(*next);
        send_on(connection, *next);
      }
    }
    conclude(exchange, std::move(response));
  }

  void receive(Connection& connection) {
    HttpParser& parser = connection.parser;
    for (int i = 0; i < kReadsInARow; ++i) {
      const ssize_t got = ::recv(connection.fd, read_.data(), read_.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (got < 0) return broke(connection, std::strerror(errno));
      std::size_t taken = 0;
      if (got == 0) parser.end_of_input();
      else taken = parser.feed({read_.data(), static_cast<std::size_t>(got)});
      if (parser.done()) return finish(connection, got > 0 && taken == static_cast<std::size_t>(got));
      if (parser.failed()) return got == 0 ? broke(connection, parser.error()) : fail(connection, parser.cause(), parser.error());
      if (got < static_cast<ssize_t>(read_.size())) return;
    }
  }

  void broke(Connection& connection, std::string why) {
    if (connection.out_done > 0) return fail(connection, Cause::reset, std::move(why));
    Exchange& exchange = *connection.exchange;
    close(connection);
    conclude(exchange, never_sent("the connection broke before the request left: " + why));
  }

  void take_event(Connection& connection, std::uint32_t events) {
    if (connection.exchange == nullptr) return close(connection);   // idle: whatever comes now makes it useless
    if (!connection.connected) {
      int error = 0;
      socklen_t length = sizeof error;
      ::getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0) {
        hang_up(connection);
        (void)dial_next(connection, error);
        return;
      }
      if ((events & (EPOLLOUT | EPOLLIN)) == 0) return;
      connection.connected = true;
      connection.endpoint->preferred = connection.address;
      return send_request(connection);
    }
    if ((events & EPOLLOUT) != 0) {
      flush(connection);
      if (connection.fd < 0 || connection.exchange == nullptr) return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(connection);
  }

  /// True when woken.
  bool turn(Nanos wait) {
    epoll_event events[kEventsAtOnce];
    const int count = wait_events(epoll_, events, kEventsAtOnce, wait);
    bool woken = false;
    for (int i = 0; i < count; ++i) {
      auto* connection = static_cast<Connection*>(events[i].data.ptr);
      if (connection == nullptr) {
        std::uint64_t times = 0;
        woken = ::read(wake_, &times, sizeof times) == sizeof times;
      } else if (connection->fd >= 0) {
        take_event(*connection, events[i].events);
      }
    }
    keep_time();
    if (!ended_.empty()) deliver();
    free_connections_.insert(free_connections_.end(), buried_.begin(), buried_.end());
    buried_.clear();
    return woken;
  }

  const Clock& clock_;
  const AllowList& allow_;
  HttpClientLimits limits_;
  ConnectPace pace_;
  int epoll_ = -1, wake_ = -1;
  std::string read_;
  std::deque<Exchange> exchanges_;
  std::deque<Connection> connections_;
  std::vector<Exchange*> free_exchanges_;
  std::vector<Connection*> free_connections_, buried_;
  std::unordered_map<std::string, Endpoint> endpoints_;
  Endpoint* last_ = nullptr;
  Deadlines<Exchange> deadlines_;
  std::deque<Ended> ended_;            // concluded, not yet told
  std::size_t running_ = 0, open_ = 0, idle_ = 0, in_line_ = 0;
  std::size_t names_ = 0;              // being resolved
  std::size_t asking_ = 0;             // of those in line: for a name's addresses
  std::uint64_t told_ = 0;
  bool holding_ = false;
};

}  // namespace

std::unique_ptr<HttpTransport> make_lean_transport(const Clock& clock, const AllowList& allow, const HttpClientLimits& limits) {
  return std::make_unique<LeanTransport>(clock, allow, limits);
}

}  // namespace cardstorm
