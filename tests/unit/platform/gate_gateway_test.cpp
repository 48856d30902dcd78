// The gateway before backends that the test plays: routing, who is shed first, canaries, instances that come and go,
// and what it does not let through.
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/gateway_admin.hpp"
#include "reference_platform/services/gateway_routes.hpp"
#include "reference_platform/services/roles.hpp"
#include "tests/unit/platform/edge_raw.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Json;
using edge::Request;
using edge::Response;

/// An instance of any role. It says its name; while it is held its answers wait.
class Backend {
 public:
  explicit Backend(std::string name) : name_(std::move(name)) {
    edge::ServerOptions o;
    o.threads = 40;
    server_ = edge::serve(o, [this](const Request& r) { return handle(r); });
  }
  ~Backend() { hold(false); }
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  bool waits_for(int requests) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return waiting_ >= requests; });
  }
  std::atomic<int> handled{0};
  std::atomic<int> status{200};
  Request last;

 private:
  Response handle(const Request& r) {
    if (r.path == "/internal/ready") return {};
    ++handled;
    std::unique_lock lock(mutex_);
    last = r;
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, 20s, [this] { return !held_; });
    --waiting_;
    Response answer;
    answer.status = status;
    answer.body = "{\"at\":\"" + name_ + "\"}";
    return answer;
  }

  const std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  int waiting_ = 0;
  std::unique_ptr<edge::Server> server_;
};

class GatewayTest : public ::testing::Test {
 protected:
  void start(const std::function<void(ops::NodeConfig&)>& tweak = {}) {
    ops::NodeConfig config;
    config.name = config.role = "gateway";
    config.variant = "hardened";
    config.peers = {{"order", {order.url()}},
                    {"catalog", {catalog.url()}},
                    {"payment", {payment.url()}},
                    {"delivery", {delivery.url()}},
                    {"selling", {selling.url()}}};
    if (tweak) tweak(config);
    service = make_gateway(config);
    server = edge::serve(service.server, service.business);
  }
  edge::CallResult call(const std::string& method, const std::string& path, const std::string& body = "",
                        const edge::Headers& headers = {{"X-Buyer", "b1"}}) {
    return edge::call(method, "http://127.0.0.1:" + std::to_string(server->port()) + path, body, headers,
                      {1000ms, 20000ms});
  }
  Response admin(const std::string& method, const std::string& path, const std::string& body = "") {
    Request r;
    r.method = method;
    r.path = path;
    r.body = body;
    return service.admin(r);
  }
  /// How many calls the gateway has under way at this one. It gives each up after 2 s.
  int under_way(const Backend& backend) {
    const auto json = Json::parse(admin("GET", "/admin/peers").body).value_or(Json());
    for (const Json& role : json["roles"].items())
      for (const Json& i : role["instances"].items())
        if (i["url"].text() == backend.url()) return static_cast<int>(i["in_flight"].integer());
    return -1;
  }
  /// `fill` starts calls that are held; then `look` is asked whether all of them are still under way after it has
  /// looked. Again where the machine was too slow for that.
  static bool while_held(const std::vector<Backend*>& held, const std::function<void(std::vector<std::thread>&)>& fill,
                         const std::function<bool()>& look) {
    bool seen = false;
    for (int tries = 0; tries < 20 && !seen; ++tries) {
      for (Backend* b : held) b->hold(true);
      std::vector<std::thread> callers;
      fill(callers);
      seen = look();
      for (Backend* b : held) b->hold(false);
      for (auto& c : callers) c.join();
    }
    return seen;
  }
  std::string at(const std::string& path, const std::string& buyer) {
    return (*Json::parse(call("GET", path, "", {{"X-Buyer", buyer}}).body))["at"].text();
  }
  /// Which instances answer a thousandth buyer and his friends.
  std::map<std::string, int> spread(int buyers) {
    std::map<std::string, int> out;
    for (int i = 0; i < buyers; ++i) ++out[at("/orders/x", "b" + std::to_string(i))];
    return out;
  }

