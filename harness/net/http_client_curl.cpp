// http_client_curl: libcurl's multi interface on an epoll of our own: the cost of a turn does not grow with the number of waiting
// requests, and waits are exact to microseconds (curl_multi_poll counts in milliseconds, which would be lateness of ours).

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>

#include "harness/core/text.hpp"
#include "harness/net/http_parser.hpp"
#include "harness/net/http_transport.hpp"

namespace cardstorm {

namespace {

constexpr std::size_t kFetchBodyMax = std::size_t{64} << 20;  // audit pages are large, and fetch() is no load

void init_curl_once() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (done != CURLE_OK) std::abort();
}

std::string numeric_text(const curl_sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* raw = nullptr;
  if (address.family == AF_INET) raw = &reinterpret_cast<const sockaddr_in*>(&address.addr)->sin_addr;
  if (address.family == AF_INET6) raw = &reinterpret_cast<const sockaddr_in6*>(&address.addr)->sin6_addr;
  if (raw == nullptr || inet_ntop(address.family, raw, text.data(), text.size()) == nullptr) return "";
  return text.data();
}

constexpr std::size_t kStreamsMax = 100;     // of one HTTP/2 connection, as most servers permit
constexpr std::size_t kGoodbyesMax = 1000;   // remembered

/// What the transfers of one client share.
struct Wire {
  const AllowList& allow;
  HttpClientLimits limits;
  ConnectPace pace;
  std::size_t open = 0;      // sockets, idle ones included
  std::size_t opening = 0;   // transfers that wait for a connection of their own to stand
  std::size_t begun = 0;     // transfers whose request is on a connection
  std::size_t streams = 0;   // that a connection carries at a time; 0: whether the server has HTTP/2 is not known yet
  std::map<std::int64_t, std::int64_t> goodbyes = {};   // by number of the connection: the last HTTP/2 stream that the server took
};

/// The number after `label` in a text of libcurl's.
std::optional<std::int64_t> number_after(std::string_view text, std::string_view label) {
  const auto at = text.find(label);
  if (at == std::string_view::npos) return std::nullopt;
  std::int64_t number = 0;
  const char* const from = text.data() + at + label.size();
  if (std::from_chars(from, text.data() + text.size(), number).ec != std::errc{}) return std::nullopt;
  return number;
}

/// One request on one easy handle. The handle and its buffers are used again and again.
class Transfer {
 public:
  /// `wire` outlives the transfer and the connections that it makes.
  explicit Transfer(Wire& wire);
  ~Transfer() { curl_slist_free_all(headers_); curl_easy_cleanup(easy_); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Sets the handle up. An error text when the request cannot be put on the wire at all.
  std::optional<std::string> prepare(HttpRequest request);
  /// What `code` means for the caller; `sent` and `done` are left to him.
  HttpResponse conclude(CURLcode code);

  CURL* easy() { return easy_; }
  /// How long the whole request may take from now on.
  void limit_time(Nanos left);
  [[nodiscard]] Nanos timeout() const { return request_.timeout; }

  HttpClient::Done done;
  Nanos sent{0};
  Nanos deadline{0};      // CLOCK_MONOTONIC
  std::size_t slot = 0;   // where it stands in CurlTransport::running_

 private:
  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int close_socket(void* wire, curl_socket_t socket);
  static int before_request(void* self, char* to, char* from, int to_port, int from_port);
  static int listen_in(CURL* easy, curl_infotype kind, char* text, std::size_t size, void* self);
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* self);
  void set_method();
  void set_way();
  bool set_headers();
  void begin();
  void stop_counting();
  [[nodiscard]] bool not_taken() const;
  [[nodiscard]] Cause cause_of(CURLcode code, bool request_left) const;

