// node_kinds: node_kill on containers, pods and commands: what it asks of them, what it takes for proof, how it mends.
// The container engine and kubectl are small fakes, the command kind kills a real process.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "harness/lease/guardian.hpp"
#include "harness/lease/recover.hpp"
#include "harness/lease/run_undo.hpp"
#include "harness/target/nodes.hpp"
#include "tests/support/command_node.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/fake_kubectl.hpp"
#include "tests/unit/fault/support.hpp"

namespace cardstorm {
namespace {

using test::CommandNode;
using test::eventually;
using test::FakeEngine;
using test::FakeKubectl;

using test::NodesTarget;

Result<std::unique_ptr<Fault>> kill_of(Target& target) {
  FaultSpec spec;
  spec.fault = "node_kill";
  spec.on = "order";
  return make_fault(spec, target);
}
Probe look(Fault& fault, std::string* note = nullptr) {
  std::string words;
  const Probe found = fault.probe(&words);
  if (note != nullptr) *note = words;
  return found;
}
NodeSpec container(const test::TempDir& dir) {
  NodeSpec node;
  node.kind = "docker";
  node.node = "shop-order-1";
  node.socket = dir.path() + "/engine.sock";
  return node;
}
NodeSpec pods(const FakeKubectl& kubectl, std::uint32_t max = 1) {
  NodeSpec node;
  node.kind = "kubernetes";
  node.kubectl = kubectl.program();
  node.context = "lab";
  node.name_space = "shop";
  node.selector = "app=order";
  node.max = max;
  return node;
}

// ---- docker

TEST(DockerNode, IsKilledSeenDeadAndStartedAgain) {
  const test::TempDir dir;
  FakeEngine engine(dir.path() + "/engine.sock");
  NodesTarget target({{"order", container(dir)}});
  auto fault = kill_of(target);
  ASSERT_TRUE(fault) << fault.error().what;
  EXPECT_EQ(look(**fault), Probe::normal);
  EXPECT_TRUE((*fault)->heal()) << "nothing to mend yet";
  ASSERT_TRUE((*fault)->inject());
  EXPECT_TRUE((*fault)->inject()) << "once is once";
  std::string note;
  EXPECT_EQ(look(**fault, &note), Probe::in_force) << note;
  EXPECT_EQ(look(**fault, &note), Probe::in_force) << note;
  EXPECT_FALSE(engine.running());
  ASSERT_TRUE((*fault)->heal());
  EXPECT_TRUE((*fault)->heal());
  EXPECT_TRUE(engine.running());
  EXPECT_EQ(look(**fault, &note), Probe::normal) << note;
  const auto calls = engine.calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "POST /containers/0123456789ab/kill?signal=KILL"), 1);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "POST /containers/0123456789ab/start"), 1);
}

TEST(DockerNode, IsSeenDeadEvenWhenSomebodyStartsItAtOnce) {
  const test::TempDir dir;
  FakeEngine engine(dir.path() + "/engine.sock");
  NodesTarget target({{"order", container(dir)}});
  auto fault = std::move(*kill_of(target));
  const Undo undo = *fault->undo();
  EXPECT_EQ(json_of(undo).dump(),
            R"({"kind":"http","method":"POST","url":"http://docker/containers/0123456789ab/start","unix_socket":")" +
                dir.path() +
                R"(/engine.sock","accept":[304],"within_ms":30000,"verify":{)"
                R"("url":"http://docker/containers/0123456789ab/json","unix_socket":")" +
                dir.path() + R"(/engine.sock","pointer":"/State/Running","equals":true}})");
  ASSERT_TRUE(fault->inject());
  ASSERT_TRUE(run_undo(undo, test::loopback(), 10s).reverted);
  EXPECT_EQ(look(*fault), Probe::in_force) << "its end is told once";
  EXPECT_EQ(look(*fault), Probe::normal);
}

TEST(DockerNode, IsNotBackBeforeItIsHealthy) {
  const test::TempDir dir;
  FakeEngine engine(dir.path() + "/engine.sock");
  engine.set_health("healthy");
  NodesTarget target({{"order", container(dir)}});
  auto fault = std::move(*kill_of(target));
  ASSERT_TRUE(fault->inject());
  EXPECT_EQ(look(*fault), Probe::in_force);
  engine.set_health("starting");
  ASSERT_TRUE(fault->heal());
  EXPECT_EQ(look(*fault), Probe::in_force);
  engine.set_health("healthy");
  EXPECT_EQ(look(*fault), Probe::normal);
}

