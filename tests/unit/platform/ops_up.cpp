// ops_up: the parts of a small platform, and its node: this very program, when it is started as one. A `gateway` among
// them hands requests on to the order instances that it was told of.
#include "tests/unit/platform/ops_up.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "reference_platform/ops/node_config.hpp"
#include "reference_platform/ops/signals.hpp"

namespace platform::ops {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class Peers {
 public:
  explicit Peers(std::vector<std::string> urls) : urls_(std::move(urls)) {}
  edge::Response take(const edge::Request& r) {
    const auto body = json::parse(r.body).as_object();
    const std::lock_guard lock(mutex_);
    urls_.clear();
    for (const auto& url : body.at("urls").as_array()) urls_.emplace_back(url.as_string());
    if (const auto* canary = body.if_contains("canary"))
      for (const auto& url : canary->at("urls").as_array()) urls_.emplace_back(url.as_string());
    return {200, "{}", "application/json", {}};
  }
  std::string next() {
    const std::lock_guard lock(mutex_);
    return urls_.at(turn_++ % urls_.size());
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> urls_;
  std::size_t turn_ = 0;
};

Service service_of(const NodeConfig& config) {
  Service s;
  if (config.role == "gateway") {
    std::vector<std::string> urls;
    for (const auto& [role, of] : config.peers)
      if (role.starts_with("order")) urls.insert(urls.end(), of.begin(), of.end());
    const auto peers = std::make_shared<Peers>(urls);
    s.admin = [peers](const edge::Request& r) { return peers->take(r); };
    s.business = [peers](const edge::Request& r) {
      const auto answer = edge::call(r.method, peers->next() + r.path, "", {}, {1000ms, 5000ms});
      return edge::Response{answer.status == 0 ? 502 : answer.status, answer.body + answer.error, "text/plain", {}};
    };
    return s;
  }
  s.business = [name = config.name, bugs = config.switches.bugs_text()](const edge::Request& r) {
    if (r.path == "/slow") std::this_thread::sleep_for(20ms);
    return edge::Response{200,
                          r.path == "/bugs"                        ? bugs
                          : r.path == "/name" || r.path == "/slow" ? name
                                                                   : std::to_string(::getpid()),
                          "text/plain",
                          {}};
  };
  return s;
}

/// Started as "program node NAME --config FILE ...", this program is a node and runs no test.
class ActAsNode : public testing::Environment {
 public:
  void SetUp() override {
    std::vector<std::string> argv;
    std::ifstream in("/proc/self/cmdline");
    for (std::string a; std::getline(in, a, '\0');) argv.push_back(a);
    if (argv.size() < 7 || argv[1] != "node") return;
    block_stop_signals();
    auto config = read_config(argv[4]);
    config.options["supervisor_fd"] = argv[6];
    ::_exit(run_node(config, service_of(config)));
  }
};
[[maybe_unused]] const auto* const kActAsNode = testing::AddGlobalTestEnvironment(new ActAsNode);

constexpr const char* kSchema =
    "CREATE TABLE t (id int); CREATE VIEW audit_orders AS SELECT id FROM t;"
    "CREATE VIEW audit_wallets AS SELECT id FROM t; CREATE VIEW audit_ledger AS SELECT id FROM t";
std::string schema(const UpOptions&, int) { return kSchema; }
std::string views(const UpOptions&, const std::vector<std::string>&) { return ""; }
void load(store::Connection& db, const UpOptions& options, int, bool) {
  if (options.mint_dir == "bad") throw std::runtime_error("bad mint");
  db.run("INSERT INTO t VALUES (7)");
}
void seed(store::Connection&, const UpOptions&, int) {}

}  // namespace

Parts small_parts() { return {"/proc/self/exe", &schema, &views, &load, &seed}; }

}  // namespace platform::ops
