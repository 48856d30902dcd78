// catalogue: batched inserts (5000 cards a statement: 50 000 cards take well under a second).
#include "reference_platform/domain/catalogue.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

#include "reference_platform/domain/json.hpp"

namespace platform::domain {
namespace {

constexpr std::size_t kBatch = 5000;

struct Entry {
  Good good;
  std::int64_t number = 0;
  std::vector<std::string> secrets;
};

/// As PostgreSQL reads an array of text.
std::string array_literal(std::vector<std::string>::const_iterator from, std::vector<std::string>::const_iterator to) {
  std::string out = "{";
  for (; from != to; ++from) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (const char c : *from) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

/// Bulk buyers pay less: 5 % off from 10 pieces, 10 % off from 100.
std::vector<PriceStep> usual_steps(const Good& good) {
  if (good.goods_class == "topup") return {};
  return {{10, good.price_cents * 95 / 100}, {100, good.price_cents * 90 / 100}};
}

std::string name_of(const Good& good) {
  static const std::map<std::string, std::string, std::less<>> kNames = {{"game_card", "Game card"},
                                                                         {"membership", "Video membership"},
                                                                         {"topup", "Phone top-up"},
                                                                         {"equipment", "Virtual equipment"}};
  const auto it = kNames.find(good.goods_class);
  return (it == kNames.end() ? good.goods_class : it->second) + " " + good.sku;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) out.push_back(line);
  }
  return out;
}

Entry entry_of(const Json& sku, const std::string& mint_dir, const std::string& manifest) {
  Entry e;
  e.good.sku = sku["sku"].text();
  e.good.goods_class = sku["goods"].text();
  e.good.price_cents = sku["price_cents"].integer();
  e.good.stock = sku["cards"].integer();
  e.number = sku["number"].integer();
  const bool known = e.good.goods_class == "game_card" || e.good.goods_class == "membership" ||
                     e.good.goods_class == "topup" || e.good.goods_class == "equipment";
  if (e.good.sku.empty() || !known || e.good.price_cents < 1 || e.good.stock < 0 ||
      e.good.sku.find('/') != std::string::npos) {
    throw std::runtime_error(manifest + ": bad entry for sku '" + e.good.sku + "'");
  }
  if (needs_cards(e.good.goods_class)) {
    e.secrets = lines_of(mint_dir + "/cards/" + e.good.sku + ".txt");
    e.good.stock = static_cast<std::int64_t>(e.secrets.size());
  }
  e.good.unlimited = !needs_cards(e.good.goods_class) && e.good.stock == 0;
  e.good.name = name_of(e.good);
  e.good.wholesale = usual_steps(e.good);
  return e;
}

std::vector<Entry> read_mint(const std::string& mint_dir) {
  const std::string manifest = mint_dir + "/manifest.json";
  std::ifstream in(manifest);
  if (!in) throw std::runtime_error("cannot read " + manifest);
  std::stringstream text;
  text << in.rdbuf();
  const auto json = Json::parse(text.str());
  if (!json || !(*json)["skus"].is_array()) throw std::runtime_error(manifest + ": no \"skus\"");
  std::vector<Entry> out;
  for (const Json& sku : (*json)["skus"].items()) out.push_back(entry_of(sku, mint_dir, manifest));
  return out;
}

std::vector<Entry> built_in() {
  const auto make = [](std::int64_t number, const char* sku, const char* goods_class, std::int64_t price,
                       std::int64_t stock) {
    Entry e;
    e.number = number;
    e.good = Good{sku, "", goods_class, price, stock, !needs_cards(goods_class) && stock == 0, {}};
    e.good.name = name_of(e.good);
    e.good.wholesale = usual_steps(e.good);
    for (std::int64_t i = 0; needs_cards(goods_class) && i < stock; ++i)
      e.secrets.push_back(std::string("DEMO-") + sku + "-" + std::to_string(100000 + i));
    return e;
  };
  return {make(1, "steam-50", "game_card", 5000, 2000), make(2, "qcoin-10", "game_card", 1000, 2000),
          make(3, "video-month", "membership", 2500, 0), make(4, "phone-30", "topup", 3000, 0),
          make(5, "sword-rare", "equipment", 8800, 0)};
}

/// Counted stock in equal parts; the first databases take what is left over.
std::int64_t partition_stock(std::int64_t stock, Share share) {
  return stock / share.databases + (share.number < stock % share.databases ? 1 : 0);
}

constexpr std::int64_t kCardsPerSku = 100'000'000;  // a card's id is its sku's number times this, plus its line

/// Line i goes to partition i % 16.
void insert_partitioned_cards(store::Connection& db, const Entry& e, Share share) {
  for (std::size_t from = 0; from < e.secrets.size(); from += kBatch) {
    const std::size_t to = std::min(e.secrets.size(), from + kBatch);
    db.run(
        "INSERT INTO cards(part, id, sku, secret) SELECT (n - 1) % 16, $3::bigint + n, $1, secret "
        "FROM (SELECT secret, $4::bigint + k AS n FROM unnest($2::text[]) WITH ORDINALITY AS s(secret, k)) AS lines "
        "WHERE (n - 1) % 16 * $5::int / 16 = $6::int",
        {e.good.sku,
         array_literal(e.secrets.begin() + static_cast<std::ptrdiff_t>(from),
                       e.secrets.begin() + static_cast<std::ptrdiff_t>(to)),
         std::to_string(e.number * kCardsPerSku), std::to_string(from), std::to_string(share.databases),
         std::to_string(share.number)});
  }
}

void insert_cards(store::Connection& db, const Entry& e) {
  for (auto from = e.secrets.begin(); from != e.secrets.end();) {
    const auto to = e.secrets.end() - from > static_cast<std::ptrdiff_t>(kBatch)
                        ? from + static_cast<std::ptrdiff_t>(kBatch)
                        : e.secrets.end();
    db.run("INSERT INTO cards(sku, secret) SELECT $1, unnest($2::text[])", {e.good.sku, array_literal(from, to)});
    from = to;
  }
}

void insert_good(store::Connection& db, const Entry& e, std::int64_t stock) {
  const Good& g = e.good;
  db.run("INSERT INTO goods(sku, number, name, class, price_cents, stock, unlimited) VALUES ($1,$2,$3,$4,$5,$6,$7)",
         {g.sku, std::to_string(e.number), g.name, g.goods_class, std::to_string(g.price_cents), std::to_string(stock),
          g.unlimited ? "true" : "false"});
  for (const PriceStep& step : g.wholesale) {
    db.run("INSERT INTO wholesale(sku, from_quantity, price_cents) VALUES ($1,$2,$3)",
           {g.sku, std::to_string(step.from_quantity), std::to_string(step.price_cents)});
  }
}

/// All or nothing, and only into empty tables.
template <typename Insert>
void fill(store::Connection& db, const std::string& mint_dir, Insert insert) {
  const std::vector<Entry> entries = mint_dir.empty() ? built_in() : read_mint(mint_dir);
  db.begin();
  try {
    if (db.run("SELECT 1 FROM goods LIMIT 1").empty()) {
      for (const Entry& e : entries) insert(e);
    }
    db.commit();
  } catch (...) {
    db.rollback();
    throw;
  }
  db.run("ANALYZE goods, wholesale, cards");  // a first plan made on empty tables would scan them for as long as its
                                              // connection lives
}

}  // namespace

