// writer: collects records into blocks and appends them to the lane's file.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "harness/core/files.hpp"
#include "harness/history/block.hpp"
#include "harness/history/codec.hpp"
#include "harness/history/history.hpp"

namespace cardstorm {

struct HistoryWriter::Impl {
  std::string path;
  UniqueFd fd;
  std::string payload, scratch;  // records of the open block; room for one frame
  history::BlockHeader header;
  std::optional<Error> error;  // the first one; nothing is written after it

  void append(std::string_view bytes) {
    if (error) return;
    if (const int number = write_all(fd.get(), bytes); number != 0)
      error = file_error("write", "history " + path, number);
  }

  void write_block() {
    header.length = static_cast<std::uint32_t>(payload.size());
    header.payload_crc = history::crc32c(payload);
    scratch = history::bytes_of(header);
    scratch += payload;
    append(scratch);  // one write call per block: a crash leaves at most one torn block, the last
    header = {.number = header.number + 1};
    payload.clear();
  }

  void add(const Event& e) {
    const Nanos at = time_of(e);
    if (header.count == 0) header.base = header.first = header.last = at;
    const std::size_t before = payload.size();
    history::encode(e, header.base, payload);
    if (payload.size() > history::kPayloadMax) {  // does not fit: send the others, start again with this one
      payload.resize(before);
      write_block();
      header.base = header.first = header.last = at;
      history::encode(e, header.base, payload);
    }
    header.first = std::min(header.first, at);
    header.last = std::max(header.last, at);
    ++header.count;
  }
};

Result<std::unique_ptr<HistoryWriter>> HistoryWriter::open(const std::string& dir, const std::string& lane) {
  std::error_code made;
  std::filesystem::create_directories(dir, made);
  auto impl = std::make_unique<Impl>();
  impl->path = dir + "/" + lane + ".hist";
  impl->fd = UniqueFd(::open(impl->path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644));
  if (!impl->fd.open() && errno == EEXIST)
    return Error{Errc::unavailable, "history " + impl->path + " exists already", "give each run a folder of its own"};
  if (!impl->fd.open()) return file_error("create", "history " + impl->path, errno);
  impl->payload.reserve(history::kPayloadMax + 64 * 1024);
  impl->append(history::kFileMagic);
  if (impl->error) return *impl->error;
  return std::unique_ptr<HistoryWriter>(new HistoryWriter(std::move(impl)));
}

HistoryWriter::HistoryWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HistoryWriter::~HistoryWriter() { (void)close(); }

void HistoryWriter::write(const Event& e) {
  assert(impl_->fd.open() && "written after close");
  if (!impl_->error) impl_->add(e);
}

void HistoryWriter::flush() {
  if (!impl_->error && impl_->header.count > 0) impl_->write_block();
}

bool HistoryWriter::failed() const { return impl_->error.has_value(); }

Status HistoryWriter::close() {
  if (impl_->fd.open()) {
    flush();
    if (!impl_->error) impl_->write_block();  // empty: the end mark
    if (!impl_->error && ::fdatasync(impl_->fd.get()) != 0 && errno != EINVAL && errno != EROFS)
      impl_->error = file_error("write", "history " + impl_->path, errno);
    impl_->fd.close();
  }
  if (impl_->error) return *impl_->error;
  return ok();
}

}  // namespace cardstorm
