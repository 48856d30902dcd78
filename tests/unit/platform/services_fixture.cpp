// services_fixture: see services_fixture.hpp.
#include "tests/unit/platform/services_fixture.hpp"

#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/ops/node_config.hpp"
#include "reference_platform/ops/ports.hpp"
#include "reference_platform/ops/stores.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/store/schema.hpp"
#include "reference_platform/store/shards.hpp"

namespace platform::services_test {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;
using edge::Request;
using edge::Response;

namespace {

ops::Ports& ports() {
  static ops::Ports p;
  return p;
}

/// The cluster of this executable, started when the first test needs it.
class Cluster {
 public:
  static Cluster& get() {
    static Cluster c;
    return c;
  }
  [[nodiscard]] std::string url(const std::string& database) const {
    const auto slash = store_.url.rfind('/');
    const auto query = store_.url.find('?');
    return store_.url.substr(0, slash + 1) + database + (query == std::string::npos ? "" : store_.url.substr(query));
  }
  [[nodiscard]] std::string admin_url() const { return store_.url; }

 private:
  Cluster() : folder_(false) {
    ops::StorePlace place;
    place.folder = folder_.path();
    place.logs = folder_.path();
    place.account = ops::store_account();
    place.ports = &ports();
    store_ = ops::make_postgres(place);
    process_ = ops::Process::spawn(store_.command);
    ops::wait_ready(store_, process_, 20s);
    make_templates();
  }
  /// Tests kill nodes, never the database: it need not wait for the disk.
  void make_templates() {
    const auto admin = store::connect(admin_url());
    admin->script("ALTER SYSTEM SET fsync = off");
    admin->script("SELECT pg_reload_conf()");
    make_template(*admin, "fragile_0", store::fragile_schema(),
                  [](store::Connection& db) { domain::load_catalogue(db, ""); });
    for (int i = 0; i < kDatabases; ++i) {
      make_template(*admin, "hardened_" + std::to_string(i),
                    store::hardened_schema(i, kDatabases) + store::audit_views({}), [i](store::Connection& db) {
                      domain::load_catalogue(db, "", {i, kDatabases});
                    });
    }
  }
  void make_template(store::Connection& admin, const std::string& name, const std::string& schema,
                     const std::function<void(store::Connection&)>& load) {
    admin.script(("CREATE DATABASE " + name).c_str());
    const auto db = store::connect(url(name));
    db->script(schema.c_str());
    load(*db);
  }
  ~Cluster() { ops::stop_store(store_, process_); }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  ops::StoreFolder folder_;
  ops::Store store_;
  ops::Process process_;
};

/// libpq gives up after 2 s, which a crowded machine may take: what tests prepare is no question of time.
std::unique_ptr<store::Connection> connect_patiently(const std::string& url) {
  std::unique_ptr<store::Connection> out;
  wait_until([&] {
    try {
      out = store::connect(url);
    } catch (const store::SqlError&) {  // once more
    }
    return out != nullptr;
  });
  return out ? std::move(out) : store::connect(url);
}

}  // namespace

int free_port() { return ports().take(); }

FakePartners::FakePartners() {
  edge::ServerOptions options;
  options.threads = 48;  // a delayed answer keeps one
  server_ = edge::serve(options, [this](const Request& r) { return handle(r); });
  for (int i = 0; i < 12; ++i) threads_.emplace_back([this] { work(); });
}

FakePartners::~FakePartners() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
    delays_.clear();
  }
  changed_.notify_all();
  server_.reset();
  for (auto& t : threads_) t.join();
}

void FakePartners::delay(const std::string& channel, std::chrono::milliseconds d) {
  {
    const std::lock_guard lock(mutex_);
    delays_[channel] = d;
  }
  changed_.notify_all();
}

std::chrono::milliseconds FakePartners::delay_of(const std::string& channel) {
  const std::lock_guard lock(mutex_);
  return delays_[channel];
}

void FakePartners::later(std::chrono::milliseconds wait, std::function<void()> run) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back({std::chrono::steady_clock::now() + wait, std::move(run)});
  }
  changed_.notify_all();
}

