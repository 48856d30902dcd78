// undo_journal: see undo_journal.hpp.
#include "harness/lease/undo_journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "harness/core/clock.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

constexpr std::string_view kKeyMark = "@key:";
constexpr UndoState kStates[] = {UndoState::planned, UndoState::active, UndoState::reverted, UndoState::residue};

std::string journal_path(const std::string& run_dir) { return run_dir + "/faults.jsonl"; }
std::string keys_path(const std::string& run_dir) { return run_dir + "/.faults.keys"; }

Json stamped(Json line) { return std::move(line.set("mono_ns", monotonic_now().count())); }

ProcessId process_of(const Json& line) {
  return {static_cast<pid_t>(line["pid"].integer()), static_cast<std::uint64_t>(line["start_time"].integer())};
}

UndoState state_of(std::string_view text) {
  for (const UndoState state : kStates)
    if (to_text(state) == text) return state;
  return UndoState::residue;  // a word that we do not know must not pass for mended
}

/// Puts the header values back that planned() kept apart.
Undo with_keys(Undo undo, const std::vector<std::string>& keys) {
  auto* http = std::get_if<HttpUndo>(&undo);
  if (http == nullptr) return undo;
  for (auto& [name, value] : http->headers) {
    std::size_t index = keys.size();
    if (value.starts_with(kKeyMark)) index = static_cast<std::size_t>(std::atoll(value.c_str() + kKeyMark.size()));
    if (index < keys.size()) value = keys[index];
  }
  return undo;
}

std::vector<std::string> read_keys(const std::string& run_dir) {
  const auto text = read_file(keys_path(run_dir));
  if (!text) return {};
  std::vector<std::string> keys = split(*text, '\n');
  if (!keys.empty() && keys.back().empty()) keys.pop_back();
  return keys;
}

void take_entry(const Json& line, const std::vector<std::string>& keys, UndoRecord* record) {
  const std::string& id = line["id"].string();
  auto entry =
      std::find_if(record->entries.begin(), record->entries.end(), [&](const UndoEntry& e) { return e.id == id; });
  if (entry == record->entries.end()) entry = record->entries.insert(entry, UndoEntry{});
  entry->id = id;
  if (line.has("undo")) {
    entry->fault = line["fault"].string();
    entry->on = line["on"].string();
    entry->undo = with_keys(undo_of(line["undo"]), keys);
  }
  entry->state = state_of(line["state"].string());
  entry->by = line["by"].string();
  entry->note = line["note"].string();
}

void take_line(const Json& line, const std::vector<std::string>& keys, UndoRecord* record) {
  if (line.has("journal")) {
    record->begun = true;
    record->boot_id = line["boot_id"].string();
    record->owner = process_of(line);
    for (const auto& block : line["allow"].items()) record->allow.push_back(block.string());
  } else if (line.has("process")) {
    record->trees.push_back({line["process"].string(), process_of(line), line["mark"].string()});
  } else if (line.has("folder")) {
    record->folders.push_back(line["folder"].string());
  } else if (line.has("id")) {
    take_entry(line, keys, record);
  } else if (line["closed"].boolean()) {
    record->closed = true;
  }
}

}  // namespace

std::string_view to_text(UndoState state) {
  switch (state) {
    case UndoState::planned:
      return "planned";
    case UndoState::active:
      return "active";
    case UndoState::reverted:
      return "reverted";
    case UndoState::residue:
      return "residue";
  }
  return "residue";
}

bool UndoRecord::anything_open() const {
  return std::any_of(entries.begin(), entries.end(), [](const UndoEntry& e) { return e.open(); });
}

Result<UndoRecord> read_undo_journal(const std::string& run_dir) {
  const auto text = read_file(journal_path(run_dir));
  if (!text) return text.error();
  const auto keys = read_keys(run_dir);
  UndoRecord record;
  for (std::size_t begin = 0; begin < text->size();) {
    const auto newline = text->find('\n', begin);
    const auto end = newline == std::string::npos ? text->size() : newline;
    const auto line = std::string_view(*text).substr(begin, end - begin);
    begin = end + 1;
    if (line.empty()) continue;
    const auto json = Json::parse(line);
    if (json && json->is_object() && newline != std::string::npos)
      take_line(*json, keys, &record);
    else
      record.torn = true;
  }
  if (!record.begun && !text->empty())
    return Error{Errc::invalid, journal_path(run_dir) + " does not begin as an undo journal"};
  return record;
}

