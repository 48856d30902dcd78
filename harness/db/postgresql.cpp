// postgresql: sessions by libpq's asynchronous calls and poll, so that every call has an end.
#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <cerrno>

#include "harness/core/text.hpp"
#include "harness/db/session.hpp"

namespace cardstorm {
namespace {

using PgConn = std::unique_ptr<PGconn, void (*)(PGconn*)>;
using PgRows = std::unique_ptr<PGresult, void (*)(PGresult*)>;

constexpr int kIdleSessionSince = 140000;  // idle_session_timeout

/// False when the time is over.
bool await_socket(int fd, short events, Nanos end) {
  for (;;) {
    const Nanos left = end - monotonic_now();
    if (left <= Nanos(0)) return false;
    pollfd p{fd, events, 0};
    const int ready = ::poll(&p, 1, static_cast<int>(std::min<std::int64_t>(whole_millis(left), 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // libpq will say what is wrong
  }
}

/// libpq's verbose words "FATAL:  53300: sorry ...\nLOCATION: ..." as "[53300] sorry ...".
std::string connect_words(const std::string& verbose) {
  std::string code, text;
  for (std::string line : split(verbose, '\n')) {
    line = std::string(trim(line));
    if (line.empty() || line.starts_with("LOCATION:")) continue;
    if (const auto fatal = line.find("FATAL:  ");
        fatal != std::string::npos && line.size() > fatal + 15 && line[fatal + 13] == ':') {
      code = "[" + line.substr(fatal + 8, 5) + "] ";
      line = line.substr(fatal + 15);
    }
    text += (text.empty() ? "" : "; ") + line;
  }
  return code + text;
}

std::string pg_words(const PGresult* result) {
  const auto field = [&](int which) {
    const char* text = PQresultErrorField(result, which);
    return std::string(text == nullptr ? "" : text);
  };
  std::string out = "[" + field(PG_DIAG_SQLSTATE) + "] " + field(PG_DIAG_MESSAGE_PRIMARY);
  for (const int which : {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT})
    if (const std::string more = field(which); !more.empty()) out += "; " + more;
  return out;
}

class PostgresqlSession final : public DbSession {
 public:
  PostgresqlSession(PgConn conn, const DbOptions& options) : conn_(std::move(conn)), options_(options) {}

  /// The server's own limits, before anything else is asked of it.
  Status prepare() {
    const auto set = [this](const std::string& what) -> Status {
      auto done = query("SET " + what, 0);
      if (!done) return std::move(done).error();
      return ok();
    };
    if (auto done = set("statement_timeout = " + std::to_string(whole_millis(options_.statement))); !done) return done;
    if (options_.read_only)
      if (auto done = set("default_transaction_read_only = on"); !done) return done;
    if (options_.idle <= Nanos(0)) return ok();
    if (PQserverVersion(conn_.get()) < kIdleSessionSince)
      return Error{Errc::unavailable, server() + " cannot end a session that is idle (idle_session_timeout)",
                   "PostgreSQL 14 and later can"};
    const std::string limit = std::to_string(whole_millis(options_.idle));
    if (auto done = set("idle_in_transaction_session_timeout = " + limit); !done) return done;
    return set("idle_session_timeout = " + limit);
  }

  Result<std::vector<Json>> query(const std::string& sql, std::size_t rows_max) override {
    columns_.clear();
    if (!conn_) return over();
    const Nanos end = monotonic_now() + options_.statement + kGrace;
    if (PQsendQuery(conn_.get(), sql.c_str()) == 0) return broken(PQerrorMessage(conn_.get()));
    PQsetSingleRowMode(conn_.get());
    if (auto sent = flush(end); !sent) return std::move(sent).error();
    return collect(end, rows_max);
  }
  [[nodiscard]] const std::vector<std::string>& columns() const override { return columns_; }
  [[nodiscard]] std::int64_t id() const override { return id_; }
  [[nodiscard]] std::string server() const override { return server_; }
  [[nodiscard]] bool alive() const override { return conn_ != nullptr; }
  void learn() {
    id_ = PQbackendPID(conn_.get());
    const char* version = PQparameterStatus(conn_.get(), "server_version");
    server_ = "PostgreSQL " + split(version == nullptr ? "?" : version, ' ').front();
  }

 private:
  Status flush(Nanos end) {
    for (;;) {
      const int left = PQflush(conn_.get());
      if (left == 0) return ok();
      if (left < 0) return broken(PQerrorMessage(conn_.get()));
      if (!await_socket(PQsocket(conn_.get()), POLLIN | POLLOUT, end)) return late();
      if (PQconsumeInput(conn_.get()) == 0) return broken(PQerrorMessage(conn_.get()));
    }
  }

  Result<std::vector<Json>> collect(Nanos end, std::size_t rows_max) {
    std::vector<Json> rows;
    Status bad = ok();
    for (;;) {
      while (PQisBusy(conn_.get()) == 1) {
        if (!await_socket(PQsocket(conn_.get()), POLLIN, end)) return late();
        if (PQconsumeInput(conn_.get()) == 0) return broken(PQerrorMessage(conn_.get()));
      }
      const PgRows result(PQgetResult(conn_.get()), PQclear);
      if (!result) break;
      const ExecStatusType status = PQresultStatus(result.get());
      if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
        const bool limit = std::string_view(PQresultErrorField(result.get(), PG_DIAG_SQLSTATE) == nullptr
                                                ? ""
                                                : PQresultErrorField(result.get(), PG_DIAG_SQLSTATE)) == "57014";
        bad = Error{limit ? Errc::timeout : Errc::invalid, pg_words(result.get())};
        if (PQstatus(conn_.get()) == CONNECTION_BAD) return broken(PQerrorMessage(conn_.get()));
      } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        return broken("COPY is not for these sessions");
      } else if (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE) {
        if (rows.size() + static_cast<std::size_t>(PQntuples(result.get())) > rows_max) {
          conn_.reset();  // the rest would have to be read
          return too_many_rows(rows_max);
        }
        keep(result.get(), &rows);
      }
    }
    if (PQstatus(conn_.get()) == CONNECTION_BAD) return broken(PQerrorMessage(conn_.get()));
    if (!bad) return std::move(bad).error();
    return rows;
  }

  void keep(const PGresult* result, std::vector<Json>* rows) {
    const int width = PQnfields(result);
    columns_.clear();
    for (int c = 0; c < width; ++c) columns_.emplace_back(PQfname(result, c));
    for (int r = 0; r < PQntuples(result); ++r) {
      Json row = Json::object();
      for (int c = 0; c < width; ++c)
        row.set(columns_[static_cast<std::size_t>(c)],
                PQgetisnull(result, r, c) == 1
                    ? Json()
                    : Json(std::string(PQgetvalue(result, r, c), static_cast<std::size_t>(PQgetlength(result, r, c)))));
      rows->push_back(std::move(row));
    }
  }

  Error late() {
    conn_.reset();
    return {Errc::timeout, "no answer from the database within " + duration_text(options_.statement + kGrace)};
  }
  Error broken(const std::string& why) {
    const std::string text = connect_words(why);
    conn_.reset();
    return {Errc::unavailable, "the session is over: " + (text.empty() ? "the connection was lost" : text)};
  }
  static Error over() { return {Errc::unavailable, "the session is over"}; }

  PgConn conn_;
  DbOptions options_;
  std::int64_t id_ = 0;
  std::string server_;
  std::vector<std::string> columns_;
};

Result<PgConn> dial_postgresql(const DbAddress& address, const std::string& numeric, const DbOptions& options) {
  const std::string port = std::to_string(address.port);
  std::vector<const char*> keys, values;
  const auto give = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    keys.push_back(key);
    values.push_back(value.c_str());
  };
  const std::string encoding = "UTF8", off = "disable", idle = "5", count = "3";
  give("host", address.host);  // for certificates; hostaddr is what is dialled
  give("hostaddr", numeric);
  give("port", port);
  give("user", address.user);
  give("password", address.password);
  give("dbname", address.database);
  give("application_name", options.application);
  give("client_encoding", encoding);
  give("sslmode", address.tls);
  give("options", address.startup);
  give("gssencmode", off);
  give("keepalives_idle", idle);
  give("keepalives_interval", idle);
  give("keepalives_count", count);
  keys.push_back(nullptr);
  values.push_back(nullptr);
  PgConn conn(PQconnectStartParams(keys.data(), values.data(), 0), PQfinish);
  if (!conn) return Error{Errc::unavailable, "no memory for a database session"};
  PQsetErrorVerbosity(conn.get(), PQERRORS_VERBOSE);
  const Nanos end = monotonic_now() + options.connect;
  const auto failed = [&](Errc code, const std::string& why) { return Error{code, place_of(address) + ": " + why}; };
  if (PQstatus(conn.get()) == CONNECTION_BAD)
    return failed(Errc::unavailable, connect_words(PQerrorMessage(conn.get())));
  for (PostgresPollingStatusType state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;
       state = PQconnectPoll(conn.get())) {
    if (state == PGRES_POLLING_FAILED) return failed(Errc::unavailable, connect_words(PQerrorMessage(conn.get())));
    if (!await_socket(PQsocket(conn.get()), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, end))
      return failed(Errc::timeout, "no session within " + duration_text(options.connect));
  }
  if (PQsetnonblocking(conn.get(), 1) != 0) return failed(Errc::unavailable, connect_words(PQerrorMessage(conn.get())));
  return conn;
}

}  // namespace

Result<std::unique_ptr<DbSession>> open_postgresql(const DbAddress& address, const std::string& numeric,
                                                   const DbOptions& options) {
  auto conn = dial_postgresql(address, numeric, options);
  if (!conn) return std::move(conn).error();
  PQsetNoticeProcessor(
      conn->get(), [](void*, const char*) {}, nullptr);
  auto session = std::make_unique<PostgresqlSession>(std::move(*conn), options);
  session->learn();
  if (auto ready = session->prepare(); !ready) return std::move(ready).error().in(place_of(address));
  return std::unique_ptr<DbSession>(std::move(session));
}

}  // namespace cardstorm
