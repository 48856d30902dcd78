// upstream: see upstream.hpp.
#include "reference_platform/services/upstream.hpp"

#include <algorithm>
#include <thread>

#include "reference_platform/domain/json.hpp"
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
  edge::Response r;
  r.status = result.status;
  r.body = result.body;
  if (!result.content_type.empty()) r.content_type = result.content_type;
  if (r.status == 503 || r.status == 429) r.headers.emplace_back("Retry-After", "1");
  return r;
}

/// Which hundredth of the buyers: the same for ever, so that nobody changes between versions from one click to the
/// next.
int hundredth(const std::string& buyer) {
  std::uint32_t hash = 2166136261U;
  for (const char c : buyer) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return static_cast<int>((hash >> 8) % 100);
}

}  // namespace

void RetryBudget::earn() {
  if (int now = credit_.load(); now < kMax)
    credit_.compare_exchange_strong(now, now + 1);  // losing one now and then does not matter
}

bool RetryBudget::spend() {
  int now = credit_.load();
  while (now >= kCost) {
    if (credit_.compare_exchange_weak(now, now - kCost)) return true;
  }
  return false;
}

void Fleet::assign(const std::vector<Member>& members) {
  const std::lock_guard lock(mutex_);
  std::vector<InstanceRef> next;
  for (const Member& m : members) {
    const auto old = std::find_if(instances_.begin(), instances_.end(),
                                  [&m](const InstanceRef& i) { return i->url == m.url && i->version == m.version; });
    next.push_back(old != instances_.end() ? *old : std::make_shared<Instance>(m.url, m.version));
  }
  instances_ = std::move(next);
}

void Fleet::set_canary(const std::string& version, int percent) {
  const std::lock_guard lock(mutex_);
  canary_ = version;
  percent_ = percent;
}

InstanceRef Fleet::pick(const std::string& buyer, const Instance* not_this) {
  const std::lock_guard lock(mutex_);
  const std::size_t n = instances_.size();
  if (n == 0) return nullptr;
  const std::string version = percent_ > 0 && hundredth(buyer) < percent_ ? canary_ : "";
  const std::size_t first = (not_this == nullptr ? turn_.fetch_add(1) : turn_.load()) % n;
  InstanceRef other, any;
  for (std::size_t i = 0; i < n; ++i) {
    const InstanceRef& instance = instances_[(first + i) % n];
    if (instance.get() == not_this) continue;
    if (instance->healthy && instance->version == version) return instance;
    if (instance->healthy && !other) other = instance;
    if (!any) any = instance;
  }
  return other ? other : any ? any : instances_[first];
}

void Fleet::check_health() {
  const auto instances = all();
  for (const auto& instance : instances) {
    if (instances.size() == 1 && instance->healthy) return;
    instance->healthy =
        edge::call("GET", instance->url + "/internal/ready", "", {}, {kConnect, kHealthLimit}).status == 200;
  }
}

std::vector<InstanceRef> Fleet::all() const {
  const std::lock_guard lock(mutex_);
  return instances_;
}

std::size_t Fleet::size() const {
  const std::lock_guard lock(mutex_);
  return instances_.size();
}

int Fleet::healthy() const {
  const auto instances = all();
  return static_cast<int>(
      std::count_if(instances.begin(), instances.end(), [](const InstanceRef& i) { return i->healthy.load(); }));
}

std::string Fleet::json() const {
  std::vector<std::string> items;
  for (const auto& i : all()) {
    items.push_back(domain::JsonObject()
                        .add("url", i->url)
                        .add("version", i->version)
                        .add("healthy", i->healthy.load())
                        .add("in_flight", i->in_flight.load())
                        .done());
  }
  const std::lock_guard lock(mutex_);
  return domain::JsonObject()
      .add("role", role_)
      .raw("canary", domain::JsonObject().add("version", canary_).add("percent", percent_).done())
      .raw("instances", domain::json_array(items))
      .done();
}

edge::CallResult Upstream::ask(Instance& instance, const edge::Request& request, edge::Headers headers,
                               milliseconds limit) {
  const Place place(instance.in_flight, 0);
  headers.emplace_back("X-Deadline-Ms", std::to_string(limit.count()));
  const std::string target = instance.url + request.path + (request.query.empty() ? "" : "?" + request.query);
  auto result = edge::call(request.method, target, request.body, headers, {kConnect, limit});
  // Gone, hung or starved: out at once, the health check brings it back. With no twin there is nobody to prefer.
  if (bad(result)) instance.healthy = false;
  return result;
}

edge::Response Upstream::send(const edge::Request& request, const edge::Headers& headers) {
  const std::string& buyer = request.header("x-buyer");
  const InstanceRef first = fleet_.pick(buyer);
  if (!first) return error_answer(503, "unavailable", name_ + " is not there");
  const Place place(in_flight_, options_.concurrent_max);
  if (!place.free()) {
    edge::Response full = error_answer(429, "overloaded", name_ + " has enough to do");
    full.headers.emplace_back("Retry-After", "1");
    return full;
  }
  const auto left = [&] {
    return options_.total - std::chrono::duration_cast<milliseconds>(steady_clock::now() - request.arrived);
  };
  if (left() <= 0ms) return error_answer(503, "too_late");

  budget_.earn();
  const InstanceRef second = fleet_.pick(buyer, first.get());
  const bool twin = second != first;
  // A short first try only when a second one is likely to help, and not for everybody when all are slow.
  const bool hedged = twin && budget_.left() && options_.first_try < left() && second->healthy;
  auto result = ask(*first, request, headers, hedged ? options_.first_try : left());
  const bool slow = result.status == 0 && result.sent;
  if (twin && bad(result) && left() > 0ms && (!slow || budget_.spend()))
    result = ask(*second, request, headers, left());
  // The first had no more time than a first try, and knows no outcome yet: the twin, asked with the time that is left,
  // learns it. Nothing that it might say unmakes what was accepted.
  if (hedged && result.status == 202 && left() > 0ms && budget_.spend()) {
    auto later = ask(*second, request, headers, left());
    if (!bad(later) && later.status != 429) result = std::move(later);
  }
  // The only instance is being started again: nothing was sent, and it will be back within the request's time.
  while (!twin && result.status == 0 && !result.sent && left() > 2 * kPause) {
    std::this_thread::sleep_for(kPause);
    result = ask(*first, request, headers, left());
  }
  return answer_of(result, name_);
}

}  // namespace platform::services