void FakePartners::work() {
  std::unique_lock lock(mutex_);
  while (!quit_) {
    auto next = tasks_.end();
    for (auto it = tasks_.begin(); it != tasks_.end(); ++it) {
      if (next == tasks_.end() || it->at < next->at) next = it;
    }
    if (next == tasks_.end() || next->at > std::chrono::steady_clock::now()) {
      changed_.wait_for(lock, 5ms);
      continue;
    }
    const auto run = std::move(next->run);
    tasks_.erase(next);
    lock.unlock();
    run();
    lock.lock();
  }
}

Response FakePartners::handle(const Request& r) {
  if (!services::partner_signed(kKey, r)) return services::error_answer(401, "bad_sign");
  if (down_ || is_refused(r.path)) return services::error_answer(503, "down");
  const auto parts = services::path_parts(r.path);
  if (parts.size() == 3 && parts[0] == "channel") {
    const Response answer = channel(r, parts);  // the effect first, the late answer after it
    const auto until = std::chrono::steady_clock::now() + delay_of(parts[1]);
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until,
                        [&] { return quit_ || delays_[parts[1]] == 0ms || std::chrono::steady_clock::now() >= until; });
    return answer;
  }
  return topup(r);
}

Response FakePartners::channel(const Request& r, const std::vector<std::string>& parts) {
  const Json body = Json::parse(r.body).value_or(Json());
  const std::string number =
      r.method == "GET" ? services::query_value(r.query, "out_trade_no") : body["out_trade_no"].text();
  const std::lock_guard lock(mutex_);
  if (parts[2] == "bill") return bill(r, parts[1]);
  auto found = trades_.find(number);
  if (parts[2] == "refund" && r.method == "GET") {
    const auto it = refunds_.find(services::query_value(r.query, "refund_no"));
    if (it == refunds_.end()) return services::json_answer(404, R"({"code":"not_found"})");
    return services::json_answer(200, JsonObject()
                                          .add("refund_no", it->first)
                                          .add("status", it->second.status)
                                          .add("amount_cents", it->second.amount)
                                          .done());
  }
  if (parts[2] == "pay" && r.method == "POST") {
    ++creates_[parts[1]];
    if (found == trades_.end()) {
      Trade t;
      t.channel = parts[1];
      t.out_trade_no = number;
      t.trade_no = parts[1] + "-" + std::to_string(trades_.size() + 1);
      t.order = body["order"].text();
      t.notify_url = body["notify_url"].text();
      t.amount = body["amount_cents"].integer();
      found = trades_.emplace(number, t).first;
      if (buyers_pay)
        tasks_.push_back({std::chrono::steady_clock::now() + std::chrono::milliseconds(confirm_ms),
                          [this, number] { confirm(number); }});
    }
    return services::json_answer(
        200, JsonObject().add("trade_no", found->second.trade_no).add("status", found->second.status).done());
  }
  if (found == trades_.end()) return services::json_answer(404, R"({"code":"not_found"})");
  Trade& t = found->second;
  if (parts[2] == "pay") {
    return services::json_answer(200, JsonObject()
                                          .add("trade_no", t.trade_no)
                                          .add("out_trade_no", t.out_trade_no)
                                          .add("order", t.order)
                                          .add("status", t.status)
                                          .add("amount_cents", t.amount)
                                          .add("refunded_cents", t.refunded)
                                          .done());
  }
  if (parts[2] == "close") {
    if (t.status != "WAIT_BUYER_PAY" && t.status != "CLOSED")
      return services::json_answer(409, R"({"code":"already_paid"})");
    t.status = "CLOSED";
    return services::json_answer(200, R"({"status":"CLOSED"})");
  }
  return refund(r, t, body);
}

Response FakePartners::refund(const Request&, Trade& t, const Json& body) {
  const std::string refund_no = body["refund_no"].text();
  const std::int64_t amount = body["amount_cents"].integer();
  FakeRefund& refund = refunds_[refund_no];
  if (refund.status.empty() || refund.status == "FAILED") {
    std::int64_t pending = 0;
    for (const auto& [no, other] : refunds_)
      pending += other.out_trade_no == t.out_trade_no && other.status == "PROCESSING" ? other.amount : 0;
    if (t.status != "SUCCESS" || t.refunded + pending + amount > t.amount) {
      if (refund.status.empty()) refunds_.erase(refund_no);
      return services::json_answer(409, R"({"code":"exceeds"})");
    }
    refund = {t.out_trade_no, refunds_pending ? "PROCESSING" : "SUCCESS", amount};
    if (refund.status == "SUCCESS") t.refunded += amount;
  }
  if (lost_refund_answers > 0) {
    --lost_refund_answers;
    return services::error_answer(500, "lost");
  }
  return services::json_answer(200, JsonObject().add("refund_no", refund_no).add("status", refund.status).done());
}