  Backend order{"order"}, catalog{"catalog"}, payment{"payment"}, delivery{"delivery"}, selling{"selling"};
  ops::Service service;
  std::unique_ptr<edge::Server> server;
};

TEST(GatewayRoutes, EveryPathHasItsRoleAndItsRank) {
  struct Case {
    const char *method, *path;
    services::Backend backend;
    Priority priority;
  };
  using B = services::Backend;
  for (const Case& c :
       {Case{"POST", "/notify/alpha", B::payment, Priority::callback},
        Case{"POST", "/notify/topup", B::delivery, Priority::callback},
        Case{"POST", "/notify/topup/members", B::delivery, Priority::callback},
        Case{"POST", "/orders/H1/pay", B::order, Priority::pay},
        Case{"POST", "/orders/H1/refund", B::order, Priority::pay}, Case{"POST", "/orders", B::order, Priority::create},
        Case{"GET", "/orders", B::order, Priority::query}, Case{"GET", "/orders/H1", B::order, Priority::query},
        Case{"GET", "/wallet", B::order, Priority::query}, Case{"GET", "/wallet/entries", B::order, Priority::query},
        Case{"GET", "/goods", B::catalog, Priority::list}, Case{"GET", "/goods/steam-50", B::catalog, Priority::list},
        Case{"GET", "/audit/orders", B::audit, Priority::query},
        Case{"POST", "/shared/order", B::selling, Priority::create},
        Case{"GET", "/api/v1/upstream/goods", B::selling, Priority::query},
        Case{"POST", "/sessions", B::order, Priority::create}, Case{"GET", "//goods/", B::catalog, Priority::list}}) {
    const Route* route = route_for(c.method, c.path);
    ASSERT_NE(route, nullptr) << c.path;
    EXPECT_EQ(route->backend, c.backend) << c.path;
    EXPECT_EQ(route->priority, c.priority) << c.path;
  }
  for (const char* path : {"/", "", "/internal/ready", "/internal/move", "/admin/peers", "/operator/coupons",
                           "/ops/reconciliation", "/goodsx", "/notify", "/api/v1", "/api/v2/upstream/x", "/**", "/*"})
    EXPECT_EQ(route_for("GET", path), nullptr) << path;
}

TEST_F(GatewayTest, SendsOnWhatTheBackendNeedsAndKeepsWhatIsOurs) {
  start();
  EXPECT_EQ(call("POST", "/orders?x=1", "{}",
                 {{"X-Buyer", "b1"},
                  {"X-Session", "s"},
                  {"X-Sign", "abc"},
                  {"X-Anything", "1"},
                  {"X-Deadline-Ms", "1"},
                  {"X-Cardstorm-Mark", "drill"},
                  {"TE", "trailers"}})
                .status,
            200);
  const Request& r = order.last;
  EXPECT_EQ(r.path + "?" + r.query + r.body, "/orders?x=1{}");
  EXPECT_EQ(r.header("x-buyer") + r.header("x-session") + r.header("x-sign") + r.header("x-anything"), "b1sabc1");
  EXPECT_EQ(r.header("x-cardstorm-mark"), "drill");
  EXPECT_EQ(r.header("te"), "");
  EXPECT_FALSE(r.header("idempotency-key").empty()) << "so that it may be sent twice";
  EXPECT_FALSE(r.header("traceparent").empty());
  EXPECT_GT(std::stoi(r.header("x-deadline-ms")), 1000) << "a buyer's impatience is not the instance's fault";
}

