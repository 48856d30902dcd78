// backend: see backend.hpp.
#include "reference_platform/services/backend.hpp"

#include <algorithm>
#include <charconv>

#include "reference_platform/services/answers.hpp"

namespace platform::services {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

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

std::string pool_not_ready(const store::Pool& pool) {
  const store::PoolState s = pool.state();
  if (s.held >= s.max) return "all database connections are held";
  if (s.held > 0 && s.idle == 0) return "the database pool is starved";
  return "";
}

edge::Handler backend_handler(store::Pool& pool, edge::Handler handler) {
  return [&pool, handler = std::move(handler)](const edge::Request& r) -> edge::Response {
    if (r.path == "/internal/ready") {
      const std::string reason = pool_not_ready(pool);
      return reason.empty() ? json_answer(200, R"({"ready":true})") : error_answer(503, "not_ready", reason);
    }
    if (time_left(r) <= milliseconds(0)) return error_answer(503, "too_late");
    try {
      return handler(r);
    } catch (const store::PoolTimeout& e) {
      return error_answer(503, "pool_starved", e.what());
    } catch (const store::SqlError& e) {
      return error_answer(503, "database", e.what());
    }
  };
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

int option(const ops::NodeConfig& config, const std::string& name, int fallback) {
  const auto it = config.options.find(name);
  if (it == config.options.end()) return fallback;
  int v = fallback;
  std::from_chars(it->second.data(), it->second.data() + it->second.size(), v);
  return v;
}

std::vector<Message> take_messages(store::Connection& db, const std::string& topic, int limit, milliseconds lease) {
  const auto rows = db.run(
      "WITH picked AS MATERIALIZED (SELECT id FROM outbox WHERE topic = $1 AND lease_until < now() ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED) "
      "UPDATE outbox o SET lease_until = now() + $3 * interval '1 ms' FROM picked WHERE o.id = picked.id RETURNING o.id, o.order_no, o.body",
      {topic, std::to_string(limit), std::to_string(lease.count())});
  std::vector<Message> out;
  for (int i = 0; i < rows.size(); ++i) out.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1)), std::string(rows.text(i, 2))});
  return out;
}

}  // namespace platform::services