  CURL* easy_ = curl_easy_init();
  curl_slist* headers_ = nullptr;
  Wire& wire_;
  HttpRequest request_;
  HttpResponse response_;
  bool too_large_ = false, dialled_ = false, begun_ = false;
  bool opening_ = false, counted_ = false;   // stands in wire_.opening, wire_.begun
  std::int64_t connection_ = -1;    // the number of the connection that was found for the request, -1: not known
  std::int64_t onto_ = -1;          // of the one that it went onto
  std::int64_t stream_ = 0;         // its HTTP/2 stream there, 0: not known
  std::size_t head_bytes_ = 0;
  bool refusal_ = false;   // the answer at hand has a status of 400 or above
  std::string refused_address_;
  std::array<char, CURL_ERROR_SIZE> error_{};
};

Transfer::Transfer(Wire& wire) : wire_(wire) {
  if (easy_ == nullptr) std::abort();  // out of memory
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_.data());
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");  // a proxy from the environment would be dialled instead of the target
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETFUNCTION, &Transfer::close_socket);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETDATA, &wire_);   // a connection outlives the transfer that made it
  curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &Transfer::before_request);
  curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);            // what the plan says is sent
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::take_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, wire_.limits.tls_verify ? 1L : 0L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, wire_.limits.tls_verify ? 2L : 0L);
  if (!wire_.limits.tls_ca.empty()) curl_easy_setopt(easy_, CURLOPT_CAINFO, wire_.limits.tls_ca.c_str());
  if (!wire_.limits.http2) return;
  curl_easy_setopt(easy_, CURLOPT_PIPEWAIT, 1L);   // rather share a connection than make one
  curl_easy_setopt(easy_, CURLOPT_DEBUGFUNCTION, &Transfer::listen_in);
  curl_easy_setopt(easy_, CURLOPT_DEBUGDATA, this);
  curl_easy_setopt(easy_, CURLOPT_VERBOSE, 1L);
}

curl_socket_t Transfer::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string text = numeric_text(*address);
  // A socket file is named by us alone, and lies on this machine: no block of addresses speaks about it.
  if (address->family != AF_UNIX && !transfer.wire_.allow.holds(text)) {
    transfer.refused_address_ = text.empty() ? "of an unknown family" : text;
    return CURL_SOCKET_BAD;
  }
  transfer.dialled_ = true;
  if (!std::exchange(transfer.opening_, true)) ++transfer.wire_.opening;
  transfer.wire_.pace.take();
  const curl_socket_t made = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (made != CURL_SOCKET_BAD) ++transfer.wire_.open;
  return made;
}

int Transfer::close_socket(void* wire_of_all, curl_socket_t socket) {
  auto& wire = *static_cast<Wire*>(wire_of_all);
  if (--wire.open == 0) wire.streams = 0;   // who answers next may be another
  return close(socket);
}

/// curl would repeat by itself what broke on a kept connection; for a payment that is a second effect that nobody counts. Only
/// what the server said it did not take goes onto another connection.
int Transfer::before_request(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.begun_ && !transfer.not_taken()) return CURL_PREREQFUNC_ABORT;
  transfer.begin();
  return CURL_PREREQFUNC_OK;
}

void Transfer::begin() {
  begun_ = true;
  stop_counting();
  counted_ = true;
  ++wire_.begun;
  if (!wire_.limits.http2) return;
  // More requests than connections: they are shared. A second connection though the first one stands: they cannot be.
  if (wire_.begun > wire_.open) wire_.streams = kStreamsMax;
  else if (wire_.streams == 0 && wire_.open > 1) wire_.streams = 1;
  stream_ = 0;
  onto_ = connection_;
}

void Transfer::stop_counting() {
  if (std::exchange(opening_, false)) --wire_.opening;
  if (std::exchange(counted_, false)) --wire_.begun;
}

/// A server's goodbye (GOAWAY) names the last stream that it took: every nginx says it after 1,000 requests. A later stream had
/// no effect, for certain.
bool Transfer::not_taken() const {
  const auto goodbye = wire_.goodbyes.find(onto_);
  return goodbye != wire_.goodbyes.end() && stream_ > goodbye->second;
}

