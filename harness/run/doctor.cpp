// doctor: see doctor.hpp.
#include "harness/run/doctor.hpp"

#include <algorithm>
#include <filesystem>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/db/db.hpp"
#include "harness/fault/fault.hpp"
#include "harness/net/allow.hpp"
#include "harness/net/control.hpp"
#include "harness/net/http_client.hpp"
#include "harness/observe/guard.hpp"
#include "harness/run/partners_link.hpp"
#include "harness/target/audit.hpp"
#include "harness/target/preflight.hpp"
#include "harness/target/target.hpp"
#include "harness/target/touch.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kReady{5s}, kCall{3s};

class Examination {
 public:
  explicit Examination(const TargetSpec& spec) : spec_(spec) {}

  std::vector<DoctorFact> run() {
    good("target_file", "", spec_.name + " (" + spec_.kind + ", " + spec_.environment + ")");
    auto allow = AllowList::parse(spec_.allow);
    if (!allow) return bad("address", "", allow.error()), std::move(facts_);
    allow_ = std::move(*allow);
    if (spec_.kind != "external") {
      note("answers", "", "it is started by each run", "");
      return std::move(facts_);
    }
    if (address()) answers();
    if (ready_) sources();
    names();
    partners();
    if (target_) nodes();
    for (const auto& [name, database] : spec_.databases) this->database(name, database);
    audit();
    guard();
    port("redis", spec_.redis);
    port("kafka", spec_.kafka);
    headline_faults();
    production();
    return std::move(facts_);
  }

 private:
  void add(std::string code, std::string subject, Health health, std::string found, std::string remedy) {
    facts_.push_back({std::move(code), std::move(subject), health, std::move(found), std::move(remedy)});
  }
  void good(const std::string& code, const std::string& subject, const std::string& found) {
    add(code, subject, Health::good, found, "");
  }
  void note(const std::string& code, const std::string& subject, const std::string& found, const std::string& remedy) {
    add(code, subject, Health::note, found, remedy);
  }
  void bad(const std::string& code, const std::string& subject, const Error& error) {
    add(code, subject, Health::bad, error.what, error.remedy);
  }

  // ---- the platform itself

  bool address() {
    if (!spec_.unix_socket.empty())
      return good("address", "", "unix_socket " + spec_.unix_socket), true;  // the url's host is only a header
    if (auto admitted = allow_.admits_url(spec_.url); !admitted) return bad("address", "", admitted.error()), false;
    good("address", "", spec_.url + " in " + join(spec_.allow, ", "));
    return true;
  }

  void answers() {
    const auto& registry = target_registry();
    const auto entry =
        std::find_if(registry.begin(), registry.end(), [&](const TargetEntry& e) { return e.name == spec_.kind; });
    if (entry == registry.end())
      return bad("answers", "", Error{Errc::not_found, "no kind of target is called '" + spec_.kind + "'"});
    target_ = entry->make(spec_, TargetSetup{});
    const Nanos begin = monotonic_now();
    if (auto started = target_->start(kReady, {}); !started) {
      // What else it can tell is told below, by what it names.
      bad("answers", "", started.error());
      return;
    }
    ready_ = true;
    good("answers", "", "after " + fixed(seconds(monotonic_now() - begin) * 1000, 0) + " ms");
    const std::string version = target_->version();
    if (spec_.version_path.empty())
      note("version", "", "the target file does not say where it stands", "");
    else if (version == "unknown")
      add("version", "", Health::bad, "not found at " + spec_.version_path, "");
    else
      good("version", "", version);
    good("mark", "", spec_.mark_header);
  }

  /// Where connections are to come from other addresses than the kernel's choice.
  void sources() {
    if (spec_.sources.empty() || !spec_.unix_socket.empty()) return;
    bool all = true;
    for (const std::string& source : spec_.sources) {
      HttpRequest request = get_of(spec_, "/", kCall);
      request.source = source;
      const HttpResponse answer = fetch(request, allow_);
      if (answer.status != 0) continue;
      all = false;
      add("source", source, Health::bad, answer.error, "");
    }
    if (all) good("source", "", join(spec_.sources, ", "));
  }

  void names() {
    for (const NameFinding& finding : names_that_resolve(spec_.must_not_resolve, allow_))
      add("must_not_resolve", finding.name, finding.blocks ? Health::bad : Health::note, finding.what, finding.remedy);
    const bool quiet =
        std::none_of(facts_.begin(), facts_.end(), [](const DoctorFact& f) { return f.code == "must_not_resolve"; });
    if (quiet && !spec_.must_not_resolve.empty()) good("must_not_resolve", "", join(spec_.must_not_resolve, ", "));
  }

