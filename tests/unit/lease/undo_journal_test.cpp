// undo_journal: what is written is read back, whatever a crash left of it; keys are not shown.
#include "harness/lease/undo_journal.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/temp_dir.hpp"

namespace cardstorm {
namespace {

const Undo kUndo = [] {
  HttpUndo undo;
  undo.url = "http://127.0.0.1:1/x";
  undo.headers = {{"X-Control-Token", "very-secret"}, {"Content-Type", "application/json"}};
  undo.body = "{}";
  return undo;
}();

class Journal : public testing::Test {
 protected:
  void append_raw(const std::string& text) { std::ofstream(dir_.path() + "/faults.jsonl", std::ios::app) << text; }
  std::string raw() { return *read_file(dir_.path() + "/faults.jsonl"); }
  UndoRecord record() { return *read_undo_journal(dir_.path()); }
  test::TempDir dir_;
};

TEST_F(Journal, IsReadBackAsWritten) {
  auto journal = *UndoJournal::create(dir_.path(), {"127.0.0.0/8"});
  ASSERT_TRUE(journal->tree("supervisor", {12, 34}, "m"));
  ASSERT_TRUE(journal->planned("0-a", "a", "x", kUndo));
  ASSERT_TRUE(journal->planned("1-b", "b", "y", NoUndo{}));
  ASSERT_TRUE(journal->mark("0-a", UndoState::active, "harness", ""));
  auto r = record();
  EXPECT_EQ(r.boot_id, boot_id());
  EXPECT_EQ(r.owner, *identify(::getpid()));
  EXPECT_EQ(r.allow, std::vector<std::string>{"127.0.0.0/8"});
  ASSERT_EQ(r.entries.size(), 2u);
  EXPECT_TRUE(r.entries[0].undo == kUndo) << "with its keys in place";
  EXPECT_EQ(r.entries[0].state, UndoState::active);
  EXPECT_TRUE(std::holds_alternative<NoUndo>(r.entries[1].undo));
  ASSERT_EQ(r.trees.size(), 1u);
  EXPECT_EQ(r.trees[0].root, (ProcessId{12, 34}));
  EXPECT_EQ(r.trees[0].mark, "m");
  EXPECT_TRUE(r.anything_open());
  EXPECT_FALSE(r.closed);
  ASSERT_TRUE(journal->mark("0-a", UndoState::reverted, "harness", "fine"));
  ASSERT_TRUE(journal->mark("1-b", UndoState::reverted, "harness", ""));
  ASSERT_TRUE(journal->close());
  r = record();
  EXPECT_FALSE(r.anything_open());
  EXPECT_TRUE(r.closed);
  EXPECT_EQ(r.entries[0].note, "fine");
  EXPECT_FALSE(r.torn);
}

TEST_F(Journal, KeepsKeysApartAndDropsThemWhenNothingIsOpen) {
  const std::string keys = dir_.path() + "/.faults.keys";
  auto journal = *UndoJournal::create(dir_.path(), {});
  ASSERT_TRUE(journal->planned("0-a", "a", "x", kUndo));
  EXPECT_EQ(raw().find("very-secret"), std::string::npos);
  struct stat info {};
  ASSERT_EQ(::stat(keys.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_TRUE(journal->close());
  EXPECT_EQ(::access(keys.c_str(), F_OK), 0) << "still open: recover needs them";
  auto again = *UndoJournal::reopen(dir_.path());
  ASSERT_TRUE(again->mark("0-a", UndoState::reverted, "recover", ""));
  ASSERT_TRUE(again->close());
  EXPECT_NE(::access(keys.c_str(), F_OK), 0);
}

TEST_F(Journal, ATornLineTakesNoEffectAndIsMendedByTheNextWriter) {
  auto journal = *UndoJournal::create(dir_.path(), {});
  ASSERT_TRUE(journal->planned("0-a", "a", "x", kUndo));
  append_raw(R"({"id":"0-a","state":"reverted","by":"har)");
  EXPECT_TRUE(record().torn);
  EXPECT_TRUE(record().anything_open());
  auto again = *UndoJournal::reopen(dir_.path());
  ASSERT_TRUE(again->mark("0-a", UndoState::reverted, "guardian", ""));
  EXPECT_FALSE(record().anything_open()) << "the new line stands on its own";
  EXPECT_EQ(record().entries[0].by, "guardian");
}

TEST_F(Journal, AWholeLineWithoutItsNewlineIsTorn) {
  auto journal = *UndoJournal::create(dir_.path(), {});
  ASSERT_TRUE(journal->planned("0-a", "a", "x", kUndo));
  append_raw(R"({"id":"0-a","state":"reverted"})");
  EXPECT_TRUE(record().torn);
  EXPECT_TRUE(record().anything_open());
}

TEST_F(Journal, DamageInTheMiddleDoesNotHideTheRest) {
  auto journal = *UndoJournal::create(dir_.path(), {});
  append_raw("\xff\xfe not json\n[1,2]\n{\"unknown\":1}\n");
  ASSERT_TRUE(journal->planned("0-a", "a", "x", kUndo));
  EXPECT_TRUE(record().torn);
  ASSERT_EQ(record().entries.size(), 1u);
}

TEST_F(Journal, AStateThatWeDoNotKnowIsOpen) {
  auto journal = *UndoJournal::create(dir_.path(), {});
  append_raw("{\"id\":\"0-a\",\"state\":\"perhaps\"}\n");
  EXPECT_TRUE(record().anything_open());
}

TEST_F(Journal, IsNotFoundWhereThereIsNone) { EXPECT_EQ(read_undo_journal(dir_.path()).error().code, Errc::not_found); }

}  // namespace
}  // namespace cardstorm