/// Goodbyes and the numbers of connections and streams stand nowhere in libcurl's interface but in what it tells a listener. From
/// words that we do not know nothing follows: the request then counts as sent.
int Transfer::listen_in(CURL*, curl_infotype kind, char* text, std::size_t size, void* self) {
  if (kind != CURLINFO_TEXT) return 0;
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view words(text, size);
  if (words.starts_with("Connected to ")) transfer.connection_ = number_after(words, "(#").value_or(-1);
  if (words.starts_with("Re-using ")) transfer.connection_ = number_after(words, " #").value_or(-1);
  if (const auto stream = number_after(words, "Using Stream ID: ")) transfer.stream_ = *stream;
  if (words.find(" GOAWAY, ") == std::string_view::npos || transfer.onto_ < 0) return 0;
  auto& goodbyes = transfer.wire_.goodbyes;
  if (const auto last = number_after(words, "last_stream=")) goodbyes[transfer.onto_] = *last;
  if (goodbyes.size() > kGoodbyesMax) goodbyes.erase(goodbyes.begin());
  return 0;
}

std::size_t Transfer::take_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t length = size * count;
  const std::size_t room = transfer.wire_.limits.body_max - transfer.response_.body.size();
  transfer.response_.body.append(data, std::min(length, room));
  if (length <= room) return length;
  transfer.too_large_ = true;
  return 0;  // ends the transfer
}

std::size_t Transfer::take_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line(data, size * count);
  transfer.head_bytes_ += line.size();
  if (transfer.head_bytes_ > kHttpHeadMax) {
    transfer.too_large_ = true;
    return 0;
  }
  auto& headers = transfer.response_.headers;
  if (line.starts_with("HTTP/")) {
    headers.clear();  // an interim answer (1xx) came before
    const auto blank = line.find(' ');
    transfer.refusal_ = blank + 1 < line.size() && (line[blank + 1] == '4' || line[blank + 1] == '5');
    transfer.wire_.streams = line.starts_with("HTTP/2") ? kStreamsMax : 1;
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    const bool all = transfer.request_.want_headers || transfer.refusal_;
    if (all || lower(line.substr(0, colon)) == "set-cookie") headers.emplace_back(lower(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1))));
  }
  return line.size();
}

std::optional<std::string> Transfer::prepare(HttpRequest request) {
  request_ = std::move(request);
  response_ = HttpResponse{};
  too_large_ = dialled_ = begun_ = refusal_ = false;
  head_bytes_ = 0;
  connection_ = onto_ = -1;
  stream_ = 0;
  refused_address_.clear();
  error_[0] = '\0';
  if (!is_token(request_.method)) return "bad method '" + request_.method + "'";
  if (!set_headers()) return "a header has a bad name, or a line break in its value";
  set_method();
  set_way();
  if (curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str()) != CURLE_OK) return "bad url";
  limit_time(request_.timeout);
  return std::nullopt;
}

void Transfer::set_way() {
  const auto version = wire_.limits.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(version));
  const std::string& path = request_.unix_socket.empty() ? wire_.limits.unix_socket : request_.unix_socket;
  curl_easy_setopt(easy_, CURLOPT_UNIX_SOCKET_PATH, path.empty() ? nullptr : path.c_str());
  const std::string from = "host!" + request_.source;
  curl_easy_setopt(easy_, CURLOPT_INTERFACE, request_.source.empty() ? nullptr : from.c_str());
}

void Transfer::limit_time(Nanos left) {
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(rounded)));  // 0 would mean: for ever
}

