// notifier: the retry schedule as data, one delivery per message, copies counted out and in.
#include "harness/partners/notifier.hpp"

#include <array>
#include <utility>

#include "harness/core/rng.hpp"
#include "harness/partners/signature.hpp"

namespace cardstorm::partners {

namespace {

// research/correctness.md 4.1: pay.weixin.qq.com 4011937248.
constexpr std::array<Nanos, 15> kRetryGaps{15s, 15s, 30s, 3min, 10min, 20min, 30min, 30min, 30min, 60min, 3h, 3h, 3h, 6h, 6h};
constexpr Nanos kAnswerLimit = 5s;         // not scaled: a real server needs real time
constexpr std::size_t kOutboxMax = 20'000;
constexpr HttpClientLimits kLimits{.connections_max = 256, .body_max = 4096};

/// Path and query of a URL, as it goes on the wire.
std::string path_of(const std::string& url) {
  const auto host = url.find("://");
  const auto from = url.find_first_of("/?#", host == std::string::npos ? 0 : host + 3);
  if (from == std::string::npos || url[from] == '#') return "/";
  const std::string path = url.substr(from, url.find('#', from) - from);
  return path.front() == '?' ? "/" + path : path;
}

Nanos scaled(Nanos gap, double scale) { return nanos_of_seconds(seconds(gap) / scale); }

}  // namespace

Notifier::Notifier(NotifierSetup setup, Loop& loop, Journals& journals)
    : setup_(std::move(setup)), loop_(loop), journals_(journals), client_(make_http_client(clock_, setup_.allow, kLimits)) {
  thread_ = std::thread([this] { run(); });
}

Notifier::~Notifier() {
  stopping_ = true;
  client_->wake();
  thread_.join();
}

void Notifier::send(Notice notice) {
  auto delivery = std::make_shared<Delivery>();
  delivery->notice = std::move(notice);
  ++open_;
  attempt(delivery);
}

void Notifier::attempt(const Ref& delivery) {
  ++delivery->attempt;
  if (delivery->notice.hold) delivery->notice.hold([this, delivery] { send_copies(delivery); });
  else send_copies(delivery);
}

void Notifier::send_copies(const Ref& delivery) {
  const bool twice = draw_unit(setup_.seed, stream_of("notify copies"), attempts_++) < setup_.duplicate_share;
  delivery->copies_out = twice ? 2 : 1;
  for (int i = delivery->copies_out; i > 0; --i) {
    const Notice& notice = delivery->notice;
    const std::string timestamp = timestamp_text();
    HttpRequest request{"POST", notice.url, notice.body,
                        {{"Content-Type", "application/json"},
                         {"X-Timestamp", timestamp},
                         {"X-Sign", signature(setup_.key, "POST", path_of(notice.url), timestamp, notice.body)}},
                        kAnswerLimit};
    submit(std::move(request), [this, delivery](const Sent& sent) { copy_ended(delivery, sent); });
  }
}

void Notifier::copy_ended(const Ref& delivery, const Sent& sent) {
  const Notice& notice = delivery->notice;
  const auto took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(sent.took).count();
  journals_.append(notice.book, notice.kind,
                   {{notice.id_name, notice.id}, {"order", notice.order}, {"attempt", static_cast<std::int64_t>(delivery->attempt)},
                    {"status", sent.status}, {"acknowledged", sent.acknowledged}, {"took_ms", static_cast<std::int64_t>(took_ms)}});
  delivery->acknowledged = delivery->acknowledged || sent.acknowledged;
  if (--delivery->copies_out > 0) return;
  const bool given_up = delivery->attempt > kRetryGaps.size();
  if (delivery->acknowledged || given_up) {
    --open_;
    return;
  }
  loop_.after(scaled(kRetryGaps[delivery->attempt - 1], setup_.time_scale), [this, delivery] { attempt(delivery); });
}

void Notifier::submit(HttpRequest request, std::function<void(Sent)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (outbox_.size() < kOutboxMax) {
      outbox_.push_back({std::move(request), std::move(done)});
      client_->wake();
      return;
    }
  }
  loop_.post([done = std::move(done)] { done(Sent{}); });   // counts as an attempt that nobody answered
}

void Notifier::run() {
  while (!stopping_) {
    std::vector<Outgoing> batch;
    {
      const std::lock_guard lock(mutex_);
      batch.swap(outbox_);
    }
    for (Outgoing& out : batch)
      client_->submit(std::move(out.request), [this, done = std::move(out.done)](const HttpResponse& response) {
        const bool whole = response.outcome == Outcome::ok;
        const Sent sent{whole && response.status == 200 && response.body == "success", whole ? response.status : 0, response.done - response.sent};
        loop_.post([done, sent] { done(sent); });
      });
    client_->drive(clock_.now() + 1s);
  }
}

}  // namespace cardstorm::partners