Response FakePartners::bill(const Request& r, const std::string& channel) {
  const std::int64_t since = std::atoll(services::query_value(r.query, "since").c_str()),
                     until = std::atoll(services::query_value(r.query, "until").c_str());
  std::vector<std::string> rows;
  for (const auto& [number, t] : trades_) {
    if (t.channel != channel || t.status != "SUCCESS" || t.paid_at < since || (until > 0 && t.paid_at >= until))
      continue;
    rows.push_back(JsonObject()
                       .add("trade_no", t.trade_no)
                       .add("out_trade_no", number)
                       .add("order", t.order)
                       .add("amount_cents", t.amount)
                       .add("refunded_cents", t.refunded)
                       .done());
  }
  return services::json_answer(200, JsonObject().raw("rows", domain::json_array(rows)).done());
}

void FakePartners::plant(const Trade& trade) {
  const std::lock_guard lock(mutex_);
  trades_[trade.out_trade_no] = trade;
}

void FakePartners::forget(const std::string& out_trade_no) {
  const std::lock_guard lock(mutex_);
  trades_.erase(out_trade_no);
}

void FakePartners::settle_refunds(bool good) {
  const std::lock_guard lock(mutex_);
  for (auto& [no, refund] : refunds_) {
    if (refund.status != "PROCESSING") continue;
    refund.status = good ? "SUCCESS" : "FAILED";
    if (good) trades_[refund.out_trade_no].refunded += refund.amount;
  }
}

int FakePartners::refund_count() {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(refunds_.size());
}

Response FakePartners::topup(const Request& r) {
  const Json body = Json::parse(r.body).value_or(Json());
  const std::string number =
      r.method == "GET" ? services::query_value(r.query, "request_no") : body["request_no"].text();
  const std::lock_guard lock(mutex_);
  if (r.method == "POST" && topups_.emplace(number, body["order"].text()).second) {
    const std::string url = body["notify_url"].text();
    const std::string message = JsonObject()
                                    .add("request_no", number)
                                    .add("order", body["order"].text())
                                    .add("status", "SUCCESS")
                                    .add("notify_no", number)
                                    .done();
    tasks_.push_back({std::chrono::steady_clock::now() + 20ms, [this, url, message] { notify(url, message); }});
  }
  if (!topups_.contains(number)) return services::json_answer(404, R"({"code":"not_found"})");
  return services::json_answer(
      200, JsonObject().add("request_no", number).add("status", r.method == "POST" ? "ACCEPTED" : "SUCCESS").done());
}

void FakePartners::refuse(const std::string& kind) {
  const std::lock_guard lock(mutex_);
  refused_ = kind;
}

bool FakePartners::is_refused(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return !refused_.empty() && path.starts_with("/" + refused_ + "/");
}

std::string FakePartners::notify_of(const Trade& t) {
  return JsonObject()
      .add("channel", t.channel)
      .add("trade_no", t.trade_no)
      .add("out_trade_no", t.out_trade_no)
      .add("order", t.order)
      .add("amount_cents", t.amount)
      .add("status", "SUCCESS")
      .add("notify_no", t.trade_no)
      .done();
}

int FakePartners::say_again(const Trade& t) {
  const std::string path = t.notify_url.substr(t.notify_url.find('/', t.notify_url.find("//") + 2)),
                    stamp = std::to_string(std::time(nullptr)), body = notify_of(t);
  return edge::call("POST", t.notify_url, body,
                    {{"X-Timestamp", stamp}, {"X-Sign", services::partner_sign(kKey, "POST", path, stamp, body)}},
                    {200ms, 5000ms})
      .status;
}

void FakePartners::confirm(const std::string& out_trade_no) {
  Trade t;
  {
    const std::lock_guard lock(mutex_);
    Trade& trade = trades_[out_trade_no];
    if (trade.status != "WAIT_BUYER_PAY") return;
    trade.status = "SUCCESS";
    trade.paid_at = std::time(nullptr);
    t = trade;
  }
  const std::string body = notify_of(t);
  for (int i = 0; i < notify_copies; ++i)
    later(delay_of(t.channel), [this, url = t.notify_url, body] { notify(url, body); });
}

