// history: the event log of a run, written while it happens. One file per lane (one writer each, no lock), blocks with
// CRC32C, so that a torn tail or a flipped bit is found and named; readers merge the lanes by time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/events.hpp"
#include "harness/core/json.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

/// Appends to DIR/<lane>.hist. One thread. Blocks go out when full or after flush(); a write error is kept and returned by
/// close() and failed() (a full disk ends the run, it is never silent).
class HistoryWriter final : public EventSink {
 public:
  static Result<std::unique_ptr<HistoryWriter>> open(const std::string& dir, const std::string& lane);
  ~HistoryWriter() override;
  void write(const Event& e) override;
  void flush();
  [[nodiscard]] bool failed() const;
  Status close();

 private:
  struct Impl;
  explicit HistoryWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct HistoryDamage { std::string file; std::uint64_t offset; std::string what; };   // torn tail, bad checksum, unknown record

/// Streams all events of all lanes of `dir` in order of time (ties: lane name, then order of writing). Memory stays
/// bounded by lanes x block, plus a reorder window inside a lane. Damage does not stop the reading: the good blocks are read.
Result<std::vector<HistoryDamage>> read_history(const std::string& dir, const std::function<void(const Event&)>& visit);

/// One event as one JSON object, for `history cat` and export.
Json json_of_event(const Event& e);

}  // namespace cardstorm
