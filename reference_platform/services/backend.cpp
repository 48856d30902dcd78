// backend: see backend.hpp.
#include "reference_platform/services/backend.hpp"

#include <algorithm>
#include <charconv>

#include "reference_platform/services/answers.hpp"

namespace platform::services {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds kTryAgain{300};

}  // namespace

milliseconds time_left(const edge::Request& request) {
  const std::string& header = request.header("x-deadline-ms");
  int ms = 2000;
  std::from_chars(header.data(), header.data() + header.size(), ms);
  return milliseconds(ms) - std::chrono::duration_cast<milliseconds>(steady_clock::now() - request.arrived);
}

store::Pool::Lease borrow(store::Pool& pool, const edge::Request& request) {
  if (!pool_not_ready(pool).empty()) throw store::PoolTimeout("all connections are held");
  return pool.take(std::clamp(time_left(request), milliseconds(1), kBorrowMax));
}

std::string pool_not_ready(const store::PoolControl& pool) {
  const store::PoolState s = pool.state();
  if (s.held >= s.max) return "all database connections are held";
  if (s.held > 0 && s.idle == 0) return "the database pool is starved";
  return "";
}

edge::Handler backend_handler(store::PoolControl& pool, edge::Handler handler) {
  return [&pool, handler = std::move(handler)](const edge::Request& r) -> edge::Response {
    if (r.method == "GET" && r.path == "/internal/ready") {
      const std::string reason = pool_not_ready(pool);
      return reason.empty() ? json_answer(200, R"({"ready":true})") : error_answer(503, "not_ready", reason);
    }
    if (time_left(r) <= milliseconds(0)) return error_answer(503, "too_late");
    try {
      return handler(r);
    } catch (const store::PoolTimeout& e) {
      return error_answer(503, "pool_starved", e.what());
    } catch (const store::SqlError& e) {
      if (e.state.starts_with("22"))
        return error_answer(400, "bad_request", "a value does not fit");  // SQLSTATE class 22: data exception
      return error_answer(503, "database", e.what());
    }
  };
}

bool DatabaseGuard::may_try(int database) {
  State& s = states_.at(static_cast<std::size_t>(database));
  if (!s.away) return true;
  if (steady_clock::now().time_since_epoch().count() < s.next_try_ns) return false;
  return !s.trying.exchange(true);
}

void DatabaseGuard::worked(int database) {
  State& s = states_.at(static_cast<std::size_t>(database));
  s.away = false;
  s.trying = false;
}

void DatabaseGuard::failed(int database) {
  State& s = states_.at(static_cast<std::size_t>(database));
  s.next_try_ns = (steady_clock::now() + kTryAgain).time_since_epoch().count();
  s.away = true;
  s.trying = false;
}

void DatabaseGuard::unsure(int database) {
  State& s = states_.at(static_cast<std::size_t>(database));
  if (s.away) failed(database);
}

bool DatabaseGuard::all_away() const {
  return std::all_of(states_.begin(), states_.end(), [](const State& s) { return s.away.load(); });
}

edge::Response guarded(DatabaseGuard& guard, int database, const std::function<edge::Response()>& handler) {
  if (!guard.may_try(database)) return error_answer(503, "database_away");
  try {
    edge::Response answer = handler();
    guard.worked(database);
    return answer;
  } catch (const store::SqlError& e) {
    if (e.state.empty())
      guard.failed(database);
    else
      guard.worked(database);
    throw;
  } catch (...) {
    guard.unsure(database);  // busy is not away; what is stuck says so itself
    throw;
  }
}

edge::ServerOptions backend_server(const ops::NodeConfig& config, int threads) {
  edge::ServerOptions o;
  o.port = config.port;
  o.threads = threads;
  o.queue_max = 200;
  o.queue_age_max = milliseconds(1000);
  return o;
}

std::string pg_array(const std::vector<std::string>& items) {
  std::string out = "{";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (const char c : item) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

std::vector<std::string> channel_names(const ops::NodeConfig& config) {
  if (config.partners_url.empty()) return {};
  const auto it = config.options.find("channels");
  const std::string text = it == config.options.end() || it->second.empty() ? "alpha,beta" : it->second;
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(',', from), text.size());
    if (to > from) out.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return out;
}

int option(const ops::NodeConfig& config, const std::string& name, int fallback) {
  const auto it = config.options.find(name);
  if (it == config.options.end()) return fallback;
  int v = fallback;
  std::from_chars(it->second.data(), it->second.data() + it->second.size(), v);
  return v;
}

std::vector<Message> take_messages(store::Connection& db, const std::string& topic, int limit, milliseconds lease) {
  const auto rows = db.run(
      "WITH picked AS MATERIALIZED (SELECT id FROM outbox WHERE topic = $1 AND lease_until < now() ORDER BY id LIMIT "
      "$2 FOR UPDATE SKIP LOCKED) "
      "UPDATE outbox o SET lease_until = now() + $3 * interval '1 ms' FROM picked WHERE o.id = picked.id RETURNING "
      "o.id, o.order_no, o.body",
      {topic, std::to_string(limit), std::to_string(lease.count())});
  std::vector<Message> out;
  for (int i = 0; i < rows.size(); ++i)
    out.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1)), std::string(rows.text(i, 2))});
  return out;
}

}  // namespace platform::services
