// sorter: puts any number of requests in order of time in constant memory: sorted runs in nameless temporary files,
// then a merge.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/result.hpp"

namespace cardstorm {

/// One request on its way to the recording; already scrubbed.
struct SortRow {
  std::int64_t start_ns = 0, latency_ns = 0;
  std::uint64_t client = 0;  // keyed hash; 0 = not told
  std::uint16_t status = 0;
  std::string_view method, path;
};

class Sorter {
 public:
  /// `folder` takes the temporary files; `run_bytes` is the memory of one run.
  Sorter(std::string folder, std::size_t run_bytes);
  ~Sorter();

  void add(const SortRow& row);
  /// Rows since the last spill; their starts may still be moved.
  [[nodiscard]] std::size_t held() const { return keys_.size(); }
  std::int64_t& start_of(std::size_t held) { return keys_[held].start; }
  /// Time to spill.
  [[nodiscard]] bool full() const;
  /// Sorts what is held and writes it away.
  Status spill();
  /// Hands over all rows in order of start; equal starts in the order of add. Once.
  Status drain(const std::function<bool(const SortRow&)>& row);
  [[nodiscard]] std::size_t runs() const { return runs_written_; }

 private:
  struct Key {
    std::int64_t start;
    std::uint64_t offset;
  };
  struct Run;
  void sort_held();
  [[nodiscard]] SortRow row_at(const Key& key) const;
  Status merge(std::vector<std::unique_ptr<Run>>& runs, const std::function<bool(const SortRow&)>& row);
  Result<std::unique_ptr<Run>> new_run();

  std::string folder_;
  std::size_t run_bytes_;
  std::string arena_;
  std::vector<Key> keys_;
  std::vector<std::unique_ptr<Run>> runs_;
  std::size_t runs_written_ = 0;
};

}  // namespace cardstorm
