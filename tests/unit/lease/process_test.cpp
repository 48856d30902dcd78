// process: spawning, the lifeline, reading lines, ending. With real programs.
#include "harness/lease/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>

#include "harness/core/files.hpp"
#include "tests/contract/fake_platform.hpp"
#include "tests/support/temp_dir.hpp"

namespace cardstorm {
namespace {

using test::eventually;

ProcessSpec program(const std::string& name, std::vector<std::string> args = {}) {
  ProcessSpec spec;
  spec.program = name;
  spec.args = std::move(args);
  return spec;
}

TEST(Process, ReadsLinesAndTheExitCode) {
  std::vector<std::string> lines;
  const auto code = run_program(program("printf", {"one\\n\\ntwo words\\nlast"}), 5s,
                                [&](std::string line) { lines.push_back(std::move(line)); });
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 0);
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two words", "last"}));
  EXPECT_EQ(*run_program(program("false"), 5s, [](const std::string&) {}), 1);
}

TEST(Process, ArgumentsAreNotReadByAShell) {
  std::string line;
  ASSERT_TRUE(
      run_program(program("printf", {"%s", "$(id) `id` ; * ' \""}), 5s, [&](std::string l) { line = std::move(l); }));
  EXPECT_EQ(line, "$(id) `id` ; * ' \"");
}

TEST(Process, SaysWhyAProgramCannotStart) {
  const auto absent = Process::spawn(program("no-such-program-here"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Errc::unavailable);
  EXPECT_NE(absent.error().what.find("no-such-program-here"), std::string::npos);
  EXPECT_FALSE(Process::spawn(program("/etc/passwd")));
  const test::TempDir dir;
  const std::string broken = dir.path() + "/broken";
  ASSERT_TRUE(write_file(broken, "#!/no/such/interpreter\n"));
  ASSERT_EQ(::chmod(broken.c_str(), 0755), 0);
  const auto failed = Process::spawn(program(broken));  // only the exec itself can find this out
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().what.find("No such file"), std::string::npos) << failed.error().what;
}

TEST(Process, InheritsNoDescriptors) {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);  // on purpose without SOCK_CLOEXEC, as Asio's
  ASSERT_GE(listening, 3);
  auto child = *Process::spawn(program("cat"));
  ASSERT_TRUE(child.write("up\n"));
  ASSERT_TRUE(child.read_line(5s));  // past its loader, which opens libraries for a moment
  const auto open_in_child = [&](int fd) {
    return ::access(("/proc/" + std::to_string(child.id().pid) + "/fd/" + std::to_string(fd)).c_str(), F_OK) == 0;
  };
  EXPECT_TRUE(open_in_child(0) && open_in_child(1) && open_in_child(2));
  for (int fd = 3; fd < 64; ++fd) EXPECT_FALSE(open_in_child(fd)) << fd;
  ::close(listening);
}

/// From here on close_range(2) answers as a kernel before Linux 5.11 does when it is told CLOSE_RANGE_CLOEXEC.
bool forget_close_range() {
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(Process, InheritsNoDescriptorsFromAKernelWithoutCloseRange) {
  EXPECT_EXIT(
      {
        if (!forget_close_range()) std::exit(2);
        const int left_open = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::close_range(1000, 1000, CLOSE_RANGE_CLOEXEC) == 0) std::exit(3);
        auto child = *Process::spawn(program("cat"));
        if (!child.write("up\n") || !child.read_line(5s)) std::exit(4);
        const std::string there = "/proc/" + std::to_string(child.id().pid) + "/fd/" + std::to_string(left_open);
        std::exit(::access(there.c_str(), F_OK) == 0 ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Process, LeadsItsOwnSessionWithACleanSignalMask) {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, nullptr);
  auto child = *Process::spawn(program("sleep", {"600"}));
  ::pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
  const auto stat = stat_of(child.id().pid);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->session, child.id().pid);
  EXPECT_EQ(stat->group, child.id().pid);
  EXPECT_EQ(*child.terminate(Nanos(0), 5s), 128 + SIGTERM) << "it must hear SIGTERM although we block it";
}

TEST(Process, EndsWhenItsLifelineIsCut) {
  auto child = *Process::spawn(program("cat"));
  ASSERT_TRUE(child.write("hello\n"));
  EXPECT_EQ(**child.read_line(5s), "hello");
  EXPECT_FALSE(child.wait(Nanos(0)));
  const auto code = child.terminate(5s);
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 0) << "by end of input, not by a signal";
  EXPECT_EQ(*child.terminate(), 0) << "twice is fine";
}