bool remove_secrets(const UndoRecord& record) {
  bool none_left = true;
  for (const std::string& path : record.folders) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) continue;
    const bool ours = S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() &&
                      std::filesystem::path(path).filename().string().starts_with(kSecretsName);
    std::error_code error;
    if (ours) std::filesystem::remove_all(path, error);
    none_left = none_left && ours && !error;
  }
  return none_left;
}

Result<std::unique_ptr<UndoJournal>> UndoJournal::create(const std::string& run_dir,
                                                         const std::vector<std::string>& allow) {
  auto log = DurableLog::open(journal_path(run_dir));
  if (!log) return std::move(log).error();
  const auto self = identify(::getpid());
  if (!self) return self.error();
  Json blocks = Json::array();
  for (const auto& block : allow) blocks.push(block);
  std::unique_ptr<UndoJournal> journal(new UndoJournal(run_dir, std::move(*log)));
  auto written = journal->append(Json::object({{"journal", "faults"},
                                               {"version", 1},
                                               {"boot_id", boot_id()},
                                               {"pid", static_cast<std::int64_t>(self->pid)},
                                               {"start_time", self->start_time},
                                               {"allow", blocks}}));
  if (!written) return std::move(written).error();
  // The name itself must survive a crash, too.
  if (const int dir = ::open(run_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); dir >= 0) {
    ::fsync(dir);
    ::close(dir);
  }
  return journal;
}

Result<std::unique_ptr<UndoJournal>> UndoJournal::reopen(const std::string& run_dir) {
  const auto text = read_file(journal_path(run_dir));
  if (!text) return text.error();
  auto log = DurableLog::open(journal_path(run_dir));
  if (!log) return std::move(log).error();
  // Else our first line would be glued to the torn one, and both would be lost.
  if (!text->empty() && text->back() != '\n')
    if (auto mended = log->append(""); !mended) return std::move(mended).error();
  std::unique_ptr<UndoJournal> journal(new UndoJournal(run_dir, std::move(*log)));
  journal->keys_ = read_keys(run_dir).size();
  return journal;
}

Status UndoJournal::append(const Json& line) { return log_.append(stamped(line).dump()); }

Result<Undo> UndoJournal::without_keys(Undo undo) {
  auto* http = std::get_if<HttpUndo>(&undo);
  if (http == nullptr || http->headers.empty()) return undo;
  const int fd = ::open(keys_path(run_dir_).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return Error{Errc::io, "cannot write " + keys_path(run_dir_)};
  std::string text;
  for (auto& [name, value] : http->headers) {
    text += value + "\n";
    value = std::string(kKeyMark) + std::to_string(keys_++);
  }
  const bool written =
      ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fdatasync(fd) == 0;
  ::close(fd);
  if (!written) return Error{Errc::unavailable, "cannot write " + keys_path(run_dir_), "free some space"};
  return undo;
}

Status UndoJournal::planned(const std::string& id, const std::string& fault, const std::string& on, const Undo& undo) {
  const std::lock_guard lock(mutex_);
  auto kept = without_keys(undo);
  if (!kept) return std::move(kept).error();
  return append(
      Json::object({{"id", id}, {"fault", fault}, {"on", on}, {"undo", json_of(*kept)}, {"state", "planned"}}));
}

Status UndoJournal::mark(const std::string& id, UndoState state, std::string_view by, std::string_view note) {
  const std::lock_guard lock(mutex_);
  return append(Json::object({{"id", id}, {"state", to_text(state)}, {"by", by}, {"note", note}}));
}

Status UndoJournal::tree(const std::string& name, const ProcessId& root, const std::string& mark) {
  const std::lock_guard lock(mutex_);
  return append(Json::object({{"process", name},
                              {"pid", static_cast<std::int64_t>(root.pid)},
                              {"start_time", root.start_time},
                              {"mark", mark}}));
}

Status UndoJournal::folder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return append(Json::object({{"folder", path}}));
}

Status UndoJournal::close() {
  const std::lock_guard lock(mutex_);
  auto written = append(Json::object({{"closed", true}}));
  const auto record = read_undo_journal(run_dir_);
  if (record && !record->anything_open()) ::unlink(keys_path(run_dir_).c_str());
  return written;
}

}  // namespace cardstorm