void load_catalogue(store::Connection& db, const std::string& mint_dir) {
  fill(db, mint_dir, [&db](const Entry& e) {
    insert_good(db, e, e.good.stock);
    insert_cards(db, e);
  });
}

void load_catalogue(store::Connection& db, const std::string& mint_dir, Share share) {
  fill(db, mint_dir, [&db, share](const Entry& e) {
    insert_good(db, e, partition_stock(e.good.stock, share));
    insert_partitioned_cards(db, e, share);
  });
}

std::vector<Good> read_goods(store::Connection& db) {
  std::vector<Good> out;
  const store::Rows rows =
      db.run("SELECT sku, name, class, price_cents, stock, unlimited FROM goods ORDER BY number, sku");
  for (int i = 0; i < rows.size(); ++i) {
    out.push_back(Good{std::string(rows.text(i, 0)),
                       std::string(rows.text(i, 1)),
                       std::string(rows.text(i, 2)),
                       rows.number(i, 3),
                       rows.number(i, 4),
                       rows.text(i, 5) == "t",
                       {}});
  }
  const store::Rows steps = db.run("SELECT sku, from_quantity, price_cents FROM wholesale ORDER BY sku, from_quantity");
  for (int i = 0; i < steps.size(); ++i) {
    const auto it = std::find_if(out.begin(), out.end(), [&](const Good& g) { return g.sku == steps.text(i, 0); });
    if (it != out.end()) it->wholesale.push_back({steps.number(i, 1), steps.number(i, 2)});
  }
  return out;
}

}  // namespace platform::domain
