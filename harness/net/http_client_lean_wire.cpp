// http_client_lean_wire: the connections of the lean transport: dialled, kept, written to, read from, and what an
// answer or a break means for the request.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "harness/net/http_client_lean.hpp"
#include "harness/net/http_writer.hpp"

namespace cardstorm::lean {
namespace {

constexpr int kReadsInARow = 16;  // then the others have their turn

const sockaddr* raw(const DialAddress& address) { return reinterpret_cast<const sockaddr*>(address.bytes); }

/// 0 or the system's error.
int set_up(int fd, const std::string& source, int family) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);  // without it an answer's time is that of its reading
  if (source.empty()) return 0;
  const auto from = numeric_address(source, 0);
  if (from.empty() || from.front().family != family) return EADDRNOTAVAIL;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
               sizeof on);  // the port is chosen per destination: more fit
  return ::bind(fd, raw(from.front()), from.front().length) == 0 ? 0 : errno;
}

Nanos since_epoch(const timespec& t) { return std::chrono::seconds(t.tv_sec) + Nanos(t.tv_nsec); }

/// Whether a part of what came had to wait for one before it that was lost. The note on the last byte then says when
/// that byte came, not when the answer was whole: believed, a loss of packets would look like a quick platform.
bool had_gaps(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  const bool known = ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
                     length > offsetof(tcp_info, tcpi_rcv_ooopack);  // since Linux 5.4
  return !known || info.tcpi_rcv_ooopack > 0;
}

/// recv(2). `age`: how long the last byte lay in the kernel before it was read, where the kernel noted when it came.
ssize_t receive_stamped(int fd, std::string& into, std::optional<Nanos>& age) {
  iovec place{into.data(), into.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  msghdr message{};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(fd, &message, 0);
  const cmsghdr* note = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (note == nullptr || note->cmsg_level != SOL_SOCKET || note->cmsg_type != SCM_TIMESTAMPNS) return got;
  timespec came{}, now{};
  std::memcpy(&came, CMSG_DATA(note), sizeof came);
  ::clock_gettime(CLOCK_REALTIME, &now);
  age = std::max(since_epoch(now) - since_epoch(came),
                 Nanos(0));  // a clock set back in between must not date an answer after its reading
  if (*age > kReadLater && had_gaps(fd)) age.reset();
  return got;
}

}  // namespace

