// target_sections: one function per section; each reports its own mistakes and goes on.
#include "harness/scenario/target_sections.hpp"

#include <algorithm>
#include <cctype>

#include "harness/core/text.hpp"
#include "harness/scenario/production.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSocketPathMax = 107;  // sun_path less its end
const std::vector<std::string> kTracing{"traceparent", "sw8"};
const std::vector<std::string> kSystemNamespaces{"kube-system", "kube-public", "kube-node-lease"};

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::count(words.begin(), words.end(), word) > 0;
}

bool made_of(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || more.find(c) != std::string_view::npos;
  });
}

/// A word that goes into an argv or a path of somebody else: never an option, never a second word.
bool is_name(const std::string& text, std::string_view more) { return made_of(text, more) && text.front() != '-'; }

/// The place of `key`, or of the map itself.
const Place& place_of(Fields& fields, std::string_view key) {
  const Yaml* node = fields.get(key);
  return node == nullptr ? fields.at() : node->at;
}

/// `path` as written in the file, seen from anywhere: the guardian and `recover` work in other folders.
std::string beside(const TargetReading& r, const std::string& path) {
  std::error_code error;
  const fs::path whole = fs::path(path).is_absolute() ? fs::path(path) : r.dir / path;
  const fs::path absolute = fs::absolute(whole, error);
  return (error ? whole : absolute).lexically_normal().string();
}

/// A path field; the result is absolute.
bool path_field(TargetReading& r, Fields& fields, std::string_view key, std::string& out) {
  std::string path;
  if (!fields.text(key, path)) return false;
  if (path.empty()) {
    add_mistake(r.mistakes, place_of(fields, key), "'" + std::string(key) + "' is empty",
                "give a path, or leave it out");
    return false;
  }
  out = beside(r, path);
  return true;
}

void socket_field(TargetReading& r, Fields& fields, std::string_view key, std::string& out) {
  if (path_field(r, fields, key, out) && out.size() > kSocketPathMax)
    add_mistake(r.mistakes, place_of(fields, key),
                "'" + out + "' is too long for a unix socket (" + std::to_string(kSocketPathMax) + " bytes)",
                "choose a shorter path");
}

void header_field(TargetReading& r, Fields& fields, std::string_view key, std::string& out) {
  if (fields.text(key, out) && !out.empty() && !made_of(out, "-_"))
    add_mistake(r.mistakes, place_of(fields, key), "'" + out + "' is not the name of a header",
                "write letters, digits and '-'");
}

void must_be_admitted(TargetReading& r, const std::string& url, const Place& at) {
  if (!r.allow) return;
  if (const auto admitted = r.allow->admits_url(url); !admitted)
    add_mistake(r.mistakes, at, admitted.error().what, admitted.error().remedy);
}

bool http_field(TargetReading& r, Fields& fields, std::string_view key, std::string& out) {
  if (!fields.text(key, out)) return false;
  while (!out.empty() && out.back() == '/') out.pop_back();
  const Place& at = place_of(fields, key);
  if (out.rfind("http://", 0) != 0 && out.rfind("https://", 0) != 0) {
    add_mistake(r.mistakes, at, "'" + std::string(key) + "' must be an address, found '" + out + "'",
                "write http://HOST:PORT");
    return false;
  }
  if (const auto at_sign = out.find('@'); at_sign != std::string::npos) {
    add_mistake(r.mistakes, at, "'" + std::string(key) + "' holds a user or a password", "leave it out of the address");
    return false;
  }
  must_be_admitted(r, out, at);
  return true;
}

/// An argv: a list, since no shell ever reads it.
bool argv_field(TargetReading& r, Fields& fields, std::string_view key, std::vector<std::string>& out) {
  const Yaml* node = fields.get(key);
  if (node == nullptr) return false;
  if (node->kind != Yaml::Kind::list) {
    add_mistake(r.mistakes, node->at, "'" + std::string(key) + "' must be a list of words: no shell reads it",
                "write " + std::string(key) + ": [program, argument]");
    return false;
  }
  if (!fields.texts(key, out)) return false;
  if (out.empty() || out[0].empty()) {
    add_mistake(r.mistakes, node->at, "'" + std::string(key) + "' names no program",
                "write " + std::string(key) + ": [program, argument]");
    return false;
  }
  if (out[0].find('/') != std::string::npos) out[0] = beside(r, out[0]);
  return true;
}

