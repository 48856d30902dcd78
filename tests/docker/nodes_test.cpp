// nodes: what harness/target/docker.cpp and scenarios/targets/compose-example.yaml say of containers, on a real Docker.
// The fake engine of tests/support answers as this one does.
#include "harness/target/nodes.hpp"

#include <gtest/gtest.h>

#include "harness/core/text.hpp"
#include "harness/fault/fault.hpp"
#include "harness/lease/run_undo.hpp"
#include "tests/integration/command.hpp"
#include "tests/support/private_server.hpp"
#include "tests/support/real_docker.hpp"
#include "tests/unit/fault/support.hpp"

namespace cardstorm {
namespace {

class Docker : public testing::Test {
 public:
  static void SetUpTestSuite() { engine_ = std::make_unique<test::RealDocker>(); }
  static void TearDownTestSuite() { engine_.reset(); }

 protected:
  void SetUp() override {
    if (!engine_->absent().empty()) GTEST_SKIP() << engine_->absent();
  }
  void TearDown() override {
    for (const char* name : {"shop-order-1", "shop-payment-1"}) (void)engine_->docker({"rm", "-f", name});
  }
  static NodeSpecs order() {
    NodeSpec node;
    node.kind = "docker";
    node.node = "shop-order-1";
    node.socket = engine_->socket();
    return {{"order", node}};
  }
  static inline std::unique_ptr<test::RealDocker> engine_;
  test::HeldPort port_;
};

Probe look(Fault& fault) {
  std::string note;
  return fault.probe(&note);
}

TEST_F(Docker, ANodeIsKilledSeenDeadAndStartedAgain) {
  const auto made = engine_->run_pages("shop-order-1", port_.number());
  ASSERT_EQ(made.code, 0) << made.out;
  test::NodesTarget target(order());
  const auto before = target.nodes()->node("order");
  ASSERT_TRUE(before) << before.error().what;
  EXPECT_TRUE(before->ready);
  FaultSpec spec;
  spec.fault = "node_kill";
  spec.on = "order";
  auto fault = make_fault(spec, target);
  ASSERT_TRUE(fault) << fault.error().what;
  EXPECT_EQ(look(**fault), Probe::normal);
  ASSERT_TRUE((*fault)->inject());
  EXPECT_EQ(look(**fault), Probe::in_force);
  EXPECT_NE(engine_->docker({"ps", "-a", "--format", "{{.Names}} {{.Status}}"}).out.find("shop-order-1 Exited (137)"),
            std::string::npos);
  ASSERT_TRUE((*fault)->heal());
  EXPECT_TRUE((*fault)->heal()) << "twice is fine";
  EXPECT_EQ(look(**fault), Probe::normal);
  const auto after = target.nodes()->node("order");
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->ready);
  EXPECT_NE(after->instance, before->instance) << "the same container, another start of it";
  EXPECT_EQ(after->instance.substr(0, 64), before->instance.substr(0, 64));
}

TEST_F(Docker, NoRestartPolicyActsOnAKillByTheApiAndTheUndoDoes) {
  ASSERT_EQ(engine_->run_pages("shop-order-1", port_.number(), {"--restart", "always"}).code, 0);
  const auto nodes = make_docker_nodes(order());
  const auto victim = nodes->node("order");
  ASSERT_TRUE(victim);
  const Undo undo = nodes->undo(*victim);
  ASSERT_TRUE(nodes->kill(*victim));
  EXPECT_TRUE(test::eventually([&] { return nodes->node("order")->instance.empty(); }));
  // A policy starts again within 0.1 s, doubled for each further time.
  EXPECT_FALSE(test::eventually([&] { return !nodes->node("order")->instance.empty(); }, 1s));
  for (int times = 0; times < 2; ++times) {
    const UndoResult undone = run_undo(undo, AllowList(), 30s);
    EXPECT_TRUE(undone.reverted) << undone.note;
  }
  EXPECT_TRUE(nodes->node("order")->ready);
}

TEST_F(Docker, APausedContainerIsNotReady) {
  ASSERT_EQ(engine_->run_pages("shop-order-1", port_.number()).code, 0);
  const auto nodes = make_docker_nodes(order());
  ASSERT_EQ(engine_->docker({"pause", "shop-order-1"}).code, 0);
  EXPECT_FALSE(nodes->node("order")->ready);
  ASSERT_EQ(engine_->docker({"unpause", "shop-order-1"}).code, 0);
  EXPECT_TRUE(nodes->node("order")->ready);
}

TEST_F(Docker, AContainerIsReadyWhenItsHealthCheckSaysSo) {
  ASSERT_EQ(engine_
                ->run_pages("shop-order-1", port_.number(),
                            {"--health-cmd", "test -e /tmp/well", "--health-interval", "1s", "--tmpfs", "/tmp"})
                .code,
            0);
  const auto nodes = make_docker_nodes(order());
  EXPECT_FALSE(nodes->node("order")->ready);
  ASSERT_EQ(engine_->docker({"exec", "shop-order-1", "/usr/bin/touch", "/tmp/well"}).code, 0);
  EXPECT_TRUE(test::eventually([&] { return nodes->node("order")->ready; }, 30s));
}

TEST_F(Docker, OneThatIsRemovedWhenItEndsIsNotKilled) {
  ASSERT_EQ(engine_->run_pages("shop-order-1", port_.number(), {"--rm"}).code, 0);
  const auto nodes = make_docker_nodes(order());
  const auto victim = nodes->node("order");
  ASSERT_TRUE(victim);
  const Status refused = nodes->kill(*victim);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::refused);
  EXPECT_TRUE(nodes->node("order")->ready);
}