TEST_F(GatewayTest, ShedsListsFirstWith429AndLetsCallbacksThrough) {
  start();
  std::string list, created;
  int channel = 0, supplier = 0;
  const auto fill = [this](std::vector<std::thread>& buyers) {
    for (int i = 0; i < 32; ++i)
      buyers.emplace_back([this, i] { call("GET", "/orders/x", "", {{"X-Buyer", "b" + std::to_string(i)}}); });
    for (int i = 0; i < 16; ++i) buyers.emplace_back([this] { call("GET", "/goods"); });
  };
  ASSERT_TRUE(while_held({&order, &catalog}, fill, [&] {
    if (!order.waits_for(32) || !catalog.waits_for(16)) return false;
    const edge::Raw raw(server->port());
    raw.send("GET /goods HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    list = raw.receive();
    channel = call("POST", "/notify/alpha", "{}").status;
    supplier = call("POST", "/notify/topup", "{}").status;
    created = call("POST", "/orders", "{}").body;
    return under_way(order) == 32 && under_way(catalog) == 16;
  }));
  EXPECT_EQ(list.substr(0, 12), "HTTP/1.1 429");
  EXPECT_NE(list.find("Retry-After: 1"), std::string::npos);
  EXPECT_EQ(channel, 200);
  EXPECT_EQ(supplier, 200);
  EXPECT_EQ(Json::parse(created).value_or(Json())["message"].text(), "order has enough to do")
      << "no longer a question of rank";
  EXPECT_EQ(call("GET", "/goods").status, 200);
  EXPECT_NE(service.metrics().find("limiter_rejected_total{class=\"list\"} "), std::string::npos) << service.metrics();
}

TEST_F(GatewayTest, AGreedyBuyerLeavesRoomForOthers) {
  start();
  std::atomic<int> other = 0;
  edge::CallResult refused;
  ASSERT_TRUE(while_held(
      {&order},
      [&](std::vector<std::thread>& callers) {
        for (int i = 0; i < 12; ++i)
          callers.emplace_back([this] {
            call("POST", "/orders", R"({"quantity":150})", {{"X-Buyer", "greedy"}});
          });  // each counts twice
        EXPECT_TRUE(order.waits_for(12));
        callers.emplace_back([&] { other = call("POST", "/orders", "{}", {{"X-Buyer", "other"}}).status; });
      },
      [&] {
        if (!order.waits_for(13)) return false;
        refused = call("POST", "/orders", R"({"quantity":150})", {{"X-Buyer", "greedy"}});
        return under_way(order) == 13;
      }));
  EXPECT_EQ(other, 200);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ((*Json::parse(refused.body))["error"].text(), "too_many");
}

TEST_F(GatewayTest, OneRoleThatHangsTakesNothingFromTheOthers) {
  start();
  int ninth = 0;
  ASSERT_TRUE(while_held(
      {&payment},
      [this](std::vector<std::thread>& notifies) {
        for (int i = 0; i < 8; ++i) notifies.emplace_back([this] { call("POST", "/notify/alpha", "{}"); });
      },
      [&] {
        if (!payment.waits_for(8)) return false;
        ninth = call("POST", "/notify/alpha", "{}").status;
        const bool all_there = under_way(payment) == 8;
        for (int i = 0; i < 20; ++i) {
          EXPECT_EQ(call("GET", "/goods").status, 200);
          EXPECT_EQ(call("POST", "/orders", "{}").status, 200);
        }
        return all_there;
      }));
  EXPECT_EQ(ninth, 429);
}

TEST_F(GatewayTest, AsksTheTwinWhatAShortFirstTryCouldOnlyAccept) {
  Backend second("second");
  start([&](ops::NodeConfig& c) { c.peers["order"].push_back(second.url()); });
  order.status = 202;
  second.status = 201;
  while (order.handled < 3) {
    const int before = order.handled;
    EXPECT_EQ(call("POST", "/orders", "{}").status, 201);
    if (order.handled > before) {
      EXPECT_GT(std::stoi(second.last.header("x-deadline-ms")), std::stoi(order.last.header("x-deadline-ms")));
    }
  }
  for (const int worse : {503, 429}) {
    second.status = worse;
    std::set<int> seen;
    for (int i = 0; i < 4; ++i) seen.insert(call("POST", "/orders", "{}").status);
    EXPECT_TRUE(seen.contains(202)) << "accepted is accepted, whatever the twin says: " << worse;
    EXPECT_FALSE(seen.contains(503));
  }
}

TEST_F(GatewayTest, OrdersThatHangDoNotStopBrowsingNorCallbacks) {
  start();
  order.hold(true);
  std::vector<std::thread> buyers;
  for (int i = 0; i < 32; ++i)
    buyers.emplace_back([this, i] { call("POST", "/orders", "{}", {{"X-Buyer", "b" + std::to_string(i)}}); });
  EXPECT_TRUE(order.waits_for(32));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(call("GET", "/goods").status, 200);
    EXPECT_EQ(call("POST", "/notify/alpha", "{}").status, 200);
  }
  order.hold(false);
  for (auto& b : buyers) b.join();
}

