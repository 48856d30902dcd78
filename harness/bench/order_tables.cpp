// order_tables: see order_tables.hpp.
#include "harness/bench/order_tables.hpp"

#include <algorithm>
#include <filesystem>

#include "harness/bench/peers.hpp"
#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/db/db.hpp"
#include "harness/lease/process.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kLong = 900s, kShort = 30s;
constexpr std::int64_t kCards = 200000, kTableBuyers = 100000;
constexpr int kInsertSeconds = 4, kInsertRows = 100;

constexpr char kNaive[] =
    "SELECT id FROM cards WHERE order_no IS NULL ORDER BY id LIMIT 1 \\gset\n"
    "UPDATE cards SET order_no = :client_id WHERE id = :id;\n"
    "INSERT INTO sales(card_id) VALUES (:id);\n";
constexpr char kLocked[] =
    "WITH picked AS MATERIALIZED (SELECT id FROM cards WHERE order_no IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP "
    "LOCKED), "
    "marked AS (UPDATE cards c SET order_no = :client_id FROM picked WHERE c.id = picked.id RETURNING c.id) "
    "INSERT INTO sales(card_id) SELECT id FROM marked;\n";

/// Partition of buyer b: the bench's own rule, by number.
constexpr char kColumns[] =
    "id bigint, part int, order_no text, buyer text, sku text, quantity int, amount_cents bigint, status text, "
    "created_at timestamptz";
std::string rows_from(const std::string& series, const std::string& condition) {
  return "SELECT g, (g % 16)::int, 'H' || lpad(g::text, 19, '0'), 'b' || (g % " + std::to_string(kTableBuyers) +
         "), 'sku-' || (g % 50), 1 + (g % 3)::int, 1000 + g % 9000, 'delivered', now() - g * interval '1 s' FROM " +
         series + " AS s(g)" + condition;
}

double since(Nanos start) { return seconds(monotonic_now() - start); }

}  // namespace

std::string find_pgbench(const std::vector<std::string>& dirs) {
  auto all = dirs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", error))
    all.push_back(entry.path().string() + "/bin");
  return find_peer("pgbench", all);
}

OrderTables::OrderTables(const BenchSetup& setup, std::string pgbench, std::string database_url)
    : setup_(setup), pgbench_(std::move(pgbench)), url_(std::move(database_url)) {}

OrderTables::~OrderTables() {
  for (const auto& database : made_) (void)sql("", "DROP DATABASE IF EXISTS " + database + " WITH (FORCE)", kShort);
}

std::string OrderTables::url_of(const std::string& database) const {
  if (database.empty()) return url_;
  const auto question = url_.find('?');
  const auto slash = url_.rfind('/', question);
  return url_.substr(0, slash + 1) + database;
}

Result<std::vector<Json>> OrderTables::sql(const std::string& database, const std::string& statement, Nanos limit) {
  const auto allow = AllowList::parse({"127.0.0.0/8"});
  const auto address = parse_db_url(url_of(database));
  if (!address) return address.error();
  auto session = DbSession::open(*address, {.application = "cardstorm bench", .statement = limit}, *allow);
  if (!session) return std::move(session).error();
  return (*session)->query(statement);
}

Status OrderTables::make(const std::string& database) {
  if (std::find(made_.begin(), made_.end(), database) != made_.end()) return ok();
  if (auto r = sql("", "CREATE DATABASE " + database, kShort); !r) return std::move(r).error();
  made_.push_back(database);
  return ok();
}