void Transfer::set_method() {
  curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);  // takes back what the last use set
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, nullptr);
  if (request_.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request_.method == "POST" || !request_.body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.c_str());  // not copied: request_ outlives the transfer
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    if (request_.method != "POST") curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  } else if (request_.method != "GET") {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

bool Transfer::set_headers() {
  curl_slist_free_all(headers_);
  headers_ = curl_slist_append(nullptr, "Expect:");  // never wait for "100 Continue": that is a second of think time
  bool typed = request_.body.empty();
  std::string line;
  for (const auto& [name, value] : request_.headers) {
    if (!is_token(name) || has_line_break(value)) return false;
    line = value.empty() ? name + ";" : name + ": " + value;  // curl: "Name:" would delete it, "Name;" sends it empty
    headers_ = curl_slist_append(headers_, line.c_str());
    typed = typed || lower(name) == "content-type";
  }
  if (!typed) headers_ = curl_slist_append(headers_, "Content-Type: application/json");
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  return true;
}

Cause Transfer::cause_of(CURLcode code, bool request_left) const {
  if (!dialled_ && !refused_address_.empty()) return Cause::address;
  if (too_large_ || (code == CURLE_OUT_OF_MEMORY && request_left)) return Cause::too_large;   // so curl calls a line above 100 KB
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return Cause::timeout;
    case CURLE_COULDNT_RESOLVE_HOST: return Cause::dns;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED: return Cause::tls;
    case CURLE_WRITE_ERROR:               // what came cannot be taken apart
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL:      // something that is not HTTP/1 came back (or an ftp:// url: nothing left then)
      return request_left ? Cause::bad_body : Cause::refused;
    // Broken chunks and broken connections share this code; only the words tell them apart.
    case CURLE_RECV_ERROR: return !request_left ? Cause::refused : std::string_view(error_.data()).find("chunk") != std::string_view::npos ? Cause::bad_body : Cause::reset;
    default: return request_left ? Cause::reset : Cause::refused;
  }
}

HttpResponse Transfer::conclude(CURLcode code) {
  stop_counting();
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  if (code != CURLE_OK) {
    // Counts over curl's own repeat on a stale connection too: whatever left once may have had its effect.
    long request_bytes = 0;
    curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &request_bytes);
    response_.cause = cause_of(code, request_bytes > 0);
    response_.outcome = request_bytes > 0 ? Outcome::unknown : Outcome::failed;
    response_.error = error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
    if (too_large_)
      response_.error = head_bytes_ > kHttpHeadMax ? "the headers are larger than " + std::to_string(kHttpHeadMax) + " bytes"
                                                   : "the answer is larger than " + std::to_string(wire_.limits.body_max) + " bytes";
    if (code == CURLE_ABORTED_BY_CALLBACK) response_.error = "the kept connection broke under the request";
    if (response_.cause == Cause::address) response_.error = "address " + refused_address_ + " is outside the allow-list";
  }
  return std::move(response_);
}

class CurlTransport final : public HttpTransport {
 public:
  CurlTransport(const Clock& clock, const AllowList& allow, const HttpClientLimits& limits);
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  void submit(HttpRequest request, Done done) override;
  void drive(Nanos until) override;
  void wake() override;
  [[nodiscard]] std::size_t in_flight() const override { return running_.size() + waiting_.size() + ended_.size(); }
  [[nodiscard]] int descriptor() const override { return epoll_; }
  [[nodiscard]] Nanos next_due() const override;

 private:
  struct Ended { HttpResponse response; Done done; };
  using Transfers = std::vector<std::unique_ptr<Transfer>>;

  static int watch_socket(CURL*, curl_socket_t socket, int what, void* self, void* known);
  static int set_timer(CURLM*, long wait_ms, void* self);
  std::unique_ptr<Transfer> take_free();
  void start(std::unique_ptr<Transfer> transfer);
  void end(std::unique_ptr<Transfer> transfer, HttpResponse response);
  void start_waiting();
  void run_timer();
  bool turn(Nanos wait);      // true when woken
  void collect();
  std::size_t deliver();
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] bool has_kept() const;
  [[nodiscard]] bool may_connect() const;
  [[nodiscard]] bool may_start();
  [[nodiscard]] Transfer& of(CURL* easy) const;

  const Clock& clock_;
  Wire wire_;
  CURLM* multi_ = nullptr;
  int epoll_ = -1, wake_ = -1;
  std::optional<Nanos> timer_;                 // CLOCK_MONOTONIC
  Transfers running_, free_;
  std::deque<std::unique_ptr<Transfer>> waiting_;   // for one of connections_max; curl's own queue knows no time limit
  Nanos waiting_deadline_ = Nanos::max();           // the earliest in waiting_, or earlier
  std::deque<Ended> ended_;                    // concluded, not yet told
};

