// journal: the partners' ledgers, evidence that the platform cannot influence. Lines reach the disk in groups, on a
// thread of their own; an effect waits in when_durable() until every line before it is there. Lines:
// partners/journal.md.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"
#include "harness/partners/loop.hpp"

namespace cardstorm::partners {

/// Which partner's journal: its place among the names that were opened.
enum class Book : std::size_t {};

class PartnerJournals {
 public:
  using Task = std::function<void(bool durable)>;

  /// Makes NAME.jsonl in `dir` for each name, and their first lines. Errc::unavailable when one exists already: a bank
  /// that forgot its trades must not write into the books of one that knows them.
  static Result<std::unique_ptr<PartnerJournals>> open(const std::string& dir, const std::vector<std::string>& names,
                                                       Loop& loop);
  /// Takes back what open() made, for a start that came to nothing.
  static void discard(const std::string& dir, const std::vector<std::string>& names);
  /// Writes what is queued and the `closed` lines.
  ~PartnerJournals();
  PartnerJournals(const PartnerJournals&) = delete;
  PartnerJournals& operator=(const PartnerJournals&) = delete;

  /// Queues a line; "mono_ns" is put behind "kind". Server's thread.
  void append(Book book, const std::string& kind, const Json::Object& members);
  /// Runs `task` on the server's thread once all lines queued so far are on the disk; with false when they never will
  /// be.
  void when_durable(Task task);
  /// "" while the journals can be written; a failed journal stays failed. Any thread.
  [[nodiscard]] std::string problem() const;

 private:
  // lines by book; short when the last ones have none
  struct Batch {
    std::vector<std::string> lines;
    std::vector<Task> tasks;
  };

  PartnerJournals(std::vector<std::string> names, std::vector<DurableLog> logs, Loop& loop);
  void run();
  bool write(const Batch& batch);
  [[nodiscard]] bool idle() const;

  std::vector<std::string> names_;
  std::vector<DurableLog> logs_;
  Loop& loop_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Batch next_;
  std::size_t queued_bytes_ = 0;
  bool writing_ = false, stopping_ = false;
  std::string problem_;
  std::thread thread_;
};

}  // namespace cardstorm::partners
