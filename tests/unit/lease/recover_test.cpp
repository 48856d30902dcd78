// recover, undo and guardian: what happens when the harness cannot mend any more. Real processes, really killed.
#include "harness/lease/recover.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "harness/core/files.hpp"
#include "harness/lease/guardian.hpp"
#include "harness/lease/lease.hpp"
#include "harness/lease/run_undo.hpp"
#include "harness/net/control.hpp"
#include "tests/contract/fake_platform.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/lease/doomed_harness.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;
using test::eventually;
using test::FakePlatform;

constexpr const char* kSelf = "/proc/self/exe";

HttpUndo post_undo(const std::string& url, const char* header, const char* value, const char* body, UndoProof proof) {
  HttpUndo undo;
  undo.url = url;
  undo.headers = {{header, value}};
  undo.body = body;
  undo.proof = std::move(proof);
  return undo;
}
HttpUndo pool_undo(const std::string& url) {
  return post_undo(url + "/admin/pool/hold", "Content-Type", "application/json", R"({"lease_ms":0})",
                   ValueProof{url + "/admin/pool", "", "/held", 0});
}
HttpUndo channel_undo(const std::string& url) {
  return post_undo(url + "/control/channel/alpha/delay", "X-Control-Token", FakePlatform::kToken, R"({"delay_ms":0})",
                   SpeedProof{url + "/channel/alpha/ping", "", 400ms});
}
Status delay(const FakePlatform& platform) {
  HttpRequest request = post(platform.url() + "/control/channel/alpha/delay", R"({"delay_ms":5000,"lease_ms":60000})");
  request.headers.emplace_back("X-Control-Token", FakePlatform::kToken);
  const auto answer = control_call(request, test::loopback());
  return answer ? ok() : Status(answer.error());
}

/// A journal whose harness is a process that has ended.
void journal_of_the_dead(const std::string& dir, const std::string& boot, const Undo& undo) {
  fs::create_directories(dir);
  std::ofstream file(dir + "/faults.jsonl");
  file << Json::object({{"journal", "faults"},
                        {"version", 1},
                        {"boot_id", boot},
                        {"pid", 1},
                        {"start_time", 1},
                        {"allow", Json(Json::Array{"127.0.0.0/8"})}})
              .dump()
       << "\n";
  file << Json::object({{"id", "0-f"}, {"fault", "f"}, {"on", "shop"}, {"undo", json_of(undo)}, {"state", "planned"}})
              .dump()
       << "\n";
  file << R"({"id":"0-f","state":"active"})"
       << "\n";
}

// ---- undo ----

TEST(Undo, IsDoneWhenAcceptedAndVerified) {
  FakePlatform platform;
  ASSERT_TRUE(test::hold_pool(platform.url(), 60s));
  EXPECT_TRUE(run_undo(pool_undo(platform.url()), test::loopback(), 10s).reverted);
  EXPECT_FALSE(platform.held());
  ASSERT_TRUE(delay(platform));
  EXPECT_TRUE(run_undo(channel_undo(platform.url()), test::loopback(), 10s).reverted);
  EXPECT_FALSE(platform.delayed());
  EXPECT_TRUE(run_undo(channel_undo(platform.url()), test::loopback(), 10s).reverted) << "twice is fine";
}

TEST(Undo, IsNotDoneWhileTheVerificationSaysOtherwise) {
  FakePlatform platform;
  HttpUndo undo = pool_undo(platform.url());
  undo.proof = ValueProof{platform.url() + "/admin/pool", "", "/idle", 99};
  const auto result = run_undo(undo, test::loopback(), 1s);
  EXPECT_FALSE(result.reverted);
  EXPECT_NE(result.note.find("/idle"), std::string::npos);
  EXPECT_GE(platform.count("POST /admin/pool/hold"), 2) << "tried again";
}

TEST(Undo, WhatHeldTheFaultIsGoneAfterALeaseOfSilence) {
  HttpUndo undo;
  {
    FakePlatform platform;
    undo = pool_undo(platform.url());
  }
  undo.url = "http://127.0.0.1:1/admin/pool/hold";  // the port that it had may be somebody else's by now
  EXPECT_FALSE(run_undo(undo, test::loopback(), 200ms).reverted) << "too early to tell";
  EXPECT_TRUE(run_undo(undo, test::loopback(), kLease + 10s).reverted);
}

