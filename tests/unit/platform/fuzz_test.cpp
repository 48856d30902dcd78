// Every call of every node, whatever is sent to it: an answer that api.md names, nothing changed by what was refused,
// and a node that lives on.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/gateway_routes.hpp"
#include "reference_platform/services/supplier.hpp"
#include "reference_platform/store/shards.hpp"
#include "tests/support/full.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/platform/fuzz_contract.hpp"
#include "tests/unit/platform/fuzz_routes.hpp"
#include "tests/unit/platform/ops_up.hpp"
#include "tests/unit/platform/queue_broker.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kSeed = 20261123;
const int kDamagedPerRoute = cardstorm::test::sample_or_all(8, 80);

std::vector<FuzzRoute> all_routes() {
  std::vector<FuzzRoute> out;
  for (const auto& some : {buyer_routes(), merchant_routes(), operator_routes(), payment_routes(), admin_routes(),
                           control_routes(), shop_routes()})
    out.insert(out.end(), some.begin(), some.end());
  return out;
}

/// Sends all that is wrong to all routes of a table, and looks at the answers and at what became of the state.
class Fuzzer {
 public:
  using Names = std::map<std::string, std::string>;

  std::map<std::string, int> ports;  // by node
  Names names;                       // what $name stands for
  std::string merchant_secret, session;
  std::function<std::string()> state = [] { return std::string(); };    // equal texts: nothing has changed
  std::function<std::string()> changes = [] { return std::string(); };  // said when it did
  std::function<void()> settle = [] {};  // what was begun by an accepted request comes to its end
  int damaged = kDamagedPerRoute;
  bool looks_each_time = true;  // at the state; else once per route

  void run(const std::vector<FuzzRoute>& routes) {
    for (const FuzzRoute& route : routes) {
      if (*route.path == '\0') continue;
      const auto good = exchange(port(route), true_request(route, signer()));
      EXPECT_EQ(good.status, route.status)
          << route.call
          << ": the true request is refused, so the wrong ones prove nothing: " << good.body.substr(0, 300);
      settle();
      before_ = state();
      for (const auto& c : wrong_requests(route, signer(), met_.insert(route.node).second)) attempt(route, c);
      for (int i = 0; i < damaged; ++i) attempt(route, damaged_request(route, signer(), random_));
      if (!looks_each_time) {
        EXPECT_EQ(state(), before_) << route.call;
      }
      EXPECT_LT(exchange(port(route), true_request(route, signer())).status, 500) << route.call << " afterwards";
      settle();
    }
    std::printf("%d requests, %d refused\n", sent_, refused_);
  }

 private:
  int port(const FuzzRoute& route) { return ports.at(route.node); }

  Signer signer() {
    return [this](const FuzzRoute& route, FuzzRequest& r) { sign(route, r); };
  }
  void sign(const FuzzRoute& route, FuzzRequest& r) {
    const std::string fresh = "n" + std::to_string(++numbers_);
    const auto fill = [&](std::string& text) {
      for (auto it = names.rbegin(); it != names.rend(); ++it) {  // $sold_id before $sold
        const auto& [name, value] = *it;
        for (auto at = text.find("$" + name); at != std::string::npos; at = text.find("$" + name))
          text.replace(at, name.size() + 1, value);
      }
      for (auto at = text.find("$new"); at != std::string::npos; at = text.find("$new")) text.replace(at, 4, fresh);
    };
    fill(r.path);
    if (route.sign != Sign::form) fill(r.body);
    r.headers.clear();
    const std::string stamp = std::to_string(std::time(nullptr));
    switch (route.sign) {
      case Sign::none:
        break;
      case Sign::name:
      case Sign::buyer:
        r.headers = {{"X-Buyer", "b1"}, {"Idempotency-Key", fresh}};
        break;
      case Sign::session:
        r.headers = {{"X-Session", session}};
        break;
      case Sign::partner:
        r.headers = {{"X-Timestamp", stamp}, {"X-Sign", services::partner_sign(kKey, r.method, r.path, stamp, r.body)}};
        break;
      case Sign::upstream:
        r.headers = {
            {"Dujiao-Next-Api-Key", "shop-1"},
            {"Dujiao-Next-Timestamp", stamp},
            {"Dujiao-Next-Signature",
             services::upstream_sign(merchant_secret, r.method, r.path.substr(0, r.path.find('?')), stamp, r.body)}};
        break;
      case Sign::form:
        sign_form(r, fill);
        break;
    }
  }
  void sign_form(FuzzRequest& r, const std::function<void(std::string&)>& fill) const {
    auto form = services::parse_form(r.body);
    if (!form) return;
    for (auto& [name, value] : *form) fill(value);
    form->erase("sign");
    (*form)["app_id"] = "shop-1";
    (*form)["sign"] = services::sharedstock_sign(*form, merchant_secret);
    r.body = services::form_text(*form);
  }

