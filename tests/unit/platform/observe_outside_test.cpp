// What an operator sees of the running platform: metrics, traces and logs of real processes after some orders, and
// nothing in them that is nobody's business.
#include <filesystem>
#include <fstream>
#include <regex>

#include "reference_platform/observe/families.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/platform/exposition.hpp"
#include "tests/unit/platform/real_shop.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using domain::Json;

constexpr char kPhone[] = "13987654321";

struct Walk {
  std::string what, buyer, mark, order, trace, root;
  std::vector<std::string> secrets;
};

/// A collector: keeps what it is sent.
class Collector {
 public:
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  std::vector<std::string> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }

 private:
  edge::Response take(const edge::Request& r) {
    const std::lock_guard lock(mutex_);
    if (r.path != "/v1/traces" || r.header("content-type") != "application/json")
      return {400, "", "application/json", {}};
    bodies_.push_back(r.body);
    return {200, "{}", "application/json", {}};
  }
  std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::unique_ptr<edge::Server> server_ = edge::serve({}, [this](const edge::Request& r) { return take(r); });
};

/// The last that is done for an order of this class, by whoever does it: consumers, of which nobody waits for the
/// answer.
const std::map<std::string, std::set<std::string>>& last_steps() {
  static const std::map<std::string, std::set<std::string>> steps{
      {"card", {"process charge", "process deliver", "process order_paid", "process order_delivered"}},
      {"topup",
       {"process charge", "process deliver", "process order_paid", "process order_started", "process supply notify",
        "process order_delivered"}},
      {"membership",
       {"process charge", "process deliver", "process order_paid", "process order_delivered", "process revoke",
        "process order_refunded"}}};
  return steps;
}

struct SeenSpan {
  std::string node, trace, id, parent, name, mark;
  std::int64_t kind = 0;
};

std::string attribute(const Json& of, const std::string& key) {
  for (const auto& a : of["attributes"].items())
    if (a["key"].text() == key) return a["value"]["stringValue"].text();
  return "";
}

/// All spans of one TracesData, checked for OTLP's JSON encoding.
void spans_of(const std::string& line, std::vector<SeenSpan>& out) {
  static const std::regex trace("[0-9a-f]{32}"), id("[0-9a-f]{16}"), nanos("[0-9]{19}");
  const auto data = Json::parse(line);
  ASSERT_TRUE(data) << line;
  for (const auto& resource : (*data)["resourceSpans"].items()) {
    const std::string node = attribute(resource["resource"], "service.instance.id");
    EXPECT_NE(attribute(resource["resource"], "service.name"), "");
    for (const auto& scope : resource["scopeSpans"].items())
      for (const auto& s : scope["spans"].items()) {
        EXPECT_TRUE(std::regex_match(s["traceId"].text(), trace) && std::regex_match(s["spanId"].text(), id)) << line;
        EXPECT_TRUE(s["parentSpanId"].is_null() || std::regex_match(s["parentSpanId"].text(), id)) << line;
        EXPECT_TRUE(std::regex_match(s["startTimeUnixNano"].text(), nanos) &&
                    std::regex_match(s["endTimeUnixNano"].text(), nanos))
            << line;
        EXPECT_LE(s["startTimeUnixNano"].text(), s["endTimeUnixNano"].text());
        EXPECT_TRUE(s["kind"].is_integer() && s["kind"].integer() >= 1 && s["kind"].integer() <= 5) << line;
        out.push_back({node, s["traceId"].text(), s["spanId"].text(), s["parentSpanId"].text(), s["name"].text(),
                       attribute(s, "cardstorm.mark"), s["kind"].integer()});
      }
  }
}

