// fuzz_contract: see fuzz_contract.hpp.
#include "tests/unit/platform/fuzz_contract.hpp"

#include <fstream>
#include <regex>
#include <stdexcept>

#include "reference_platform/store/pg.hpp"
#include "tests/support/paths.hpp"

namespace platform::services_test {
namespace {

std::set<std::string> words_in(const std::string& line) {
  static const std::regex kWord("`([a-z][a-z0-9_]+)`");
  std::set<std::string> out;
  for (std::sregex_iterator it(line.begin(), line.end(), kWord), end; it != end; ++it) out.insert((*it)[1]);
  return out;
}

/// "/a/{b,c}" written out, as calls.
std::string written_out(const std::string& line) {
  static const std::regex kBraces("(/[^ `{]*)\\{([^}]*,[^}]*)\\}");
  std::string out;
  for (std::sregex_iterator it(line.begin(), line.end(), kBraces), end; it != end; ++it) {
    std::string each = (*it)[2].str() + ",";
    for (; !each.empty(); each.erase(0, each.find(',') + 1)) {
      for (const char* method : {"GET ", "POST "})
        out.append(" ").append(method).append((*it)[1].str()).append(each.substr(0, each.find(',')));
    }
  }
  return out;
}

constexpr char kJournal[] = R"sql(
CREATE TABLE fuzz_journal (id bigserial, relation text, before text, after text);
CREATE FUNCTION fuzz_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'UPDATE' AND OLD::text = NEW::text THEN RETURN NULL; END IF;
  INSERT INTO public.fuzz_journal(relation, before, after)
    VALUES (TG_TABLE_NAME, CASE WHEN TG_OP <> 'INSERT' THEN OLD::text END, CASE WHEN TG_OP <> 'DELETE' THEN NEW::text END);
  RETURN NULL;
END $$;
DO $$ DECLARE t record; BEGIN
  FOR t IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'public' AND c.relkind IN ('r','p') AND NOT c.relispartition AND c.relname <> 'fuzz_journal' LOOP
    EXECUTE format('CREATE TRIGGER zz_fuzz AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION fuzz_note()', t.name);
  END LOOP;
END $$;
)sql";

}  // namespace

Contract::Contract() {
  std::ifstream in(testing_paths::source_dir() + "/reference_platform/api.md");
  if (!in) throw std::runtime_error("no api.md");
  static const std::regex kCall("`(GET|POST|DELETE|PUT) (/[^ `?|]*)");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("|") || line.starts_with("`POST /internal") || line.starts_with("A merchant is"))
      rows_.emplace_back(line + written_out(line), words_in(line));
    else
      everywhere_.merge(words_in(line));
    for (std::sregex_iterator it(line.begin(), line.end(), kCall), end; it != end; ++it)
      calls_.insert((*it)[1].str() + " " + (*it)[2].str());
  }
}

bool Contract::knows(const std::string& call, const std::string& code) const {
  if (everywhere_.contains(code)) return true;
  for (const auto& [row, codes] : rows_) {
    if (row.find(call) != std::string::npos && codes.contains(code)) return true;
  }
  return false;
}

Journal::Journal(const std::vector<std::string>& database_urls) {
  for (const auto& url : database_urls) {
    databases_.push_back(store::connect(url));
    databases_.back()->script(kJournal);
  }
}

std::int64_t Journal::changes() const {
  std::int64_t out = 0;
  for (const auto& db : databases_) out += db->run("SELECT count(*) FROM fuzz_journal").number(0, 0);
  return out;
}

std::string Journal::latest() const {
  std::string out;
  for (const auto& db : databases_) {
    const auto rows = db->run(
        "SELECT relation || ': ' || coalesce(before, 'new') || ' -> ' || coalesce(after, 'gone') FROM fuzz_journal "
        "ORDER BY id DESC LIMIT 4");
    for (int i = 0; i < rows.size(); ++i) out.append(rows.text(i, 0)).append("\n");
  }
  return out;
}

}  // namespace platform::services_test
