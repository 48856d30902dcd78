// shards: see shards.hpp.
#include "reference_platform/store/shards.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace platform::store {
namespace {

constexpr char kReal = 'H', kShadow = 'S', kDigits[] = "0123456789ABCDEF";
constexpr std::size_t kNumberLength = 20;
constexpr int kShadowPoolSize = 2;  // a drill's share

}  // namespace

int partition_of(std::string_view buyer) {
  std::uint32_t hash = 2166136261U;
  for (const char c : buyer) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return static_cast<int>(hash % kPartitions);
}

std::string order_number(Place place, std::string_view random) {
  std::string out{place.shadow ? kShadow : kReal, kDigits[place.partition]};
  return out.append(random.substr(0, kNumberLength - out.size()));
}

std::optional<Place> place_of(std::string_view order_no) {
  if (order_no.size() < 3 || (order_no[0] != kReal && order_no[0] != kShadow)) return std::nullopt;
  const std::string_view digits(kDigits, kPartitions);
  const auto partition = digits.find(order_no[1]);
  if (partition == std::string_view::npos) return std::nullopt;
  return Place{static_cast<int>(partition), order_no[0] == kShadow};
}

Shards::Shards(const std::vector<std::string>& urls, const std::vector<std::string>& shadow_urls,
               const PoolOptions& options) {
  assert(!urls.empty() && (shadow_urls.empty() || shadow_urls.size() == urls.size()));
  const auto open = [&options](const std::string& url, int size) {
    PoolOptions o = options;
    o.generic_plans = true;
    o.url = url;
    o.size = size;
    return make_pool(o);
  };
  for (const auto& url : urls) real_.push_back(open(url, options.size));
  for (const auto& url : shadow_urls) shadow_.push_back(open(url, std::min(options.size, kShadowPoolSize)));
}

Pool& Shards::at(Place place) { return at(database_of(place), place.shadow); }

Pool& Shards::at(int database, bool shadow) {
  return *(shadow && has_shadow() ? shadow_ : real_).at(static_cast<std::size_t>(database));
}

std::vector<Shards::Each> Shards::each() const {
  std::vector<Each> out;
  for (int i = 0; i < databases(); ++i) out.push_back({i, false, real_[static_cast<std::size_t>(i)].get()});
  for (int i = 0; has_shadow() && i < databases(); ++i)
    out.push_back({i, true, shadow_[static_cast<std::size_t>(i)].get()});
  return out;
}

PoolState Shards::state() const {
  PoolState sum;
  for (const auto& e : each()) {
    const PoolState s = e.pool->state();
    sum.max += s.max;
    sum.idle += s.idle;
    sum.held += s.held;
    sum.used += s.used;
    sum.waiting += s.waiting;
  }
  return sum;
}

void Shards::hold(std::chrono::milliseconds lease) {
  for (const auto& e : each()) e.pool->hold(lease);
}

}  // namespace platform::store
