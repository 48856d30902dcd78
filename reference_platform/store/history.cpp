// history: rows first, indexes afterwards, into tables that this very transaction has emptied or made: PostgreSQL then
// writes no log of them (wal_level=minimal), and 10 million rows take a minute or two instead of ten.
#include "reference_platform/store/history.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "reference_platform/store/shards.hpp"

namespace platform::store {
namespace {

constexpr std::int64_t kOrdersPerBuyer = 20, kBuyersMin = 1024, kBuyersMax = 65536;

using Buyers = std::array<std::vector<std::string>, kPartitions>;

Buyers buyers_for(std::int64_t orders) {
  Buyers out;
  const std::int64_t count = std::clamp(orders / kOrdersPerBuyer, kBuyersMin, kBuyersMax);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string name = "old-" + std::to_string(i);
    out[static_cast<std::size_t>(partition_of(name))].push_back(name);
  }
  return out;
}

std::string array_of(const std::vector<std::string>& names) {
  std::string out = "{";
  for (const auto& n : names) out += (out.size() == 1 ? "" : ",") + n;
  return out + "}";
}

/// g is 1 to the number of rows. `id`, `number` and `part`: SQL of these columns.
std::string insert(const std::string& table, const std::string& rows, const std::string& id, const std::string& number,
                   const std::string& part) {
  return "WITH b AS MATERIALIZED (SELECT name, at - 1 AS at, count(*) OVER () AS n FROM unnest($1::text[]) WITH "
         "ORDINALITY AS u(name, at)), "
         "s AS MATERIALIZED (SELECT sku, class, price_cents, row_number() OVER (ORDER BY number) - 1 AS at, count(*) "
         "OVER () AS n FROM goods) "
         "INSERT INTO " +
         table + "(" + (part.empty() ? "" : "part, ") +
         "id, order_no, buyer, sku, class, quantity, amount_cents, status, paid_via, paid_cents, receipt, created_at) "
         "SELECT " +
         (part.empty() ? "" : part + ", ") + id + ", " + number +
         ", b.name, s.sku, s.class, 1, s.price_cents, 'delivered', 'wallet', s.price_cents, "
         "CASE s.class WHEN 'game_card' THEN NULL ELSE 'OLD-' || g END, now() - interval '1 day' - (" +
         rows + " - g) * (interval '90 days' / " + rows +
         ") "
         "FROM generate_series(1, " +
         rows +
         ") AS g "
         "JOIN b ON b.at = g % (SELECT n FROM b LIMIT 1) JOIN s ON s.at = g % (SELECT n FROM s LIMIT 1)";
}

void prepare(Connection& db) { db.script("SET maintenance_work_mem = '256MB'; SET synchronous_commit = off"); }

struct Index {
  std::string drop, make;
};

/// How to take the table's indexes away and to bring them back.
std::vector<Index> indexes_of(Connection& db, const std::string& table) {
  std::vector<Index> out;
  const auto keep = [&out](const Rows& rows) {
    for (int i = 0; i < rows.size(); ++i) out.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1))});
  };
  keep(
      db.run("SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', $1::text, conname), format('ALTER TABLE %I ADD "
             "CONSTRAINT %I %s', $1::text, conname, pg_get_constraintdef(oid)) "
             "FROM pg_constraint WHERE conrelid = $1::regclass AND contype IN ('p', 'u')",
             {table}));
  keep(db.run(
      "SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) FROM pg_index i "
      "WHERE indrelid = $1::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
      {table}));
  return out;
}

template <typename Work>
void in_transaction(Connection& db, Work work) {
  db.begin();
  try {
    work();
    db.commit();
  } catch (...) {
    db.rollback();
    throw;
  }
}

void seed_partition(Connection& db, const std::string& rows, int partition, const std::vector<std::string>& buyers) {
  const std::string part = std::to_string(partition), table = "orders_" + part;
  in_transaction(db, [&] {
    // Attaching makes the indexes; the check spares it a look at every row.
    db.script(("ALTER TABLE orders DETACH PARTITION " + table + "; DROP TABLE " + table +
               "; "
               "CREATE TABLE " +
               table +
               " (LIKE orders INCLUDING DEFAULTS INCLUDING CONSTRAINTS); "
               "ALTER TABLE " +
               table + " ADD CONSTRAINT only_its_part CHECK (part = " + part + ")")
                  .c_str());
    db.run(insert(table, rows, "-(g * 16 + " + part + ")",
                  "'H" + std::string(1, "0123456789ABCDEF"[partition]) + "OLD' || lpad(g::text, 15, '0')",
                  part + "::smallint")
               .c_str(),
           {array_of(buyers)});
    db.script(("ALTER TABLE orders ATTACH PARTITION " + table + " FOR VALUES IN (" + part +
               "); "
               "ALTER TABLE " +
               table + " DROP CONSTRAINT only_its_part")
                  .c_str());
  });
  db.script(("VACUUM (ANALYZE) " + table).c_str());  // now, not in the middle of what is to be measured
}

}  // namespace

void seed_fragile_orders(Connection& db, std::int64_t orders) {
  std::vector<std::string> buyers;
  for (const auto& some : buyers_for(orders)) buyers.insert(buyers.end(), some.begin(), some.end());
  prepare(db);
  in_transaction(db, [&] {
    const auto indexes = indexes_of(db, "orders");
    db.script("TRUNCATE orders");
    for (const auto& i : indexes) db.script(i.drop.c_str());
    db.run(insert("orders", std::to_string(orders), "-g", "'OLD' || lpad(g::text, 17, '0')", "").c_str(),
           {array_of(buyers)});
    for (const auto& i : indexes) db.script(i.make.c_str());
  });
  db.script("VACUUM (ANALYZE) orders");
}

void seed_hardened_orders(Connection& db, std::int64_t orders, int number, int databases) {
  const Buyers buyers = buyers_for(orders);
  prepare(db);
  for (int p = 0; p < kPartitions; ++p) {
    const std::int64_t rows = orders / kPartitions + (p < orders % kPartitions ? 1 : 0);
    if (rows > 0 && p * databases / kPartitions == number)
      seed_partition(db, std::to_string(rows), p, buyers[static_cast<std::size_t>(p)]);
  }
  db.script("ANALYZE orders");
}

}  // namespace platform::store