  void attempt(const FuzzRoute& route, const FuzzCase& c) {
    FuzzAnswer a = exchange(port(route), c.request);
    for (int again = 0; again < 5 && !c.late && is_late(a); ++again)
      a = exchange(port(route), c.request);  // that is the machine's, not an answer to what was sent
    ++sent_;
    const auto json = domain::Json::parse(a.body).value_or(domain::Json());
    // SharedStock says it in the body, as those who speak it expect.
    const bool refused = a.status >= 400 || a.status == 0 || (route.sign == Sign::form && json["code"].integer() == 0);
    refused_ += refused ? 1 : 0;
    const std::string about = std::string(route.call) + ", " + c.what + ": " + std::to_string(a.status) + " " +
                              a.body.substr(0, 300) + "\n" + c.request.text().substr(0, 600);
    EXPECT_TRUE(a.status != 0 || c.may_close) << "no answer to " << about;
    EXPECT_TRUE(a.status == 0 || (a.status >= 200 && a.status < 500) || (a.status == 503 && c.late)) << about;
    if (c.refused) {
      EXPECT_TRUE(refused) << "taken: " << about;
    }
    if (a.status >= 400) check_code(route, json, about);
    if (!refused) settle();
    if (!looks_each_time) return;
    const std::string now = state();
    if (refused) {
      EXPECT_EQ(now, before_) << "refused, and yet something has changed: " << changes() << about;
    }
    before_ = now;
  }
  static bool is_late(const FuzzAnswer& a) {
    const std::string code = domain::Json::parse(a.body).value_or(domain::Json())["error"].text();
    return a.status == 503 && (code == "unavailable" || code == "too_late" || code == "pool_starved");
  }
  void check_code(const FuzzRoute& route, const domain::Json& json, const std::string& about) const {
    const std::string code = json["error"].text().empty() ? json["error_code"].text() : json["error"].text();
    EXPECT_TRUE(!code.empty() && contract_.knows(route.call, code))
        << "api.md does not name the code '" << code << "' here: " << about;
  }

  const Contract contract_;
  std::mt19937 random_{kSeed};
  std::string before_;
  std::set<std::string> met_;  // nodes whose server has been tried
  int numbers_ = 0, sent_ = 0, refused_ = 0;
};

class FuzzHardened : public Hardened {
 protected:
  void give_names(Fuzzer& fuzzer) {
    for (const auto& n : nodes_) fuzzer.ports[n.name] = n.port;
    journal_ = std::make_unique<Journal>(database_urls_);
    fuzzer.state = [this] { return std::to_string(journal_->changes()); };
    fuzzer.changes = [this] { return journal_->latest(); };
  }
  /// Deliveries are over, and their messages with them.
  void settle() {
    EXPECT_TRUE(wait_until([&] {
      return number(
                 "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM orders WHERE status IN "
                 "('paid','delivering','refunding'))") == 0;
    })) << text("SELECT string_agg(topic || ' ' || order_no || ' ' || body, ', ') FROM outbox");
  }
  /// Another shop has bought a card from us.
  void sell_one(Fuzzer& fuzzer) {
    services::Form form = {{"app_id", "shop-1"}, {"shared_code", "steam-50"}, {"num", "1"}, {"request_no", "first"}};
    form["sign"] = services::sharedstock_sign(form, fuzzer.merchant_secret);
    const auto sold = edge::call("POST", url_ + "/shared/commodity/trade", services::form_text(form), {}, {1s, 5s});
    fuzzer.names["sold"] = domain::Json::parse(sold.body).value_or(domain::Json())["data"]["tradeNo"].text();
    EXPECT_NE(fuzzer.names["sold"], "") << sold.body;
    settle();
    fuzzer.names["sold_id"] = text("SELECT id FROM merchant_orders");
    form = {{"app_id", "shop-1"}, {"shared_code", "steam-50"}};
    form["sign"] = services::sharedstock_sign(form, fuzzer.merchant_secret);
    const auto good = edge::call("POST", url_ + "/shared/commodity/stock", services::form_text(form), {}, {1s, 5s});
    fuzzer.names["sku"] =
        std::to_string(domain::Json::parse(good.body).value_or(domain::Json())["data"]["id"].integer());
  }
  std::unique_ptr<Journal> journal_;
};

