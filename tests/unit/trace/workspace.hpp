// workspace: a temporary folder with logs in it, for the tests of this room.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "harness/core/files.hpp"
#include "harness/trace/import.hpp"
#include "harness/trace/recording.hpp"

namespace cardstorm {

class TraceSpace : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cardstorm-trace-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string put(const std::string& name, const std::string& text) {
    const std::string path = dir_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  ImportOptions options() const {
    ImportOptions o;
    o.out = dir_ + "/out.csv";
    o.scrub_key = "test";
    return o;
  }
  Result<ImportSummary> import(const std::string& text, const ImportOptions& o, const std::string& name = "in.log") {
    return import_trace(put(name, text), o);
  }
  /// Imports and reads back; fails the test when either fails.
  Recording imported(const std::string& text, const ImportOptions& o, ImportSummary* summary = nullptr) {
    auto done = import(text, o);
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().what);
    if (!done) return {};
    if (summary != nullptr) *summary = *done;
    auto read = read_recording(o.out);
    EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().what);
    return read ? std::move(*read) : Recording{};
  }
  [[nodiscard]] int files() const {
    int n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir_)) ++n;
    return n;
  }
  std::string dir_;
};

inline bool notes_hold(const ImportSummary& s, const std::string& part) {
  for (const auto& note : s.notes)
    if (note.find(part) != std::string::npos) return true;
  return false;
}

}  // namespace cardstorm