TEST(DockerNode, IsLeftAloneWhenNobodyCouldStartItAgain) {
  const test::TempDir dir;
  FakeEngine engine(dir.path() + "/engine.sock");
  engine.set_auto_remove(true);
  NodesTarget target({{"order", container(dir)}});
  auto fault = std::move(*kill_of(target));
  EXPECT_EQ(fault->inject().error().code, Errc::refused);
  EXPECT_TRUE(engine.running());
}

TEST(DockerNode, SaysWhatIsMissing) {
  const test::TempDir dir;
  NodesTarget nobody({{"order", container(dir)}});
  EXPECT_EQ(kill_of(nobody).error().code, Errc::unavailable) << "no engine";
  FakeEngine engine(dir.path() + "/engine.sock");
  NodeSpec other = container(dir);
  other.node = "another";
  NodesTarget absent({{"order", other}});
  EXPECT_EQ(kill_of(absent).error().code, Errc::not_found);
  engine.set_running(false);
  NodesTarget dead({{"order", container(dir)}});
  EXPECT_EQ(kill_of(dead).error().code, Errc::unavailable) << "a dead one cannot be killed";
}

TEST(DockerNode, ThatCannotBeStartedAgainIsResidue) {
  const test::TempDir dir;
  FakeEngine engine(dir.path() + "/engine.sock");
  engine.refuse_starts(true);
  NodesTarget target({{"order", container(dir)}});
  auto journal = *UndoJournal::create(dir.path(), {"127.0.0.0/8"});
  test::Recorder recorder;
  const MonotonicClock clock;
  auto limits = test::quick();
  limits.clear = 200ms;
  const std::vector<Segment> segments{test::segment("node_kill", "order")};
  FaultLane lane({segments, target, clock, recorder, *journal, limits});
  const auto results = lane.wait();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_TRUE(results[0].verified);
  EXPECT_TRUE(results[0].residue) << "exit code 5: we killed it, and it stays dead";
  EXPECT_TRUE(read_undo_journal(dir.path())->anything_open());
  engine.refuse_starts(false);
  EXPECT_TRUE(run_undo(read_undo_journal(dir.path())->entries[0].undo, test::loopback(), 10s).reverted);
  EXPECT_TRUE(engine.running());
}

// ---- kubernetes

TEST(KubernetesNode, DeletesOnePodAndWaitsForItsReplacement) {
  const test::TempDir dir;
  const FakeKubectl kubectl(dir.path());
  kubectl.pods({{"order-b", "2"}, {"order-a", "1"}});
  kubectl.after_delete({{"order-b", "2"}});
  NodesTarget target({{"order", pods(kubectl)}});
  auto fault = std::move(*kill_of(target));
  EXPECT_TRUE(std::holds_alternative<NoUndo>(*fault->undo())) << "the controller mends it";
  ASSERT_TRUE(fault->inject());
  EXPECT_EQ(look(*fault), Probe::in_force);
  EXPECT_EQ(look(*fault), Probe::in_force) << "the twin is ready, but it was there before";
  kubectl.pods({{"order-b", "2"}, {"order-c", "3", false}});
  EXPECT_EQ(look(*fault), Probe::in_force) << "not ready yet";
  kubectl.pods({{"order-b", "2"}, {"order-c", "3"}});
  EXPECT_EQ(look(*fault), Probe::normal);
  const auto calls = kubectl.calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(),
                       "--context lab --namespace shop --request-timeout=4s delete pod order-a --grace-period=0 "
                       "--force --wait=false"),
            1);
  for (const auto& call : calls) EXPECT_TRUE(call.starts_with("--context lab --namespace shop ")) << call;
  EXPECT_EQ(calls[0], "--context lab --namespace shop --request-timeout=4s get pods -l app=order -o json");
}

TEST(KubernetesNode, AStatefulPodKeepsItsNameAndChangesItsUid) {
  const test::TempDir dir;
  const FakeKubectl kubectl(dir.path());
  kubectl.pods({{"order-0", "1"}});
  kubectl.after_delete({{"order-0", "2"}});
  NodesTarget target({{"order", pods(kubectl)}});
  auto fault = std::move(*kill_of(target));
  ASSERT_TRUE(fault->inject());
  EXPECT_EQ(look(*fault), Probe::in_force);
  EXPECT_EQ(look(*fault), Probe::normal);
}