  void partners() {
    if (spec_.partners.url.empty()) return note("partners", "", "none in the target file", "");
    const auto link = PartnersLink::attach(spec_.partners, allow_);
    if (!link) return bad("partners", "", link.error());
    good("partners", "", spec_.partners.url);
    HttpRequest state = get(spec_.partners.url + "/control/state", kCall);
    state.headers.emplace_back("X-Control-Token", link->token());
    if (const auto answer = control_call(state, allow_); !answer)
      bad("partners_token", "", Error(answer.error()));
    else
      good("partners_token", "", spec_.partners.token_file);
    const auto journals = journal_names(spec_.partners.journal);
    if (journals.empty())
      add("partners_journal", "", Health::bad, "no journal in " + spec_.partners.journal, "");
    else
      good("partners_journal", "", join(journals, ", "));
  }

  void nodes() {
    if (spec_.nodes.empty()) return note("node", "", "none in the target file", "");
    NodeControl* control = target_->nodes();
    if (control == nullptr) return note("node", "", "`touch:` does not list nodes", "");
    for (const auto& [alias, node] : spec_.nodes) {
      const auto found = control->node(target_->resolve(alias));
      const std::string subject = alias + " (" + node.kind + ")";
      if (!found)
        bad("node", subject, found.error());
      else if (!found->ready)
        add("node", subject, Health::bad, "not ready", "");
      else
        good("node", subject, "ready" + (found->copies > 1 ? ", " + std::to_string(found->copies) + " copies" : ""));
    }
  }

  // ---- databases

  void database(const std::string& name, const DatabaseSpec& spec) {
    const auto address = parse_db_url(spec.url, spec.password_file);
    if (!address) return bad("database", name, address.error());
    DbOptions options;
    options.application = "cardstorm-doctor";
    options.idle = spec.limit;
    options.statement = 3s;
    auto session = DbSession::open(*address, options, allow_);
    if (!session) return bad("database", name, session.error());
    good("database", name, (*session)->server() + ", ends idle sessions after " + duration_text(spec.limit));
    slots(name, spec, *address, **session);
    lock(name, spec, *address, **session);
  }

  /// How many connections the server has, and whether ours can be seen among them.
  void slots(const std::string& name, const DatabaseSpec& spec, const DbAddress& address, DbSession& session) {
    const bool mysql = address.kind == "mysql";
    auto most =
        session.query(mysql ? "SELECT @@max_connections AS n" : "SELECT current_setting('max_connections') AS n");
    auto seen =
        session.query(mysql ? "SELECT COUNT(*) AS n FROM information_schema.processlist"
                            : "SELECT count(*) AS n FROM pg_stat_activity WHERE backend_type = 'client backend'");
    if (!most || !seen) return bad("database_slots", name, most ? seen.error() : most.error());
    const std::string limit = most->empty() ? "?" : most->front()["n"].string(),
                      open = seen->empty() ? "?" : seen->front()["n"].string();
    good(
        "database_slots", name,
        open + " sessions seen, at most " + limit + (spec.slots > 0 ? "; may take " + std::to_string(spec.slots) : ""));
  }

  /// Locks the test row and lets go at once: the only proof that we may.
  void lock(const std::string& name, const DatabaseSpec& spec, const DbAddress& address, DbSession& session) {
    if (spec.lock_table.empty()) return;
    Result<std::vector<Json>> got = std::vector<Json>{};
    for (const std::string& sql : {std::string(address.kind == "mysql" ? "START TRANSACTION" : "BEGIN"),
                                   "SELECT 1 FROM " + quote_name(address.kind, spec.lock_table) + " WHERE (" +
                                       spec.lock_where + "\n) LIMIT 2 FOR UPDATE"}) {
      got = session.query(sql);
      if (!got) return bad("database_lock", name, got.error());
    }
    (void)session.query("ROLLBACK");
    const std::string where = spec.lock_table + " where " + spec.lock_where;
    if (got->size() == 1)
      good("database_lock", name, where);
    else
      add("database_lock", name, Health::bad, (got->empty() ? "no row: " : "more than one row: ") + where, "");
  }

  void audit() {
    const AuditSpec& audit = spec_.audit;
    if (audit.path.empty() && audit.database.empty()) return note("audit", "", "none in the target file", "");
    if (!audit.path.empty()) {
      auto page = control_call(get_of(spec_, audit.path + "/orders?after=0&limit=1", kCall), allow_);
      if (!page) return bad("audit", audit.path, page.error());
      if (!(*page)["rows"].is_array()) return add("audit", audit.path, Health::bad, "no member 'rows'", "");
      return good("audit", audit.path, "answers");
    }
    const auto database = spec_.databases.find(audit.database);
    if (database == spec_.databases.end())
      return bad("audit", "", Error{Errc::not_found, "no database '" + audit.database + "'"});
    for (const AuditTrial& trial : try_audit_queries(audit, database->second, allow_)) {
      if (!trial.status)
        bad("audit", trial.book, trial.status.error());
      else
        good("audit", trial.book, "columns fit");
    }
  }