Result<double> OrderTables::pgbench(const std::string& database, const std::vector<std::string>& args, int seconds) {
  if (setup_.stop.stop_requested()) return Error{Errc::cancelled, "stopped"};
  ProcessSpec spec;
  spec.program = pgbench_;
  spec.args = args;
  spec.args.push_back(url_of(database));
  spec.stderr_path = setup_.work_dir + "/pgbench.log";
  double tps = 0;
  auto code = run_program(spec, std::chrono::seconds(seconds + 120), [&tps](const std::string& line) {
    if (line.starts_with("tps = ")) tps = std::stod(line.substr(6));
  });
  if (!code) return std::move(code).error().in("pgbench");
  if (*code != 0) {
    const auto words = read_file(spec.stderr_path);
    return Error{Errc::unavailable, "pgbench ended with " + std::to_string(*code) + ": " +
                                        (words ? std::string(trim(*words)).substr(0, 300) : "")};
  }
  return tps;
}

Result<double> OrderTables::tpcb(int seconds) {
  if (std::find(made_.begin(), made_.end(), "bench_tpcb") == made_.end()) {
    if (Status s = make("bench_tpcb"); !s) return s.error();
    if (auto made = pgbench("bench_tpcb", {"-i", "-q", "-s", "20"}, 60); !made) return made;
  }
  return pgbench("bench_tpcb", {"-c", "16", "-j", "1", "-M", "prepared", "-n", "-T", std::to_string(seconds)}, seconds);
}

Result<OrderTables::Claims> OrderTables::claims(bool naive, int seconds) {
  const std::string database = naive ? "bench_claims_naive" : "bench_claims_locked",
                    script = setup_.work_dir + "/" + database + ".sql";
  if (Status s = make(database); !s) return s.error();
  if (Status s = write_file(script, naive ? kNaive : kLocked); !s) return s.error();
  for (const std::string& statement :
       {std::string("DROP TABLE IF EXISTS cards, sales"),
        std::string("CREATE TABLE cards (id bigint PRIMARY KEY, order_no int)"),
        std::string("CREATE TABLE sales (card_id bigint)"),
        "INSERT INTO cards SELECT g, NULL FROM generate_series(1, " + std::to_string(kCards) + ") g",
        std::string("CREATE INDEX ON cards (id) WHERE order_no IS NULL"), std::string("ANALYZE cards")})
    if (auto r = sql(database, statement, kLong); !r) return std::move(r).error();
  const auto tps =
      pgbench(database, {"-c", "16", "-j", "1", "-n", "-T", std::to_string(seconds), "-f", script}, seconds);
  if (!tps) return tps.error();
  const auto counts =
      sql(database, "SELECT count(*)::text AS sold, (count(*) - count(DISTINCT card_id))::text AS twice FROM sales",
          kShort);
  if (!counts) return counts.error();
  Claims out;
  out.per_s = *tps;
  out.sold = std::stoll((*counts)[0]["sold"].text());
  out.twice = std::stoll((*counts)[0]["twice"].text());
  return out;
}

/// The partitions p with p * databases / 16 = number, and the rows that belong there.
Status OrderTables::fill(const std::string& database, int number, int databases, std::int64_t rows) {
  const bool sharded = databases > 1;
  std::vector<std::string> statements{std::string("CREATE TABLE orders (") + kColumns + ")" +
                                      (sharded ? " PARTITION BY LIST (part)" : "")};
  for (int p = 0; sharded && p < 16; ++p)
    if (p * databases / 16 == number)
      statements.push_back("CREATE TABLE orders_" + std::to_string(p) + " PARTITION OF orders FOR VALUES IN (" +
                           std::to_string(p) + ")");
  statements.push_back(
      "INSERT INTO orders " +
      rows_from("generate_series(1, " + std::to_string(rows) + ")",
                sharded ? " WHERE (g % 16) * " + std::to_string(databases) + " / 16 = " + std::to_string(number) : ""));
  if (sharded)
    statements.insert(statements.end(),
                      {"CREATE INDEX ON orders (part, order_no)", "CREATE INDEX ON orders (part, buyer, id)"});
  statements.emplace_back("ANALYZE orders");
  for (const auto& statement : statements) {
    if (setup_.stop.stop_requested()) return Error{Errc::cancelled, "stopped"};
    if (auto r = sql(database, statement, kLong); !r) return std::move(r).error();
  }
  return ok();
}

