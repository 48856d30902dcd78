// http_client_lean: HTTP/1.1 over plain TCP and unix sockets with as little work per request as the kernel permits: one
// write, one read, and no allocation but the caller's own strings. Everything that is not plain HTTP/1.1 is libcurl's
// (decisions/0008). For this room only.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harness/net/deadlines.hpp"
#include "harness/net/http_parser.hpp"
#include "harness/net/http_transport.hpp"
#include "harness/net/http_url.hpp"
#include "harness/net/resolver.hpp"

namespace cardstorm::lean {

struct Connection;
struct Endpoint;

/// One request on its way.
struct Exchange {
  HttpRequest request;
  UrlView url;  // into request.url
  HttpClient::Done done;
  Nanos sent{0}, deadline{0};  // on the client's clock
  std::size_t place = Deadlines<Exchange>::kNowhere;
  Endpoint* endpoint = nullptr;
  Connection* connection = nullptr;  // null: waits in the endpoint's line
  Exchange *before = nullptr, *after = nullptr;
};

struct Connection {
  int fd = -1;
  Endpoint* endpoint = nullptr;
  Exchange* exchange = nullptr;  // null: idle, at idle_place of the endpoint's idle ones
  std::size_t idle_place = 0;
  std::size_t address = 0, tried = 0;
  bool connected = false, watching_out = false;
  std::string out;  // the request on the wire
  std::size_t out_done = 0;
  HttpParser parser;
};

/// Where requests go: host and port, and where they come from.
struct Endpoint {
  std::string authority, host, source, unix_socket;
  std::uint16_t port = 0;
  std::vector<DialAddress> addresses;  // those that are allowed
  std::string denied, unresolved;      // why there is none
  std::shared_ptr<const Resolution> asked;
  Nanos asked_at = Nanos::min();
  std::size_t preferred = 0;                   // the address that answered last
  std::vector<Connection*> idle;               // the last one used comes last
  Exchange *first = nullptr, *last = nullptr;  // the line of those that wait for a connection
};

/// Requests, who waits for what, and names: http_client_lean.cpp. Connections and what goes over them:
/// http_client_lean_wire.cpp.
class LeanTransport final : public HttpTransport {
 public:
  LeanTransport(const Clock& clock, const AllowList& allow, const HttpClientLimits& limits);
  ~LeanTransport() override;
  LeanTransport(const LeanTransport&) = delete;
  LeanTransport& operator=(const LeanTransport&) = delete;

  void submit(HttpRequest request, Done done) override;
  void drive(Nanos until) override;
  void wake() override;
  [[nodiscard]] std::size_t in_flight() const override { return running_ + ended_.size(); }
  [[nodiscard]] int descriptor() const override { return epoll_; }
  [[nodiscard]] Nanos next_due() const override;

 private:
  struct Ended {
    HttpResponse response;
    Done done;
  };
  /// While it lives no completion is delivered: callbacks run from drive() only, and not while we walk over what they
  /// may change.
  struct Hold {
    explicit Hold(LeanTransport& t) : transport(t), before(std::exchange(t.holding_, true)) {}
    ~Hold() { transport.holding_ = before; }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    LeanTransport& transport;
    bool before;
  };

  // ---- exchanges

  Exchange& take_exchange();
  /// The end of a request: it is nobody's any more when its caller is told, who may submit at once. Without `came` it
  /// ends at this moment.
  void conclude(Exchange& exchange, HttpResponse response, std::optional<Nanos> came = std::nullopt);
  void deliver();
  void keep_time();
  void expire();
  /// True when woken.
  bool turn(Nanos wait);
  /// Nothing that may come within `wait` needs us before its end: nobody waits for it, and the kernel notes when it
  /// came.
  [[nodiscard]] bool may_sleep(Nanos wait) const;

  // ---- endpoints and names

  Endpoint& endpoint_of(const HttpRequest& request, const UrlView& url);
  /// Makes sure that the endpoint's addresses are known or being asked for. False while there are none to dial yet.
  bool know_addresses(Endpoint& endpoint);
  void take_addresses(Endpoint& endpoint, const std::vector<DialAddress>& found);
  void take_names();
  static HttpResponse undialable(const Endpoint& endpoint);

  // ---- who gets a connection

  void start(Exchange& exchange);
  bool may_dial();
  void join_line(Exchange& exchange);
  void leave_line(Exchange& exchange);
  /// Connections for those in line, as far as the caps permit.
  void serve_lines();

  // ---- connections

  /// Nothing came on a kept connection: no end, and no bytes that nobody asked for.
  static bool is_quiet(const Connection& connection);
  /// False when the other side's queue is full and the exchange waits again.
  bool dial(Exchange& exchange);
  /// Tries the addresses that have not been tried, in turn.
  bool dial_next(Connection& connection, int error);
  /// 0: it is connected or will be. Else the system's error.
  int dial_address(Connection& connection, const DialAddress& address);
  Connection& take_connection();
  void hang_up(Connection& connection);
  /// Events of this turn may still name it: it is used again only after the turn.
  void bury(Connection& connection);
  void close(Connection& connection);
  void become_idle(Connection& connection);
  void leave_idle(Connection& connection);

  // ---- the wire

  void send_on(Connection& kept, Exchange& exchange);
  void send_request(Connection& connection);
  void flush(Connection& connection);
  void watch_out(Connection& connection, bool on);
  void count_watching(Connection& connection, bool on);
  /// The request has left, at least in part, and there will be no whole answer.
  void fail(Connection& connection, Cause cause, std::string why);
  static HttpResponse answer_of(Connection& connection);
  void finish(Connection& connection, bool clean, std::optional<Nanos> came);
  void receive(Connection& connection);
  void broke(Connection& connection, std::string why);
  void take_event(Connection& connection, std::uint32_t events);

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
  std::deque<Ended> ended_;  // concluded, not yet told
  std::size_t running_ = 0, open_ = 0, idle_ = 0, in_line_ = 0;
  std::size_t names_ = 0;              // being resolved
  std::size_t asking_ = 0;             // of those in line: for a name's addresses
  std::size_t latency_sensitive_ = 0;  // of those running: whose answer somebody waits for
  std::size_t watching_ = 0;           // connections that wait until they can write
  bool stamped_ = false;               // the last answer carried the kernel's time
  std::uint64_t told_ = 0;
  bool holding_ = false;
};

}  // namespace cardstorm::lean