TEST_F(GatewayTest, ACanaryGetsItsShareOfTheBuyersAndAlwaysTheSameOnes) {
  Backend next("next");
  start([&](ops::NodeConfig& c) {
    c.peers["order@v2"] = {next.url()};
    c.options["canary.order"] = "v2=20";
  });
  auto seen = spread(200);
  EXPECT_GT(seen["next"], 20);
  EXPECT_LT(seen["next"], 60);
  for (int i = 0; i < 20; ++i) {
    const std::string buyer = "b" + std::to_string(i), first = at("/orders/x", buyer);
    for (int n = 0; n < 3; ++n) EXPECT_EQ(at("/orders/x", buyer), first);
  }
  EXPECT_EQ(admin("POST", "/admin/weights", R"({"role":"order","version":"v2","percent":0})").status, 200);
  EXPECT_EQ(spread(60)["next"], 0);
  admin("POST", "/admin/weights", R"({"role":"order","version":"v2","percent":100})");
  EXPECT_EQ(spread(60)["next"], 60);
}

TEST_F(GatewayTest, ACanaryThatIsDownLeavesItsBuyersToTheOthers) {
  auto next = std::make_unique<Backend>("next");
  start([&](ops::NodeConfig& c) {
    c.peers["order@v2"] = {next->url()};
    c.options["canary.order"] = "v2=100";
  });
  EXPECT_EQ(spread(5)["next"], 5);
  next.reset();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(call("GET", "/orders/x").status, 200);
}

TEST_F(GatewayTest, InstancesComeAndGoWithoutALostRequest) {
  Backend second("second");
  start();
  EXPECT_EQ(spread(10)["order"], 10);
  const auto peers = [&](const std::vector<std::string>& urls) {
    std::vector<std::string> quoted;
    for (const auto& url : urls) quoted.push_back(domain::json_quoted(url));
    return admin("POST", "/admin/peers", R"({"role":"order","urls":)" + domain::json_array(quoted) + "}");
  };
  EXPECT_EQ(peers({order.url(), second.url()}).status, 200);
  EXPECT_GT(spread(10)["second"], 0);
  // Requests are under way at both when one is named no more: they end where they are, new ones go elsewhere.
  order.hold(true);
  second.hold(true);
  std::atomic<int> good{0};
  std::vector<std::thread> under_way;
  for (int i = 0; i < 4; ++i)
    under_way.emplace_back([&, i] {
      good += call("GET", "/audit/orders", "", {{"X-Buyer", "b" + std::to_string(i)}}).status == 200;
    });
  EXPECT_TRUE(order.waits_for(1));
  EXPECT_EQ(peers({second.url()}).body.find(order.url()), std::string::npos);
  order.hold(false);
  second.hold(false);
  for (auto& u : under_way) u.join();
  EXPECT_GE(good, 2);  // the audit's own bulkhead takes two
  EXPECT_EQ(spread(10)["second"], 10);
}

