// catalog_cache: see catalog_cache.hpp. A text in Redis is "<soft end in wall ms> <F or A> <text>".
#include "reference_platform/services/catalog_cache.hpp"

#include <charconv>

namespace platform::services {
namespace {

using std::chrono::milliseconds;

std::int64_t wall_ms() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

CatalogCache::CatalogCache(CacheOptions options, std::string prefix, store::Redis& redis, Metrics& metrics, Load load,
                           Clock clock)
    : options_(options),
      prefix_(std::move(prefix)),
      redis_(redis),
      metrics_(metrics),
      load_(std::move(load)),
      clock_(std::move(clock)) {}

CatalogCache::Answer CatalogCache::get(const std::string& key) {
  std::unique_lock lock(mutex_);
  make_room();
  Entry& e = entries_[key];  // while it loads nobody removes it
  if (e.state != State::unknown && (e.loading || clock_() < e.until)) {
    count("memory", e.loading ? "stale" : "hit");
    return answer_of(e);
  }
  if (e.loading) {
    const auto over = [this, &key] {
      const auto found = entries_.find(key);
      return found == entries_.end() || !found->second.loading;
    };
    loaded_.wait_for(lock, options_.first_wait, over);
    return answer_of(entries_[key]);
  }
  count("memory", "miss");
  e.loading = true;
  Entry fresh = e;
  lock.unlock();
  const bool got = fetch(key, fresh);
  lock.lock();
  e.loading = false;
  if (got) {
    e.state = fresh.state;
    e.text = std::move(fresh.text);
  }
  e.until = clock_() + (e.state == State::absent ? jittered(options_.negative) : options_.memory);
  const Answer answer = answer_of(e);
  if (e.state == State::unknown) entries_.erase(key);
  lock.unlock();
  loaded_.notify_all();
  return answer;
}

bool CatalogCache::knows(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  return found != entries_.end() && found->second.state != State::unknown;
}

/// False: nothing newer than what memory has.
bool CatalogCache::fetch(const std::string& key, Entry& out) {
  const auto shared = from_redis(key);
  if (shared && shared->fresh) {
    count("redis", "hit");
    out.state = shared->state;
    out.text = shared->text;
    return true;
  }
  count("redis", shared ? "stale" : "miss");
  if (load(key, out)) return true;
  metrics_.add("catalogue_stale_total");
  if (out.state != State::unknown) {  // a node that starts while the source is away must find it
    if (!shared) to_redis(key, out.state, out.text, false);
    return false;
  }
  if (!shared) return false;
  out.state = shared->state;
  out.text = shared->text;
  return true;
}

std::optional<CatalogCache::Shared> CatalogCache::from_redis(const std::string& key) {
  const auto text = redis_.get(prefix_ + key);
  if (!text) return std::nullopt;
  std::int64_t soft = 0;
  const char *from = text->data(), *to = from + text->size();
  const auto [end, error] = std::from_chars(from, to, soft);
  if (error != std::errc() || to - end < 3 || *end != ' ' || (end[1] != 'F' && end[1] != 'A')) return std::nullopt;
  return Shared{text->substr(static_cast<std::size_t>(end - from) + 3), end[1] == 'F' ? State::found : State::absent,
                wall_ms() < soft};
}

void CatalogCache::to_redis(const std::string& key, State state, const std::string& text, bool fresh) {
  milliseconds soft, hard;
  {
    const std::lock_guard lock(mutex_);
    soft = fresh ? jittered(state == State::absent ? options_.negative : options_.soft) : milliseconds(0);
    hard = jittered(state == State::absent ? options_.negative : options_.hard);
  }
  redis_.set(prefix_ + key, std::to_string(wall_ms() + soft.count()) + (state == State::found ? " F " : " A ") + text,
             hard);
}

bool CatalogCache::load(const std::string& key, Entry& out) {
  {
    const std::lock_guard lock(mutex_);
    const auto now = clock_();
    if (now < source_again_) return false;
    if (source_away_) source_again_ = now + options_.retry;  // one at a time finds out whether it is back
  }
  try {
    Loaded loaded = load_(key);
    count("source", "hit");
    came_back();
    out.state = loaded.text ? State::found : State::absent;
    out.text = std::move(loaded.text).value_or("");
    to_redis(key, out.state, out.text, true);
    for (auto& [other, text] : loaded.others) {
      to_redis(other, State::found, text, true);
      put(other, State::found, std::move(text));
    }
    return true;
  } catch (const std::exception&) {
    count("source", "error");
    const std::lock_guard lock(mutex_);
    source_away_ = true;
    source_again_ = clock_() + options_.retry;
    return false;
  }
}

void CatalogCache::came_back() {
  const std::lock_guard lock(mutex_);
  source_away_ = false;
  source_again_ = {};
}

void CatalogCache::put(const std::string& key, State state, std::string text) {
  const std::lock_guard lock(mutex_);
  make_room();
  Entry& e = entries_[key];
  e.state = state;
  e.text = std::move(text);
  e.until = clock_() + options_.memory;
}

milliseconds CatalogCache::jittered(milliseconds t) {
  random_ ^= random_ << 13U;
  random_ ^= random_ >> 17U;
  random_ ^= random_ << 5U;
  const double share = static_cast<double>(random_ % 2001) / 1000.0 - 1;  // -1 to 1
  return milliseconds(static_cast<std::int64_t>(static_cast<double>(t.count()) * (1 + share * options_.jitter)));
}

/// Names that nobody sells are made up without end: they go first.
void CatalogCache::make_room() {
  if (entries_.size() < options_.entries_max) return;
  std::erase_if(entries_, [](const auto& e) { return !e.second.loading && e.second.state != State::found; });
  if (entries_.size() >= options_.entries_max) std::erase_if(entries_, [](const auto& e) { return !e.second.loading; });
}

}  // namespace platform::services