CurlTransport::CurlTransport(const Clock& clock, const AllowList& allow, const HttpClientLimits& limits)
    : clock_(clock), wire_{allow, limits, ConnectPace(limits.connects_per_second)} {
  init_curl_once();
  multi_ = curl_multi_init();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (multi_ == nullptr || epoll_ < 0 || wake_ < 0) std::abort();  // out of memory or descriptors before the first request
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlTransport::watch_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlTransport::set_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(wire_.limits.http2 ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING));
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(wire_.limits.connections_max));  // idle ones included
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(wire_.limits.connections_max));
}

CurlTransport::~CurlTransport() {
  for (const auto& transfer : running_) curl_multi_remove_handle(multi_, transfer->easy());
  running_.clear();
  free_.clear();
  curl_multi_cleanup(multi_);
  close(wake_);
  close(epoll_);
}

int CurlTransport::watch_socket(CURL*, curl_socket_t socket, int what, void* self, void* known) {
  auto& client = *static_cast<CurlTransport*>(self);
  epoll_event event{};
  event.data.fd = socket;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(client.epoll_, EPOLL_CTL_DEL, socket, &event);
    curl_multi_assign(client.multi_, socket, nullptr);
    return 0;
  }
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  epoll_ctl(client.epoll_, known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event);
  curl_multi_assign(client.multi_, socket, self);  // any pointer: "this socket is in the epoll set"
  return 0;
}

int CurlTransport::set_timer(CURLM*, long wait_ms, void* self) {
  auto& timer = static_cast<CurlTransport*>(self)->timer_;
  if (wait_ms < 0) timer.reset();
  else timer = monotonic_now() + std::chrono::milliseconds(wait_ms);
  return 0;
}

std::unique_ptr<Transfer> CurlTransport::take_free() {
  if (free_.empty()) return std::make_unique<Transfer>(wire_);
  auto transfer = std::move(free_.back());
  free_.pop_back();
  return transfer;
}

void CurlTransport::submit(HttpRequest request, Done done) {
  auto transfer = take_free();
  transfer->sent = clock_.now();
  transfer->done = std::move(done);
  if (auto problem = transfer->prepare(std::move(request))) return end(std::move(transfer), never_sent(std::move(*problem)));
  transfer->deadline = monotonic_now() + transfer->timeout();
  if (waiting_.empty() && may_start()) return start(std::move(transfer));
  waiting_deadline_ = std::min(waiting_deadline_, transfer->deadline);
  waiting_.push_back(std::move(transfer));
}

void CurlTransport::start(std::unique_ptr<Transfer> transfer) {
  if (curl_multi_add_handle(multi_, transfer->easy()) != CURLM_OK)
    return end(std::move(transfer), never_sent("libcurl refused the request"));
  transfer->slot = running_.size();
  running_.push_back(std::move(transfer));
  run_timer();  // puts the request on the wire now instead of at the next drive()
}

void CurlTransport::end(std::unique_ptr<Transfer> transfer, HttpResponse response) {
  response.sent = transfer->sent;
  response.done = clock_.now();
  ended_.push_back({std::move(response), std::move(transfer->done)});
  free_.push_back(std::move(transfer));
}

bool CurlTransport::has_room() const { return running_.size() < wire_.limits.connections_max * std::max(wire_.streams, std::size_t{1}); }

/// Whether a connection stands that can take one more request. (When it turns out dead, the pace is made good later.)
bool CurlTransport::has_kept() const {
  if (!wire_.limits.http2 || wire_.streams == 1) return wire_.open > running_.size();
  return running_.size() < (wire_.open - std::min(wire_.open, wire_.opening)) * wire_.streams;
}

/// Connections that may be shared are made one at a time: whatever waits for the new one would make one each if it failed.
bool CurlTransport::may_connect() const { return !wire_.limits.http2 || wire_.streams == 1 || wire_.begun == running_.size(); }

bool CurlTransport::may_start() {
  if (!has_room()) return false;
  return has_kept() || (may_connect() && wire_.pace.may(monotonic_now()));
}