TEST_F(GatewayTest, TheSupervisorNamesACanaryWithItsInstances) {
  Backend next("next");
  start();
  const std::string urls = "[\"" + order.url() + "\"]", canary = "[\"" + next.url() + "\"]";
  admin("POST", "/admin/peers",
        R"({"role":"order","urls":)" + urls + R"(,"canary":{"version":"v2","percent":100,"urls":)" + canary + "}}");
  EXPECT_EQ(spread(10)["next"], 10);
  admin("POST", "/admin/peers", R"({"role":"order","urls":)" + urls + "}");
  EXPECT_EQ(spread(10)["order"], 10);
}

TEST_F(GatewayTest, NamesWhatIsWrongWithAnAdminCallAndChangesNothing) {
  start();
  const auto error = [&](const char* path, const char* body) {
    return (*Json::parse(admin("POST", path, body).body))["error"].text();
  };
  EXPECT_EQ(error("/admin/peers", "no json"), "bad_peers");
  EXPECT_EQ(error("/admin/peers", R"({"role":"baker","urls":["http://127.0.0.1:1"]})"), "unknown_role");
  EXPECT_EQ(error("/admin/peers", R"({"role":"order"})"), "bad_peers");
  EXPECT_EQ(error("/admin/peers", R"({"role":"order","urls":["file:///etc/passwd"]})"), "bad_peers");
  EXPECT_EQ(error("/admin/peers", R"({"role":"order","urls":[1]})"), "bad_peers");
  EXPECT_EQ(error("/admin/peers", R"({"role":"order","urls":[],"canary":{"version":"v2","percent":500,"urls":[]}})"),
            "bad_peers");
  EXPECT_EQ(error("/admin/weights", R"({"role":"order","version":"v2","percent":101})"), "bad_weight");
  EXPECT_EQ(error("/admin/weights", R"({"role":"order","percent":1})"), "bad_weight");
  EXPECT_EQ(error("/admin/nothing", "{}"), "not_found");
  EXPECT_NE(admin("GET", "/admin/peers").body.find(order.url()), std::string::npos);
}

TEST_F(GatewayTest, RefusesToStartWithACanaryThatIsNone) {
  for (const char* wrong : {"v2", "=5", "v2=", "v2=ten", "v2=101", "v2=-1"})
    EXPECT_THROW(start([&](auto& c) { c.options["canary.order"] = wrong; }), std::runtime_error) << wrong;
}

TEST_F(GatewayTest, WithA09PayingIsRefusedWhileCrawlersPass) {
  start([](ops::NodeConfig& c) {
    c.options["limit_per_s"] = "5";
    c.switches.set(domain::Trait::A09, true);
  });
  int crawled = 0, paid = 0;
  for (int i = 0; i < 60; ++i) crawled += call("GET", "/goods").status == 200;
  for (int i = 0; i < 5; ++i) paid += call("POST", "/notify/alpha", "{}").status == 200;
  EXPECT_GE(crawled, 5);
  EXPECT_LT(crawled + paid, 65);
}

TEST_F(GatewayTest, WithoutA09NobodyIsRefusedInQuietTimes) {
  start([](ops::NodeConfig& c) { c.options["limit_per_s"] = "20"; });
  for (int i = 0; i < 60; ++i) EXPECT_EQ(call("GET", "/goods").status, 200);
}

TEST_F(GatewayTest, OnlyA10LeavesTheQueueUnbounded) {
  start();
  EXPECT_GT(service.server.queue_max, 0U);
  EXPECT_GT(service.server.queue_age_max, 0ms);
  server.reset();
  start([](ops::NodeConfig& c) { c.switches.set(domain::Trait::A10, true); });
  EXPECT_EQ(service.server.queue_max, 0U);
  EXPECT_EQ(service.server.queue_age_max, 0ms);
}

}  // namespace
}  // namespace platform::services
