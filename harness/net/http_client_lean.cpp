// http_client_lean: requests from submit() to their callers' answers, the addresses of their endpoints, and who of them
// gets a connection when.
#include "harness/net/http_client_lean.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "harness/net/http_writer.hpp"

namespace cardstorm {
namespace lean {
namespace {

constexpr std::size_t kReadAtOnce = 64 * 1024;
constexpr int kEventsAtOnce = 128;
constexpr Nanos kAskAgain = 60s, kAskAgainAfterError = 1s;

DialAddress unix_address(const std::string& path) {
  DialAddress out;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return out;  // length 0: cannot be dialled
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  std::memcpy(out.bytes, &address, sizeof address);
  out.length = sizeof address;
  out.family = AF_UNIX;
  out.text = path;
  return out;
}

}  // namespace

LeanTransport::LeanTransport(const Clock& clock, const AllowList& allow, const HttpClientLimits& limits)
    : clock_(clock), allow_(allow), limits_(limits), pace_(limits.connects_per_second), read_(kReadAtOnce, '\0') {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || wake_ < 0) std::abort();  // out of descriptors before the first request
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
}

LeanTransport::~LeanTransport() {
  for (const Connection& connection : connections_)
    if (connection.fd >= 0) ::close(connection.fd);
  ::close(wake_);
  ::close(epoll_);
}

void LeanTransport::submit(HttpRequest request, Done done) {
  const Hold hold(*this);
  Exchange& exchange = take_exchange();
  exchange.request = std::move(request);
  exchange.done = std::move(done);
  latency_sensitive_ += exchange.request.latency_sensitive ? 1 : 0;
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

void LeanTransport::drive(Nanos until) {
  const std::uint64_t told = told_;
  for (;;) {
    const Nanos wait = ended_.empty() ? std::min(until, next_due()) - clock_.now() : Nanos(0);
    const bool sleeps = may_sleep(wait);
    if (sleeps) sleep_through(wait);
    const bool woken = turn(sleeps ? Nanos(0) : wait);
    if (told_ != told || woken || clock_.now() >= until) return;
  }
}

void LeanTransport::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      ::write(wake_, &one, sizeof one);  // a full counter means that it is awake already
}

Nanos LeanTransport::next_due() const {
  if (!ended_.empty()) return Nanos::min();
  Nanos next = deadlines_.next();
  if (in_line_ > asking_ && (open_ < limits_.connections_max || idle_ > 0))
    next = std::min(next, clock_.now() + (pace_.next() - monotonic_now()));
  return next;
}

Exchange& LeanTransport::take_exchange() {
  ++running_;
  if (free_exchanges_.empty()) return exchanges_.emplace_back();
  Exchange& exchange = *free_exchanges_.back();
  free_exchanges_.pop_back();
  return exchange;
}

void LeanTransport::conclude(Exchange& exchange, HttpResponse response, std::optional<Nanos> came) {
  deadlines_.remove(exchange);
  latency_sensitive_ -= exchange.request.latency_sensitive ? 1 : 0;
  response.sent = exchange.sent;
  response.done = came ? std::max(*came, exchange.sent) : clock_.now();
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

void LeanTransport::deliver() {
  for (std::size_t left = ended_.size(); left > 0; --left) {  // not those that a callback adds: drive() must end
    Ended next = std::move(ended_.front());
    ended_.pop_front();
    ++told_;
    next.done(std::move(next.response));
  }
}

void LeanTransport::keep_time() {
  const Hold hold(*this);
  if (names_ > 0) take_names();
  expire();
  if (in_line_ > 0) serve_lines();
}

void LeanTransport::expire() {
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

Endpoint& LeanTransport::endpoint_of(const HttpRequest& request, const UrlView& url) {
  const std::string& unix_socket = request.unix_socket.empty() ? limits_.unix_socket : request.unix_socket;
  if (last_ != nullptr && last_->authority == url.authority && last_->source == request.source &&
      last_->unix_socket == unix_socket)
    return *last_;
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

bool LeanTransport::know_addresses(Endpoint& endpoint) {
  const Nanos now = monotonic_now();
  const bool unknown = endpoint.asked_at == Nanos::min();
  const Nanos age = unknown ? Nanos::max() : now - endpoint.asked_at;
  if (endpoint.asked == nullptr && age >= (endpoint.unresolved.empty() ? kAskAgain : kAskAgainAfterError)) {
    endpoint.asked_at = now;
    if (!endpoint.unix_socket.empty())
      endpoint.addresses = {unix_address(endpoint.unix_socket)};
    else if (auto numeric = numeric_address(endpoint.host, endpoint.port); !numeric.empty())
      take_addresses(endpoint, numeric);
    else
      endpoint.asked = resolve(endpoint.host, endpoint.port, wake_), ++names_;
  }
  return endpoint.asked == nullptr || !endpoint.addresses.empty();  // old ones serve while new ones are asked for
}

void LeanTransport::take_addresses(Endpoint& endpoint, const std::vector<DialAddress>& found) {
  endpoint.addresses.clear();
  endpoint.denied.clear();
  endpoint.preferred = 0;
  for (const DialAddress& address : found) {
    if (allow_.holds(address.text))
      endpoint.addresses.push_back(address);
    else
      endpoint.denied = "address " + address.text + " is outside the allow-list";
  }
}

void LeanTransport::take_names() {
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

HttpResponse LeanTransport::undialable(const Endpoint& endpoint) {
  if (!endpoint.unresolved.empty()) return never_sent(endpoint.unresolved, Cause::dns);
  return never_sent(endpoint.denied, Cause::address);
}

void LeanTransport::start(Exchange& exchange) {
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

bool LeanTransport::may_dial() {
  if (!pace_.may(monotonic_now())) return false;
  if (open_ < limits_.connections_max) return true;
  if (idle_ == 0) return false;
  for (auto& [key, endpoint] : endpoints_) {  // one that is kept for another place makes room
    if (endpoint.idle.empty()) continue;
    close(*endpoint.idle.front());
    break;
  }
  return open_ < limits_.connections_max;
}

void LeanTransport::join_line(Exchange& exchange) {
  Endpoint& endpoint = *exchange.endpoint;
  exchange.before = endpoint.last;
  exchange.after = nullptr;
  (endpoint.last != nullptr ? endpoint.last->after : endpoint.first) = &exchange;
  endpoint.last = &exchange;
  ++in_line_;
}

void LeanTransport::leave_line(Exchange& exchange) {
  Endpoint& endpoint = *exchange.endpoint;
  (exchange.before != nullptr ? exchange.before->after : endpoint.first) = exchange.after;
  (exchange.after != nullptr ? exchange.after->before : endpoint.last) = exchange.before;
  exchange.before = exchange.after = nullptr;
  --in_line_;
}

void LeanTransport::serve_lines() {
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

bool LeanTransport::may_sleep(Nanos wait) const {
  return wait > Nanos(0) && wait <= kReadLater && running_ > 0 && latency_sensitive_ == 0 && stamped_ &&
         watching_ == 0 && in_line_ == 0 && names_ == 0;
}

bool LeanTransport::turn(Nanos wait) {
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

}  // namespace lean

std::unique_ptr<HttpTransport> make_lean_transport(const Clock& clock, const AllowList& allow,
                                                   const HttpClientLimits& limits) {
  return std::make_unique<lean::LeanTransport>(clock, allow, limits);
}

}  // namespace cardstorm