/// Reads the map under `key` with `take(Fields&)`, when it is there.
template <class Take>
bool section(TargetReading& r, Fields& parent, std::string_view key, const std::string& what, Take&& take) {
  const Yaml* node = parent.get(key);
  if (node == nullptr) return false;
  Fields fields(*node, what, r.mistakes);
  if (fields.is_map()) take(fields);
  fields.finish();
  return fields.is_map();
}

template <class Take>
void each_member(TargetReading& r, std::string_view key, const std::string& example, Take&& take) {
  const Yaml* node = r.fields.get(key);
  if (node == nullptr) return;
  if (node->kind != Yaml::Kind::map)
    return add_mistake(r.mistakes, node->at, "'" + std::string(key) + "' must be a map", "write " + example);
  for (const YamlMember& member : node->members) take(member);
}

// ---- how requests look

void read_version(TargetReading& r, TargetSpec& spec) {
  section(r, r.fields, "version", "a version", [&](Fields& f) {
    const bool path = f.text("path", spec.version_path), at = f.text("at", spec.version_pointer);
    header_field(r, f, "header", spec.version_header);
    if (path && (spec.version_path.empty() || spec.version_path.front() != '/'))
      add_mistake(r.mistakes, place_of(f, "path"), "'path' must be a path on the target", "start it with '/'");
    if (at && !spec.version_pointer.empty() && spec.version_pointer.front() != '/')
      add_mistake(r.mistakes, place_of(f, "at"), "'at' must be a JSON Pointer", "start it with '/'");
    if (spec.version_pointer.empty() == spec.version_header.empty())
      add_mistake(r.mistakes, f.at(), "a version stands either in a member or in a header of the answer",
                  "give one of 'at' and 'header'");
    if (spec.version_path.empty()) spec.version_path = "/";
  });
}

void read_clients(TargetReading& r, TargetSpec& spec) {
  section(r, r.fields, "clients", "clients", [&](Fields& f) {
    header_field(r, f, "header", spec.client_header);
    if (f.text("pool", spec.client_pool) && !AllowList::parse({spec.client_pool}))
      add_mistake(r.mistakes, place_of(f, "pool"), "'" + spec.client_pool + "' is not a block of addresses",
                  "write for example pool: 198.18.0.0/15");
    if (spec.client_header.empty() != spec.client_pool.empty())
      add_mistake(r.mistakes, f.at(), "'header' and 'pool' belong together",
                  "write { header: X-Forwarded-For, pool: 198.18.0.0/15 }");
    f.texts("sources", spec.sources);
    for (const std::string& source : spec.sources)
      if (source.find('/') != std::string::npos || !AllowList::parse({source}))
        add_mistake(r.mistakes, place_of(f, "sources"), "'" + source + "' is not an address of this machine",
                    "write for example sources: [127.0.0.2, 127.0.0.3]");
  });
}

void read_transport(TargetReading& r, TargetSpec& spec) {
  const bool https = spec.url.rfind("https://", 0) == 0;
  const bool tls = section(r, r.fields, "tls", "tls", [&](Fields& f) {
    f.boolean("verify", spec.tls_verify);
    if (path_field(r, f, "ca", spec.tls_ca) && !spec.tls_verify)
      add_mistake(r.mistakes, place_of(f, "ca"), "'ca' has no effect with verify: false", "remove one of them");
  });
  if (tls && !https && !spec.url.empty())
    add_mistake(r.mistakes, place_of(r.fields, "tls"), "'tls' has no effect on " + spec.url,
                "write https://, or remove it");
  if (r.fields.boolean("http2", spec.http2) && spec.http2 && !https && !spec.url.empty())
    add_mistake(r.mistakes, place_of(r.fields, "http2"),
                "'http2' is spoken over https only, and has no effect on " + spec.url, "write https://, or remove it");
  socket_field(r, r.fields, "unix_socket", spec.unix_socket);
}