TEST(Undo, NothingIsDoneOutsideTheAllowListOrForAnUnknownKind) {
  FakePlatform platform;
  EXPECT_FALSE(run_undo(pool_undo(platform.url()), *AllowList::parse({"10.0.0.0/8"}), 1s).reverted);
  EXPECT_EQ(platform.count("POST /admin/pool/hold"), 0);
  EXPECT_FALSE(run_undo(UnknownUndo{"shell"}, test::loopback(), 1s).reverted);
  EXPECT_TRUE(run_undo(NoUndo{}, test::loopback(), 1s).reverted);
}

// ---- guardian ----

struct Doomed {
  Doomed(const std::string& dir, const FakePlatform& platform, bool guarded)
      : process(*Process::spawn(spec(dir, platform.url(), guarded))) {
    while (guardian == 0 || guarded == false) {
      auto line = process.read_line(20s);
      if (!line || !line->has_value()) return;
      if (**line == "on") {
        on = true;
        return;
      }
      guardian = std::atoi((*line)->c_str() + sizeof "guardian");
    }
    auto line = process.read_line(20s);
    on = line && line->has_value() && **line == "on";
  }
  static ProcessSpec spec(const std::string& dir, const std::string& url, bool guarded) {
    ProcessSpec s;
    s.program = kSelf;
    s.args = {"doomed", dir, url, guarded ? "guarded" : "alone"};
    s.marked = false;  // else ending it would end its tree, which is what is tested
    return s;
  }
  void kill() {
    ASSERT_TRUE(PidFd::open(process.id())->signal(SIGKILL));
    ASSERT_TRUE(process.wait(5s));
  }
  Process process;
  pid_t guardian = 0;
  bool on = false;
};

TEST(Guardian, MendsAfterAKillAndEndsTheTree) {
  FakePlatform platform;
  platform.ignore_leases();
  const test::TempDir dir;
  Doomed harness(dir.path(), platform, true);
  ASSERT_TRUE(harness.on && harness.guardian > 0);
  ASSERT_TRUE(platform.held());
  const auto guardian = identify(harness.guardian);
  ASSERT_TRUE(guardian);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ASSERT_TRUE(PidFd::open(*guardian)->signal(number));
  const auto tree = read_undo_journal(dir.path())->trees;
  ASSERT_EQ(tree.size(), 1u);
  ASSERT_TRUE(eventually([&] { return process_tree(tree[0].root, tree[0].mark).size() == 2u; }));

  harness.kill();
  const Nanos killed = monotonic_now();
  EXPECT_TRUE(eventually([&] { return !platform.held(); })) << "only the guardian can have done it";
  RecordProperty("reverted_after_ms", static_cast<int>((monotonic_now() - killed) / Nanos(1ms)));
  EXPECT_TRUE(eventually([&] { return !alive(*guardian); }, 12s));
  const auto record = *read_undo_journal(dir.path());
  EXPECT_FALSE(record.anything_open());
  EXPECT_EQ(record.entries[0].by, "guardian");
  EXPECT_TRUE(process_tree(tree[0].root, tree[0].mark).empty());
  EXPECT_TRUE(record.closed);
}

TEST(Guardian, WithoutOneTheLeaseStillEndsTheFaultAndRecoverEndsTheTree) {
  FakePlatform platform;
  const test::TempDir dir;
  Doomed harness(dir.path(), platform, false);
  ASSERT_TRUE(harness.on);
  auto while_it_lives = recover({dir.path()});
  ASSERT_EQ(while_it_lives.rows.size(), 1u);
  EXPECT_EQ(while_it_lives.rows[0].result, "running");
  EXPECT_TRUE(platform.held()) << "a run that lives is left alone";

  harness.kill();
  EXPECT_TRUE(eventually([&] { return !platform.held(); }, kLease + 1s));
  const auto report = recover({dir.path()});
  EXPECT_FALSE(report.residue()) << text_of(report);
  ASSERT_EQ(report.rows.size(), 2u) << text_of(report);
  EXPECT_EQ(report.rows[0].result, "reverted");
  EXPECT_EQ(report.rows[1].result, "ended");
  EXPECT_TRUE(recover({dir.path()}).rows.empty()) << "the second time there is nothing to do";
}

TEST(Guardian, GoesHomeWhenItIsSentAndTouchesNothing) {
  FakePlatform platform;
  const test::TempDir dir;
  auto journal = *UndoJournal::create(dir.path(), {"127.0.0.0/8"});
  ASSERT_TRUE(journal->planned("0-f", "f", "shop", pool_undo(platform.url())));
  auto guardian = Guardian::start(kSelf, dir.path());
  ASSERT_TRUE(guardian) << guardian.error().what;
  const ProcessId id = guardian->id();
  EXPECT_EQ(stat_of(id.pid)->session, id.pid);
  const auto ended = guardian->end();
  EXPECT_TRUE(ended) << ended.error().what;
  EXPECT_TRUE(guardian->end()) << "twice is fine";
  EXPECT_FALSE(identify(id.pid));
  EXPECT_EQ(platform.count("POST /admin/pool/hold"), 0);
}