TEST(Process, EndsOneThatIgnoresEverythingButSigkill) {
  auto child = *Process::spawn(program("env", {"--ignore-signal=TERM", "sleep", "600"}));
  const ProcessId id = child.id();
  const std::string name = "/proc/" + std::to_string(id.pid) + "/comm";
  ASSERT_TRUE(eventually([&] {
    const auto now = read_file(name);
    return now && *now == "sleep\n";
  })) << "before that `env` would die of SIGTERM";
  EXPECT_EQ(*child.terminate(10ms, 10ms), 128 + SIGKILL);
  EXPECT_FALSE(alive(id));
}

TEST(Process, IsEndedWhenTheObjectGoes) {
  ProcessId id;
  {
    auto child = *Process::spawn(program("cat"));
    id = child.id();
    EXPECT_TRUE(alive(id));
  }
  EXPECT_FALSE(alive(id));
}

TEST(Process, TakesTheRestOfTheTreeAfterADisorderlyEnd) {
  auto leader = *Process::spawn(program("timeout", {"600", "sleep", "600"}));
  ASSERT_TRUE(eventually([&] { return process_tree(leader.id(), leader.mark()).size() == 2; }));
  ProcessId orphan;
  for (const auto& member : process_tree(leader.id(), leader.mark()))
    if (!(member == leader.id())) orphan = member;
  ASSERT_TRUE(PidFd::open(leader.id())->signal(SIGKILL));
  ASSERT_EQ(leader.wait(5s), 128 + SIGKILL);
  EXPECT_TRUE(alive(orphan));
  EXPECT_TRUE(leader.terminate());
  EXPECT_FALSE(alive(orphan));
}

TEST(Process, ReadingHasAnEnd) {
  auto child = *Process::spawn(program("cat"));
  const auto line = child.read_line(10ms);
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().code, Errc::timeout);
  child.close_stdin();
  const auto end = child.read_line(5s);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->has_value());
}

TEST(Process, WritingToOneThatIsGoneIsAnErrorAndNoSignal) {
  auto child = *Process::spawn(program("true"));
  ASSERT_EQ(child.wait(5s), 0);
  EXPECT_FALSE(child.write("anyone?\n"));
}

TEST(Process, KeepsStderrInAFileAndAddsToTheEnvironment) {
  const test::TempDir dir;
  auto spec = program("ls", {"/no/such/place"});
  spec.stderr_path = dir.path() + "/err.log";
  EXPECT_NE(*run_program(spec, 5s, [](const std::string&) {}), 0);
  EXPECT_NE(read_file(spec.stderr_path)->find("/no/such/place"), std::string::npos);
  auto env = program("printenv", {"CARDSTORM_TEST_VALUE"});
  env.env = {{"CARDSTORM_TEST_VALUE", "a b"}};
  std::string seen;
  EXPECT_EQ(*run_program(env, 5s, [&](std::string line) { seen = std::move(line); }), 0);
  EXPECT_EQ(seen, "a b");
}

TEST(Process, AProgramThatDoesNotEndIsEnded) {
  const auto code = run_program(program("sleep", {"600"}), 20ms, [](const std::string&) {});
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, Errc::timeout);
}

}  // namespace
}  // namespace cardstorm