TEST(KubernetesNode, KillsNoMoreThanMax) {
  const test::TempDir dir;
  const FakeKubectl kubectl(dir.path());
  kubectl.pods({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  kubectl.after_delete({{"c", "3"}});
  NodesTarget target({{"order", pods(kubectl, 2)}});
  auto fault = std::move(*kill_of(target));
  ASSERT_TRUE(fault->inject());
  const auto calls = kubectl.calls();
  EXPECT_NE(calls.back().find("delete pod a b --grace-period=0"), std::string::npos) << calls.back();
}

TEST(KubernetesNode, RefusesPodsOfAnotherNamespaceAndPodsWithoutAController) {
  const test::TempDir dir;
  const FakeKubectl kubectl(dir.path());
  kubectl.pods({{"order-a", "1", true, true, "billing"}});
  NodesTarget target({{"order", pods(kubectl)}});
  EXPECT_EQ(kill_of(target).error().code, Errc::refused);
  kubectl.pods({{"order-a", "1", true, false}});
  auto fault = std::move(*kill_of(target));
  EXPECT_EQ(fault->inject().error().code, Errc::refused);
  for (const auto& call : kubectl.calls()) EXPECT_EQ(call.find(" delete "), std::string::npos) << call;
}

TEST(KubernetesNode, AnUnansweredQuestionIsNoAnswer) {
  const test::TempDir dir;
  const FakeKubectl kubectl(dir.path());
  kubectl.pods({{"order-a", "1"}});
  NodesTarget target({{"order", pods(kubectl)}});
  auto fault = std::move(*kill_of(target));
  std::filesystem::remove(dir.path() + "/pods.json");  // kubectl fails
  EXPECT_EQ(look(*fault), Probe::unclear);
}

// ---- command

TEST(CommandNode, IsRefusedBeforeTheFaultWhereAProgramIsMissing) {
  const test::TempDir dir;
  const CommandNode node(dir.path());
  ASSERT_TRUE(node.start());
  const auto complaint = [&](auto spoil) {
    NodeSpec spec = node.spec();
    spoil(spec);
    const auto seen = make_command_nodes({{"order", spec}}, "")->node("order");
    return seen ? std::string() : seen.error().what;
  };
  EXPECT_EQ(complaint([](NodeSpec&) {}), "");
  EXPECT_NE(complaint([](NodeSpec& s) {
              s.kill = {"no-such-program"};
            }).find("kill of node 'order': program 'no-such-program' is not in PATH"),
            std::string::npos);
  EXPECT_NE(complaint([](NodeSpec& s) {
              s.undo = {"/no/such/start"};
            }).find("undo of node 'order': cannot run /no/such/start"),
            std::string::npos);
}

TEST(CommandNode, KillsARealProcessAndStartsItAgain) {
  for (const bool says_pid : {true, false}) {
    const test::TempDir dir;
    const CommandNode node(dir.path(), says_pid);
    ASSERT_TRUE(node.start());
    NodesTarget target({{"order", node.spec()}});
    auto fault = kill_of(target);
    ASSERT_TRUE(fault) << fault.error().what;
    const int before = node.pid();
    ASSERT_TRUE((*fault)->heal());
    EXPECT_EQ(node.pid(), before) << "what runs is not started twice";
    ASSERT_TRUE((*fault)->inject());
    EXPECT_TRUE(eventually([&] { return look(**fault) == Probe::in_force; }));
    EXPECT_FALSE(node.alive());
    ASSERT_TRUE((*fault)->heal());
    EXPECT_TRUE(eventually([&] { return look(**fault) == Probe::normal; }));
    EXPECT_NE(node.pid(), before);
  }
}

TEST(CommandNode, ItsFailureIsAnErrorAndItsUndoIsData) {
  const test::TempDir dir;
  const CommandNode node(dir.path());
  ASSERT_TRUE(node.start());
  NodeSpec spec = node.spec();
  spec.kill = {"false"};
  NodesTarget target({{"order", spec}});
  auto fault = std::move(*kill_of(target));
  EXPECT_EQ(json_of(*fault->undo()).dump(), R"({"kind":"argv","argv":[")" + dir.path() +
                                                R"(/start"],"within_ms":30000,"log":"","verify":{"argv":[")" +
                                                dir.path() + R"(/probe"]}})");
  EXPECT_EQ(fault->inject().error().code, Errc::io);
  EXPECT_TRUE(fault->heal()) << "it runs: nothing to start";
  spec.kill = {"no-such-program-here"};
  NodesTarget other({{"order", spec}});
  const auto refused = kill_of(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unavailable);
}