void read_tracing(TargetReading& r, TargetSpec& spec) {
  section(r, r.fields, "tracing", "tracing", [&](Fields& f) {
    f.texts("headers", spec.tracing);
    for (const std::string& header : spec.tracing)
      if (!has(kTracing, header))
        add_mistake(r.mistakes, place_of(f, "headers"), "tracing header '" + header + "' is not known",
                    remedy_among(header, kTracing));
    if (f.text("link", spec.trace_link) && spec.trace_link.find("${trace_id}") == std::string::npos)
      add_mistake(r.mistakes, place_of(f, "link"), "'link' does not hold ${trace_id}",
                  "write for example link: http://jaeger:16686/trace/${trace_id}");
    if (spec.tracing.empty())
      add_mistake(r.mistakes, f.at(), "'tracing' names no header", "write headers: [traceparent]");
  });
}

// ---- what must hold before and while a run goes on

void read_guards(TargetReading& r, TargetSpec& spec) {
  r.fields.texts("must_not_resolve", spec.must_not_resolve);
  for (const std::string& name : spec.must_not_resolve)
    if (!is_name(name, ".-_"))
      add_mistake(r.mistakes, place_of(r.fields, "must_not_resolve"), "'" + name + "' is not a host name",
                  "write the name alone, such as api.partner.example");
  section(r, r.fields, "preflight", "a preflight", [&](Fields& f) {
    f.text_needed("journey", spec.preflight_journey, "buy");
    r.file.preflight_at = place_of(f, "journey");
  });
  section(r, r.fields, "guard", "a guard", [&](Fields& f) {
    f.need("prometheus", "http://127.0.0.1:9090");
    http_field(r, f, "prometheus", spec.guard_prometheus);
    f.duration("every", spec.guard_every, 200ms, 60s);
    const Yaml* rules = f.need("stop_when", "[{ name: errors, query: 'sum(rate(errors[1m])) > 5' }]");
    if (rules == nullptr) return;
    if (rules->kind != Yaml::Kind::list || rules->items.empty())
      return add_mistake(r.mistakes, rules->at, "'stop_when' must be a list of conditions",
                         "write stop_when: [{ name: errors, query: '...' }]");
    for (const Yaml& item : rules->items) {
      Fields rule(item, "a stop condition", r.mistakes);
      if (!rule.is_map()) continue;
      GuardRule made;
      rule.text_needed("name", made.name, "errors");
      rule.text_needed("query", made.query, "'sum(rate(errors[1m])) > 5'");
      std::string absent;
      if (rule.text("absent", absent)) {
        made.absent_is_bad = absent != "ok";
        if (!has({"ok", "bad"}, absent))
          add_mistake(r.mistakes, place_of(rule, "absent"), "'absent' is '" + absent + "'",
                      "write bad (no data stops the run) or ok");
      }
      rule.finish();
      if (std::any_of(spec.guard.begin(), spec.guard.end(), [&](const GuardRule& g) { return g.name == made.name; }))
        add_mistake(r.mistakes, item.at, "condition '" + made.name + "' stands twice", "rename one of them");
      spec.guard.push_back(std::move(made));
    }
  });
}

void read_partners(TargetReading& r, TargetSpec& spec) {
  section(r, r.fields, "partners", "partners", [&](Fields& f) {
    f.need("url", "http://127.0.0.1:9300");
    http_field(r, f, "url", spec.partners.url);
    f.need("token_file", "partners/token");
    path_field(r, f, "token_file", spec.partners.token_file);
    path_field(r, f, "journal", spec.partners.journal);
  });
}

// ---- what may be broken

void read_docker(TargetReading& r, Fields& f, NodeSpec& node) {
  node.kind = "docker";
  if (f.text("docker", node.node) && !is_name(node.node, "_.-"))
    add_mistake(r.mistakes, place_of(f, "docker"), "'" + node.node + "' is not the name of a container",
                "see: docker ps");
  socket_field(r, f, "socket", node.socket);
}