TEST_F(Docker, OneThatIsNotThereIsNamed) {
  const auto nodes = make_docker_nodes(order());
  const auto none = nodes->node("order");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
  EXPECT_NE(none.error().what.find("shop-order-1"), std::string::npos);
}

/// The example of scenarios/targets with the socket and the port of this test, and without what is no container: its
/// own metrics, books and database.
std::string compose_example(const std::string& socket, int port) {
  std::string out;
  bool keep = true;
  for (const std::string& line :
       split(*read_file(testing_paths::source_dir() + "/scenarios/targets/compose-example.yaml"), '\n')) {
    if (!line.empty() && line[0] != ' ' && line[0] != '#') {
      keep = true;
      for (const char* other : {"version:", "must_not_resolve:", "guard:", "partners:", "databases:", "audit:"})
        keep = keep && !line.starts_with(other);
    }
    if (keep) out += line + "\n";
  }
  const auto replace = [&](const std::string& what, const std::string& by) {
    const auto at = out.find(what);
    if (at == std::string::npos) {
      ADD_FAILURE() << "the example no longer says: " << what;
      return;
    }
    out.replace(at, what.size(), by);
  };
  replace("http://127.0.0.1:8080", "http://127.0.0.1:" + std::to_string(port));
  replace("{ docker: shop-order-1 }", "{ docker: shop-order-1, socket: " + socket + " }");
  replace("/var/run/docker.sock", socket);
  replace("touch: [pool, channels, nodes]", "touch: [nodes]");
  return out;
}

TEST_F(Docker, TheComposeExampleIsExaminedAndItsOrderNodeBrokenAndMended) {
  const test::HeldPort other;
  ASSERT_EQ(engine_->run_pages("shop-order-1", port_.number()).code, 0);
  ASSERT_EQ(engine_->run_pages("shop-payment-1", other.number()).code, 0);
  const TestFolder folder;
  ASSERT_TRUE(write_file(folder.at("target.yaml"), compose_example(engine_->socket(), port_.number())));
  ASSERT_TRUE(write_file(
      folder.at("kill.yaml"),
      "scenario: kill\nwhy: A container dies.\ntarget: target.yaml\n"
      "traffic: { trace: traces/azure_llm_code_2023.csv, base_rate: 6, peak_rate: 10, scale: 1.5, late_max: 5s }\n"
      "timing: { steady: 3s, fault: 4s, observe: 5s, gap: 1s, drain: 12s }\n"
      "faults: [ { fault: node_kill, on: order } ]\nchecks: none\n"
      "slo: { samples_min: 10, recover_good: 3 }\nexpect: { success_rate: \">= 0.1\" }\n"));
  const Said doctor = run_command(folder, {"doctor", "--target", folder.at("target.yaml")});
  for (const char* row : {"order (docker)", "payment (docker)"})
    EXPECT_NE(doctor.out.find(row), std::string::npos) << doctor.out << doctor.err;

  const std::string out = folder.at("run");
  const Said run = run_command(folder, {"run", folder.at("kill.yaml"), "--out", out}, 120s);
  const auto text = read_file(out + "/scorecard.json");
  ASSERT_TRUE(text) << run.out << run.err;
  const auto card = Json::parse(*text);
  ASSERT_TRUE(card);
  ASSERT_EQ((*card)["episodes"].items().size(), 1U) << run.out << run.err;
  const Json& episode = (*card)["episodes"].items().front();
  EXPECT_TRUE(episode["verified"].boolean()) << run.out;
  EXPECT_TRUE(episode["reverted"].boolean()) << run.out;
  EXPECT_NE(run.code, 5) << run.err;
  EXPECT_TRUE(make_docker_nodes(order())->node("order")->ready);
}

}  // namespace
}  // namespace cardstorm
