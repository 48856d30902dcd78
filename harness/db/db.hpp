// db: SQL sessions to a database that is not ours, with an end set on the server's side. The only door of libpq and
// libmariadb.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"
#include "harness/net/allow.hpp"

namespace cardstorm {

struct DbAddress {
  std::string kind, host, user, database, password;  // kind: postgresql | mysql (MariaDB too)
  int port = 0;
  std::string tls;      // ?sslmode=: postgresql as libpq has it; mysql disable | require; "" = as the library prefers
  std::string startup;  // ?options=: postgresql, such as -csearch_path=shop
};
/// "postgresql://user[:password]@host[:port]/db[?sslmode=require&options=-csearch_path%3Dshop]" or "mysql://...". The
/// first line of `password_file`, when one is given, is the password. Errc::invalid says what is wrong; never prints
/// the password.
Result<DbAddress> parse_db_url(const std::string& url, const std::string& password_file = "");

struct DbOptions {
  std::string application;  // shown in pg_stat_activity; a comment in every statement for MySQL
  bool read_only = false;
  Nanos connect{3s}, statement{5s};  // statement: the server's limit for each; ours is a little later
  Nanos idle{0};  // the server ends the session (and its transaction) after so long without a statement; 0 = never
};

/// One session. One thread at a time. Every call has an end. Errors carry the server's words behind its code: "[42P01]
/// relation ...". Errc: refused (allow-list), unavailable (no session, or it is over), timeout, invalid (the statement
/// was not accepted).
class DbSession {
 public:
  /// The address that is dialled must be in `allow` (Errc::refused). Errc::unavailable too when the server has no such
  /// limit as `options` asks for: nothing is begun that the server could not end.
  static Result<std::unique_ptr<DbSession>> open(const DbAddress& address, const DbOptions& options,
                                                 const AllowList& allow);
  virtual ~DbSession() = default;
  /// One statement. Rows as JSON objects by column name; all values as the server's text, NULL as null. At most
  /// rows_max, more is Errc::invalid. After Errc::timeout by our own clock, and after too many rows, the session is
  /// over.
  virtual Result<std::vector<Json>> query(const std::string& sql, std::size_t rows_max = 1'000'000) = 0;
  /// The names of the columns that the last statement gave, also when it gave no row.
  [[nodiscard]] virtual const std::vector<std::string>& columns() const = 0;
  /// The server's id of this session, to be ended from another one.
  [[nodiscard]] virtual std::int64_t id() const = 0;
  /// Product and version, such as "PostgreSQL 15.14" or "MariaDB 10.11.6".
  [[nodiscard]] virtual std::string server() const = 0;
  /// False once the connection is lost or was given up.
  [[nodiscard]] virtual bool alive() const = 0;
};

/// Whether `error` of open() says that the server (or this user) has no connection left to give.
bool server_full(const Error& error);

/// A name such as "shop.orders" for a statement, each part quoted; a text as a literal. `kind` as in DbAddress.
std::string quote_name(const std::string& kind, const std::string& name);
std::string quote_text(const std::string& kind, const std::string& text);

}  // namespace cardstorm