TEST_F(FuzzHardened, BuyersMerchantsAndOperatorsAreAnsweredByTheBook) {
  queue::Broker redis(queue::broker_kinds().front().make);
  partners_->notifies = false;
  configure();
  nodes_.push_back(config("selling", "selling", "hardened"));
  const auto nobody = edge::serve({}, [](const edge::Request&) {
    return services::error_answer(404, "not_found");
  });  // /notify/... of channels: the next test
  for (auto& n : nodes_) {
    n.peers["payment"] = {"http://127.0.0.1:" + std::to_string(nobody->port())};
    n.peers["selling"] = {"http://127.0.0.1:" + std::to_string(nodes_.back().port)};
    if (n.role == "order") n.redis_url = redis.url();
  }
  node("selling").peers = nodes_.front().peers;
  start_here({"order-2", "payment"});

  Fuzzer fuzzer;
  give_names(fuzzer);
  fuzzer.settle = [this] { settle(); };
  const std::string own = "http://127.0.0.1:" + std::to_string(node("selling").port),
                    operators = "http://127.0.0.1:" + std::to_string(node("order-1").port);
  fuzzer.merchant_secret =
      as_buyer(own, "", "POST", "/operator/merchants", R"({"app_id":"shop-1","account":"m1"})").json["secret"].text();
  fuzzer.session = as_buyer(url_, "", "POST", "/sessions", R"({"buyer":"b1"})").json["token"].text();
  as_buyer(operators, "", "POST", "/operator/coupons", R"({"code":"C-1","kind":"amount","value":1})");
  auto& names = fuzzer.names;
  names["mine"] = order("b1", "video-month");
  names["done"] = order("b1", "video-month");
  names["topup"] = order("b1", "phone-30", 1, "13800000000");
  names["card"] = order("b1", "steam-50", 2);
  for (const char* which : {"done", "topup", "card"}) pay("b1", names[which], "wallet");
  settle();
  names["supply"] = text("SELECT request_no FROM supplies");
  sell_one(fuzzer);
  fuzzer.run(buyer_routes());
  fuzzer.run(merchant_routes());
  fuzzer.run(operator_routes());
  EXPECT_EQ(number("SELECT count(*) FROM orders WHERE amount_cents < 1 OR quantity < 1 OR refunded_cents > paid_cents"),
            0);
  EXPECT_EQ(number("SELECT count(*) FROM wallets w WHERE balance_cents < 0 OR balance_cents <> opening_cents + (SELECT "
                   "coalesce(sum(delta_cents), 0) FROM ledger l WHERE l.account = w.wallet)"),
            0);
}

