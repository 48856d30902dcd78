// supplies: taking what is due, asking, and who is asked; supplies_book.cpp writes down what came of it. See
// supplies.hpp.
#include "reference_platform/services/supplies.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/backend.hpp"

namespace platform::services {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using store::Connection;

namespace {

constexpr int kWorkersEach = 6;
constexpr int kSuppliesLeaseMs = 5000;  // longer than any call
constexpr auto kSuppliesBorrow = 100ms;
constexpr auto kInsideMax = 1000ms;  // of a transaction that is held over a call (planted bug B14)

const std::map<std::string, std::string, std::less<>> kDialects = {
    {"topup", "native"}, {"topup2", "native"}, {"members", "native"}, {"truck", "transfer"}};

std::string option_text(const ops::NodeConfig& config, const std::string& name, const std::string& fallback) {
  const auto it = config.options.find(name);
  return it == config.options.end() ? fallback : it->second;
}

std::vector<std::string> parts_of(const std::string& list) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from < list.size();) {
    const auto to = std::min(list.find(',', from), list.size());
    if (to > from) out.push_back(list.substr(from, to - from));
    from = to + 1;
  }
  return out;
}

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line) || line.empty())
    throw std::runtime_error("cannot read " + path +
                             ": option upstream_keys names the folder with NAME/id and NAME/secret");
  return line;
}

}  // namespace

std::vector<SupplierSetup> supplier_setups(const ops::NodeConfig& config) {
  std::vector<SupplierSetup> out;
  std::vector<std::string> names = parts_of(option_text(config, "suppliers", "topup"));
  if (std::find(names.begin(), names.end(), "topup") == names.end())
    names.emplace_back("topup");  // nobody else can top up a phone
  for (const std::string& name : names) {
    const auto known = kDialects.find(name);
    if (known == kDialects.end())
      throw std::runtime_error("option suppliers: no supplier is called '" + name +
                               "'; there are topup, topup2, members, truck");
    out.push_back({name, known->second, config.partners_url, "", config.partners_key});
  }
  for (const std::string& text : parts_of(option_text(config, "upstream", ""))) {
    const auto equals = text.find('=');
    const std::string name = text.substr(0, equals),
                      dialect = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (name.empty() || (dialect != "hmac" && dialect != "sharedstock"))
      throw std::runtime_error("option upstream: '" + text + "' is not NAME=hmac or NAME=sharedstock");
    const std::string folder = option_text(config, "upstream_keys", "") + "/" + name;
    out.push_back({name, dialect, config.partners_url + "/supplier/" + name, first_line(folder + "/id"),
                   first_line(folder + "/secret")});
  }
  return out;
}

Supplies::Supplies(const ops::NodeConfig& config, store::Shards& shards, const BusinessLog& log, Metrics& metrics)
    : config_(config),
      ask_again_ms_(option(config, "ask_again_ms", 1000)),
      try_again_ms_(ask_again_ms_ * 2 / 5),
      shards_(shards),
      log_(log),
      metrics_(metrics) {
  for (const SupplierSetup& setup : supplier_setups(config))
    suppliers_[setup.name] = std::make_unique<Supplier>(setup, kWorkersEach);
}

Supplies::Supplier* Supplies::find(const std::string& name) {
  const auto it = suppliers_.find(name);
  return it == suppliers_.end() ? nullptr : it->second.get();
}

Supplies::Supplier* Supplies::second_of(const std::string& name) { return find(name + "2"); }

std::string Supplies::supplier_of(const std::string& goods_class, const std::string& source) const {
  std::string name;
  if (goods_class == "game_card")
    name = source == "own" ? "" : source;
  else if (goods_class == "topup")
    name = "topup";
  else
    name = goods_class == "membership" ? "members" : "truck";
  return goods_class == "topup" || goods_class == "game_card" || suppliers_.contains(name) ? name : "";
}

int Supplies::room(Supplier& s) {
  const auto now = steady_clock::now();
  const auto state = s.breaker.state(now);
  metrics_.set("breaker_state{target=\"" + s.setup.name + "\"}", state == Breaker::State::closed ? 0
                                                                 : state == Breaker::State::open ? 1
                                                                                                 : 2);
  if (state == Breaker::State::closed) return s.pool.free();
  // It closes again by questions, not by orders.
  if (state == Breaker::State::half_open && s.pool.free() > 0 && s.breaker.take_probe(now)) {
    const bool taken = s.pool.submit([&s] {
      bool good = false;
      try {
        good = s.client->alive();
      } catch (const std::exception&) {  // as bad as no answer
      }
      s.breaker.probed(steady_clock::now(), good);
    });
    if (!taken) s.breaker.probed(now, false);
  }
  return 0;
}

// From `new` to `sent` before the call leaves: whoever finds the row afterwards knows that the supplier may have it.
std::vector<Supplies::Row> Supplies::take_due(Connection& db, const std::vector<std::string>& names,
                                              const std::vector<std::string>& rooms) {
  const auto rows = db.run(
      "WITH picked AS MATERIALIZED (SELECT p.* FROM unnest($1::text[], $2::int[]) AS s(name, room), LATERAL ("
      "   SELECT request_no, state FROM supplies WHERE supplier = s.name AND state IN "
      "('new','sent','absent','accepted','revoking') AND next_at <= now() "
      "   ORDER BY next_at LIMIT s.room FOR UPDATE SKIP LOCKED) AS p) "
      "UPDATE supplies t SET asked = asked + 1, next_at = now() + $3 * interval '1 ms', state = CASE WHEN t.state = "
      "'new' AND $4::boolean THEN 'sent' ELSE t.state END "
      "FROM picked WHERE t.request_no = picked.request_no "
      "RETURNING t.request_no, t.order_no, t.supplier, t.sku, t.target, t.supply_no, t.mark, t.trace, picked.state, "
      "t.quantity, t.amount_cents",
      {pg_array(names), pg_array(rooms), std::to_string(kSuppliesLeaseMs),
       config_.switches.on(domain::Bug::B14) ? "false" : "true"});
  std::vector<Row> out;
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    out.push_back({text(0), text(1), text(2), text(3), text(4), text(5), text(6), text(7), text(8),
                   static_cast<int>(rows.number(i, 9)), rows.number(i, 10)});
  }
  return out;
}

