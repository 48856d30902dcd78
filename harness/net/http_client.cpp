// http_client: chooses the transport for each request and follows redirects, the same way over both.
#include "harness/net/http_client.hpp"

#include <poll.h>

#include <memory>

#include "harness/net/http_transport.hpp"
#include "harness/net/redirect.hpp"

namespace cardstorm {
namespace {

bool is_plain(const HttpRequest& request) {
  // What the lean path does not take is libcurl's: TLS, and user information in the url.
  const std::string_view url = request.url;
  return url.starts_with("http://") && url.substr(0, url.find_first_of("/?#", 7)).find('@') == std::string_view::npos;
}

class Client final : public HttpClient {
 public:
  Client(const Clock& clock, AllowList allow, const HttpClientLimits& limits)
      : clock_(clock), allow_(std::move(allow)) {
    if (limits.transport != Transport::curl) lean_ = make_lean_transport(clock, allow_, limits);
    if (limits.transport != Transport::lean) curl_ = make_curl_transport(clock, allow_, limits);
  }

  void submit(HttpRequest request, Done done) override {
    if (request.redirects_max <= 0) return pass(std::move(request), std::move(done));
    follow(std::make_shared<RedirectTrail>(std::move(request), clock_.now()), clock_.now(), std::move(done));
  }

  void drive(Nanos until) override {
    if (curl_ == nullptr || (lean_ != nullptr && curl_->in_flight() == 0)) return lean_->drive(until);
    if (lean_ == nullptr || lean_->in_flight() == 0) return curl_->drive(until);
    // Both are busy (a redirect from http to https): wait for either, then let both do what they can.
    const Nanos wait = std::max(std::min({until, lean_->next_due(), curl_->next_due()}) - clock_.now(), Nanos(0));
    pollfd ready[2] = {{lean_->descriptor(), POLLIN, 0}, {curl_->descriptor(), POLLIN, 0}};
    const timespec limit{wait.count() / 1'000'000'000, wait.count() % 1'000'000'000};
    ::ppoll(ready, 2, &limit, nullptr);
    lean_->drive(Nanos::min());
    curl_->drive(Nanos::min());
  }

  void wake() override {
    if (lean_ != nullptr) lean_->wake();
    if (curl_ != nullptr) curl_->wake();
  }
  [[nodiscard]] std::size_t in_flight() const override {
    return (lean_ != nullptr ? lean_->in_flight() : 0) + (curl_ != nullptr ? curl_->in_flight() : 0);
  }

 private:
  void pass(HttpRequest request, Done done) {
    HttpTransport& way = curl_ == nullptr || (lean_ != nullptr && is_plain(request)) ? *lean_ : *curl_;
    way.submit(std::move(request), std::move(done));
  }

  void follow(const std::shared_ptr<RedirectTrail>& trail, Nanos sent, Done done) {
    pass(trail->request(), [this, trail, sent, done = std::move(done)](HttpResponse answer) mutable {
      if (trail->take(answer, clock_.now()) == RedirectTrail::Turn::follow) return follow(trail, sent, std::move(done));
      answer.sent = sent;
      done(std::move(answer));
    });
  }

  const Clock& clock_;
  const AllowList allow_;
  std::unique_ptr<HttpTransport> lean_, curl_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(const Clock& clock, AllowList allow, HttpClientLimits limits) {
  return std::make_unique<Client>(clock, std::move(allow), limits);
}

HttpResponse fetch(const HttpRequest& request, const AllowList& allow) {
  const Nanos sent = monotonic_now();
  HttpRequest wanted = request;
  wanted.want_headers = true;
  RedirectTrail trail(std::move(wanted), sent);
  for (;;) {
    HttpResponse answer = fetch_once(trail.request(), allow);
    const bool more = request.redirects_max > 0 && trail.take(answer, monotonic_now()) == RedirectTrail::Turn::follow;
    if (more) continue;
    answer.sent = sent;
    return answer;
  }
}

HttpResponse fetch(const HttpRequest& request) {
  auto loopback = AllowList::parse({"127.0.0.0/8", "::1/128"});
  return fetch(request, loopback.value());
}

}  // namespace cardstorm
