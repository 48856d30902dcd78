// shop_courier: see shop_courier.hpp.
#include "reference_platform/services/shop_courier.hpp"

#include <cstdio>

#include "reference_platform/observe/context.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kCourierWorkers = 4;  // for deliveries, and again for calls to partners
constexpr auto kPeriod = 20ms, kAgain = 300ms;
constexpr auto kCourierBorrow = 1s;  // nobody waits for this work as a request does

bool calls_partner(const ShopJob& job) { return job.kind != "deliver"; }

ShopJob with_context(ShopJob job) {
  job.trace = observe::current().traceparent();
  return job;
}

}  // namespace

ShopCourier::ShopCourier(store::Pool& pool, bool in_memory, std::chrono::milliseconds lease, Work work)
    : pool_(pool),
      in_memory_(in_memory),
      lease_(lease),
      work_(std::move(work)),
      deliveries_("deliveries", kCourierWorkers),
      calls_("partner calls", kCourierWorkers),
      loop_("courier", kPeriod, [this] { return round(); }) {}

void ShopCourier::write(store::Connection& db, const ShopJob& job) const {
  if (in_memory_) return;
  const ShopJob j = with_context(job);
  db.run("INSERT INTO shop_messages(kind, order_no, body, mark, trace) VALUES ($1,$2,$3,$4,$5)",
         {j.kind, j.order_no, j.body, j.mark, j.trace});
}

void ShopCourier::hand(const ShopJob& job) {
  if (!in_memory_) return;
  const std::lock_guard lock(mutex_);
  list_.push_back({with_context(job), "", Clock::now()});
}

std::size_t ShopCourier::in_memory() const {
  const std::lock_guard lock(mutex_);
  return list_.size();
}

bool ShopCourier::round() {
  const bool delivered = start(deliveries_, false), called = start(calls_, true);
  return delivered || called;
}

bool ShopCourier::start(Workers& workers, bool calls) {
  const int free = workers.free();
  if (free == 0) return false;
  const auto jobs = due(calls, free);
  for (const Waiting& w : jobs) workers.submit([this, w] { work_on(w); });
  return !jobs.empty();
}

std::vector<ShopCourier::Waiting> ShopCourier::due(bool calls, int most) {
  if (!in_memory_) return due_in_table(calls, most);
  std::vector<Waiting> out;
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  for (auto it = list_.begin(); it != list_.end() && static_cast<int>(out.size()) < most;) {
    if (it->at > now || calls_partner(it->job) != calls) {
      ++it;
      continue;
    }
    out.push_back(std::move(*it));
    it = list_.erase(it);
  }
  return out;
}

std::vector<ShopCourier::Waiting> ShopCourier::due_in_table(bool calls, int most) {
  const auto rows = pool_.take(kCourierBorrow)
                        ->run(
                            "WITH picked AS MATERIALIZED (SELECT id FROM shop_messages WHERE lease_until < now() AND "
                            "(kind <> 'deliver') = "
                            "$1::boolean ORDER BY id LIMIT $2 "
                            "FOR UPDATE SKIP LOCKED) UPDATE shop_messages m SET lease_until = now() + $3 * interval '1 "
                            "ms' FROM picked WHERE "
                            "m.id = picked.id "
                            "RETURNING m.id, m.kind, m.order_no, m.body, m.mark, m.trace",
                            {calls ? "true" : "false", std::to_string(most), std::to_string(lease_.count())});
  std::vector<Waiting> out;
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    out.push_back({{text(1), text(2), text(3), text(4), text(5)}, text(0), {}});
  }
  return out;
}

void ShopCourier::work_on(const Waiting& waiting) {
  const observe::Scope scope(observe::Context::of(waiting.job.trace, waiting.job.mark));
  bool over = false;
  try {
    over = work_(waiting.job);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s of %s: %s\n", waiting.job.kind.c_str(), waiting.job.order_no.c_str(), e.what());
  }
  finish(waiting, over);
}

void ShopCourier::finish(const Waiting& waiting, bool over) {
  if (in_memory_) {
    if (over) return;
    const std::lock_guard lock(mutex_);
    list_.push_back({waiting.job, "", Clock::now() + kAgain});
    return;
  }
  const auto db = pool_.take(kCourierBorrow);  // when none is free the lease ends by itself
  if (over)
    db->run("DELETE FROM shop_messages WHERE id = $1", {waiting.id});
  else
    db->run("UPDATE shop_messages SET lease_until = now() + $2 * interval '1 ms' WHERE id = $1",
            {waiting.id, std::to_string(kAgain.count())});
}

}  // namespace platform::services