Result<OrderTables::Table> OrderTables::table(Way way, std::int64_t rows) {
  const bool sharded = way == Way::sharded;
  const std::vector<std::string> databases =
      sharded ? std::vector<std::string>{"bench_orders_0", "bench_orders_1"} : std::vector<std::string>{"bench_orders"};
  for (std::size_t i = 0; way != Way::indexed && i < databases.size(); ++i) {
    if (Status s = make(databases[i]); !s) return s.error();
    if (Status s = fill(databases[i], static_cast<int>(i), static_cast<int>(databases.size()), rows); !s)
      return s.error();
  }
  if (way == Way::indexed)
    for (const char* statement : {"CREATE INDEX ON orders (order_no)", "CREATE INDEX ON orders (buyer, id)"})
      if (auto r = sql(databases[0], statement, kLong); !r) return std::move(r).error();

  const auto allow = AllowList::parse({"127.0.0.0/8"});
  std::vector<std::unique_ptr<DbSession>> sessions;
  for (const auto& database : databases) {
    const auto address = parse_db_url(url_of(database));
    if (!address) return address.error();
    auto session = DbSession::open(*address, {.application = "cardstorm bench", .statement = kLong}, *allow);
    if (!session) return std::move(session).error();
    sessions.push_back(std::move(*session));
  }
  const auto session_of = [&](std::int64_t g) -> DbSession& {
    return *sessions[static_cast<std::size_t>(sharded ? g % 16 * 2 / 16 : 0)];
  };
  const auto part_of = [&](std::int64_t g) {
    return sharded ? "part = " + std::to_string(g % 16) + " AND " : std::string();
  };

  // A reader's whole way: statement, plan, rows. Few where each takes a second.
  const int looks = way == Way::unindexed ? 3 : 400;
  Table out;
  for (const bool by_number : {true, false}) {
    const Nanos start = monotonic_now();
    for (int i = 0; i < looks; ++i) {
      const std::int64_t g = 1 + (rows / (looks + 1)) * (i + 1);
      std::string no = std::to_string(g);
      no = "H" + std::string(19 - no.size(), '0') + no;
      // The bench's buyers b0 to b99999 keep one partition each as long as 16 divides their number.
      const std::string statement = by_number ? "SELECT * FROM orders WHERE " + part_of(g) + "order_no = '" + no + "'"
                                              : "SELECT * FROM orders WHERE " + part_of(g) + "buyer = 'b" +
                                                    std::to_string(g % kTableBuyers) + "' ORDER BY id DESC LIMIT 10";
      const auto found = session_of(g).query(statement);
      if (!found) return found.error();
      if (found->empty()) return Error{Errc::invalid, "order " + no + " was not found in the bench's own table"};
    }
    (by_number ? out.lookup_ms : out.buyer_ms) = since(start) * 1000 / looks;
  }
  std::int64_t inserted = 0;
  const Nanos start = monotonic_now();
  while (since(start) < kInsertSeconds) {
    // A batch goes to one partition, as a relay writes them.
    const std::int64_t g = inserted / kInsertRows;
    const std::string first = std::to_string(rows + 1 + inserted * 16),
                      last = std::to_string(rows + 1 + inserted * 16 + (kInsertRows - 1) * 16);
    auto done = session_of(sharded ? g : 0)
                    .query("INSERT INTO orders SELECT id, " + std::string(sharded ? std::to_string(g % 16) : "part") +
                           ", order_no, buyer, sku, quantity, amount_cents, status, created_at FROM (" +
                           rows_from("generate_series(" + first + "::bigint, " + last + ", 16)", "") +
                           ") AS r(id, part, order_no, buyer, sku, quantity, amount_cents, status, created_at)");
    if (!done) return std::move(done).error();
    inserted += kInsertRows;
  }
  out.inserts_per_s = static_cast<double>(inserted) / since(start);
  return out;
}

}  // namespace cardstorm
