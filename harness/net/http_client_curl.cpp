// http_client_curl: libcurl's multi interface on an epoll of our own: the cost of a turn does not grow with the number
// of waiting requests, and waits are exact to microseconds (curl_multi_poll counts in milliseconds, which would be
// lateness of ours).
#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <optional>

#include "harness/net/curl_transfer.hpp"

namespace cardstorm {
namespace {

using curl::Transfer;
using curl::Wire;

constexpr std::size_t kFetchBodyMax = std::size_t{64} << 20;  // audit pages are large, and fetch() is no load

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
  struct Ended {
    HttpResponse response;
    Done done;
  };
  using Transfers = std::vector<std::unique_ptr<Transfer>>;

  static int watch_socket(CURL*, curl_socket_t socket, int what, void* self, void* known);
  static int set_timer(CURLM*, long wait_ms, void* self);
  std::unique_ptr<Transfer> take_free();
  void start(std::unique_ptr<Transfer> transfer);
  void end(std::unique_ptr<Transfer> transfer, HttpResponse response);
  void start_waiting();
  void run_timer();
  bool turn(Nanos wait);  // true when woken
  void collect();
  std::size_t deliver();
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] bool has_kept() const;
  [[nodiscard]] bool may_connect() const;
  [[nodiscard]] bool may_start();

  const Clock& clock_;
  Wire wire_;
  CURLM* multi_ = nullptr;
  int epoll_ = -1, wake_ = -1;
  std::optional<Nanos> timer_;  // CLOCK_MONOTONIC
  Transfers running_, free_;
  std::deque<std::unique_ptr<Transfer>> waiting_;  // for one of connections_max; curl's own queue knows no time limit
  Nanos waiting_deadline_ = Nanos::max();          // the earliest in waiting_, or earlier
  std::deque<Ended> ended_;                        // concluded, not yet told
};

CurlTransport::CurlTransport(const Clock& clock, const AllowList& allow, const HttpClientLimits& limits)
    : clock_(clock), wire_{allow, limits, ConnectPace(limits.connects_per_second)} {
  curl::init();
  multi_ = curl_multi_init();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (multi_ == nullptr || epoll_ < 0 || wake_ < 0)
    std::abort();  // out of memory or descriptors before the first request
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlTransport::watch_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlTransport::set_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING,
                    static_cast<long>(wire_.limits.http2 ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING));
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                    static_cast<long>(wire_.limits.connections_max));  // idle ones included
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
  if (wait_ms < 0)
    timer.reset();
  else
    timer = monotonic_now() + std::chrono::milliseconds(wait_ms);
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
  if (auto problem = transfer->prepare(std::move(request)))
    return end(std::move(transfer), never_sent(std::move(*problem)));
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

bool CurlTransport::has_room() const {
  return running_.size() < wire_.limits.connections_max * std::max(wire_.streams, std::size_t{1});
}

/// Whether a connection stands that can take one more request. (When it turns out dead, the pace is made good later.)
bool CurlTransport::has_kept() const {
  if (!wire_.limits.http2 || wire_.streams == 1) return wire_.open > running_.size();
  return running_.size() < (wire_.open - std::min(wire_.open, wire_.opening)) * wire_.streams;
}

/// Connections that may be shared are made one at a time: whatever waits for the new one would make one each if it
/// failed.
bool CurlTransport::may_connect() const {
  return !wire_.limits.http2 || wire_.streams == 1 || wire_.begun == running_.size();
}

bool CurlTransport::may_start() {
  if (!has_room()) return false;
  return has_kept() || (may_connect() && wire_.pace.may(monotonic_now()));
}

void CurlTransport::start_waiting() {
  const Nanos now = monotonic_now();
  if (waiting_deadline_ <= now) {
    Nanos earliest = Nanos::max();
    for (auto& transfer : waiting_) {
      if (transfer->deadline > now)
        earliest = std::min(earliest, transfer->deadline);
      else
        end(std::move(transfer), never_sent("no free connection in time", Cause::timeout));
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
    const int mask = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                     ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    curl_multi_socket_action(multi_, event.data.fd, mask, &running);
  }
  run_timer();
  collect();
  start_waiting();
  collect();  // what begins on a shared connection reads there for others too, and no event would tell
  return woken;
}

void CurlTransport::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    Transfer& transfer = Transfer::of(message->easy_handle);
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
  for (std::size_t left = ended_.size(); left > 0;
       --left, ++told) {  // not those that a callback adds: drive() must end
    Ended next = std::move(ended_.front());
    ended_.pop_front();
    next.done(std::move(next.response));
  }
  return told;
}

Nanos CurlTransport::next_due() const {
  if (!ended_.empty()) return Nanos::min();
  Nanos next = timer_.value_or(Nanos::max());
  if (!waiting_.empty())
    next = std::min({next, waiting_deadline_, has_room() && may_connect() ? wire_.pace.next() : Nanos::max()});
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

std::unique_ptr<HttpTransport> make_curl_transport(const Clock& clock, const AllowList& allow,
                                                   const HttpClientLimits& limits) {
  return std::make_unique<CurlTransport>(clock, allow, limits);
}

HttpResponse fetch_once(const HttpRequest& request, const AllowList& allow) {
  curl::init();
  HttpClientLimits limits;
  limits.body_max = kFetchBodyMax;
  limits.tls_verify = request.tls_verify;
  limits.tls_ca = request.tls_ca;
  Wire wire{allow, limits, ConnectPace(limits.connects_per_second)};
  Transfer transfer(wire);
  const Nanos sent = monotonic_now();
  HttpResponse response;
  if (auto problem = transfer.prepare(request))
    response = never_sent(std::move(*problem));
  else
    response = transfer.conclude(curl_easy_perform(transfer.easy()));
  response.sent = sent;
  response.done = monotonic_now();
  return response;
}

}  // namespace cardstorm