class ObservedShop : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    collector_ = std::make_unique<Collector>();
    shop_ = std::make_unique<RealShop>(
        "hardened", std::vector<std::string>{"--shadow", "--span-share", "1", "--otlp", collector_->url()});
    for (const std::string mark : {"", "drill-7"}) {
      const std::string of = mark.empty() ? "r" : "m";
      walks_.push_back(walk({"card", of + "1", mark, "", "", "", {}}, R"({"sku":"steam-50","quantity":2})", "alpha"));
      walks_.push_back(walk({"topup", of + "2", mark, "", "", "", {}},
                            std::string(R"({"sku":"phone-30","quantity":1,"phone":")") + kPhone + "\"}", "beta"));
      walks_.push_back(
          walk({"membership", of + "3", mark, "", "", "", {}}, R"({"sku":"video-month","quantity":1})", "alpha"));
      give_back(walks_.back());
    }
    give_back_into_the_wallet();
    sell_out();
    token_ = shop_->ask("", "POST", "/sessions", R"({"buyer":"r4"})").json["token"].text();
    (void)shop_->ask("", "GET", "/wallet", "", {{"X-Session", token_}});
    (void)shop_->ask("", "GET", "/goods");
    (void)shop_->ask("", "GET", "/nothing-here/" + token_);
    ASSERT_TRUE(wait_until([] { return all_done(sent()); })) << "the spans of what was done for the orders do not come";
    hear_last_words();
  }
  static void TearDownTestSuite() {
    shop_.reset();
    collector_.reset();
    walks_.clear();
  }

  static edge::Headers headers_of(const Walk& w, const std::string& key) {
    edge::Headers h{{"Idempotency-Key", key + w.buyer}, {"traceparent", "00-" + w.trace + "-" + w.root + "-01"}};
    if (!w.mark.empty()) h.emplace_back("X-Cardstorm-Mark", w.mark);
    return h;
  }
  static Walk walk(Walk w, const std::string& body, const std::string& channel) {
    const auto fresh = observe::Context::fresh();
    w.trace = fresh.trace_id;
    w.root = fresh.span_id;
    const auto made = shop_->ask(w.buyer, "POST", "/orders", body, headers_of(w, "c"));
    EXPECT_EQ(made.status, 201) << made.body;
    w.order = made.json["order_no"].text();
    EXPECT_EQ(shop_
                  ->ask(w.buyer, "POST", "/orders/" + w.order + "/pay", R"({"channel":")" + channel + "\"}",
                        headers_of(w, "p"))
                  .status,
              200);
    EXPECT_TRUE(shop_->reaches(w.buyer, w.order, "delivered")) << w.what;
    const auto shown = shop_->ask(w.buyer, "GET", "/orders/" + w.order);
    for (const auto& card : shown.json["cards"].items()) w.secrets.push_back(card["secret"].text());
    return w;
  }
  static void give_back(const Walk& w) {
    EXPECT_EQ(shop_->ask(w.buyer, "POST", "/orders/" + w.order + "/refund", "{}", headers_of(w, "r")).status, 200);
    EXPECT_TRUE(shop_->reaches(w.buyer, w.order, "refunded"));
  }
  /// In two parts: one order.
  static void give_back_into_the_wallet() {
    const std::string no =
        shop_->ask("r5", "POST", "/orders", R"({"sku":"video-month","quantity":1})").json["order_no"].text();
    EXPECT_EQ(shop_->ask("r5", "POST", "/orders/" + no + "/pay", R"({"channel":"wallet"})").status, 200);
    EXPECT_TRUE(shop_->reaches("r5", no, "delivered"));
    for (const char* what : {R"({"amount_cents":100})", "{}"})
      EXPECT_EQ(shop_->ask("r5", "POST", "/orders/" + no + "/refund", what).status, 200);
    EXPECT_TRUE(shop_->reaches("r5", no, "refunded"));
  }
  static void sell_out() {
    const auto many = [] { return shop_->ask("r6", "POST", "/orders", R"({"sku":"qcoin-10","quantity":500})").status; };
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(wait_until([&] { return many() == 201; }));
    EXPECT_TRUE(wait_until([&] { return many() == 409; }));
  }
  static std::vector<SeenSpan> written() {
    std::vector<SeenSpan> out;
    for (const auto& [file, text] : shop_->files(".spans.jsonl")) {
      std::istringstream in(text);
      for (std::string line; std::getline(in, line);) spans_of(line, out);
    }
    return out;
  }
  static std::vector<SeenSpan> sent() {
    std::vector<SeenSpan> out;
    for (const auto& body : collector_->bodies()) spans_of(body, out);
    return out;
  }
  static bool all_done(const std::vector<SeenSpan>& spans) {
    return std::all_of(walks_.begin(), walks_.end(), [&](const Walk& w) {
      std::set<std::string> missing = last_steps().at(w.what);
      for (const SeenSpan& s : spans)
        if (s.trace == w.trace) missing.erase(s.name);
      return missing.empty();
    });
  }
  /// Nodes keep spans back for a moment, in their order, and send them after they have written them: when a late one of
  /// each has come, all before it are there.
  static void hear_last_words() {
    const auto last = observe::Context::fresh();
    std::set<std::string> silent;
    for (const auto& n : shop_->nodes()) {
      silent.insert(n.name);
      (void)edge::call("GET", n.url + "/nothing-here/" + token_, "", {{"traceparent", last.traceparent()}}, {1s, 10s});
    }
    EXPECT_TRUE(wait_until([&] {
      for (const SeenSpan& s : sent())
        if (s.trace == last.trace_id) silent.erase(s.node);
      return silent.empty();
    })) << ::testing::PrintToString(silent);
  }
  static std::set<std::string> ids_of(const std::vector<SeenSpan>& spans) {
    std::set<std::string> out;
    for (const auto& s : spans) EXPECT_TRUE(out.insert(s.id).second) << "two spans have one id";
    return out;
  }

  static inline std::unique_ptr<Collector> collector_;
  static inline std::unique_ptr<RealShop> shop_;
  static inline std::vector<Walk> walks_;
  static inline std::string token_;
};

