// payment_desk: see payment_desk.hpp.
#include "reference_platform/services/payment_desk.hpp"

#include <algorithm>
#include <utility>

#include "reference_platform/observe/spans.hpp"
#include "reference_platform/services/backend.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;

constexpr int kDeskPoolSize = 4;          // per database
constexpr std::size_t kLearntMax = 2000;  // what one database may owe us

}  // namespace

void PaymentBook::learn(Learnt learnt) {
  const std::lock_guard lock(mutex_);
  learnt_.push_back(std::move(learnt));
  if (learnt_.size() > kLearntMax) learnt_.pop_front();
}

void PaymentBook::write_learnt() {
  std::vector<Learnt> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.assign(std::make_move_iterator(learnt_.begin()), std::make_move_iterator(learnt_.end()));
    learnt_.clear();
  }
  if (batch.empty()) return;
  try {
    services::write_learnt(*open(), batch);
  } catch (...) {
    for (Learnt& l : batch) learn(std::move(l));
    throw;
  }
}

PaymentDesk::PaymentDesk(const ops::NodeConfig& config)
    : partner{config.partners_url, config.partners_key},
      public_url(config.public_url),
      channels(channel_names(config)),
      unpaid_close_s(option(config, "unpaid_close_s", 300)),
      ask_again_ms(option(config, "ask_again_ms", 1000)),
      switches(config.switches),
      log(config.name),
      shards(config.database_urls, config.shadow_urls, {"", kDeskPoolSize, 2000ms, 1000ms}) {
  for (const auto& each : shards.each()) {
    books_.push_back(std::make_unique<PaymentBook>(
        *each.pool, "db" + std::to_string(each.database) + (each.shadow ? " shadow" : ""), each.shadow));
  }
}

PaymentBook* PaymentDesk::book_of(const std::string& number) {
  const auto place = store::place_of(number);
  if (!place) return nullptr;
  const int index = shards.database_of(*place) + (place->shadow && shards.has_shadow() ? shards.databases() : 0);
  return books_[static_cast<std::size_t>(index)].get();
}

Credit PaymentDesk::credit(store::Connection& db, const Charge& charge, const char* how) {
  const auto began = std::chrono::steady_clock::now();
  const Credited done = record_charge(db, charge, switches);
  metrics.add(std::string("charges_total{how=\"") + how + "\",outcome=\"" + name_of(done.credit) + "\"}");
  const observe::Context order = observe::Context::of(done.trace, done.mark);
  observe::record_work("process charge", observe::SpanKind::consumer, order, began,
                       {{"cardstorm.order_no", done.order_no, false},
                        {"cardstorm.channel", charge.channel, false},
                        {"cardstorm.how", how, false}},
                       observe::current());
  const observe::Scope scope(order);
  if (done.credit != Credit::repeated)
    log.event("charge", done.order_no, done.mark, std::string(how) + " " + name_of(done.credit));
  return done.credit;
}

}  // namespace platform::services
