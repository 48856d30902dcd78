// reader: an index of every lane's blocks, then one merge by time. Whatever is damaged is named and stepped over.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <optional>
#include <tuple>

#include "harness/core/unique_fd.hpp"
#include "harness/history/block.hpp"
#include "harness/history/codec.hpp"
#include "harness/history/history.hpp"

namespace cardstorm {
namespace {

using history::BlockHeader;
using history::kHeaderSize;
using Damage = std::vector<HistoryDamage>;

/// A file that is read at positions. Reading short means the end (or an error: the rest counts as missing).
class LaneFile {
 public:
  LaneFile(std::string path, std::string name)
      : path_(std::move(path)), name_(std::move(name)), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat s {};
    if (fd_.open() && ::fstat(fd_.get(), &s) == 0) size_ = static_cast<std::uint64_t>(s.st_size);
  }
  LaneFile(LaneFile&&) = default;
  LaneFile& operator=(LaneFile&&) = delete;

  [[nodiscard]] bool open() const { return fd_.open(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  [[nodiscard]] std::string read(std::uint64_t offset, std::size_t length) const {
    std::string out(length, '\0');
    std::size_t have = 0;
    while (have < length) {
      const auto n = ::pread(fd_.get(), out.data() + have, length - have, static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    out.resize(have);
    return out;
  }

 private:
  std::string path_, name_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
};

struct BlockRef {
  std::uint32_t lane;
  std::uint64_t offset;
  BlockHeader header;
};

/// Walks one file from header to header.
class Indexer {
 public:
  Indexer(const LaneFile& file, std::uint32_t lane, std::vector<BlockRef>& out, Damage& damage)
      : file_(file), lane_(lane), out_(out), damage_(damage) {}

  void run() {
    std::uint64_t at = check_magic();
    bool ended = false, torn = false;
    while (at < file_.size() && !torn) {
      const auto header = history::header_of(file_.read(at, kHeaderSize));
      if (!header) {
        const std::uint64_t next = next_header(at + 1);
        torn = next == file_.size();
        report(at, torn ? "torn tail: " + std::to_string(next - at) + " bytes that are no whole block"
                        : std::to_string(next - at) + " damaged bytes where a block was expected, stepped over");
        numbers_known_ = false;
        at = next;
        continue;
      }
      check_number(at, header->number);
      const std::uint64_t end = at + kHeaderSize + header->length;
      torn = end > file_.size();
      if (torn)
        report(at, "torn tail: a block of " + std::to_string(header->length) + " bytes has only " +
                       std::to_string(file_.size() - at - kHeaderSize));
      else if (header->count > 0)
        out_.push_back({lane_, at, *header});
      ended = header->count == 0 && !torn;
      at = end;
    }
    if (!ended && !torn) report(file_.size(), "no end mark: the writer was cut off");
  }

 private:
  std::uint64_t check_magic() {
    const std::string magic = file_.read(0, history::kFileMagic.size());
    if (magic == history::kFileMagic) return magic.size();
    report(0, magic.size() < history::kFileMagic.size() ? "torn tail: not even a whole file header"
                                                        : "not a history file of this version");
    return magic.size();
  }

  /// Blocks are numbered: one that vanished without a trace is named here.
  void check_number(std::uint64_t at, std::uint32_t number) {
    if (numbers_known_ && number != expected_)
      report(at, "block " + std::to_string(expected_) + " was expected, block " + std::to_string(number) + " is here");
    numbers_known_ = true;
    expected_ = number + 1;
  }

  /// The first offset from `from` on where a checked header stands, or the file's size.
  std::uint64_t next_header(std::uint64_t from) const {
    constexpr std::size_t kChunk = 64 * 1024;
    while (from < file_.size()) {
      const std::string chunk = file_.read(from, kChunk + kHeaderSize);
      if (chunk.empty()) break;
      for (auto i = chunk.find(history::kBlockMagic); i < kChunk && i != std::string::npos;
           i = chunk.find(history::kBlockMagic, i + 1))
        if (history::header_of(std::string_view(chunk).substr(i))) return from + i;
      from += kChunk;
    }
    return file_.size();
  }

  void report(std::uint64_t at, std::string what) { damage_.push_back({file_.path(), at, std::move(what)}); }

  const LaneFile& file_;
  std::uint32_t lane_;
  std::vector<BlockRef>& out_;
  Damage& damage_;
  std::uint32_t expected_ = 0;
  bool numbers_known_ = true;
};

/// The events of one block, in order of time, and where the merge stands in it.
struct LoadedBlock {
  std::vector<Event> events;         // in order of writing
  std::vector<std::uint32_t> order;  // indices, by time
  std::size_t at = 0;
  std::uint32_t lane = 0, number = 0;

  [[nodiscard]] const Event& event() const { return events[order[at]]; }
  [[nodiscard]] auto key() const { return std::tuple(time_of(event()), lane, number, order[at]); }
};

LoadedBlock load(const LaneFile& file, const BlockRef& ref, Damage& damage) {
  LoadedBlock block;
  block.lane = ref.lane;
  block.number = ref.header.number;
  const std::string payload = file.read(ref.offset + kHeaderSize, ref.header.length);
  if (payload.size() != ref.header.length || history::crc32c(payload) != ref.header.payload_crc) {
    damage.push_back(
        {file.path(), ref.offset, "bad checksum: a block of " + std::to_string(ref.header.count) + " events is lost"});
    return block;
  }
  block.events.reserve(ref.header.count);
  for (history::Decoder decoder(payload, ref.header.base); !decoder.at_end();) {
    const std::size_t record_at = decoder.offset();
    std::string problem;
    if (auto event = decoder.next(problem))
      block.events.push_back(std::move(*event));
    else
      damage.push_back({file.path(), ref.offset + kHeaderSize + record_at, problem});
  }
  block.order.resize(block.events.size());
  std::iota(block.order.begin(), block.order.end(), 0U);
  std::stable_sort(block.order.begin(), block.order.end(),
                   [&](auto a, auto b) { return time_of(block.events[a]) < time_of(block.events[b]); });
  return block;
}

struct History {
  std::vector<LaneFile> lanes;   // by name
  std::vector<BlockRef> blocks;  // by first time
  Damage damage;
};

Result<History> index_of(const std::string& dir) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error))
    if (entry.path().extension() == ".hist") paths.push_back(entry.path());
  if (paths.empty())
    return Error{Errc::not_found, "no history in " + dir + (error ? " (" + error.message() + ")" : ""),
                 "name the folder of a run, such as reports/runs/latest"};
  std::sort(paths.begin(), paths.end());
  History h;
  for (const auto& path : paths) {
    h.lanes.emplace_back(path.string(), path.stem().string());
    if (!h.lanes.back().open())
      return Error{Errc::io, "cannot read history " + path.string() + ": " + std::strerror(errno)};
    Indexer(h.lanes.back(), static_cast<std::uint32_t>(h.lanes.size() - 1), h.blocks, h.damage).run();
  }
  std::sort(h.blocks.begin(), h.blocks.end(), [](const BlockRef& a, const BlockRef& b) {
    return std::tuple(a.header.first, a.lane, a.offset) < std::tuple(b.header.first, b.lane, b.offset);
  });
  return h;
}

/// One pass: a block is loaded when the merge reaches its first time, and dropped after its last event.
template <class Visit>
void merge(History& h, Visit&& visit) {
  const auto later = [](const auto& a, const auto& b) { return a->key() > b->key(); };
  std::vector<std::unique_ptr<LoadedBlock>> open;  // a heap, earliest event in front
  const auto push = [&](std::unique_ptr<LoadedBlock> block) {
    if (block->at == block->order.size()) return;
    open.push_back(std::move(block));
    std::push_heap(open.begin(), open.end(), later);
  };
  const auto take = [&] {
    std::pop_heap(open.begin(), open.end(), later);
    auto block = std::move(open.back());
    open.pop_back();
    return block;
  };
  for (std::size_t next = 0; next < h.blocks.size() || !open.empty();) {
    if (next < h.blocks.size() && (open.empty() || h.blocks[next].header.first <= time_of(open.front()->event()))) {
      const BlockRef& ref = h.blocks[next++];
      push(std::make_unique<LoadedBlock>(load(h.lanes[ref.lane], ref, h.damage)));
      continue;
    }
    auto block = take();
    // Runs on inside one block as long as nothing else can come between.
    const bool others = !open.empty();
    const Nanos limit = next < h.blocks.size() ? h.blocks[next].header.first : Nanos::max();
    do {
      visit(block->lane, block->event());
      ++block->at;
    } while (block->at < block->order.size() && time_of(block->event()) < limit &&
             (!others || block->key() < open.front()->key()));
    push(std::move(block));
  }
}

}  // namespace

Result<std::vector<HistoryDamage>> read_history(const std::string& dir,
                                                const std::function<void(const Event&)>& visit) {
  auto h = index_of(dir);
  if (!h) return std::move(h).error();
  merge(*h, [&](std::uint32_t, const Event& e) { visit(e); });
  return std::move(h->damage);
}

Result<HistoryStats> history_stats(const std::string& dir) {
  auto h = index_of(dir);
  if (!h) return std::move(h).error();
  HistoryStats stats;
  for (const LaneFile& lane : h->lanes) stats.lanes.push_back({lane.name(), 0, lane.size()});
  std::vector<std::pair<std::string, std::uint64_t>> kinds(std::variant_size_v<Event>);
  merge(*h, [&](std::uint32_t lane, const Event& e) {
    if (stats.events++ == 0) stats.first = time_of(e);
    stats.last = time_of(e);
    ++stats.lanes[lane].events;
    auto& kind = kinds[e.index()];
    if (kind.second++ == 0) kind.first = name_of(e);
  });
  for (auto& kind : kinds)
    if (kind.second > 0) stats.by_kind.push_back(std::move(kind));
  stats.damage = std::move(h->damage);
  return stats;
}

}  // namespace cardstorm