TEST_F(FuzzHardened, ChannelsAreAnsweredByTheBook) {
  nodes_ = {config("payment", "payment", "hardened")};
  nodes_[0].options["reconcile_settle_s"] = "0";
  start(nodes_[0]);
  Fuzzer fuzzer;
  give_names(fuzzer);
  const std::string no = store::order_number({0, false}, "fuzzabcdefghijklmnop");
  dbs_[0]->take()->run(
      "INSERT INTO payments(order_no, channel, out_trade_no, amount_cents, buyer, state, next_at) VALUES ($1, 'alpha', "
      "$1 || '-alpha', 500, 'b1', 'waiting', now() + interval '1 hour')",
      {no});
  dbs_[0]->take()->run(
      "INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason, state) VALUES ($1 || "
      "'-r1', $1, 'beta', $1 || '-beta', 5, 'order', 'stuck')",
      {no});
  fuzzer.names = {{"paying", no}, {"stuck", no + "-r1"}};
  // A refund that is tried again goes its way, and comes to its end when the channel does not know it.
  // So does a reconciliation: one after the other.
  const std::string url = "http://127.0.0.1:" + std::to_string(nodes_[0].port);
  fuzzer.settle = [&, this] {
    const auto run = as_buyer(url, "", "POST", "/ops/reconciliation/run").json["run"].integer();
    EXPECT_TRUE(wait_until([&] {
      return number("SELECT count(*) FROM refunds WHERE state IN ('new','accepted')") == 0 &&
             as_buyer(url, "", "GET", "/ops/reconciliation").json["runs"].integer() >= run;
    }));
  };
  fuzzer.run(payment_routes());
  EXPECT_EQ(number("SELECT count(*) FROM charges"), 1) << "one charge, however often and however spelled it was told";
}

TEST_F(FuzzHardened, AdminAddressesAreAnsweredByTheBook) {
  configure();
  std::vector<ops::Process> running;
  Fuzzer fuzzer;
  for (const char* name : {"order-1", "gateway"}) {
    running.push_back(spawn(node(name)));
    fuzzer.ports[name] = node(name).admin_port;
  }
  const auto get = [&](const std::string& name, const std::string& path) {
    return as_buyer("http://127.0.0.1:" + std::to_string(node(name).admin_port), "", "GET", path).body;
  };
  for (const char* name : {"order-1", "gateway"})
    ASSERT_TRUE(wait_until([&] { return !get(name, "/health").empty(); }));
  static const std::regex kWeather("\"(healthy|in_flight)\":[a-z0-9]+|\"(idle|used|waiting)\":[0-9]+");
  fuzzer.state = [&] {
    return std::regex_replace(get("gateway", "/admin/peers") + get("order-1", "/admin/pool"), kWeather, "");
  };
  fuzzer.run(admin_routes());
}

TEST(FuzzControl, IsAnsweredByTheBook) {
  ops::UpOptions options;
  options.variant = "hardened";
  const ops::Up up(options);
  ASSERT_FALSE(up.ready.empty());
  Fuzzer fuzzer;
  const std::string url = up.text("control_url");
  fuzzer.ports["control"] = std::atoi(url.c_str() + url.rfind(':') + 1);
  fuzzer.looks_each_time = false;
  fuzzer.damaged = 0;  // by chance it could be told to start eight more nodes
  fuzzer.state = [&] {
    std::string out;
    for (const auto& n : up.nodes())
      out += std::string(n.at("name").as_string()) + " " + std::to_string(n.at("pid").as_int64()) + ", ";
    return out;
  };
  fuzzer.run(control_routes());
}