  // ---- what else the file names

  void guard() {
    if (spec_.guard.empty()) return note("guard", "", "none in the target file", "");
    for (const GuardRule& rule : spec_.guard) {
      const GuardFinding found =
          ask_guard(spec_.guard_prometheus, {rule.name, rule.query, rule.absent_is_bad}, allow_, kCall);
      if (found.state == GuardFinding::State::quiet)
        good("guard", rule.name, found.text);
      else
        add("guard", rule.name, Health::bad, found.text, "");
    }
  }

  /// Whether something listens there. Neither speaks HTTP, so any end of the call but a refused one will do.
  void port(const std::string& what, const std::string& address) {
    if (address.empty()) return;
    const HttpResponse answer = fetch(get("http://" + address + "/", 1s), allow_);
    const bool closed = answer.cause == Cause::refused || answer.cause == Cause::address || answer.cause == Cause::dns;
    if (closed)
      add(what, "", Health::bad, address + ": " + answer.error, "");
    else
      good(what, "", address);
  }

  /// Which of the headline faults could be made here, and why the others could not.
  void headline_faults() {
    const auto able = [&](const std::string& fault, const std::string& needs, const std::string& missing) {
      if (!may_touch(spec_, needs)) return note("fault", fault, "`touch:` does not list " + needs, "");
      if (!missing.empty()) return note("fault", fault, missing, "");
      good("fault", fault, "possible");
    };
    const auto broken = [&](const std::string& code) {
      return std::any_of(facts_.begin(), facts_.end(),
                         [&](const DoctorFact& f) { return f.code == code && f.health == Health::bad; });
    };
    able("node_kill", "nodes",
         spec_.nodes.empty()         ? "no nodes in the target file"
         : broken("node") || !ready_ ? "see above: node"
                                     : "");
    const bool channels = !broken("partners") && !broken("partners_token");
    able("payment_delay", "channels",
         spec_.partners.url.empty() ? "no partners in the target file"
         : channels                 ? ""
                                    : "see above: partners");
    const bool usable = std::any_of(spec_.databases.begin(), spec_.databases.end(),
                                    [](const auto& d) { return d.second.slots > 0 || !d.second.lock_table.empty(); });
    able("db_pool_exhaustion", "pool",
         !usable                                         ? "no database with `lock:` or `slots:` in the target file"
         : broken("database") || broken("database_lock") ? "see above: database"
                                                         : "");
  }

  void production() {
    if (spec_.environment != "production") return;
    note("production", "",
         spec_.production_allows.empty() ? "nothing is allowed" : "allowed: " + join(spec_.production_allows, ", "),
         "");
  }

  const TargetSpec& spec_;
  AllowList allow_;
  std::unique_ptr<Target> target_;
  bool ready_ = false;
  std::vector<DoctorFact> facts_;
};

const char* word_of(Health health) {
  return health == Health::good ? "ok" : health == Health::note ? "note" : "missing";
}

std::string text_for(const std::string& prefix, const DoctorFact& fact, Lang lang) {
  return std::string(text_of_code(prefix, fact.code, lang).value_or(""));
}

}  // namespace

std::vector<DoctorFact> examine_target(const TargetSpec& spec) { return Examination(spec).run(); }

std::string line_of(const DoctorFact& fact, Lang lang) {
  const Text state = fact.health == Health::good   ? Text::health_good
                     : fact.health == Health::note ? Text::health_note
                                                   : Text::health_bad;
  std::string out = "  " + std::string(text(state, lang)) + "  " + text_for("doctor_", fact, lang);
  if (!fact.subject.empty()) out += " " + fact.subject;
  out += std::string(text(Text::colon, lang)) + fact.found + "\n";
  if (fact.health == Health::good) return out;
  const std::string todo = fact.remedy.empty() ? text_for("doctor_do_", fact, lang) : fact.remedy;
  return todo.empty() ? out : out + "           -> " + todo + "\n";
}

Json json_of(const DoctorFact& fact) {
  return Json::object({{"name", fact.code},
                       {"subject", fact.subject},
                       {"state", word_of(fact.health)},
                       {"found", fact.found},
                       {"remedy", fact.health == Health::good ? ""
                                  : fact.remedy.empty()       ? text_for("doctor_do_", fact, Lang::en)
                                                              : fact.remedy}});
}

bool anything_missing(const std::vector<DoctorFact>& facts) {
  return std::any_of(facts.begin(), facts.end(), [](const DoctorFact& fact) { return fact.health == Health::bad; });
}

}  // namespace cardstorm
