// pg: PostgreSQL by libpq, blocking, behind a pool of fixed size. The pool is where the fault hook holds connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace platform::store {

/// `state` is the SQLSTATE ("23505" unique violation, "" when the connection broke).
struct SqlError : std::runtime_error {
  SqlError(const std::string& what, std::string s) : std::runtime_error(what), state(std::move(s)) {}
  std::string state;
};
/// No connection became free in time.
struct PoolTimeout : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Param = std::optional<std::string>;  // nullopt is NULL; numbers as decimal text

class Rows {
 public:
  explicit Rows(void* result) : result_(result) {}
  Rows(Rows&& other) noexcept : result_(std::exchange(other.result_, nullptr)) {}
  ~Rows();
  [[nodiscard]] int size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::string_view text(int row, int column) const;
  [[nodiscard]] bool null(int row, int column) const;
  [[nodiscard]] std::int64_t number(int row, int column) const;
  [[nodiscard]] std::int64_t affected() const;  // of INSERT, UPDATE, DELETE

 private:
  void* result_;
};

class Connection {
 public:
  virtual ~Connection() = default;
  /// Prepared on first use, by text. Throws SqlError.
  virtual Rows run(const char* sql, const std::vector<Param>& params = {}) = 0;
  /// Several statements without parameters, as one text, not prepared: for a schema. Throws SqlError.
  virtual void script(const char* sql) = 0;
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;
};

struct PoolOptions {
  std::string url;
  int size = 8;
  std::chrono::milliseconds wait{30000}, statement{0};  // statement 0: no limit
  // Plans a prepared statement once per connection. By itself PostgreSQL plans one over partitions anew at each call
  // (only with the values in hand it sees which partitions it needs), which costs more than running it. A statement
  // whose LIMIT is a parameter wants its own plan: write it as a literal.
  bool generic_plans = false;
};

struct PoolState {
  int max = 0, idle = 0, held = 0, used = 0, waiting = 0;
};

/// What the admin address and the fault hook see of a node's connections, in one pool or in several.
class PoolControl {
 public:
  virtual ~PoolControl() = default;
  [[nodiscard]] virtual PoolState state() const = 0;
  /// The fault hook: takes every connection as it becomes free and keeps it until `lease` from now has passed; 0 gives
  /// back.
  virtual void hold(std::chrono::milliseconds lease) = 0;
};

/// Gives a connection for a scope; broken ones are replaced. A transaction left open is rolled back on return.
class Pool : public PoolControl {
 public:
  class Lease {
   public:
    Lease(Pool* pool, Connection* c) : pool_(pool), connection_(c) {}
    Lease(Lease&& o) noexcept : pool_(o.pool_), connection_(std::exchange(o.connection_, nullptr)) {}
    ~Lease();
    Connection* operator->() const { return connection_; }
    Connection& operator*() const { return *connection_; }

   private:
    Pool* pool_;
    Connection* connection_;
  };
  /// Throws PoolTimeout. FIFO. `wait` overrides the pool's own when shorter.
  virtual Lease take(std::optional<std::chrono::milliseconds> wait = {}) = 0;

 protected:
  virtual void give_back(Connection* connection) = 0;
  friend class Lease;
};
std::unique_ptr<Pool> make_pool(const PoolOptions& options);
/// One connection outside of any pool, for start-up work. Throws SqlError.
std::unique_ptr<Connection> connect(const std::string& url);

}  // namespace platform::store