class FuzzShop : public ServicesTest {
 protected:
  FuzzShop() : ServicesTest("fragile") {}
  void fuzz(const domain::Switches& switches) {
    auto c = config("shop", "shop", "fragile");
    c.switches = switches;
    const auto partner = edge::serve({}, [](const edge::Request&) {
      return services::json_answer(200, R"({"status":"SUCCESS"})");
    });  // gives all money back, and tells nothing
    c.partners_url = "http://127.0.0.1:" + std::to_string(partner->port());
    const std::string url = start(c);
    const auto order = [&](const std::string& sku) {
      const auto made =
          as_buyer(url, "b1", "POST", "/orders", R"({"sku":")" + sku + R"(","quantity":1,"phone":"13800000000"})",
                   sku + std::to_string(++keys_));
      EXPECT_EQ(made.status, 201) << made.body;
      return made.json["order_no"].text();
    };
    Fuzzer fuzzer;
    fuzzer.names = {{"mine", order("video-month")}, {"done", order("video-month")}, {"paying", order("video-month")}};
    as_buyer(url, "b1", "POST", "/orders/" + fuzzer.names["done"] + "/pay", R"({"channel":"wallet"})", "p");
    fuzzer.ports["shop"] = c.port;
    fuzzer.settle = [this] {
      EXPECT_TRUE(wait_until([&] {
        return number(
                   "SELECT (SELECT count(*) FROM orders WHERE status IN ('paid','delivering','refunding')) + (SELECT "
                   "count(*) FROM shop_messages)") == 0;
      }));
    };
    fuzzer.settle();
    const Journal journal(database_urls_);
    fuzzer.state = [&] { return std::to_string(journal.changes()); };
    fuzzer.changes = [&] { return journal.latest(); };
    fuzzer.run(shop_routes());
    EXPECT_EQ(number("SELECT count(*) FROM orders WHERE amount_cents < 1 OR quantity < 1 OR paid_cents < 0"), 0);
    stop_all();
  }
  std::atomic<int> keys_{0};
};

TEST_F(FuzzShop, WithAllItsWeaknessesAnswersByTheBook) { fuzz(domain::Switches::usual("fragile")); }
TEST_F(FuzzShop, WithNoneOfThemAnswersByTheBook) { fuzz(domain::Switches()); }

/// Does a path of api.md, with its {names}, stand for what is fuzzed?
bool stands_for(const std::string& said, const std::string& call) {
  static const std::regex kName("\\{[a-z_]+\\}|\\bID\\b");
  return std::regex_replace(said, kName, "*") == std::regex_replace(call, kName, "*");
}

// A call that is added to api.md, to the gateway's table or to a node's code has to be added to fuzz_routes.cpp, or
// this fails.
TEST(FuzzRoutes, LeaveNoCallOut) {
  const auto routes = all_routes();
  const Contract contract;
  EXPECT_GT(contract.calls().size(), 30U);
  for (const std::string& said : contract.calls()) {
    if (said.find('{') != std::string::npos && said.find(',') != std::string::npos)
      continue;  // several in one; each is written out in the code, below
    EXPECT_TRUE(std::any_of(routes.begin(), routes.end(), [&](const FuzzRoute& r) { return stands_for(said, r.call); }))
        << said << " of api.md is not fuzzed";
  }
  std::set<const services::Route*> met;
  for (const FuzzRoute& r : routes)
    met.insert(services::route_for(r.method(), std::string(r.path).substr(0, std::string(r.path).find('?'))));
  for (const services::Route& route : services::routes()) {
    // Those that only catch what nobody should send are there for the answer.
    const bool shadowed = std::string(route.method) == "*" && std::string(route.path).starts_with("shared/");
    EXPECT_TRUE(met.contains(&route) || shadowed)
        << route.method << " " << route.path << " of the gateway is not fuzzed";
  }
}

TEST(FuzzRoutes, LeaveNoPathOfTheCodeOut) {
  std::string all;
  for (const FuzzRoute& r : all_routes()) all += std::string(r.call) + "/ ";
  static const std::regex kPath(
      "(?:r\\.path|request\\.path|path) (?:==|!=) \"(/[a-z][^\"]*)\"|(?:head|what|verb|parts\\[[0-9]\\]) == "
      "\"([a-zA-Z]+)\"");
  int found = 0;
  for (const char* folder : {"services", "ops"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(testing_paths::source_dir() + "/reference_platform/" + folder)) {
      if (entry.path().extension() != ".cpp") continue;
      std::ifstream in(entry.path());
      const std::string code{std::istreambuf_iterator<char>(in), {}};
      for (std::sregex_iterator it(code.begin(), code.end(), kPath), end; it != end; ++it) {
        const std::string path = (*it)[1].matched ? (*it)[1].str() : "/" + (*it)[2].str();
        EXPECT_NE(all.find(path + "/"), std::string::npos)
            << path << " of " << entry.path().filename() << " is not fuzzed";
        ++found;
      }
    }
  }
  EXPECT_GT(found, 30);
}

}  // namespace
}  // namespace platform::services_test
