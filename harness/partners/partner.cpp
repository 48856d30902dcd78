// partner: state changes at once and in order; what leaves the process waits for the disk.
#include "harness/partners/partner.hpp"

#include <array>
#include <cstdio>
#include <utility>

#include "harness/core/clock.hpp"
#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"

namespace cardstorm::partners {

namespace {

constexpr Nanos kLostAnswer = 15s;  // longer than any caller waits

std::int64_t millis(Nanos t) { return std::chrono::duration_cast<std::chrono::milliseconds>(t).count(); }

}  // namespace

Nanos answer_time(Nanos mean, std::string_view name, std::uint64_t seed, std::uint64_t index) {
  const double spread = 0.5 + draw_unit(seed, stream_of(name), index);
  return nanos_of_seconds(seconds(mean) * spread);
}

Partner::Partner(Book book, std::string name, PartnerContext context, PartnerBehaviour behaviour)
    : book_(book), name_(std::move(name)), context_(std::move(context)), behaviour_(std::move(behaviour)) {}

bool Partner::draw(const char* what, double share) {
  const std::uint64_t nth = drawn_[what]++;
  return share > 0 && draw_unit(context_.seed, stream_of(name_ + "/" + what), nth) < share;
}

std::size_t Partner::pick(const char* what, std::size_t count) {
  return static_cast<std::size_t>(cardstorm::draw(context_.seed, stream_of(name_ + "/" + what), drawn_[what]++) %
                                  count);
}

std::string Partner::next_number() {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%010llu", static_cast<unsigned long long>(++numbers_));
  return name_ + "-" + context_.epoch + "-" + digits.data();
}

Notice Partner::notice(std::string kind, std::string id_name, std::string id, std::string order) {
  Notice out;
  out.book = book_;
  out.kind = std::move(kind);
  out.id_name = std::move(id_name);
  out.id = std::move(id);
  out.order = std::move(order);
  out.drop = behaviour_.drop;
  out.duplicate = [this] { return duplicate_now(); };
  out.hold = [this](Loop::Task task) { hold(std::move(task)); };
  return out;
}

void Partner::reply(Answer answer, HttpServer::Reply to) {
  Nanos time = answer_time(context_.answer, name_, context_.seed, answers_++);
  if (answer.is_query && draw("lose_query", behaviour_.lose_query)) time = kLostAnswer;
  context_.journals.when_durable([this, time, answer = std::move(answer), to = std::move(to)](bool durable) {
    const Answer& said = durable ? answer : refusal(503, "journal");
    Loop::Task leave = [this, to, response = said.response] { hold([to, response] { to(response); }); };
    context_.loop.after(time, [this, await_what = said.await, leave = std::move(leave)] {
      if (await_what.empty())
        leave();
      else
        await(await_what, leave);
    });
  });
}

void Partner::await(const std::string&, Loop::Task task) { task(); }

Nanos Partner::delay_now() const { return monotonic_now() < lease_end_ ? delay_ : Nanos{0}; }

double Partner::duplicate_now() const {
  if (monotonic_now() < duplicate_end_) return duplicate_;
  return behaviour_.duplicate.value_or(context_.duplicate_share);
}

void Partner::hold(Loop::Task task) {
  const Nanos delay = delay_now();
  if (delay <= Nanos{0}) return task();
  const std::uint64_t ticket = ticket_++;
  held_.emplace(ticket, std::move(task));
  context_.loop.after(delay, [this, ticket] { let_go(ticket); });
}

void Partner::let_go(std::uint64_t ticket) {
  auto node = held_.extract(ticket);
  if (!node.empty()) node.mapped()();  // empty: the delay ended before
}

void Partner::set_delay(Nanos delay, Nanos lease) {
  delay_ = delay;
  lease_end_ = delay > Nanos{0} ? monotonic_now() + lease : Nanos{0};
  if (delay > Nanos{0}) {
    context_.loop.after(lease, [this] {
      if (delay_ > Nanos{0} && monotonic_now() >= lease_end_) set_delay(Nanos{0}, Nanos{0});  // else it was renewed
    });
    return;
  }
  for (auto& [ticket, task] : std::exchange(held_, {})) task();
}

void Partner::set_duplicate(double share, Nanos lease) {
  duplicate_ = share;
  duplicate_end_ = share > 0 ? monotonic_now() + lease : Nanos{0};
}

Json Partner::state() const {
  const Nanos now = monotonic_now();
  const auto left = [now](Nanos end) { return now < end ? millis(end - now) : 0; };
  return Json::object({{"channel", name_},
                       {"delay_ms", millis(delay_now())},
                       {"lease_left_ms", left(lease_end_)},
                       {"duplicate_share", duplicate_now()},
                       {"duplicate_lease_left_ms", left(duplicate_end_)},
                       {"held", static_cast<std::int64_t>(held_.size())}});
}

}  // namespace cardstorm::partners
