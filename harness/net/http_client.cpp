// http_client: libcurl's multi interface on an epoll of our own: the cost of a turn does not grow with the number of waiting
// requests, and waits are exact to microseconds (curl_multi_poll counts in milliseconds, which would be lateness of ours).
#include "harness/net/http_client.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <optional>

#include "harness/core/text.hpp"

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

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127 && c != ':'; });
}

bool has_line_break(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos; }

/// One request on one easy handle. The handle and its buffers are used again and again.
class Transfer {
 public:
  Transfer(const AllowList& allow, std::size_t body_max, bool keep_headers);
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
  std::size_t slot = 0;   // where it stands in CurlClient::running_

 private:
  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* self);
  void set_method();
  bool set_headers();
  [[nodiscard]] Cause cause_of(CURLcode code, bool request_left) const;

  CURL* easy_ = curl_easy_init();
  curl_slist* headers_ = nullptr;
  const AllowList& allow_;
  std::size_t body_max_;
  HttpRequest request_;
  HttpResponse response_;
  bool too_large_ = false, dialled_ = false;
  std::string refused_address_;
  std::array<char, CURL_ERROR_SIZE> error_{};
};

Transfer::Transfer(const AllowList& allow, std::size_t body_max, bool keep_headers) : allow_(allow), body_max_(body_max) {
  if (easy_ == nullptr) std::abort();  // out of memory
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_.data());
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");  // a proxy from the environment would be dialled instead of the target
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  if (keep_headers) {
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::take_header);
    curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  }
}

curl_socket_t Transfer::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string text = numeric_text(*address);
  if (!transfer.allow_.holds(text)) {
    transfer.refused_address_ = text.empty() ? "of an unknown family" : text;
    return CURL_SOCKET_BAD;
  }
  transfer.dialled_ = true;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t Transfer::take_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t length = size * count;
  const std::size_t room = transfer.body_max_ - transfer.response_.body.size();
  transfer.response_.body.append(data, std::min(length, room));
  if (length <= room) return length;
  transfer.too_large_ = true;
  return 0;  // ends the transfer
}

std::size_t Transfer::take_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& headers = static_cast<Transfer*>(self)->response_.headers;
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) headers.clear();  // an interim answer (1xx) came before
  else if (const auto colon = line.find(':'); colon != std::string_view::npos)
    headers.emplace_back(lower(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1))));
  return line.size();
}

std::optional<std::string> Transfer::prepare(HttpRequest request) {
  request_ = std::move(request);
  response_ = HttpResponse{};
  too_large_ = dialled_ = false;
  refused_address_.clear();
  error_[0] = '\0';
  if (!is_token(request_.method)) return "bad method '" + request_.method + "'";
  if (!set_headers()) return "a header has a bad name, or a line break in its value";
  set_method();
  if (curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str()) != CURLE_OK) return "bad url";
  limit_time(request_.timeout);
  return std::nullopt;
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
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return Cause::timeout;
    case CURLE_WRITE_ERROR:               // our body limit
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:      // something that is not HTTP/1 came back (or an ftp:// url: nothing left then)
      return request_left ? Cause::bad_body : Cause::refused;
    default: return request_left ? Cause::reset : Cause::refused;
  }
}

HttpResponse Transfer::conclude(CURLcode code) {
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
    if (too_large_) response_.error = "answer is larger than " + std::to_string(body_max_) + " bytes";
    if (response_.cause == Cause::address) response_.error = "address " + refused_address_ + " is outside the allow-list";
  }
  return std::move(response_);
}

HttpResponse never_sent(std::string why, Cause cause = Cause::refused) {
  HttpResponse response;
  response.cause = cause;
  response.outcome = Outcome::failed;
  response.error = std::move(why);
  return response;
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(const Clock& clock, AllowList allow, HttpClientLimits limits);
  ~CurlClient() override;
  CurlClient(const CurlClient&) = delete;
  CurlClient& operator=(const CurlClient&) = delete;

  void submit(HttpRequest request, Done done) override;
  void drive(Nanos until) override;
  void wake() override;
  [[nodiscard]] std::size_t in_flight() const override { return running_.size() + waiting_.size() + ended_.size(); }

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
  [[nodiscard]] Nanos wait_until(Nanos until) const;
  [[nodiscard]] Transfer& of(CURL* easy) const;

  const Clock& clock_;
  AllowList allow_;
  HttpClientLimits limits_;
  CURLM* multi_ = nullptr;
  int epoll_ = -1, wake_ = -1;
  std::optional<Nanos> timer_;                 // CLOCK_MONOTONIC
  Transfers running_, free_;
  std::deque<std::unique_ptr<Transfer>> waiting_;   // for one of connections_max; curl's own queue knows no time limit
  Nanos waiting_deadline_ = Nanos::max();           // the earliest in waiting_, or earlier
  std::deque<Ended> ended_;                    // concluded, not yet told
};

CurlClient::CurlClient(const Clock& clock, AllowList allow, HttpClientLimits limits)
    : clock_(clock), allow_(std::move(allow)), limits_(limits) {
  init_curl_once();
  multi_ = curl_multi_init();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (multi_ == nullptr || epoll_ < 0 || wake_ < 0) std::abort();  // out of memory or descriptors before the first request
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlClient::watch_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlClient::set_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(limits_.connections_max));  // idle ones included
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(limits_.connections_max));
}