// ---- the second and third reverter

/// A journal whose harness has ended, with one fault on.
void left_behind(const std::string& dir, const Undo& undo) {
  auto journal = *UndoJournal::create(dir, {"127.0.0.0/8"});
  ASSERT_TRUE(journal->planned("0-node_kill", "node_kill", "order", undo));
  ASSERT_TRUE(journal->mark("0-node_kill", UndoState::active, "harness", ""));
}

TEST(Guardian, StartsWhatACommandKilled) {
  const test::TempDir dir;
  const CommandNode node(dir.path());
  ASSERT_TRUE(node.start());
  NodesTarget target({{"order", node.spec()}});
  auto fault = std::move(*kill_of(target));
  left_behind(dir.path(), *fault->undo());
  ASSERT_TRUE(fault->inject());
  ASSERT_TRUE(eventually([&] { return !node.alive(); }));
  ASSERT_TRUE(Guardian::start("/proc/self/exe", dir.path()));  // and lost at once: it acts
  EXPECT_TRUE(node.alive());
  const auto record = *read_undo_journal(dir.path());
  EXPECT_FALSE(record.anything_open());
  EXPECT_EQ(record.entries[0].by, "guardian");
}

/// The whole way: a harness in a process of its own kills the node, cannot start it again, and is killed itself.
TEST(Guardian, StartsWhatACommandKilledAfterAKillOfTheHarness) {
  const test::TempDir dir;
  const CommandNode node(dir.path());
  ASSERT_TRUE(node.start());
  node.break_start(true);
  ProcessSpec spec;
  spec.program = "/proc/self/exe";
  spec.args = {"doomed", dir.path()};
  spec.marked = false;
  auto harness = std::move(*Process::spawn(spec));
  auto line = harness.read_line(20s);
  ASSERT_TRUE(line && line->has_value());
  const auto guardian = identify(std::atoi((*line)->c_str() + sizeof "guardian"));
  ASSERT_TRUE(guardian);
  line = harness.read_line(20s);
  ASSERT_TRUE(line && line->has_value() && **line == "on");
  ASSERT_FALSE(node.alive());
  ASSERT_TRUE(PidFd::open(harness.id())->signal(SIGKILL));
  ASSERT_TRUE(harness.wait(5s));
  ASSERT_FALSE(node.alive());
  node.break_start(false);
  EXPECT_TRUE(eventually([&] { return node.alive(); }, 6s)) << "only the guardian can have done it";
  EXPECT_TRUE(eventually([&] { return !alive(*guardian); }, 12s));
  EXPECT_TRUE(node.alive()) << "what it started does not end with it";
  EXPECT_FALSE(read_undo_journal(dir.path())->anything_open());
}

TEST(Guardian, StartsAContainerAgain) {
  const test::TempDir dir;
  FakeEngine engine(dir.path() + "/engine.sock");
  NodesTarget target({{"order", container(dir)}});
  auto fault = std::move(*kill_of(target));
  left_behind(dir.path(), *fault->undo());
  ASSERT_TRUE(fault->inject());
  ASSERT_FALSE(engine.running());
  ASSERT_TRUE(Guardian::start("/proc/self/exe", dir.path()));
  EXPECT_TRUE(engine.running());
  EXPECT_FALSE(read_undo_journal(dir.path())->anything_open());
}

TEST(Undo, OfAStartIsNotDoneWhenNobodyAnswers) {
  const test::TempDir dir;
  Undo undo;
  {
    FakeEngine engine(dir.path() + "/engine.sock");
    NodesTarget target({{"order", container(dir)}});
    undo = *(*kill_of(target))->undo();
  }
  EXPECT_FALSE(run_undo(undo, test::loopback(), 300ms).reverted) << "silence does not start a container";
  const CommandUndo failing{{"false"}, 300ms, "", CommandProof{{"false"}}};
  EXPECT_FALSE(run_undo(failing, test::loopback(), 200ms).reverted);
  EXPECT_FALSE(run_undo(CommandUndo{}, test::loopback(), 200ms).reverted);
}

}  // namespace
}  // namespace cardstorm
