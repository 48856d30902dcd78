// scale: instances come and go under load and nothing is lost; who is killed comes back where it was.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <map>
#include <set>

#include "tests/unit/platform/ops_up.hpp"

namespace platform::ops {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

/// Sends to the public address without pause, and keeps what was not answered with 200.
class Load {
 public:
  explicit Load(const std::string& url) {
    for (int i = 0; i < 3; ++i) threads_.emplace_back([this, url] { run(url + "/slow"); });
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { end(); }
  void end() {
    stop_ = true;
    for (auto& t : threads_)
      if (t.joinable()) t.join();
  }
  /// Waits until every one of `names` has answered since now.
  bool served_by(const std::set<std::string>& names) {
    {
      const std::lock_guard lock(mutex_);
      seen_.clear();
    }
    return wait_until([&] {
      const std::lock_guard lock(mutex_);
      return std::includes(seen_.begin(), seen_.end(), names.begin(), names.end());
    });
  }
  std::string lost() {
    const std::lock_guard lock(mutex_);
    return lost_;
  }
  [[nodiscard]] int answered() const { return answered_; }

 private:
  void run(const std::string& url) {
    while (!stop_) {
      const auto r = edge::call("GET", url, "", {}, {1000ms, 5000ms});
      const std::lock_guard lock(mutex_);
      if (r.status == 200)
        seen_.insert(r.body);
      else
        lost_ += std::to_string(r.status) + " " + r.body + r.error + "; ";
      ++answered_;
    }
  }
  std::atomic<bool> stop_{false};
  std::atomic<int> answered_{0};
  std::mutex mutex_;
  std::set<std::string> seen_;
  std::string lost_;
  std::vector<std::thread> threads_;
};

UpOptions hardened() {
  UpOptions o;
  o.variant = "hardened";
  return o;
}

std::map<std::string, json::object> by_name(const Up& up) {
  std::map<std::string, json::object> out;
  for (const auto& n : up.nodes()) out[std::string(n.at("name").as_string())] = n.as_object();
  return out;
}

/// Who was there when it died is who is there when it comes back.
void gateway_knows_after_its_death(const Up& up, const std::set<std::string>& names) {
  const auto before = by_name(up).at("gateway");
  ::kill(Up::pid_of(before), SIGKILL);
  ASSERT_TRUE(wait_until([&] {
    const auto now = by_name(up).at("gateway");
    return now.at("ready").as_bool() && Up::pid_of(now) != Up::pid_of(before);
  }));
  Load load(up.text("url"));
  EXPECT_TRUE(load.served_by(names));
}

void scales_without_loss(const Up& up) {
  Load load(up.text("url"));
  EXPECT_EQ(up.control("POST", "/scale", R"({"role":"order","instances":4})").body,
            R"({"role":"order","instances":["order-1","order-2","order-3","order-4"]})");
  EXPECT_TRUE(load.served_by({"order-1", "order-2", "order-3", "order-4"}));
  EXPECT_EQ(up.control("POST", "/scale", R"({"role":"order","instances":1})").body,
            R"({"role":"order","instances":["order-1"]})");
  EXPECT_EQ(by_name(up).count("order-2"), 0U);
  EXPECT_TRUE(load.served_by({"order-1"}));
  EXPECT_EQ(up.control("POST", "/scale", R"({"role":"order","instances":2})").status, 200);
  EXPECT_TRUE(load.served_by({"order-1", "order-2"}));
  load.end();
  EXPECT_EQ(up.control("POST", "/scale", R"({"role":"order","instances":3})").status, 200);
  gateway_knows_after_its_death(up, {"order-1", "order-2", "order-3"});
  EXPECT_EQ(up.control("POST", "/scale", R"({"role":"order","instances":2})").status, 200);
  EXPECT_EQ(load.lost(), "");
  EXPECT_GT(load.answered(), 20);
}

void runs_a_canary(const Up& up) {
  EXPECT_EQ(up.control("POST", "/canary", R"({"role":"order","version":"v2","bug":"B07","weight":10})").body,
            R"({"role":"order","canary":"order-canary","version":"v2","weight":10})");
  auto nodes = by_name(up);
  EXPECT_EQ(nodes.at("order-canary").at("version").as_string(), "v2");
  const auto url = std::string(nodes.at("order-canary").at("url").as_string());
  EXPECT_EQ(edge::call("GET", url + "/bugs", "", {}, {1000ms, 5000ms}).body, "B07");
  EXPECT_EQ(
      edge::call("GET", std::string(nodes.at("order-1").at("url").as_string()) + "/bugs", "", {}, {1000ms, 5000ms})
          .body,
      "");
  EXPECT_EQ(up.control("POST", "/canary", R"({"role":"order","bug":"B08","weight":10})").status, 409);
  EXPECT_EQ(up.control("POST", "/canary", R"({"role":"order","version":"v2","weight":25})").body,
            R"({"role":"order","canary":"order-canary","version":"v2","weight":25})");
  const json::object gateway = json::parse(text_of(up.text("dir") + "/nodes/gateway.json")).as_object();
  EXPECT_EQ(gateway.at("options").at("canary.order").as_string(), "v2=25");
  gateway_knows_after_its_death(up, {"order-1", "order-2", "order-canary"});
  EXPECT_EQ(up.control("POST", "/canary", R"({"role":"order","weight":0})").status, 200);
  EXPECT_EQ(by_name(up).count("order-canary"), 0U);
  EXPECT_EQ(up.control("POST", "/canary", R"({"role":"order","weight":0})").status, 404);
}

void refuses_what_is_wrong(const Up& up) {
  const auto pids = [&] {
    std::map<std::string, pid_t> out;
    for (const auto& [name, node] : by_name(up)) out[name] = Up::pid_of(node);
    return out;
  };
  const auto before = pids();
  for (const char* path : {"/restart", "/stop"})
    for (const char* body : {"{", "[]", "7", "\xff", R"({"node":"order-1"})"})
      EXPECT_EQ(up.control("POST", path, body).status, 400) << path << " " << body;
  for (const char* body : {"", "[]", "{}", R"({"role":"gateway","instances":2})", R"({"role":"order","instances":0})",
                           R"({"role":"order","instances":9})", R"({"role":"order","instances":"2"})",
                           R"({"role":"order","instances":2,"x":1})", R"({"role":"none","instances":2})",
                           R"({"role":"order","instances":3,"instances":2})"})
    EXPECT_EQ(up.control("POST", "/scale", body).status, 400) << body;
  for (const char* body :
       {"{}", R"({"role":"order"})", R"({"role":"order","weight":101})", R"({"role":"order","weight":5,"bug":"B99"})",
        R"({"role":"order","weight":5,"trait":"A06"})", R"({"role":"order","weight":5,"trait":"A03=on"})",
        R"({"role":"order","weight":5,"bug":["B07"]})", R"({"role":"order","weight":5,"version":2})",
        R"({"role":"order","weight":5,"weight":6})"})
    EXPECT_EQ(up.control("POST", "/canary", body).status, 400) << body;
  EXPECT_EQ(up.control("POST", "/nothing", "").status, 404);
  EXPECT_EQ(up.control("GET", "/operator/name").status, 200);  // the operator's door to the shop: an order node answers
  EXPECT_EQ(up.control("GET", "/ops/name").status, 200);
  EXPECT_EQ(up.control("GET", "/scale").status, 404);
  EXPECT_EQ(pids(), before) << "who names one node must not hit all of them";
}

/// kill -9 of every one: each comes back at once, on its port.
void comes_back_from_each_kill(const Up& up) {
  const auto before = by_name(up);
  for (const auto& [name, node] : before) ::kill(Up::pid_of(node), SIGKILL);
  ASSERT_TRUE(wait_until([&] {
    const auto now = by_name(up);
    return std::all_of(before.begin(), before.end(), [&](const auto& b) {
      const auto& n = now.at(b.first);
      return n.at("ready").as_bool() && Up::pid_of(n) != Up::pid_of(b.second);
    });
  }));
  for (const auto& [name, node] : by_name(up)) {
    EXPECT_EQ(node.at("url"), before.at(name).at("url"));
    EXPECT_EQ(node.at("admin_url"), before.at(name).at("admin_url"));
    EXPECT_EQ(node.at("restarts").as_int64(), before.at(name).at("restarts").as_int64() + 1);
  }
}

TEST(Supervisor, ScalesRunsACanaryAndSurvivesTheKillOfEachNode) {
  Up up(hardened());
  ASSERT_FALSE(up.ready.empty());
  ASSERT_EQ(by_name(up).size(), 8U);
  scales_without_loss(up);
  runs_a_canary(up);
  refuses_what_is_wrong(up);
  comes_back_from_each_kill(up);
  EXPECT_NE(up.control("GET", "/").body.find("<html"), std::string::npos);
  EXPECT_EQ(json::parse(up.control("GET", "/overview").body).at("nodes").as_array().size(), 8U);
  EXPECT_EQ(up.control("POST", "/restart").status, 200);
  EXPECT_EQ(by_name(up).size(), 8U);
}

/// What waits for the supervisor's thread when the end comes does not keep it.
TEST(Supervisor, EndsInTheMiddleOfAChange) {
  Up up(hardened());
  ASSERT_FALSE(up.ready.empty());
  std::thread change([&] { up.control("POST", "/scale", R"({"role":"order","instances":8})"); });
  ASSERT_TRUE(wait_until([&] { return by_name(up).size() > 8; }));
  EXPECT_EQ(up.control("POST", "/stop").status, 200);
  EXPECT_EQ(up.wait(), 0);
  change.join();
}

}  // namespace
}  // namespace platform::ops
