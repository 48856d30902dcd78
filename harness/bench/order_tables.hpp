// order_tables: what the database itself gives, without a platform above it: TPC-B as the yardstick, claims of cards
// the naive and the right way, and the order table of ten million rows kept three ways.
#pragma once

#include <string>
#include <vector>

#include "harness/bench/bench.hpp"
#include "harness/core/clock.hpp"

namespace cardstorm {

/// PostgreSQL's own load generator beside the server of this machine; "" when it is not there.
std::string find_pgbench(const std::vector<std::string>& dirs);

class OrderTables {
 public:
  /// `database_url`: a superuser's, of a server of our own. Everything is made in databases of its own, dropped by the
  /// destructor.
  OrderTables(const BenchSetup& setup, std::string pgbench, std::string database_url);
  ~OrderTables();
  OrderTables(const OrderTables&) = delete;
  OrderTables& operator=(const OrderTables&) = delete;

  /// Transactions a second of TPC-B (scale 20, prepared, 16 clients).
  Result<double> tpcb(int seconds);

  struct Claims {
    double per_s = 0;
    std::int64_t sold = 0, twice = 0;
  };
  /// Cards claimed by 16 clients. naive: look, then mark, then write down; else FOR UPDATE SKIP LOCKED in one
  /// statement.
  Result<Claims> claims(bool naive, int seconds);

  // one order by number; a buyer's last ten; rows inserted, 100 a statement
  struct Table {
    double lookup_ms = 0, buyer_ms = 0, inserts_per_s = 0;
  };
  enum class Way { unindexed, indexed, sharded };
  /// `rows` orders. unindexed and indexed share their table, in that order; sharded is 16 partitions in two databases.
  Result<Table> table(Way way, std::int64_t rows);

 private:
  Result<std::vector<Json>> sql(const std::string& database, const std::string& statement, Nanos limit);
  Status make(const std::string& database);
  Result<double> pgbench(const std::string& database, const std::vector<std::string>& args, int seconds);
  Status fill(const std::string& database, int number, int databases, std::int64_t rows);
  [[nodiscard]] std::string url_of(const std::string& database) const;

  const BenchSetup& setup_;
  const std::string pgbench_, url_;
  std::vector<std::string> made_;
};

}  // namespace cardstorm