TEST_F(ObservedShop, ShowsMetricsThatAreValidExplainedAndBounded) {
  std::set<std::string> seen;
  const auto known = observe::known_families();
  const std::regex one_order("[HS][0-9A-F][0-9a-f]{15,}"), one_buyer("\"[rm][1-4]\"");
  for (const auto& [node, text] : shop_->metrics()) {
    const auto read = test::read_exposition(text);
    EXPECT_TRUE(read.mistakes.empty()) << node << ": " << ::testing::PrintToString(read.mistakes);
    std::size_t series = 0;
    for (const auto& [name, family] : read.families) {
      seen.insert(name);
      series += family.samples.size();
      EXPECT_NE(std::find(known.begin(), known.end(), name), known.end()) << name << " is not in families.def";
    }
    EXPECT_LT(series, 2000U) << node;
    EXPECT_FALSE(std::regex_search(text, one_order)) << node << " has an order's number in a label";
    EXPECT_FALSE(std::regex_search(text, one_buyer)) << node << " has a buyer in a label";
    EXPECT_EQ(text.find("nothing-here"), std::string::npos) << node << " has what somebody asked for in a label";
  }
  for (const char* wanted : {"http_server_request_duration_seconds",
                             "http_server_active_requests",
                             "http_client_request_duration_seconds",
                             "db_client_operation_duration_seconds",
                             "db_client_connection_count",
                             "db_client_connection_max",
                             "db_client_connection_pending_requests",
                             "db_client_connection_wait_time_seconds",
                             "db_client_connection_timeouts_total",
                             "messaging_client_sent_messages_total",
                             "messaging_client_consumed_messages_total",
                             "messaging_process_duration_seconds",
                             "trade_orders_total",
                             "trade_order_stage_duration_seconds",
                             "outbox_oldest_age_seconds",
                             "intake_oldest_age_seconds",
                             "breaker_state",
                             "cache_requests_total",
                             "limiter_limit",
                             "limiter_inflight",
                             "process_cpu_seconds_total",
                             "process_resident_memory_bytes"}) {
    EXPECT_TRUE(seen.contains(wanted)) << wanted;
  }
}

TEST_F(ObservedShop, CountsTheTradesByClassChannelAndOutcome) {
  double delivered = 0, marked = 0, back = 0, back_in_wallet = 0, sold_out = 0;
  for (const auto& [node, text] : shop_->metrics()) {
    auto read = test::read_exposition(text);
    for (auto& s : read.families["trade_orders_total"].samples) {
      if (s.labels["outcome"] == "delivered") (s.labels["traffic"] == "real" ? delivered : marked) += s.value;
      if (s.labels["outcome"] == "refunded" && s.labels["class"] == "membership" && s.labels["channel"] == "alpha" &&
          s.labels["traffic"] == "real")
        back += s.value;
      if (s.labels["outcome"] == "refunded" && s.labels["channel"] == "wallet") back_in_wallet += s.value;
      if (s.labels["outcome"] == "sold_out" && s.labels["class"] == "game_card") sold_out += s.value;
    }
  }
  EXPECT_EQ(delivered, 4);
  EXPECT_EQ(marked, 3);
  EXPECT_EQ(back, 1);
  EXPECT_EQ(back_in_wallet, 1);
  EXPECT_GE(sold_out, 1);
}

TEST_F(ObservedShop, TheRecipesOfTheReadmeNameWhatIsThere) {
  std::ifstream in(testing_paths::source_dir() + "/reference_platform/observe/README.md");
  const std::regex recipe("`([^`]+)`"), aside(R"(\{[^}]*\}|\b(by|ignoring)\s*\([^)]*\))"),
      name(R"(\b[a-z]+(_[a-z]+)+\b(?!\())");
  const auto known = observe::known_families();
  int names = 0;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| ") || line.starts_with("| question")) continue;
    const std::string cell = line.substr(line.find('|', 2));
    for (std::sregex_iterator r(cell.begin(), cell.end(), recipe), end; r != end; ++r) {
      const std::string query = std::regex_replace((*r)[1].str(), aside, " ");
      for (std::sregex_iterator n(query.begin(), query.end(), name); n != std::sregex_iterator(); ++n) {
        const std::string family = std::regex_replace(n->str(), std::regex("_(bucket|sum)$|(_seconds)_count$"), "$2");
        if (family == "histogram_quantile") continue;
        ++names;
        EXPECT_NE(std::find(known.begin(), known.end(), family), known.end()) << family << " in " << query;
      }
    }
  }
  EXPECT_GT(names, 15);
}