bool LeanTransport::is_quiet(const Connection& connection) {
  char byte;
  return ::recv(connection.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool LeanTransport::dial(Exchange& exchange) {
  Connection& connection = take_connection();
  connection.endpoint = exchange.endpoint;
  connection.exchange = &exchange;
  exchange.connection = &connection;
  connection.tried = 0;
  return dial_next(connection, 0);
}

bool LeanTransport::dial_next(Connection& connection, int error) {
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
  conclude(exchange,
           never_sent("cannot connect to " + where + (endpoint.source.empty() ? "" : " from " + endpoint.source) +
                      ": " + std::strerror(error)));
  return true;
}

int LeanTransport::dial_address(Connection& connection, const DialAddress& address) {
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
    count_watching(connection, !connection.connected);
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

Connection& LeanTransport::take_connection() {
  if (free_connections_.empty()) return connections_.emplace_back();
  Connection& connection = *free_connections_.back();
  free_connections_.pop_back();
  return connection;
}

void LeanTransport::hang_up(Connection& connection) {
  if (connection.fd < 0) return;
  count_watching(connection, false);
  ::close(connection.fd);
  connection.fd = -1;
  --open_;
}

void LeanTransport::bury(Connection& connection) {
  hang_up(connection);
  connection.exchange = nullptr;
  connection.out_done = 0;
  buried_.push_back(&connection);
}

void LeanTransport::close(Connection& connection) {
  if (connection.exchange == nullptr) leave_idle(connection);
  bury(connection);
}

void LeanTransport::become_idle(Connection& connection) {
  connection.exchange = nullptr;
  connection.idle_place = connection.endpoint->idle.size();
  connection.endpoint->idle.push_back(&connection);
  ++idle_;
}

void LeanTransport::leave_idle(Connection& connection) {
  auto& idle = connection.endpoint->idle;
  idle[connection.idle_place] = idle.back();
  idle[connection.idle_place]->idle_place = connection.idle_place;
  idle.pop_back();
  --idle_;
}

void LeanTransport::send_on(Connection& kept, Exchange& exchange) {
  leave_idle(kept);
  kept.exchange = &exchange;
  exchange.connection = &kept;
  send_request(kept);
}

void LeanTransport::send_request(Connection& connection) {
  const Exchange& exchange = *connection.exchange;
  write_message(connection.out, exchange.request, exchange.url);
  connection.out_done = 0;
  connection.parser.begin(exchange.request.method == "HEAD", exchange.request.want_headers, limits_.body_max);
  flush(connection);
}

void LeanTransport::flush(Connection& connection) {
  while (connection.out_done < connection.out.size()) {
    const ssize_t put = ::send(connection.fd, connection.out.data() + connection.out_done,
                               connection.out.size() - connection.out_done, MSG_NOSIGNAL);
    if (put >= 0) {
      connection.out_done += static_cast<std::size_t>(put);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return watch_out(connection, true);
    } else if (errno != EINTR) {
      const std::string why = std::strerror(errno);
      if (connection.out_done > 0)
        return fail(connection, Cause::reset, "the connection broke while the request was sent: " + why);
      Exchange& exchange = *connection.exchange;
      close(connection);
      return conclude(exchange, never_sent("the connection broke before the request left: " + why));
    }
  }
  watch_out(connection, false);
}

void LeanTransport::count_watching(Connection& connection, bool on) {
  watching_ += on ? 1 : 0;
  watching_ -= connection.watching_out ? 1 : 0;
  connection.watching_out = on;
}

void LeanTransport::watch_out(Connection& connection, bool on) {
  if (connection.watching_out == on) return;
  count_watching(connection, on);
  epoll_event event{};
  event.events = EPOLLIN | (on ? EPOLLOUT : 0U);
  event.data.ptr = &connection;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void LeanTransport::fail(Connection& connection, Cause cause, std::string why) {
  Exchange& exchange = *connection.exchange;
  HttpResponse response = answer_of(connection);
  response.cause = cause;
  response.outcome = Outcome::unknown;
  response.error = std::move(why);
  close(connection);
  conclude(exchange, std::move(response));
}

HttpResponse LeanTransport::answer_of(Connection& connection) {
  HttpResponse response;
  response.status = connection.parser.status();
  response.body = connection.parser.take_body();
  response.headers = connection.parser.take_headers();
  return response;
}

void LeanTransport::finish(Connection& connection, bool clean, std::optional<Nanos> came) {
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
  conclude(exchange, std::move(response), came);
}

void LeanTransport::receive(Connection& connection) {
  HttpParser& parser = connection.parser;
  for (int i = 0; i < kReadsInARow; ++i) {
    std::optional<Nanos> age;
    const ssize_t got = receive_stamped(connection.fd, read_, age);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got < 0) return broke(connection, std::strerror(errno));
    std::size_t taken = 0;
    if (got == 0)
      parser.end_of_input();
    else
      taken = parser.feed({read_.data(), static_cast<std::size_t>(got)});
    if (parser.done()) {
      stamped_ = age.has_value();
      const auto came = age ? std::optional(clock_.now() - *age) : std::nullopt;
      return finish(connection, got > 0 && taken == static_cast<std::size_t>(got), came);
    }
    if (parser.failed())
      return got == 0 ? broke(connection, parser.error()) : fail(connection, parser.cause(), parser.error());
    if (got < static_cast<ssize_t>(read_.size())) return;
  }
}

void LeanTransport::broke(Connection& connection, std::string why) {
  if (connection.out_done > 0) return fail(connection, Cause::reset, std::move(why));
  Exchange& exchange = *connection.exchange;
  close(connection);
  conclude(exchange, never_sent("the connection broke before the request left: " + why));
}

void LeanTransport::take_event(Connection& connection, std::uint32_t events) {
  if (connection.exchange == nullptr) return close(connection);  // idle: whatever comes now makes it useless
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

}  // namespace cardstorm::lean
