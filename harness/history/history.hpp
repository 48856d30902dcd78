// history: the event log of a run, written while it happens. One file per lane (one writer each, no lock), blocks with
// CRC32C, so that a torn tail or a flipped bit is found and named; readers merge the lanes by time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/events.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// Writes DIR/<lane>.hist, which must not exist yet (DIR is made). One thread. Blocks go out when full or after
/// flush(); a write error is kept and returned by close() and failed() (a full disk ends the run, it is never silent).
/// close() sets an end mark: a file without it was cut off, and readers say so. A text above 4 KiB is cut.
class HistoryWriter final : public EventSink {
 public:
  static Result<std::unique_ptr<HistoryWriter>> open(const std::string& dir, const std::string& lane);
  ~HistoryWriter() override;
  void write(const Event& e) override;
  void flush() override;
  [[nodiscard]] bool failed() const;
  Status close();

 private:
  struct Impl;
  explicit HistoryWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// torn tail, bad checksum, unknown record
struct HistoryDamage {
  std::string file;
  std::uint64_t offset;
  std::string what;
};

/// Streams all events of all lanes of `dir` in order of time_of() (ties: lane name, then order of writing). The order
/// is exact however disordered a lane is: a block is loaded when the merge reaches its first time, so memory is bounded
/// by the blocks that overlap in time, plus 64 bytes per block. Damage does not stop the reading: the good blocks are
/// read. Errc::not_found when `dir` holds no lane.
Result<std::vector<HistoryDamage>> read_history(const std::string& dir, const std::function<void(const Event&)>& visit);

struct HistoryStats {
  struct Lane {
    std::string name;
    std::uint64_t events = 0, bytes = 0;
  };
  std::vector<Lane> lanes;  // by name
  std::vector<std::pair<std::string, std::uint64_t>>
      by_kind;  // name_of(event), in order of the Event variant; no zeros
  std::uint64_t events = 0;
  Nanos first{0}, last{0};
  std::vector<HistoryDamage> damage;
};
/// Counts and span of a history.
Result<HistoryStats> history_stats(const std::string& dir);

/// One event as one JSON object: {"event": name_of, then its fields}; times end in _ns. For `history cat` and export.
Json json_of_event(const Event& e);

}  // namespace cardstorm