CurlClient::~CurlClient() {
  for (const auto& transfer : running_) curl_multi_remove_handle(multi_, transfer->easy());
  running_.clear();
  free_.clear();
  curl_multi_cleanup(multi_);
  close(wake_);
  close(epoll_);
}

int CurlClient::watch_socket(CURL*, curl_socket_t socket, int what, void* self, void* known) {
  auto& client = *static_cast<CurlClient*>(self);
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

int CurlClient::set_timer(CURLM*, long wait_ms, void* self) {
  auto& timer = static_cast<CurlClient*>(self)->timer_;
  if (wait_ms < 0) timer.reset();
  else timer = monotonic_now() + std::chrono::milliseconds(wait_ms);
  return 0;
}

std::unique_ptr<Transfer> CurlClient::take_free() {
  if (free_.empty()) return std::make_unique<Transfer>(allow_, limits_.body_max, false);
  auto transfer = std::move(free_.back());
  free_.pop_back();
  return transfer;
}

void CurlClient::submit(HttpRequest request, Done done) {
  auto transfer = take_free();
  transfer->sent = clock_.now();
  transfer->done = std::move(done);
  if (auto problem = transfer->prepare(std::move(request))) return end(std::move(transfer), never_sent(std::move(*problem)));
  transfer->deadline = monotonic_now() + transfer->timeout();
  if (running_.size() < limits_.connections_max && waiting_.empty()) return start(std::move(transfer));
  waiting_deadline_ = std::min(waiting_deadline_, transfer->deadline);
  waiting_.push_back(std::move(transfer));
}

void CurlClient::start(std::unique_ptr<Transfer> transfer) {
  if (curl_multi_add_handle(multi_, transfer->easy()) != CURLM_OK)
    return end(std::move(transfer), never_sent("libcurl refused the request"));
  transfer->slot = running_.size();
  running_.push_back(std::move(transfer));
  run_timer();  // puts the request on the wire now instead of at the next drive()
}

void CurlClient::end(std::unique_ptr<Transfer> transfer, HttpResponse response) {
  response.sent = transfer->sent;
  response.done = clock_.now();
  ended_.push_back({std::move(response), std::move(transfer->done)});
  free_.push_back(std::move(transfer));
}

void CurlClient::start_waiting() {
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
  while (!waiting_.empty() && running_.size() < limits_.connections_max) {
    auto transfer = std::move(waiting_.front());
    waiting_.pop_front();
    transfer->limit_time(transfer->deadline - now);
    start(std::move(transfer));
  }
}

void CurlClient::run_timer() {
  int running = 0;
  while (timer_ && *timer_ <= monotonic_now()) {
    timer_.reset();
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

bool CurlClient::turn(Nanos wait) {
  // ppoll, not epoll_wait: its time limit is exact to the nanosecond and it exists on every kernel.
  pollfd ready{epoll_, POLLIN, 0};
  const timespec limit{wait.count() / 1'000'000'000, wait.count() % 1'000'000'000};
  bool woken = false;
  if (ppoll(&ready, 1, &limit, nullptr) > 0) {
    std::array<epoll_event, 64> events{};
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
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
  }
  run_timer();
  collect();
  start_waiting();
  return woken;
}

Transfer& CurlClient::of(CURL* easy) const {
  char* self = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
  return *reinterpret_cast<Transfer*>(self);
}

void CurlClient::collect() {
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

std::size_t CurlClient::deliver() {
  std::size_t told = 0;
  for (std::size_t left = ended_.size(); left > 0; --left, ++told) {  // not those that a callback adds: drive() must end
    Ended next = std::move(ended_.front());
    ended_.pop_front();
    next.done(std::move(next.response));
  }
  return told;
}

Nanos CurlClient::wait_until(Nanos until) const {
  Nanos wait = until - clock_.now();
  if (timer_) wait = std::min(wait, *timer_ - monotonic_now());
  if (!waiting_.empty()) wait = std::min(wait, waiting_deadline_ - monotonic_now());
  if (!ended_.empty()) wait = Nanos{0};
  return std::max(wait, Nanos{0});
}

void CurlClient::drive(Nanos until) {
  for (Nanos wait{0};; wait = wait_until(until)) {
    const bool woken = turn(wait);
    if (deliver() > 0 || woken || clock_.now() >= until) return;
  }
}

void CurlClient::wake() {
  const std::uint64_t one = 1;
  // Full counter (EAGAIN) means that it is awake already.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

}  // namespace

std::unique_ptr<HttpClient> make_http_client(const Clock& clock, AllowList allow, HttpClientLimits limits) {
  return std::make_unique<CurlClient>(clock, std::move(allow), limits);
}

HttpResponse fetch(const HttpRequest& request, const AllowList& allow) {
  init_curl_once();
  Transfer transfer(allow, kFetchBodyMax, true);
  const Nanos sent = monotonic_now();
  HttpResponse response;
  if (auto problem = transfer.prepare(request)) response = never_sent(std::move(*problem));
  else response = transfer.conclude(curl_easy_perform(transfer.easy()));
  response.sent = sent;
  response.done = monotonic_now();
  return response;
}

HttpResponse fetch(const HttpRequest& request) {
  auto loopback = AllowList::parse({"127.0.0.0/8", "::1/128"});
  return fetch(request, loopback.value());
}

}  // namespace cardstorm