TEST(Guardian, ActsWhenItIsLostWithoutAWord) {
  FakePlatform platform;
  const test::TempDir dir;
  auto journal = *UndoJournal::create(dir.path(), {"127.0.0.0/8"});
  ASSERT_TRUE(journal->planned("0-f", "f", "shop", pool_undo(platform.url())));
  ASSERT_TRUE(Guardian::start(kSelf, dir.path()));  // and gone at once
  EXPECT_EQ(platform.count("POST /admin/pool/hold"), 1);
  EXPECT_EQ(read_undo_journal(dir.path())->entries[0].by, "guardian");
}

// ---- recover ----

TEST(Recover, MendsEveryOpenJournalBelowAFolder) {
  FakePlatform platform;
  platform.ignore_leases();
  ASSERT_TRUE(test::hold_pool(platform.url(), 60s));
  const test::TempDir dir;
  journal_of_the_dead(dir.path() + "/drill/baseline/1", boot_id(), pool_undo(platform.url()));
  journal_of_the_dead(dir.path() + "/run", boot_id(), NoUndo{});
  fs::create_directory_symlink(dir.path() + "/run", dir.path() + "/latest");
  std::ofstream(dir.path() + "/run/faults.jsonl", std::ios::app) << "{\"id\":\"0-f\",\"st";  // torn
  const auto report = recover({dir.path()});
  EXPECT_EQ(report.rows.size(), 2u) << text_of(report);
  EXPECT_FALSE(report.residue()) << text_of(report);
  EXPECT_FALSE(platform.held());
  EXPECT_TRUE(recover({dir.path()}).rows.empty());
}

TEST(Recover, SaysWhatItCouldNotMend) {
  FakePlatform platform;
  const test::TempDir dir;
  journal_of_the_dead(dir.path() + "/run", boot_id(), UnknownUndo{"teleport"});
  const auto report = recover({dir.path()});
  EXPECT_TRUE(report.residue());
  EXPECT_NE(text_of(report).find("teleport"), std::string::npos);
  EXPECT_TRUE(recover({dir.path()}).residue()) << "and says it again, until it is mended";
}

TEST(Recover, AfterARebootEverythingIsGone) {
  FakePlatform platform;
  const test::TempDir dir;
  journal_of_the_dead(dir.path() + "/run", "another-boot", pool_undo(platform.url()));
  const auto report = recover({dir.path()});
  ASSERT_EQ(report.rows.size(), 1u);
  EXPECT_EQ(report.rows[0].result, "gone");
  EXPECT_EQ(platform.count("POST /admin/pool/hold"), 0) << "whoever has the port now is a stranger";
}

TEST(Recover, RemovesTheSecretsOfADeadRunAndNothingElse) {
  const test::TempDir dir;
  journal_of_the_dead(dir.path() + "/run", boot_id(), NoUndo{});
  const std::string secrets = dir.path() + "/" + std::string(kSecretsName) + "x", other = dir.path() + "/precious";
  fs::create_directories(secrets);
  fs::create_directories(other);
  std::ofstream(dir.path() + "/run/faults.jsonl", std::ios::app) << Json::object({{"folder", secrets}}).dump() << "\n"
                                                                 << Json::object({{"folder", other}}).dump() << "\n";
  EXPECT_TRUE(recover({dir.path()}).residue()) << "the second folder is not ours: told, not touched";
  EXPECT_FALSE(fs::exists(secrets));
  EXPECT_TRUE(fs::exists(other));
}

TEST(Recover, SaysWhenAJournalCannotBeRead) {
  const test::TempDir dir;
  fs::create_directories(dir.path() + "/overwritten");
  std::ofstream(dir.path() + "/overwritten/faults.jsonl") << "not a journal\n";
  fs::create_directories(dir.path() + "/folder/faults.jsonl");
  fs::create_directories(dir.path() + "/fresh");
  std::ofstream(dir.path() + "/fresh/faults.jsonl");  // made, and nothing written: nothing was broken
  const auto report = recover({dir.path()});
  EXPECT_EQ(report.rows.size(), 2u) << text_of(report);
  EXPECT_TRUE(report.residue()) << "it may have listed a fault: " << text_of(report);
}

TEST(Recover, NothingToDoIsSaidInOneLine) {
  const test::TempDir dir;
  EXPECT_EQ(text_of(recover({dir.path(), dir.path() + "/absent"})), "nothing to recover\n");
}

}  // namespace
}  // namespace cardstorm
