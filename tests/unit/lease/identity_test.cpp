// identity: parsing of /proc/PID/stat, pidfds that hit no stranger, trees found by session and by mark.
#include "harness/lease/identity.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "harness/lease/process.hpp"
#include "tests/contract/fake_platform.hpp"

namespace cardstorm {
namespace {

using test::eventually;

std::string stat_line(const std::string& name) {
  return "4242 (" + name +
         ") S 7 4240 4200 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654321 1000 200 18446744073709551615\n";
}

/// `cat` waits on its lifeline, so that it ends at once when the test ends.
Process sleeper(std::vector<std::string> args = {}, const std::string& program = "cat") {
  ProcessSpec spec;
  spec.program = program;
  spec.args = std::move(args);
  return std::move(*Process::spawn(spec));
}

TEST(Identity, ReadsStartTimeWhateverTheProcessIsCalled) {
  for (const char* name : {"sleep", "a b", "x) S 1 1 1 (", ")", ""}) {
    const auto stat = parse_stat(stat_line(name));
    ASSERT_TRUE(stat) << name;
    EXPECT_EQ(stat->start_time, 987654321u) << name;
    EXPECT_EQ(stat->state, 'S') << name;
    EXPECT_EQ(stat->parent, 7) << name;
    EXPECT_EQ(stat->group, 4240) << name;
    EXPECT_EQ(stat->session, 4200) << name;
  }
}

TEST(Identity, RefusesHalfALine) {
  for (const char* text : {"", "12", "12 (x)", "12 (x) S 1 2 3", "no brackets at all"})
    EXPECT_FALSE(parse_stat(text)) << text;
}

TEST(Identity, KnowsItselfAndTheBoot) {
  const auto self = identify(::getpid());
  ASSERT_TRUE(self);
  EXPECT_GT(self->start_time, 0u);
  EXPECT_TRUE(alive(*self));
  EXPECT_EQ(boot_id().size(), 36u);
}

TEST(Identity, AnotherStartTimeIsAnotherProcess) {
  auto victim = sleeper();
  ProcessId stranger = victim.id();
  ++stranger.start_time;
  EXPECT_FALSE(alive(stranger));
  const auto handle = PidFd::open(stranger);
  ASSERT_FALSE(handle);
  EXPECT_EQ(handle.error().code, Errc::not_found);
  EXPECT_TRUE(alive(victim.id())) << "nobody was hit";
}

TEST(Identity, AZombieIsNotAlive) {
  auto victim = sleeper();
  const auto handle = PidFd::open(victim.id());
  ASSERT_TRUE(handle);
  EXPECT_FALSE(handle->exited());
  ASSERT_TRUE(handle->signal(SIGKILL));
  EXPECT_TRUE(handle->exited(5s));
  EXPECT_TRUE(identify(victim.id().pid)) << "not reaped yet";
  EXPECT_FALSE(alive(victim.id()));
  EXPECT_TRUE(handle->signal(SIGKILL)) << "already ended is no error";
}

TEST(Identity, FindsTheTreeOfAProcessThatLeftItsSessionByItsMark) {
  auto leader = sleeper({"--fork", "sleep", "600"}, "setsid");
  ASSERT_TRUE(eventually([&] { return process_tree({0, leader.id().start_time}, leader.mark()).size() == 1; }));
  EXPECT_TRUE(leader.wait(5s));
  // For a moment of its exec a process shows no environment, and with it no mark; and it leaves the session only then.
  std::vector<ProcessId> tree;
  ASSERT_TRUE(eventually([&] {
    tree = process_tree({0, leader.id().start_time}, leader.mark());
    const auto stat = tree.size() == 1 ? stat_of(tree[0].pid) : Result<ProcessStat>(Error{});
    return stat && stat->session != leader.id().pid;
  }));
  EXPECT_TRUE(kill_tree({0, leader.id().start_time}, leader.mark(), 2s));
  EXPECT_FALSE(alive(tree[0]));
}

TEST(Identity, AnEmptyMarkFindsNothing) {
  auto other = sleeper();
  EXPECT_TRUE(process_tree({0, 0}, "").empty());
  EXPECT_TRUE(alive(other.id()));
}

}  // namespace
}  // namespace cardstorm