void FakePartners::notify(const std::string& url, const std::string& body) {
  if (!notifies) return;
  const std::string path = url.substr(url.find('/', url.find("//") + 2));
  const std::string stamp = std::to_string(std::time(nullptr));
  const auto answer = edge::call(
      "POST", url, body, {{"X-Timestamp", stamp}, {"X-Sign", services::partner_sign(kKey, "POST", path, stamp, body)}},
      {200ms, 5000ms});
  if (answer.status != 200 || answer.body != "success") later(200ms, [this, url, body] { notify(url, body); });
}

std::vector<FakePartners::Trade> FakePartners::trades() {
  const std::lock_guard lock(mutex_);
  std::vector<Trade> out;
  for (const auto& [number, trade] : trades_) out.push_back(trade);
  return out;
}

int FakePartners::charges(const std::string& order) {
  int n = 0;
  for (const Trade& t : trades()) n += t.order == order && t.status == "SUCCESS" ? 1 : 0;
  return n;
}

std::int64_t FakePartners::kept_cents(const std::string& order) {
  std::int64_t sum = 0;
  for (const Trade& t : trades()) sum += t.order == order && t.status == "SUCCESS" ? t.amount - t.refunded : 0;
  return sum;
}

int FakePartners::topups(const std::string& order) {
  const std::lock_guard lock(mutex_);
  int n = 0;
  for (const auto& [request, of] : topups_) n += of == order ? 1 : 0;
  return n;
}

int FakePartners::creates(const std::string& channel) {
  const std::lock_guard lock(mutex_);
  return creates_[channel];
}

Answer as_buyer(const std::string& url, const std::string& buyer, const std::string& method, const std::string& path,
                const std::string& body, const std::string& key) {
  edge::Headers headers = {{"X-Buyer", buyer}};
  if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
  const auto call = [&]() -> Answer {
    const auto result = edge::call(method, url + path, body, headers, {1000ms, 20000ms});
    return {result.status, Json::parse(result.body).value_or(Json()), result.body};
  };
  return method == "POST" && path == "/orders" && !key.empty() ? until_known(call) : call();
}

Answer until_known(const std::function<Answer()>& order) {
  Answer answer = order();
  wait_until([&] { return answer.status != 202 || (answer = order()).status != 202; }, 6s);
  return answer;
}

void ServicesTest::SetUp() {
  static int count = 0;
  const std::string name = "test" + std::to_string(++count);
  const auto admin = connect_patiently(Cluster::get().admin_url());
  for (int i = 0; i < (variant_ == "fragile" ? 1 : kDatabases); ++i) {
    const std::string database = name + "_" + std::to_string(i), original = variant_ + "_" + std::to_string(i);
    // The template's last connection may still be on its way out.
    ASSERT_TRUE(wait_until([&] {
      try {
        admin->script(("CREATE DATABASE " + database + " TEMPLATE " + original).c_str());
        return true;
      } catch (const store::SqlError&) {
        return false;
      }
    }));
    database_names_.push_back(database);
    database_urls_.push_back(Cluster::get().url(database));
    dbs_.push_back(store::make_pool({database_urls_.back(), 2, 5s, 0ms}));
  }
  partners_ = std::make_unique<FakePartners>();
}

void ServicesTest::TearDown() {
  partners_->notifies = false;
  stop_all();
  partners_.reset();
  for (const auto& file : files_) std::filesystem::remove(file);
  for (const auto& log : logs_) {
    if (HasFailure()) std::cout << log << ": " << ops::log_tail(log) << "\n";
    std::filesystem::remove(log);
  }
}

ops::NodeConfig ServicesTest::config(const std::string& name, const std::string& role,
                                     const std::string& variant) const {
  ops::NodeConfig c;
  c.name = name;
  c.role = role;
  c.variant = variant;
  c.database_urls = database_urls_;
  c.shadow_urls = shadow_urls_;
  c.switches = domain::Switches::usual(variant);
  c.options["ask_again_ms"] = "150";    // partners whose answer was not clear: a second in life
  c.redis_url = "redis://127.0.0.1:1";  // nobody there: a cache that is down is a miss
  c.partners_url = partners_->url();
  c.partners_key = kKey;
  c.port = free_port();
  c.admin_port = free_port();
  c.public_url = "http://127.0.0.1:" + std::to_string(c.port);
  return c;
}

