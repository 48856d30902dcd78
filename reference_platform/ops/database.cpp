// database: see database.hpp.
#include "reference_platform/ops/database.hpp"

#include <algorithm>
#include <future>
#include <random>

namespace platform::ops {
namespace {

constexpr const char* kViews[] = {"audit_orders", "audit_wallets", "audit_ledger"};

std::string with_option(const std::string& url, const std::string& option) {
  return url + (url.find('?') == std::string::npos ? '?' : '&') + "options=" + option;
}
std::string with_schema(const std::string& url, const std::string& schema) {
  return with_option(url, "-csearch_path%3D" + schema);
}

/// Where the authority ("//user@host:port") of an address starts and ends.
std::pair<std::size_t, std::size_t> authority(const std::string& url) {
  const auto start = url.find("://");
  const auto from = start == std::string::npos ? 0 : start + 3;
  return {from, std::min(url.find_first_of("/?", from), url.size())};
}

/// The same address with another login.
std::string with_login(const std::string& url, const std::string& login) {
  const auto [from, end] = authority(url);
  const auto at = url.rfind('@', end);
  const bool has_login = at != std::string::npos && at >= from;
  return url.substr(0, from) + login + "@" + url.substr(has_login ? at + 1 : from);
}

/// The same server, another database.
std::string with_database(const std::string& url, const std::string& name) {
  const auto end = authority(url).second;
  const auto query = std::min(url.find('?', end), url.size());
  return url.substr(0, end) + "/" + name + url.substr(query);
}

/// One of the databases: where its tables are, and where their shadow is.
struct Home {
  std::string url, shadow_url, schema, shadow;
};

std::vector<Home> own_homes(const std::string& url, const UpOptions& o) {
  const auto admin = store::connect(url);
  std::vector<Home> homes;
  for (int i = 0; i < o.databases; ++i) {
    const std::string name = "shop_" + std::to_string(i);
    admin->script(("CREATE DATABASE " + name).c_str());
    Home h{with_database(url, name), "", "public", "shadow"};
    h.shadow_url = with_schema(h.url, h.shadow);
    homes.push_back(h);
  }
  return homes;
}

std::vector<Home> given_homes(const std::string& url, const UpOptions& o, Databases& made) {
  const std::string own = "cardstorm_" + random_hex(12);
  const auto db = store::connect(url);
  const auto add = [&](const std::string& schema) {
    db->script(("CREATE SCHEMA " + schema).c_str());
    made.schemas.push_back(schema);
    return schema;
  };
  std::vector<Home> homes;
  for (int i = 0; i < o.databases; ++i) {
    Home h;
    h.schema = add(i == 0 ? own : own + "_" + std::to_string(i));
    h.url = with_schema(url, h.schema);
    if (o.shadow) {
      h.shadow = add(h.schema + "_shadow");
      h.shadow_url = with_schema(url, h.shadow);
    }
    homes.push_back(h);
  }
  return homes;
}

void fill(const Home& home, bool ours, int number, const UpOptions& o, const Parts& parts) {
  const auto db = store::connect(home.url);
  db->script(parts.schema(o, number).c_str());
  parts.load(*db, o, number, false);
  if (o.shadow) {
    if (ours) db->script(("CREATE SCHEMA " + home.shadow).c_str());
    const auto shadow = store::connect(home.shadow_url);
    shadow->script(parts.schema(o, number).c_str());
    parts.load(*shadow, o, number, true);
  }
  if (o.orders > 0) parts.seed(*db, o, number);
}

void fill_all(const std::vector<Home>& homes, bool ours, const UpOptions& o, const Parts& parts) {
  std::vector<std::future<void>> work;
  for (std::size_t i = 1; i < homes.size(); ++i)
    work.push_back(std::async(std::launch::async, [&, i] { fill(homes[i], ours, static_cast<int>(i), o, parts); }));
  fill(homes[0], ours, 0, o, parts);
  for (auto& w : work) w.get();
}

/// The `audit_*_here` views of `schema` in another database of our cluster, seen in a schema of this one. Returns its
/// name.
std::string import_books(store::Connection& db, const Home& other, const std::string& schema, std::size_t number) {
  const std::string server = "shop_" + std::to_string(number), here = server + "_" + schema;
  std::string only;
  for (const char* view : kViews) only += (only.empty() ? "" : ", ") + std::string(view) + "_here";
  const auto [from, end] = authority(other.url);
  const auto colon = other.url.rfind(':', end), at = other.url.find('@', from);
  db.script(("CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA public; "
             "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_foreign_server WHERE srvname = '" +
             server +
             "') THEN "
             "CREATE SERVER " +
             server + " FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '" +
             other.url.substr(colon + 1, end - colon - 1) + "', dbname '" + server +
             "', fetch_size '2000'); "
             "CREATE USER MAPPING FOR CURRENT_USER SERVER " +
             server + " OPTIONS (user '" + other.url.substr(from, at - from) +
             "', password_required 'false'); END IF; END $$; "
             "CREATE SCHEMA " +
             here +
             "; "
             "IMPORT FOREIGN SCHEMA " +
             schema + " LIMIT TO (" + only + ") FROM SERVER " + server + " INTO " + here)
                .c_str());
  return here;
}

void make_views(const std::vector<Home>& homes, bool ours, const UpOptions& o, const Parts& parts, bool shadow) {
  const auto schema_of = [shadow](const Home& h) { return shadow ? h.shadow : h.schema; };
  const auto db = store::connect(shadow ? homes[0].shadow_url : homes[0].url);
  std::vector<std::string> others;
  for (std::size_t i = 1; i < homes.size(); ++i)
    others.push_back(ours ? import_books(*db, homes[i], schema_of(homes[i]), i) : schema_of(homes[i]));
  if (const std::string views = parts.audit_views(o, others); !views.empty()) db->script(views.c_str());
}

/// A login of its own where we may make one, else the same login, read only. The views look elsewhere with their
/// owner's rights.
std::string make_auditor(const Home& home, bool shadow) {
  const std::string password = random_hex(32);
  std::string script = "CREATE ROLE auditor LOGIN PASSWORD '" + password +
                       "'; ALTER ROLE auditor SET default_transaction_read_only = on; ";
  for (const std::string& schema : shadow ? std::vector{home.schema, home.shadow} : std::vector{home.schema}) {
    script += "GRANT USAGE ON SCHEMA " + schema + " TO auditor; ";
    for (const char* view : kViews) script += "GRANT SELECT ON " + schema + "." + view + " TO auditor; ";
  }
  try {
    store::connect(home.url)->script(script.c_str());
    return with_login(home.url, "auditor:" + password);
  } catch (const store::SqlError&) {
    return home.url;
  }
}

void prepare(Databases& d, bool ours, const UpOptions& o, const Parts& parts) {
  const std::vector<Home> homes = ours ? own_homes(d.given, o) : given_homes(d.given, o, d);
  fill_all(homes, ours, o, parts);
  make_views(homes, ours, o, parts, false);
  if (o.shadow) make_views(homes, ours, o, parts, true);
  for (const Home& h : homes) {
    d.urls.push_back(h.url);
    if (o.shadow) d.shadow_urls.push_back(h.shadow_url);
  }
  d.auditor_url =
      ours ? make_auditor(homes[0], o.shadow)
           : with_option(d.given, "-csearch_path%3D" + homes[0].schema + "%20-cdefault_transaction_read_only%3Don");
}

}  // namespace

std::string random_hex(int digits) {
  std::random_device random;
  std::string out;
  for (int i = 0; i < digits; ++i) out += "0123456789abcdef"[random() % 16];
  return out;
}

Databases prepare_databases(const std::string& url, bool ours, const UpOptions& options, const Parts& parts) {
  Databases d;
  d.given = url;
  try {
    prepare(d, ours, options, parts);
  } catch (const store::SqlError& e) {
    drop_databases(d);
    throw EnvironmentError(std::string("preparing the database: ") + e.what());
  } catch (...) {
    drop_databases(d);
    throw;
  }
  return d;
}

void drop_databases(const Databases& d) noexcept {
  if (d.schemas.empty()) return;
  try {
    const auto db = store::connect(d.given);
    for (auto s = d.schemas.rbegin(); s != d.schemas.rend(); ++s)
      db->script(("DROP SCHEMA " + *s + " CASCADE").c_str());
  } catch (const std::exception&) {  // it may be gone with its server
  }
}

}  // namespace platform::ops