void read_kubernetes(TargetReading& r, Fields& f, NodeSpec& node) {
  node.kind = "kubernetes";
  section(r, f, "kubernetes", "a kubernetes node", [&](Fields& k) {
    const auto word = [&](const char* key, std::string& out, const char* example, std::string_view more) {
      if (k.text_needed(key, out, example) && !is_name(out, more))
        add_mistake(r.mistakes, place_of(k, key), "'" + out + "' cannot be a " + key,
                    std::string("write for example ") + key + ": " + example);
    };
    word("context", node.context, "staging", "_.-:/@");
    word("namespace", node.name_space, "shop", "-");
    word("selector", node.selector, "app=order", "._-/=!,() ");
    if (has(kSystemNamespaces, node.name_space))
      add_mistake(r.mistakes, place_of(k, "namespace"), "pods of '" + node.name_space + "' carry the cluster itself",
                  "name the namespace of your platform");
    std::int64_t max = 1;
    if (k.integer("max", max, 1, 100)) node.max = static_cast<std::uint32_t>(max);
    if (k.text("kubectl", node.kubectl) && node.kubectl.find('/') != std::string::npos)
      node.kubectl = beside(r, node.kubectl);
  });
}

void read_command(TargetReading& r, Fields& f, NodeSpec& node) {
  node.kind = "command";
  section(r, f, "command", "a command node", [&](Fields& c) {
    c.need("kill", "[systemctl, kill, --signal=KILL, order]");
    argv_field(r, c, "kill", node.kill);
    c.need("probe", "[systemctl, is-active, order]");
    argv_field(r, c, "probe", node.probe);
    argv_field(r, c, "undo", node.undo);
  });
}

void read_node(TargetReading& r, TargetSpec& spec, const YamlMember& member) {
  NodeSpec& node = spec.nodes[member.key];
  if (member.value.kind == Yaml::Kind::scalar) {
    text_of_node(member.value, member.key, node.node, r.mistakes);
    if (spec.kind == "external")
      add_mistake(r.mistakes, member.value.at,
                  "it is not said how node '" + member.key + "' of an external target is reached",
                  "write " + member.key + ": { docker: CONTAINER }, { kubernetes: {...} } or { command: {...} }");
    return;
  }
  Fields f(member.value, "a node", r.mistakes);
  if (!f.is_map()) return;
  const bool docker = f.get("docker") != nullptr, kubernetes = f.get("kubernetes") != nullptr,
             command = f.get("command") != nullptr;
  if (docker + kubernetes + command != 1)
    add_mistake(r.mistakes, member.value.at, "node '" + member.key + "' needs one way to be reached",
                "give one of docker, kubernetes, command");
  else if (spec.kind == "reference")
    add_mistake(r.mistakes, member.value.at, "the supervisor of a reference target kills its nodes itself",
                "write " + member.key + ": order-1");
  else if (docker)
    read_docker(r, f, node);
  else if (kubernetes)
    read_kubernetes(r, f, node);
  else
    read_command(r, f, node);
  f.get("socket");  // known to every kind, so that the mistake is about the kind and not about the key
  if (!docker && f.get("socket") != nullptr)
    add_mistake(r.mistakes, place_of(f, "socket"), "'socket' belongs to docker", "remove it");
  f.finish();
}

/// "" when it is well; never shows what might be a password.
std::string wrong_with_database(const std::string& url) {
  const auto scheme = url.find("://");
  const std::string name = url.substr(0, scheme == std::string::npos ? 0 : scheme);
  if (!has({"postgresql", "postgres", "mysql", "mariadb"}, name)) return "its scheme is not postgresql or mysql";
  const std::string rest = url.substr(scheme + 3);
  const auto slash = rest.find('/');
  const std::string authority = rest.substr(0, slash);
  const auto at = authority.rfind('@');
  if (lower(rest).find("password") != std::string::npos ||
      (at != std::string::npos && authority.substr(0, at).find(':') != std::string::npos))
    return "it holds a password, and this file is shown around";
  if (at == std::string::npos || at == 0) return "it names no user";
  if (at + 1 == authority.size()) return "it names no host";
  if (slash == std::string::npos || slash + 1 == rest.size()) return "it names no database";
  return "";
}

