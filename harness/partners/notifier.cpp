// notifier: one delivery per message, copies counted out and in.
#include "harness/partners/notifier.hpp"

#include <utility>

#include "harness/core/rng.hpp"

namespace cardstorm::partners {

namespace {

constexpr Nanos kAnswerLimit = 5s;  // not scaled: a real server needs real time
constexpr std::size_t kOutboxMax = 20'000;
constexpr HttpClientLimits kLimits{.connections_max = 256, .body_max = 4096};

Nanos scaled(Nanos gap, double scale) { return nanos_of_seconds(seconds(gap) / scale); }

}  // namespace

Notifier::Notifier(NotifierSetup setup, Loop& loop, PartnerJournals& journals)
    : setup_(std::move(setup)),
      loop_(loop),
      journals_(journals),
      client_(make_http_client(clock_, setup_.allow, kLimits)) {
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
  if (delivery->notice.hold)
    delivery->notice.hold([this, delivery] { send_copies(delivery); });
  else
    send_copies(delivery);
}

void Notifier::send_copies(const Ref& delivery) {
  const Notice& notice = delivery->notice;
  const std::uint64_t nth = attempts_++;
  if (draw_unit(setup_.seed, stream_of("notify lost"), nth) < notice.drop) {
    delivery->copies_out = 1;
    return copy_ended(delivery, {});
  }
  const bool twice = notice.duplicate && draw_unit(setup_.seed, stream_of("notify copies"), nth) < notice.duplicate();
  delivery->copies_out = twice ? 2 : 1;
  for (int i = delivery->copies_out; i > 0; --i) {
    HttpRequest request = notice.make();
    request.timeout = kAnswerLimit;
    submit(std::move(request), [this, delivery](const Sent& sent) { copy_ended(delivery, sent); });
  }
}

void Notifier::copy_ended(const Ref& delivery, const Sent& sent) {
  const Notice& notice = delivery->notice;
  const auto took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(sent.took).count();
  const bool acknowledged = sent.status != 0 && notice.acknowledged(sent.status, sent.body);
  Json::Object line{{notice.id_name, notice.id},
                    {"order", notice.order},
                    {"attempt", static_cast<std::int64_t>(delivery->attempt)},
                    {"status", sent.status},
                    {"acknowledged", acknowledged},
                    {"took_ms", static_cast<std::int64_t>(took_ms)}};
  line.insert(line.end(), notice.more.begin(), notice.more.end());
  journals_.append(notice.book, notice.kind, line);
  delivery->acknowledged = delivery->acknowledged || acknowledged;
  if (--delivery->copies_out > 0) return;
  if (delivery->attempt == 1 && notice.attempted) notice.attempted();
  const bool given_up = delivery->attempt > notice.gaps.size();
  if (delivery->acknowledged || given_up) {
    --open_;
    return;
  }
  loop_.after(scaled(notice.gaps[delivery->attempt - 1], setup_.time_scale), [this, delivery] { attempt(delivery); });
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
  loop_.post([done = std::move(done)] { done(Sent{}); });  // counts as an attempt that nobody answered
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
        const bool whole = response.outcome == Outcome::ok && response.cause == Cause::none;
        const Sent sent{whole ? response.status : 0, whole ? response.body : std::string(),
                        response.done - response.sent};
        loop_.post([done, sent] { done(sent); });
      });
    client_->drive(clock_.now() + 1s);
  }
}

}  // namespace cardstorm::partners