void ServicesTest::add_shadow() {
  for (int i = 0; i < static_cast<int>(database_urls_.size()); ++i) {
    const std::string& url = database_urls_[static_cast<std::size_t>(i)];
    connect_patiently(url)->script("CREATE SCHEMA shadow");
    shadow_urls_.push_back(url + (url.find('?') == std::string::npos ? "?" : "&") + "options=-csearch_path%3Dshadow");
    const auto shadow = connect_patiently(shadow_urls_.back());
    shadow->script((store::hardened_schema(i, kDatabases) + store::audit_views({})).c_str());
    domain::load_catalogue(*shadow, "", {i, kDatabases});
  }
}

void ServicesTest::set_away(int database, bool away) {
  const std::string& name = database_names_.at(static_cast<std::size_t>(database));
  const auto admin = connect_patiently(Cluster::get().admin_url());
  admin->script(("ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS " + (away ? "false" : "true")).c_str());
  if (away)
    admin->run(("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'").c_str());
}

std::string ServicesTest::buyer_in(int database) {
  for (int i = 0;; ++i) {
    std::string name = "b" + std::to_string(i);
    if (store::partition_of(name) * kDatabases / store::kPartitions == database) return name;
  }
}

std::string ServicesTest::start(const ops::NodeConfig& c) {
  const auto* role = services::find_role(c.variant, c.role);
  if (role == nullptr) throw std::runtime_error("no role " + c.role);
  Running r;
  r.service = role->make(c);
  auto options = r.service.server;
  options.port = c.port;
  r.server = edge::serve(options, r.service.business);
  running_.push_back(std::move(r));
  return "http://127.0.0.1:" + std::to_string(c.port);
}

void ServicesTest::stop_all() {
  for (auto& r : running_) {
    r.server.reset();
    if (r.service.stop) r.service.stop();
  }
  running_.clear();
}

void ServicesTest::stop_one(const ops::NodeConfig& c) {
  const auto found =
      std::find_if(running_.begin(), running_.end(), [&c](const Running& r) { return r.server->port() == c.port; });
  if (found == running_.end()) return;
  found->server.reset();
  if (found->service.stop) found->service.stop();
  running_.erase(found);
}

ops::Process ServicesTest::spawn(const ops::NodeConfig& c, const std::string& log) {
  const std::string file = std::filesystem::temp_directory_path() /
                           ("cardstorm-node-" + std::to_string(::getpid()) + "-" + c.name + ".json");
  ops::write_config(file, c);
  files_.push_back(file);
  ops::Command command;
  command.program = "/proc/self/exe";
  command.argv = {"unit_platform", "--gtest_filter=ServicesNode.DISABLED_Runs", "--gtest_also_run_disabled_tests"};
  command.log = log.empty() ? *logs_.insert(file + ".log").first : log;
  command.environment = std::vector<std::string>{"CARDSTORM_NODE_CONFIG=" + file, "ASAN_OPTIONS=detect_leaks=0"};
  return ops::Process::spawn(command);
}

std::int64_t ServicesTest::number(const std::string& sql) {
  std::int64_t total = 0;
  for (const auto& db : dbs_) total += db->take()->run(sql.c_str()).number(0, 0);
  return total;
}
std::string ServicesTest::text(const std::string& sql) {
  std::string out;
  for (const auto& db : dbs_) {
    const auto rows = db->take()->run(sql.c_str());
    if (!rows.empty() && !rows.null(0, 0)) out.append(out.empty() ? "" : ", ").append(rows.text(0, 0));
  }
  return out;
}
void ServicesTest::execute(const std::string& sql) {
  for (const auto& db : dbs_) db->take()->run(sql.c_str());
}

// Not a test: the body of a node process, see ServicesTest::spawn.
TEST(ServicesNode, DISABLED_Runs) {
  const char* file = std::getenv("CARDSTORM_NODE_CONFIG");  // NOLINT(concurrency-mt-unsafe)
  if (file == nullptr) GTEST_SKIP() << "only for ServicesTest::spawn";
  const ops::NodeConfig c = ops::read_config(file);
  EXPECT_EQ(ops::run_node(c, services::find_role(c.variant, c.role)->make(c)), 0);
}

}  // namespace platform::services_test