TEST_F(ObservedShop, OneOrderIsOneTraceThroughEveryNodeWithoutAnOrphan) {
  const auto all = written();
  const std::set<std::string> ids = ids_of(all);
  for (const Walk& w : walks_) {
    std::set<std::string> nodes;
    std::multiset<std::int64_t> kinds;
    for (const SeenSpan& s : all) {
      if (s.trace != w.trace) continue;
      EXPECT_TRUE(s.parent == w.root || ids.contains(s.parent))
          << w.what << ": " << s.name << " of " << s.node << " is an orphan";
      EXPECT_EQ(s.mark, w.mark) << s.name << " of " << s.node;
      nodes.insert(s.node.substr(0, s.node.find('-')));
      kinds.insert(s.kind);
    }
    for (const char* node : {"gateway", "order", "payment", "delivery"})
      EXPECT_TRUE(nodes.contains(node)) << w.what << " was not seen at " << node;
    EXPECT_EQ(nodes.contains("inventory"), w.what == "card") << w.what;
    EXPECT_GE(kinds.count(2), 4U) << "requests served";
    EXPECT_GE(kinds.count(3), 3U) << "calls";
    EXPECT_GE(kinds.count(4), 1U) << "published to the queue";
    EXPECT_LE(kinds.count(4), 2U) << "once by each node that the gateway asked";
    EXPECT_GE(kinds.count(5), 5U) << "taken from queue and message table";
  }
}

TEST_F(ObservedShop, ACollectorIsSentTheSameSpans) {
  const auto there = ids_of(sent());
  for (const SeenSpan& s : written())
    for (const Walk& w : walks_)
      if (s.trace == w.trace) {
        EXPECT_TRUE(there.contains(s.id)) << s.name << " of " << s.node;
      }
}

TEST_F(ObservedShop, LogsEveryScenarioWithTheTraceOfItsOrder) {
  std::map<std::string, std::set<std::string>> orders;  // by scenario
  for (const auto& [file, text] : shop_->files(".log")) {
    if (file == "postgres.log" || file == "redis.log" || file == "initdb.log") continue;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      const auto json = Json::parse(line);
      ASSERT_TRUE(json && (*json)["at_ms"].is_integer() && !(*json)["node"].text().empty() &&
                  !(*json)["event"].text().empty())
          << file << ": " << line;
      for (const Walk& w : walks_) {
        if ((*json)["order_no"].text() != w.order) continue;
        EXPECT_EQ((*json)["trace_id"].text(), w.trace) << line;
        EXPECT_EQ((*json)["mark"].text(), w.mark) << line;
        orders[(*json)["scenario"].text()].insert(w.order);
      }
    }
  }
  const std::map<std::string, std::size_t> wanted{{"order", 6}, {"pay", 6},      {"delivery", 6},
                                                  {"stock", 2}, {"supplier", 2}, {"refund", 2}};
  for (const auto& [scenario, number] : wanted) EXPECT_EQ(orders[scenario].size(), number) << scenario;
  EXPECT_FALSE(orders.contains("platform")) << "an event of an order that no scenario has";
}

TEST_F(ObservedShop, WritesNoCardPhoneTokenOrKeyAnywhere) {
  std::map<std::string, std::string> secrets{
      {"a phone", kPhone}, {"the partners' key", kKey}, {"a session", token_}, {"the auditor's password", ""}};
  const std::string auditor = shop_->fact("auditor_url");
  secrets["the auditor's password"] =
      auditor.substr(auditor.find(':', 14) + 1, auditor.find('@') - auditor.find(':', 14) - 1);
  for (const Walk& w : walks_)
    for (const auto& secret : w.secrets) secrets["card " + secret] = secret;
  ASSERT_EQ(secrets.size(), 4U + 4U);
  std::map<std::string, std::string> places = shop_->metrics();
  for (const char* ending : {".log", ".jsonl"}) places.merge(shop_->files(ending));
  std::string sent;
  for (const auto& body : collector_->bodies()) sent += body;
  places["the collector"] = sent;
  places["the overview"] = shop_->control("GET", "/overview").body;
  for (const auto& [what, secret] : secrets) {
    ASSERT_GE(secret.size(), 6U) << what;
    for (const auto& [place, text] : places)
      EXPECT_EQ(text.find(secret), std::string::npos) << what << " stands in " << place;
  }
}

TEST_F(ObservedShop, TellsPrometheusWhomToScrape) {
  std::set<std::string> told, there;
  const auto targets = shop_->control("GET", "/targets");
  for (const auto& t : targets.json.items())
    told.insert(t["labels"]["instance"].text() + " http://" + t["targets"].items().at(0).text());
  for (const auto& n : shop_->nodes()) there.insert(n.name + " " + n.admin_url);
  EXPECT_EQ(told, there) << targets.body;
}

}  // namespace
}  // namespace platform::services_test