void CurlTransport::start_waiting() {
  const Nanos now = monotonic_now();
  if (waiting_deadline_ <= now) {
    Nanos earliest = Nanos::max();
    for (auto& transfer : waiting_) {
      if (transfer->deadline > now) earliest = std::min(earliest, transfer->deadline);
      else end(std::move(transfer), never_sent("no free connection in time", Cause::timeout));
    }
    std::erase(waiting_, nullptr);
    waiting_deadline_ = earliest;
  }
  while (!waiting_.empty() && may_start()) {
    auto transfer = std::move(waiting_.front());
    waiting_.pop_front();
    transfer->limit_time(transfer->deadline - now);
    start(std::move(transfer));
  }
}

void CurlTransport::run_timer() {
  int running = 0;
  while (timer_ && *timer_ <= monotonic_now()) {
    timer_.reset();
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

bool CurlTransport::turn(Nanos wait) {
  std::array<epoll_event, 64> events{};
  const int count = wait_events(epoll_, events.data(), static_cast<int>(events.size()), wait);
  bool woken = false;
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == wake_) {
      std::uint64_t times = 0;
      woken = read(wake_, &times, sizeof times) == sizeof times;
      continue;
    }
    const int mask = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    curl_multi_socket_action(multi_, event.data.fd, mask, &running);
  }
  run_timer();
  collect();
  start_waiting();
  collect();   // what begins on a shared connection reads there for others too, and no event would tell
  return woken;
}

Transfer& CurlTransport::of(CURL* easy) const {
  char* self = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
  return *reinterpret_cast<Transfer*>(self);
}

void CurlTransport::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    Transfer& transfer = of(message->easy_handle);
    HttpResponse response = transfer.conclude(code);
    curl_multi_remove_handle(multi_, transfer.easy());
    const std::size_t slot = transfer.slot;
    auto ended = std::move(running_[slot]);
    running_[slot] = std::move(running_.back());
    if (running_[slot]) running_[slot]->slot = slot;  // null when the ended one was the last
    running_.pop_back();
    end(std::move(ended), std::move(response));
  }
}

std::size_t CurlTransport::deliver() {
  std::size_t told = 0;
  for (std::size_t left = ended_.size(); left > 0; --left, ++told) {  // not those that a callback adds: drive() must end
    Ended next = std::move(ended_.front());
    ended_.pop_front();
    next.done(std::move(next.response));
  }
  return told;
}

Nanos CurlTransport::next_due() const {
  if (!ended_.empty()) return Nanos::min();
  Nanos next = timer_.value_or(Nanos::max());
  if (!waiting_.empty()) next = std::min({next, waiting_deadline_, has_room() && may_connect() ? wire_.pace.next() : Nanos::max()});
  return next == Nanos::max() ? next : clock_.now() + (next - monotonic_now());
}

void CurlTransport::drive(Nanos until) {
  for (Nanos wait{0};; wait = ended_.empty() ? std::min(until, next_due()) - clock_.now() : Nanos(0)) {
    const bool woken = turn(wait);
    if (deliver() > 0 || woken || clock_.now() >= until) return;
  }
}

void CurlTransport::wake() {
  const std::uint64_t one = 1;
  // Full counter (EAGAIN) means that it is awake already.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

}  // namespace

std::unique_ptr<HttpTransport> make_curl_transport(const Clock& clock, const AllowList& allow, const HttpClientLimits& limits) {
  return std::make_unique<CurlTransport>(clock, allow, limits);
}

HttpResponse fetch_once(const HttpRequest& request, const AllowList& allow) {
  init_curl_once();
  HttpClientLimits limits;
  limits.body_max = kFetchBodyMax;
  limits.tls_verify = request.tls_verify;
  limits.tls_ca = request.tls_ca;
  Wire wire{allow, limits, ConnectPace(limits.connects_per_second)};
  Transfer transfer(wire);
  const Nanos sent = monotonic_now();
  HttpResponse response;
  if (auto problem = transfer.prepare(request)) response = never_sent(std::move(*problem));
  else response = transfer.conclude(curl_easy_perform(transfer.easy()));
  response.sent = sent;
  response.done = monotonic_now();
  return response;
}

}  // namespace cardstorm
