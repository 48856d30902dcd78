// backend: what the hardened services behind the gateway have in common: deadlines, quick refusal when their database
// pool is taken, the business readiness call, and the local message table.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/node.hpp"
#include "reference_platform/store/pg.hpp"

namespace platform::services {

inline constexpr std::chrono::milliseconds kBorrowMax{100};  // a request's wait for a connection

/// What is left of the request's time, from X-Deadline-Ms (milliseconds when it was sent) less its wait here. No
/// header: 2 s.
std::chrono::milliseconds time_left(const edge::Request& request);

/// A connection for a request: within kBorrowMax and the request's time, at once a PoolTimeout when a fault holds them
/// all.
store::Pool::Lease borrow(store::Pool& pool, const edge::Request& request);

/// "" or why the pool cannot serve.
std::string pool_not_ready(const store::PoolControl& pool);

/// Wraps a handler: GET /internal/ready answers for the pool; PoolTimeout → 503 pool_starved; a broken database → 503
/// database; a request whose time is over → 503 too_late.
edge::Handler backend_handler(store::PoolControl& pool, edge::Handler handler);

/// Remembers which databases broke: requests to one that is away are refused at once and take no workers from the
/// buyers of the others. Any thread.
class DatabaseGuard {
 public:
  explicit DatabaseGuard(int databases) : states_(static_cast<std::size_t>(databases)) {}
  /// False: it is away, and it is not this caller's turn to find out whether it is back. After true one of the next
  /// three is due.
  bool may_try(int database);
  void worked(int database);
  void failed(int database);
  void unsure(int database);  // as it was
  [[nodiscard]] bool all_away() const;

 private:
  struct State {
    std::atomic<bool> away{false}, trying{false};
    std::atomic<std::int64_t> next_try_ns{0};
  };
  std::deque<State> states_;
};

/// Runs `handler` for a request that needs this database: 503 database_away while it is away. Only a connection that
/// broke, or a server that does not answer, makes it so.
edge::Response guarded(DatabaseGuard& guard, int database, const std::function<edge::Response()>& handler);

/// Server settings of a backend: bounded by number and by age.
edge::ServerOptions backend_server(const ops::NodeConfig& config, int threads);

/// A backend as the frame runs it, in backend_handler and ready while its pool can serve. `Part` has handle(request),
/// shards() and metrics(), and ends its own threads.
template <class Part>
ops::Service backend_service(const ops::NodeConfig& config, int threads, const std::shared_ptr<Part>& part) {
  ops::Service service;
  service.server = backend_server(config, threads);
  service.business = backend_handler(part->shards(), [part](const edge::Request& r) { return part->handle(r); });
  service.pool = &part->shards();
  service.not_ready = [part] { return pool_not_ready(part->shards()); };
  service.metrics = [part] { return part->metrics(); };
  service.stop = [] {};
  return service;
}

/// As PostgreSQL reads an array: {"a","b"}.
std::string pg_array(const std::vector<std::string>& items);
/// The payment channels: option "channels", else alpha and beta; none where no partners are.
std::vector<std::string> channel_names(const ops::NodeConfig& config);
/// options[name] as a number, else `fallback`.
int option(const ops::NodeConfig& config, const std::string& name, int fallback);

/// A message that came with a lease: whoever finishes it in time deletes it.
struct Message {
  std::string id, order_no, body;
};
/// Takes up to `limit` messages of a topic and keeps them from others for `lease`.
std::vector<Message> take_messages(store::Connection& db, const std::string& topic, int limit,
                                   std::chrono::milliseconds lease);

}  // namespace platform::services
