// mysql: sessions to MySQL and MariaDB by libmariadb, with a timeout on every connect, read and write.
#include <mysql.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>

#include "harness/core/self.hpp"
#include "harness/core/text.hpp"
#include "harness/db/session.hpp"

namespace cardstorm {
namespace {

using MyConn = std::unique_ptr<MYSQL, void (*)(MYSQL*)>;
using MyRows = std::unique_ptr<MYSQL_RES, void (*)(MYSQL_RES*)>;

constexpr unsigned kServerGone = 2006, kServerLost = 2013, kConnKilled = 1927, kQueryInterrupted = 1317,
                   kStatementTimeout = 1969, kQueryTimeout = 3024, kLockWait = 1205;

std::string mysql_words(MYSQL* conn) { return "[" + std::to_string(mysql_errno(conn)) + "] " + mysql_error(conn); }

/// What the name of an application may hold, so that it can stand in a comment.
std::string harmless(std::string text) {
  std::erase_if(text, [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.'; });
  return text;
}

class MysqlSession final : public DbSession {
 public:
  MysqlSession(MyConn conn, const DbOptions& options)
      : conn_(std::move(conn)), options_(options), id_(static_cast<std::int64_t>(mysql_thread_id(conn_.get()))) {
    if (const std::string name = harmless(options.application); !name.empty()) comment_ = "/* " + name + " */ ";
    const std::string version = mysql_get_server_info(conn_.get());
    maria_ = version.find("MariaDB") != std::string::npos;
    server_ = (maria_ ? "MariaDB " : "MySQL ") +
              split(version.starts_with("5.5.5-") ? version.substr(6) : version, '-').front();
  }

  Status prepare() {
    const std::string seconds_text = std::to_string(whole_seconds(options_.statement));
    std::vector<std::string> settings{"innodb_lock_wait_timeout = " + seconds_text,
                                      "lock_wait_timeout = " + seconds_text};
    // Each product has a limit of its own for statements; what a lock makes wait is bounded above on both.
    if (maria_)
      settings.push_back("max_statement_time = " +
                         fixed(static_cast<double>(whole_millis(options_.statement)) / 1000, 3));
    else
      settings.push_back("max_execution_time = " + std::to_string(whole_millis(options_.statement)));
    if (options_.idle > Nanos(0)) {
      settings.push_back("wait_timeout = " + std::to_string(whole_seconds(options_.idle)));
      if (maria_) settings.push_back("idle_transaction_timeout = " + std::to_string(whole_seconds(options_.idle)));
    }
    for (const std::string& setting : settings)
      if (auto done = query("SET SESSION " + setting, 0); !done) return std::move(done).error();
    if (options_.read_only)
      if (auto done = query("SET SESSION TRANSACTION READ ONLY", 0); !done) return std::move(done).error();
    return ok();
  }

  Result<std::vector<Json>> query(const std::string& sql, std::size_t rows_max) override {
    columns_.clear();
    if (!conn_) return Error{Errc::unavailable, "the session is over"};
    auto rows = ask(sql, rows_max);
    if (over_) conn_.reset();  // only now: a result still needs its connection when it is freed
    return rows;
  }
  [[nodiscard]] const std::vector<std::string>& columns() const override { return columns_; }
  [[nodiscard]] std::int64_t id() const override { return id_; }
  [[nodiscard]] std::string server() const override { return server_; }
  [[nodiscard]] bool alive() const override { return conn_ != nullptr; }

 private:
  Result<std::vector<Json>> ask(const std::string& sql, std::size_t rows_max) {
    const Nanos end = monotonic_now() + options_.statement + kGrace;
    const std::string text = comment_ + sql;
    if (mysql_real_query(conn_.get(), text.data(), text.size()) != 0) return failed(end);
    const MyRows result(mysql_use_result(conn_.get()), mysql_free_result);
    if (!result && mysql_errno(conn_.get()) != 0) return failed(end);
    if (!result) return std::vector<Json>{};
    return collect(result.get(), end, rows_max);
  }

  Result<std::vector<Json>> collect(MYSQL_RES* result, Nanos end, std::size_t rows_max) {
    const unsigned width = mysql_num_fields(result);
    const MYSQL_FIELD* fields = mysql_fetch_fields(result);
    for (unsigned c = 0; c < width; ++c) columns_.emplace_back(fields[c].name, fields[c].name_length);
    std::vector<Json> rows;
    while (const MYSQL_ROW row = mysql_fetch_row(result)) {
      const unsigned long* lengths = mysql_fetch_lengths(result);
      if (rows.size() == rows_max) return give_up(too_many_rows(rows_max));
      if (monotonic_now() > end) return give_up(late());
      Json json = Json::object();
      for (unsigned c = 0; c < width; ++c)
        json.set(columns_[c], row[c] == nullptr ? Json() : Json(std::string(row[c], lengths[c])));
      rows.push_back(std::move(json));
    }
    if (mysql_errno(conn_.get()) != 0) return failed(end);
    return rows;
  }

  [[nodiscard]] Error late() const {
    return {Errc::timeout, "no answer from the database within " + duration_text(options_.statement + kGrace)};
  }

  /// The rest of a result would have to be read before the next statement: the connection is closed under it instead.
  Error give_up(Error why) {
    const int fd = mysql_get_socket(conn_.get());
    if (fd >= 0) ::shutdown(fd, SHUT_RDWR);
    over_ = true;
    return why;
  }

  Error failed(Nanos end) {
    const unsigned code = mysql_errno(conn_.get());
    const std::string words = mysql_words(conn_.get());
    if (code == kServerLost && monotonic_now() >= end - kGrace / 2) {
      over_ = true;
      return late();
    }
    if (code == kServerGone || code == kServerLost || code == kConnKilled) {
      over_ = true;
      return {Errc::unavailable, "the session is over: " + words};
    }
    const bool limit =
        code == kStatementTimeout || code == kQueryTimeout || code == kLockWait || code == kQueryInterrupted;
    return {limit ? Errc::timeout : Errc::invalid, words};
  }

  MyConn conn_;
  DbOptions options_;
  std::int64_t id_;
  std::string comment_, server_;
  bool maria_ = false, over_ = false;
  std::vector<std::string> columns_;
};

Result<MyConn> dial_mysql(const DbAddress& address, const std::string& numeric, const DbOptions& options) {
  static std::once_flag once;
  std::call_once(once, [] { (void)mysql_library_init(0, nullptr, nullptr); });
  MyConn conn(mysql_init(nullptr), mysql_close);
  if (!conn) return Error{Errc::unavailable, "no memory for a database session"};
  const auto connect = static_cast<unsigned>(whole_seconds(options.connect)),
             statement = static_cast<unsigned>(whole_seconds(options.statement + kGrace));
  const unsigned off = 0, tcp = MYSQL_PROTOCOL_TCP;
  const my_bool no = 0, yes = 1;
  mysql_optionsv(conn.get(), MYSQL_OPT_CONNECT_TIMEOUT, &connect);
  mysql_optionsv(conn.get(), MYSQL_OPT_READ_TIMEOUT, &statement);
  mysql_optionsv(conn.get(), MYSQL_OPT_WRITE_TIMEOUT, &statement);
  mysql_optionsv(conn.get(), MYSQL_OPT_PROTOCOL, &tcp);      // else the name localhost means a unix socket
  mysql_optionsv(conn.get(), MYSQL_OPT_LOCAL_INFILE, &off);  // a server must not ask us for our files
  mysql_optionsv(conn.get(), MYSQL_OPT_RECONNECT, &no);
  mysql_optionsv(conn.get(), MYSQL_SET_CHARSET_NAME, "utf8mb4");
  // Ways to log in that a server may ask for (MySQL 8: caching_sha2_password) are files beside the library.
  if (const std::string libraries = own_libraries(); !libraries.empty())
    mysql_optionsv(conn.get(), MYSQL_PLUGIN_DIR, (libraries + "/mariadb").c_str());
  if (address.tls == "require") mysql_optionsv(conn.get(), MYSQL_OPT_SSL_ENFORCE, &yes);
  if (!options.application.empty())
    mysql_optionsv(conn.get(), MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", options.application.c_str());
  if (mysql_real_connect(conn.get(), numeric.c_str(), address.user.c_str(), address.password.c_str(),
                         address.database.c_str(), static_cast<unsigned>(address.port), nullptr, 0) == nullptr)
    return Error{Errc::unavailable, place_of(address) + ": " + mysql_words(conn.get())};
  return conn;
}

}  // namespace

Result<std::unique_ptr<DbSession>> open_mysql(const DbAddress& address, const std::string& numeric,
                                              const DbOptions& options) {
  auto conn = dial_mysql(address, numeric, options);
  if (!conn) return std::move(conn).error();
  auto session = std::make_unique<MysqlSession>(std::move(*conn), options);
  if (auto ready = session->prepare(); !ready) return std::move(ready).error().in(place_of(address));
  return std::unique_ptr<DbSession>(std::move(session));
}

}  // namespace cardstorm