// What surely never left, of a supplier that does not answer.
void Supplies::pass_on(Connection& db, const std::string& from, const std::string& to) {
  const auto moved = db.run(
      "WITH picked AS MATERIALIZED (SELECT request_no FROM supplies WHERE supplier = $1 AND state = 'new' AND next_at "
      "<= now() LIMIT 100 FOR UPDATE SKIP LOCKED), "
      "dropped AS (UPDATE supplies t SET state = 'dropped' FROM picked WHERE t.request_no = picked.request_no "
      "RETURNING t.*) "
      "INSERT INTO supplies(request_no, order_no, supplier, sku, target, quantity, amount_cents, mark, trace) "
      "SELECT order_no || '-' || $2, order_no, $2, sku, target, quantity, amount_cents, mark, trace FROM dropped ON "
      "CONFLICT DO NOTHING",
      {from, to});
  if (moved.affected() > 0)
    metrics_.add("supplies_passed_on_total{to=\"" + to + "\"}", static_cast<double>(moved.affected()));
}

bool Supplies::step() {
  std::vector<std::string> names, rooms, closed;
  for (auto& [name, supplier] : suppliers_) {
    const int free = room(*supplier);
    if (free > 0) {
      names.push_back(name);
      rooms.push_back(std::to_string(free));
    } else if (supplier->breaker.state(steady_clock::now()) == Breaker::State::open) {
      closed.push_back(name);
    }
  }
  const auto each = shards_.each();
  ++turn_;
  bool busy = false;
  for (std::size_t i = 0; i < each.size(); ++i) {
    store::Pool& pool = *each[(i + turn_) % each.size()].pool;
    if (!pool_not_ready(pool).empty()) continue;
    try {
      auto db = pool.take(kSuppliesBorrow);
      for (const std::string& name : closed) {
        Supplier* second = second_of(name);
        if (second != nullptr && second->breaker.state(steady_clock::now()) == Breaker::State::closed)
          pass_on(*db, name, second->setup.name);
      }
      if (names.empty()) continue;
      for (const Row& r : take_due(*db, names, rooms)) {
        Supplier& s = *find(r.supplier);
        busy = true;
        // The other database's rows may have taken the workers: it is due again at once.
        if (!s.pool.submit([this, &s, r] { work(s, r); }))
          db->run("UPDATE supplies SET state = $2, next_at = now() WHERE request_no = $1 AND state IN ('sent', $2)",
                  {r.request_no, r.state});
      }
    } catch (const std::exception& e) {  // one database that is away does not stop the others
      metrics_.add("supplies_round_failed_total");
      log_.event("supply_round", "", "", e.what());
    }
  }
  return busy;
}

SupplyAnswer Supplies::ask(Supplier& s, const Row& r) {
  // Another shop's goods stand in our catalogue under its name and theirs.
  const bool theirs =
      r.sku.starts_with(r.supplier + "-") && (s.setup.dialect == "hmac" || s.setup.dialect == "sharedstock");
  const SupplyRequest request{r.request_no,
                              r.order_no,
                              r.target,
                              theirs ? r.sku.substr(r.supplier.size() + 1) : r.sku,
                              config_.public_url + "/notify/topup",
                              r.supply_no,
                              r.quantity,
                              r.amount_cents};
  const auto began = steady_clock::now();
  s.breaker.begin(began);
  SupplyAnswer answer;
  try {
    if (r.state == "revoking")
      answer = s.client->revoke(request);
    else
      answer = r.state == "new" || r.state == "absent" ? s.client->order(request) : s.client->query(request);
  } catch (const std::exception& e) {
    answer.why = e.what();
  }
  s.breaker.end(began, steady_clock::now(), answer.alive);
  metrics_.observe("supplier_call_seconds{supplier=\"" + s.setup.name + "\"}",
                   std::chrono::duration<double>(steady_clock::now() - began).count());
  return answer;
}

void Supplies::work(Supplier& s, const Row& r) {
  const observe::Scope scope(observe::Context::of(r.trace, r.mark));
  if (config_.switches.on(domain::Bug::B14)) return work_inside_transaction(s, r);
  const SupplyAnswer answer = ask(s, r);
  auto db = pool_of(r.request_no).take();
  book(*db, r, answer);
}

// Planted bug B14: asked and written down in one transaction, which its database ends when it takes too long.
void Supplies::work_inside_transaction(Supplier& s, const Row& r) {
  auto db = pool_of(r.request_no).take();
  db->begin();
  db->run("SELECT request_no FROM supplies WHERE request_no = $1 FOR UPDATE", {r.request_no});
  const auto began = steady_clock::now();
  const SupplyAnswer answer = ask(s, r);
  if (steady_clock::now() - began > kInsideMax) return db->rollback();
  book(*db, r, answer);
  db->commit();
}

// B29: marked top-ups are written where the real ones are.
store::Pool& Supplies::pool_of(const std::string& request_no) {
  const auto place = store::place_of(request_no).value_or(store::Place{});
  if (config_.switches.on(domain::Bug::B29)) return shards_.at(shards_.database_of(place), false);
  return shards_.at(place);
}

}  // namespace platform::services
