// journal: group commit. While one group is being synced, the next one gathers.
#include "harness/partners/journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "harness/core/clock.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::size_t kQueuedBytesMax = std::size_t{64} << 20;  // a disk this far behind is a broken disk

std::int64_t mono_ns() { return monotonic_now().count(); }

std::string path_of(const std::string& dir, const std::string& name) { return dir + "/" + name + ".jsonl"; }

// A new file is only on the disk when its folder is.
Status sync_folder(const std::string& dir) {
  const int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) close(fd);
  if (!done) return Error{Errc::io, "cannot sync " + dir + ": " + std::strerror(why)};
  return ok();
}

}  // namespace

Result<std::unique_ptr<PartnerJournals>> PartnerJournals::open(const std::string& dir,
                                                               const std::vector<std::string>& names, Loop& loop) {
  std::vector<DurableLog> logs;
  for (const std::string& name : names) {
    const std::string path = path_of(dir, name);
    struct stat found {};
    if (lstat(path.c_str(), &found) == 0)
      return Error{Errc::unavailable, path + " exists already", "choose a new folder for the journals"};
    auto log = DurableLog::open(path);
    if (!log) return log.error();
    const Json first = Json::object({{"journal", name}, {"version", 1}, {"mono_ns", mono_ns()}});
    if (auto status = log->append(first.dump()); !status) return Error(status.error()).in(path);
    logs.push_back(std::move(log).value());
  }
  if (auto status = sync_folder(dir); !status) return status.error();
  return std::unique_ptr<PartnerJournals>(new PartnerJournals(names, std::move(logs), loop));
}

void PartnerJournals::discard(const std::string& dir, const std::vector<std::string>& names) {
  for (const std::string& name : names) unlink(path_of(dir, name).c_str());
}

PartnerJournals::PartnerJournals(std::vector<std::string> names, std::vector<DurableLog> logs, Loop& loop)
    : names_(std::move(names)), logs_(std::move(logs)), loop_(loop) {
  thread_ = std::thread([this] { run(); });
}

PartnerJournals::~PartnerJournals() {
  for (std::size_t i = 0; i < names_.size(); ++i) append(static_cast<Book>(i), "closed", {});
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void PartnerJournals::append(Book book, const std::string& kind, const Json::Object& members) {
  Json line = Json::object({{"kind", kind}, {"mono_ns", mono_ns()}});
  for (const auto& [name, value] : members) line.set(name, value);
  const std::string text = line.dump();
  const std::lock_guard lock(mutex_);
  if (!problem_.empty()) return;
  queued_bytes_ += text.size() + 1;
  if (queued_bytes_ > kQueuedBytesMax) {
    problem_ = "the journal's queue is full";
    return;
  }
  const auto at = static_cast<std::size_t>(book);
  if (next_.lines.size() <= at) next_.lines.resize(at + 1);
  std::string& group = next_.lines[at];
  if (!group.empty()) group += '\n';
  group += text;
  changed_.notify_one();
}

bool PartnerJournals::idle() const { return !writing_ && queued_bytes_ == 0 && next_.tasks.empty(); }

void PartnerJournals::when_durable(Task task) {
  bool durable = false;
  {
    const std::lock_guard lock(mutex_);
    if (problem_.empty() && !idle()) {
      next_.tasks.push_back(std::move(task));
      changed_.notify_one();
      return;
    }
    durable = problem_.empty();
  }
  task(durable);
}

std::string PartnerJournals::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

bool PartnerJournals::write(const Batch& batch) {
  for (std::size_t i = 0; i < batch.lines.size(); ++i) {
    if (batch.lines[i].empty()) continue;
    const Status status = logs_[i].append(batch.lines[i]);
    if (status) continue;
    const std::lock_guard lock(mutex_);
    problem_ = "journal " + names_[i] + ": " + status.error().what;
    return false;
  }
  return true;
}

void PartnerJournals::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || queued_bytes_ > 0 || !next_.tasks.empty(); });
    if (queued_bytes_ == 0 && next_.tasks.empty()) return;
    Batch batch = std::exchange(next_, {});
    queued_bytes_ = 0;
    writing_ = true;
    // A file that failed may end in half a line: nothing is written behind it.
    const bool usable = problem_.empty();
    lock.unlock();
    const bool durable = usable && write(batch);
    for (Task& task : batch.tasks) loop_.post([task = std::move(task), durable] { task(durable); });
    lock.lock();
    writing_ = false;
  }
}

}  // namespace cardstorm::partners
