// sorter: external merge sort.
#include "harness/trace/sorter.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <queue>

namespace cardstorm {
namespace {

constexpr std::size_t kRunsMax = 256;  // open files during a merge

struct Head {
  std::int64_t latency_ns;
  std::uint64_t client;
  std::uint32_t path_size;
  std::uint16_t status, method_size;
};

Error disk_error(const std::string& verb) {
  const int number = errno;
  return {number == ENOSPC || number == EDQUOT || number == EFBIG ? Errc::unavailable : Errc::io,
          "cannot " + verb + " a temporary file for sorting: " + std::strerror(number),
          "free some space, or choose an --out on a larger disk: the temporary files lie beside it"};
}

}  // namespace

/// A sorted run in a file that has no name any more: it is gone when we are, however we end.
struct Sorter::Run {
  std::FILE* file = nullptr;
  std::int64_t start = 0;
  std::string bytes;
  bool over = false, damaged = false;

  Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    if (file != nullptr) std::fclose(file);
  }
  bool write(std::int64_t at, const char* data, std::size_t size) {
    const auto length = static_cast<std::uint32_t>(size);
    return std::fwrite(&at, sizeof at, 1, file) == 1 && std::fwrite(&length, sizeof length, 1, file) == 1 &&
           std::fwrite(data, 1, size, file) == size;
  }
  void next() {
    std::uint32_t length = 0;
    if (std::fread(&start, sizeof start, 1, file) != 1) {
      over = true;
      damaged = std::ferror(file) != 0;
      return;
    }
    over = damaged = std::fread(&length, sizeof length, 1, file) != 1;
    if (over) return;
    bytes.resize(length);
    over = damaged = std::fread(bytes.data(), 1, length, file) != length;
  }
};

namespace {

SortRow row_of(std::int64_t start, const char* bytes) {
  Head head;
  std::memcpy(&head, bytes, sizeof head);
  return {start,
          head.latency_ns,
          head.client,
          head.status,
          {bytes + sizeof head, head.method_size},
          {bytes + sizeof head + head.method_size, head.path_size}};
}

std::size_t size_of(const char* bytes) {
  Head head;
  std::memcpy(&head, bytes, sizeof head);
  return sizeof head + head.method_size + head.path_size;
}

}  // namespace

Sorter::Sorter(std::string folder, std::size_t run_bytes) : folder_(std::move(folder)), run_bytes_(run_bytes) {}
Sorter::~Sorter() = default;

void Sorter::add(const SortRow& row) {
  const Head head{row.latency_ns, row.client, static_cast<std::uint32_t>(row.path.size()), row.status,
                  static_cast<std::uint16_t>(row.method.size())};
  keys_.push_back({row.start_ns, arena_.size()});
  arena_.append(reinterpret_cast<const char*>(&head), sizeof head);
  arena_.append(row.method);
  arena_.append(row.path);
}

bool Sorter::full() const { return arena_.size() + keys_.size() * sizeof(Key) >= run_bytes_; }

void Sorter::sort_held() {
  // Offsets grow in the order of add, so they keep equal starts in order.
  const auto before = [](const Key& a, const Key& b) {
    return a.start != b.start ? a.start < b.start : a.offset < b.offset;
  };
  if (!std::is_sorted(keys_.begin(), keys_.end(), before)) std::sort(keys_.begin(), keys_.end(), before);
}

SortRow Sorter::row_at(const Key& key) const { return row_of(key.start, arena_.data() + key.offset); }

Result<std::unique_ptr<Sorter::Run>> Sorter::new_run() {
  std::string name = folder_ + "/.cardstorm-sort-XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return disk_error("make");
  ::unlink(name.c_str());
  auto run = std::make_unique<Run>();
  run->file = ::fdopen(fd, "w+b");
  if (run->file == nullptr) {
    ::close(fd);
    return disk_error("open");
  }
  std::setvbuf(run->file, nullptr, _IOFBF, std::size_t{1} << 16);
  return run;
}

Status Sorter::spill() {
  if (keys_.empty()) return ok();
  sort_held();
  auto run = new_run();
  if (!run) return std::move(run).error();
  for (const Key& key : keys_)
    if (!(*run)->write(key.start, arena_.data() + key.offset, size_of(arena_.data() + key.offset)))
      return disk_error("write");
  if (std::fflush((*run)->file) != 0) return disk_error("write");
  std::rewind((*run)->file);
  runs_.push_back(std::move(*run));
  ++runs_written_;
  keys_.clear();
  arena_.clear();
  if (runs_.size() < kRunsMax) return ok();

  // Many runs become one, so that the number of open files stays bounded.
  auto one = new_run();
  if (!one) return std::move(one).error();
  std::string bytes;
  bool written = true;
  const Status merged = merge(runs_, [&](const SortRow& row) {
    const Head head{row.latency_ns, row.client, static_cast<std::uint32_t>(row.path.size()), row.status,
                    static_cast<std::uint16_t>(row.method.size())};
    bytes.assign(reinterpret_cast<const char*>(&head), sizeof head);
    bytes.append(row.method).append(row.path);
    written = (*one)->write(row.start_ns, bytes.data(), bytes.size());
    return written;
  });
  if (!merged) return merged;
  if (!written || std::fflush((*one)->file) != 0) return disk_error("write");
  std::rewind((*one)->file);
  runs_.clear();
  runs_.push_back(std::move(*one));
  return ok();
}

Status Sorter::merge(std::vector<std::unique_ptr<Run>>& runs, const std::function<bool(const SortRow&)>& row) {
  using Turn = std::pair<std::int64_t, std::size_t>;  // start, then the older run
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> queue;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i]->next();
    if (!runs[i]->over) queue.emplace(runs[i]->start, i);
  }
  while (!queue.empty()) {
    const std::size_t i = queue.top().second;
    queue.pop();
    // As long as this run stays in front, the queue need not be asked.
    for (;;) {
      if (!row(row_of(runs[i]->start, runs[i]->bytes.data()))) return ok();
      runs[i]->next();
      if (runs[i]->over) break;
      const Turn now{runs[i]->start, i};
      if (queue.empty() || now < queue.top()) continue;
      queue.push(now);
      break;
    }
  }
  for (const auto& run : runs)
    if (run->damaged) return disk_error("read");
  return ok();
}

Status Sorter::drain(const std::function<bool(const SortRow&)>& row) {
  if (runs_.empty()) {
    sort_held();
    for (const Key& key : keys_)
      if (!row(row_at(key))) break;
    return ok();
  }
  if (const Status spilled = spill(); !spilled) return spilled;
  arena_ = {};
  keys_ = {};
  return merge(runs_, row);
}

}  // namespace cardstorm