void read_database(TargetReading& r, TargetSpec& spec, const YamlMember& member) {
  DatabaseSpec& db = spec.databases[member.key];
  Fields f(member.value, "a database", r.mistakes);
  if (f.is_map() && f.text_needed("url", db.url, "mysql://user@127.0.0.1:3306/shop")) {
    const Place& at = place_of(f, "url");
    if (const std::string wrong = wrong_with_database(db.url); !wrong.empty()) {
      add_mistake(r.mistakes, at, "the url of database '" + member.key + "' will not do: " + wrong,
                  wrong.find("password") != std::string::npos
                      ? "put it into a file of its own (mode 0600) and give password_file:"
                      : "write postgresql://user@host:port/db or mysql://user@host:port/db");
      db.url.clear();
    } else {
      const std::string rest = db.url.substr(db.url.find("://") + 3), authority = rest.substr(0, rest.find('/'));
      must_be_admitted(r, "http://" + authority.substr(authority.rfind('@') + 1), at);
    }
  }
  if (!f.is_map()) return;
  path_field(r, f, "password_file", db.password_file);
  section(r, f, "lock", "a lock", [&](Fields& l) {
    if (l.text_needed("table", db.lock_table, "stock") && !made_of(db.lock_table, "_."))
      add_mistake(r.mistakes, place_of(l, "table"), "'" + db.lock_table + "' is not the name of a table",
                  "write letters, digits, '_' and one '.'");
    if (l.text_needed("where", db.lock_where, "\"sku = 'cardstorm-test'\"") &&
        db.lock_where.find(';') != std::string::npos)
      add_mistake(r.mistakes, place_of(l, "where"), "'where' holds a second statement",
                  "write one condition that names one test row");
  });
  std::int64_t slots = 0;
  if (f.integer("slots", slots, 1, 10'000)) db.slots = static_cast<std::uint32_t>(slots);
  f.duration("limit", db.limit, 3s, 10min);  // longer than a lease
  f.finish();
}

void read_audit(TargetReading& r, TargetSpec& spec) {
  const Yaml* node = r.fields.get("audit");
  if (node == nullptr) return;
  AuditSpec& audit = spec.audit;
  const auto check_path = [&](const Place& at) {
    if (audit.path.empty() || audit.path.front() != '/')
      add_mistake(r.mistakes, at, "'audit' must be a path on the target", "start it with '/', or leave 'audit' out");
  };
  if (node->kind == Yaml::Kind::scalar) {
    r.fields.text("audit", audit.path);
    return check_path(node->at);
  }
  section(r, r.fields, "audit", "an audit", [&](Fields& f) {
    const bool path = f.text("path", audit.path), database = f.text("database", audit.database);
    if (path) check_path(place_of(f, "path"));
    if (path == database)
      add_mistake(r.mistakes, f.at(), "an audit reads either a path on the target or a database",
                  "give one of 'path' and 'database'");
    std::vector<std::string> names;
    for (const auto& [name, db] : spec.databases) names.push_back(name);
    if (database && !has(names, audit.database))
      add_mistake(r.mistakes, place_of(f, "database"), "'" + audit.database + "' is not among 'databases'",
                  remedy_among(audit.database, names));
    const auto query = [&](const char* key, std::string& out) {
      if (!f.text(key, out)) return;
      const std::string word = lower(std::string(trim(out)).substr(0, 6));
      if (out.find(';') != std::string::npos || (word != "select" && word.rfind("with", 0) != 0))
        add_mistake(r.mistakes, place_of(f, key), "'" + std::string(key) + "' must be one query",
                    "write one SELECT without ';', its columns named as the rows of audit.jsonl");
      if (path)
        add_mistake(r.mistakes, place_of(f, key), "'" + std::string(key) + "' has no effect on an audit by path",
                    "remove it");
    };
    query("orders", audit.orders);
    query("cards", audit.cards);
    query("wallets", audit.wallets);
    query("ledger", audit.ledger);
    if (database && audit.orders.empty()) f.need("orders", "SELECT order_no, status, ... FROM orders");
    std::int64_t rows = 0;
    if (f.integer("rows_max", rows, 1, 100'000'000)) audit.rows_max = static_cast<std::uint32_t>(rows);
    f.duration("timeout", audit.timeout, 1s, 10min);
  });
}

void read_addresses(TargetReading& r, TargetSpec& spec) {
  for (auto& [key, out] : {std::pair<const char*, std::string&>{"redis", spec.redis}, {"kafka", spec.kafka}}) {
    if (!r.fields.text(key, out)) continue;
    const Place& at = place_of(r.fields, key);
    const auto colon = out.rfind(':');
    if (colon == std::string::npos || colon == 0 || !made_of(out, ".-_:[]") ||
        out.find_first_not_of("0123456789", colon + 1) != std::string::npos || colon + 1 == out.size())
      add_mistake(r.mistakes, at, "'" + std::string(key) + "' must be HOST:PORT, found '" + out + "'",
                  std::string("write for example ") + key + ": 127.0.0.1:" + (out == spec.redis ? "6379" : "9092"));
    else
      must_be_admitted(r, "http://" + out, at);
  }
}

void read_production(TargetReading& r, TargetSpec& spec) {
  r.file.production_at = place_of(r.fields, "production");
  if (r.fields.get("production") == nullptr) r.file.production_at = place_of(r.fields, "environment");
  if (!r.fields.texts("production", spec.production_allows)) return;
  for (const std::string& entry : unknown_allowances(spec.production_allows))
    add_mistake(r.mistakes, r.file.production_at, "'" + entry + "' allows nothing",
                "write load, peak <= N, FAULT on NAME, orders or audit");
  if (spec.environment != "production")
    add_mistake(r.mistakes, r.file.production_at,
                "'production' has no effect in environment '" + spec.environment + "'",
                "remove it, or write environment: production");
}

// ---- what only all sections together can tell

void check_abilities(TargetReading& r, const TargetSpec& spec) {
  if (spec.kind != "external") return;
  const Place& at = place_of(r.fields, "touch");
  const bool lockable = std::any_of(spec.databases.begin(), spec.databases.end(), [](const auto& db) {
    return db.second.slots > 0 || !db.second.lock_table.empty();
  });
  if (has(spec.touch, "pool") && !lockable)
    add_mistake(r.mistakes, at, "touch: pool needs a database with 'lock' or 'slots'",
                "add databases: { db: { url: mysql://user@host:port/db, slots: 20 } }, or take pool out");
  if (has(spec.touch, "nodes") && spec.nodes.empty())
    add_mistake(r.mistakes, at, "touch: nodes needs 'nodes'",
                "add nodes: { order: { docker: CONTAINER } }, or take nodes out");
  if (has(spec.touch, "channels") && spec.partners.url.empty())
    add_mistake(r.mistakes, at, "touch: channels needs 'partners': the simulators that this platform pays through",
                "start `cardstorm partners up`, point the platform at it, add partners: { url, token_file }, or take "
                "channels out");
}

void check_kind(TargetReading& r, const TargetSpec& spec) {
  if (spec.kind != "reference") return;
  for (const char* key : {"version", "tls", "http2", "unix_socket", "partners", "databases", "redis", "kafka"})
    if (r.fields.get(key) != nullptr)
      add_mistake(r.mistakes, place_of(r.fields, key),
                  "a reference target has no '" + std::string(key) + "': its supervisor knows",
                  "remove it, or write kind: external");
  if (!spec.audit.database.empty())
    add_mistake(r.mistakes, place_of(r.fields, "audit"), "a reference target has an audit of its own",
                "write audit: /audit, or leave it out");
}

}  // namespace

void read_sections(TargetReading& r) {
  TargetSpec& spec = r.file.spec;
  read_version(r, spec);
  section(r, r.fields, "mark", "a mark", [&](Fields& f) {
    f.need("header", "X-Cardstorm-Mark");
    header_field(r, f, "header", spec.mark_header);
  });
  read_clients(r, spec);
  read_transport(r, spec);
  read_tracing(r, spec);
  read_guards(r, spec);
  read_partners(r, spec);
  each_member(r, "nodes", "nodes: { order: order-1 }", [&](const YamlMember& member) { read_node(r, spec, member); });
  each_member(r, "databases", "databases: { db: { url: mysql://user@host:port/db } }",
              [&](const YamlMember& member) { read_database(r, spec, member); });
  read_audit(r, spec);
  read_addresses(r, spec);
  read_production(r, spec);
  check_abilities(r, spec);
  check_kind(r, spec);
}

}  // namespace cardstorm
