// upstream: see upstream.hpp.
#include "reference_platform/services/upstream.hpp"

#include <algorithm>
#include <thread>

#include "reference_platform/services/answers.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds kConnect{100}, kHealthLimit{150}, kPause{100};

bool bad(const edge::CallResult& r) { return r.status == 0 || r.status == 503; }

/// Counts itself in and out.
class Place {
 public:
  Place(std::atomic<int>& count, int limit) : count_(count), free_(count_.fetch_add(1) < limit) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { count_.fetch_sub(1); }
  [[nodiscard]] bool free() const { return free_; }

 private:
  std::atomic<int>& count_;
  const bool free_;
};

edge::Response answer_of(const edge::CallResult& result, const std::string& name) {
  if (result.status == 0) return error_answer(503, "unavailable", name + " does not answer");
  edge::Response r = result.body.starts_with('{') ? json_answer(result.status, result.body) : text_answer(result.status, result.body);
  if (r.status == 503) r.headers.emplace_back("Retry-After", "1");
  return r;
}

}  // namespace

void RetryBudget::earn() {
  if (int now = credit_.load(); now < kMax) credit_.compare_exchange_strong(now, now + 1);   // losing one now and then does not matter
}

bool RetryBudget::spend() {
  int now = credit_.load();
  while (now >= kCost) {
    if (credit_.compare_exchange_weak(now, now - kCost)) return true;
  }
  return false;
}

Upstream::Upstream(std::string name, const std::vector<std::string>& urls, UpstreamOptions options) : name_(std::move(name)), options_(options) {
  for (const std::string& url : urls) instances_.emplace_back().url = url;
}

/// In turn among the healthy ones; when none is, any other than the one that just failed: better a try than a sure refusal.
Upstream::Instance& Upstream::pick(const Instance* not_this) {
  const std::size_t n = instances_.size(), first = (not_this == nullptr ? turn_.fetch_add(1) : turn_.load()) % n;
  Instance* any = nullptr;
  for (std::size_t i = 0; i < n; ++i) {
    Instance& instance = instances_[(first + i) % n];
    if (&instance == not_this) continue;
    if (instance.healthy) return instance;
    if (any == nullptr) any = &instance;
  }
  return any != nullptr ? *any : instances_[first];
}

edge::CallResult Upstream::ask(Instance& instance, const edge::Request& request, edge::Headers headers, milliseconds limit) {
  headers.emplace_back("X-Deadline-Ms", std::to_string(limit.count()));
  const std::string target = instance.url + request.path + (request.query.empty() ? "" : "?" + request.query);
  auto result = edge::call(request.method, target, request.body, headers, {kConnect, limit});
  // Gone, hung or starved: out at once, the health check brings it back. With no twin there is nobody to prefer.
  if (bad(result)) instance.healthy = false;
  return result;
}

edge::Response Upstream::send(const edge::Request& request, const edge::Headers& headers) {
  if (instances_.empty()) return error_answer(503, "unavailable", name_ + " is not there");
  const Place place(in_flight_, options_.concurrent_max);
  if (!place.free()) return error_answer(503, "overloaded", name_ + " has enough to do");
  const auto left = [&] { return options_.total - std::chrono::duration_cast<milliseconds>(steady_clock::now() - request.arrived); };
  if (left() <= 0ms) return error_answer(503, "too_late");

  budget_.earn();
  Instance& first = pick(nullptr);
  const bool twin = instances_.size() > 1;
  // A short first try only when a second one is likely to help, and not for everybody when all are slow.
  const bool hedged = twin && budget_.left() && options_.first_try < left() && pick(&first).healthy;
  auto result = ask(first, request, headers, hedged ? options_.first_try : left());
  const bool slow = result.status == 0 && result.sent;
  if (twin && bad(result) && left() > 0ms && (!slow || budget_.spend())) result = ask(pick(&first), request, headers, left());
  // The only instance is being started again: nothing was sent, and it will be back within the request's time.
  while (!twin && result.status == 0 && !result.sent && left() > 2 * kPause) {
    std::this_thread::sleep_for(kPause);
    result = ask(first, request, headers, left());
  }
  return answer_of(result, name_);
}

void Upstream::check_health() {
  if (instances_.size() < 2) return;
  for (Instance& instance : instances_) {
    instance.healthy = edge::call("GET", instance.url + "/internal/ready", "", {}, {kConnect, kHealthLimit}).status == 200;
  }
}

int Upstream::healthy() const {
  return static_cast<int>(std::count_if(instances_.begin(), instances_.end(), [](const Instance& i) { return i.healthy.load(); }));
}

}  // namespace platform::services
