// database: see database.hpp.
#include "reference_platform/ops/database.hpp"

#include <array>
#include <random>

namespace platform::ops {
namespace {

std::string random_hex(int digits) {
  std::random_device random;
  std::string out;
  for (int i = 0; i < digits; ++i) out += "0123456789abcdef"[random() % 16];
  return out;
}

std::string with_option(const std::string& url, const std::string& option) {
  return url + (url.find('?') == std::string::npos ? '?' : '&') + "options=" + option;
}

/// The same address with another login.
std::string with_login(const std::string& url, const std::string& login) {
  const auto start = url.find("://");
  if (start == std::string::npos) return url;
  const auto host = start + 3;
  const auto end = std::min(url.find_first_of("/?", host), url.size());
  const auto at = url.rfind('@', end);
  const bool has_login = at != std::string::npos && at >= host;
  return url.substr(0, host) + login + "@" + url.substr(has_login ? at + 1 : host);
}

/// A login of its own where we may make one, else the same login, read only.
std::string make_auditor(store::Connection& db, const std::string& url, const std::string& schema) {
  const std::string password = random_hex(32);
  try {
    db.script(("CREATE ROLE auditor LOGIN PASSWORD '" + password + "'; ALTER ROLE auditor SET default_transaction_read_only = on; " +
               "GRANT USAGE ON SCHEMA " + schema + " TO auditor; " +
               "GRANT SELECT ON audit_orders, audit_wallets, audit_ledger TO auditor")
                  .c_str());
    return with_login(url, "auditor:" + password);
  } catch (const store::SqlError&) {
    return url;
  }
}

}  // namespace

Database prepare_database(const std::string& given, bool ours, const std::string& variant, const std::string& mint_dir, const Parts& parts) {
  Database d;
  d.url = given;
  try {
    if (!ours) {
      d.schema = "cardstorm_" + random_hex(12);
      store::connect(given)->script(("CREATE SCHEMA " + d.schema).c_str());
      d.url = with_option(given, "-csearch_path%3D" + d.schema);
    }
    const auto db = store::connect(d.url);
    db->script(parts.schema(variant, 0, 1).c_str());
    if (const std::string views = parts.audit_views(variant, {}); !views.empty()) db->script(views.c_str());
    parts.load(*db, variant, mint_dir, 0, 1);
    db->script("ANALYZE");
    d.auditor_url = ours ? make_auditor(*db, d.url, "public")
                         : with_option(given, "-csearch_path%3D" + d.schema + "%20-cdefault_transaction_read_only%3Don");
  } catch (const store::SqlError& e) {
    drop_database(d);
    throw EnvironmentError(std::string("preparing the database: ") + e.what());
  } catch (...) {
    drop_database(d);
    throw;
  }
  return d;
}

void drop_database(const Database& d) noexcept {
  if (d.schema.empty()) return;
  try {
    store::connect(d.url)->script(("DROP SCHEMA " + d.schema + " CASCADE").c_str());
  } catch (const std::exception&) {   // it may be gone with its server
  }
}

}  // namespace platform::ops
