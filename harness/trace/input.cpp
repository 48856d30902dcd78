// input: zlib reads plain files as they are and gzip files unpacked.
#include "harness/trace/input.hpp"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace cardstorm {

struct Input::State {
  gzFile file = nullptr;
  std::vector<char> block = std::vector<char>(std::size_t{1} << 18);
  std::size_t begin = 0, end = 0;
  std::int64_t number = 0, bytes = 0;
  bool over = false;
  std::string damage;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (file != nullptr) gzclose(file);
  }

  /// Reads more behind `end`; makes room first. False when the file has ended.
  bool fill() {
    if (over) return false;
    if (begin > 0) {
      std::memmove(block.data(), block.data() + begin, end - begin);
      end -= begin;
      begin = 0;
    }
    if (end == block.size()) block.resize(block.size() * 2);
    errno = 0;
    const int n = gzread(file, block.data() + end, static_cast<unsigned>(block.size() - end));
    if (n > 0) end += static_cast<std::size_t>(n);
    int code = Z_OK;
    const char* said = gzerror(file, &code);
    if (n < 0 || (n == 0 && code != Z_OK && code != Z_STREAM_END)) {
      damage = code == Z_ERRNO       ? std::strerror(errno)
               : code == Z_BUF_ERROR ? std::string("the gzip file ends in the middle")
                                     : "the gzip file is damaged: " + std::string(said);
    }
    over = n <= 0;
    return n > 0;
  }
};

Input::Input(std::unique_ptr<State> state) : state_(std::move(state)) {}
Input::Input(Input&&) noexcept = default;
Input& Input::operator=(Input&&) noexcept = default;
Input::~Input() = default;

Result<Input> Input::open(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return Error{errno == ENOENT ? Errc::not_found : Errc::io, "cannot read " + path + ": " + std::strerror(errno),
                 "name a log file that exists and that you may read"};
  if (S_ISDIR(info.st_mode))
    return Error{Errc::invalid, path + " is a folder", "name one log file; rotated files can be put together with cat"};
  auto state = std::make_unique<State>();
  state->file = gzopen(path.c_str(), "rbe");
  if (state->file == nullptr) return Error{Errc::io, "cannot read " + path + ": " + std::strerror(errno)};
  gzbuffer(state->file, 1U << 17);
  Input input(std::move(state));
  // The byte order mark that Windows tools put in front is not part of the first line.
  if (input.head().starts_with("\xEF\xBB\xBF")) input.state_->begin += 3;
  return input;
}

std::string_view Input::head() {
  State& s = *state_;
  constexpr std::size_t kHead = std::size_t{1} << 16;
  while (s.end - s.begin < kHead && s.fill()) {
  }
  return {s.block.data() + s.begin, std::min(kHead, s.end - s.begin)};
}

bool Input::line(Piece& out) {
  if (!piece(out, "\n", kLineMax)) return false;
  if (out.text.ends_with('\r')) out.text.remove_suffix(1);
  // A log that was truncated under its writer begins with zero bytes.
  out.text.remove_prefix(std::min(out.text.find_first_not_of('\0'), out.text.size()));
  return true;
}

bool Input::piece(Piece& out, std::string_view delimiter, std::size_t bound) {
  State& s = *state_;
  std::size_t looked = 0;
  for (;;) {
    const std::string_view have(s.block.data() + s.begin, s.end - s.begin);
    const std::size_t from = looked < delimiter.size() ? 0 : looked - delimiter.size() + 1;
    const auto at = delimiter.size() == 1 ? have.find(delimiter.front(), from) : have.find(delimiter, from);
    if (at != std::string_view::npos) {
      out = {have.substr(0, std::min(at, bound)), ++s.number, at > bound};
      s.begin += at + delimiter.size();
      s.bytes += static_cast<std::int64_t>(at + delimiter.size());
      return true;
    }
    if (have.size() > bound + delimiter.size()) break;
    looked = have.size();
    if (s.fill()) continue;
    if (have.empty()) return false;
    out = {{s.block.data() + s.begin, std::min(s.end - s.begin, bound)}, ++s.number, s.end - s.begin > bound};
    s.bytes += static_cast<std::int64_t>(s.end - s.begin);
    s.begin = s.end;
    return true;
  }
  // Longer than the bound: keep the beginning at the front of the block, drop what follows until the delimiter.
  const std::size_t keep = bound;
  s.bytes += static_cast<std::int64_t>(s.end - s.begin);
  std::string beginning(s.block.data() + s.begin, keep);
  std::size_t tail = 0;  // bytes kept because a delimiter may begin in them
  for (;;) {
    const std::string_view have(s.block.data() + s.begin, s.end - s.begin);
    const auto at = have.find(delimiter);
    if (at != std::string_view::npos) {
      s.begin += at + delimiter.size();
      s.bytes -= static_cast<std::int64_t>(s.end - s.begin);
      break;
    }
    tail = std::min(have.size(), delimiter.size() - 1);
    s.begin = s.end - tail;
    const std::size_t before = tail;
    if (!s.fill()) {
      s.begin = s.end;
      break;
    }
    s.bytes += static_cast<std::int64_t>(s.end - s.begin - before);
  }
  // The block may still hold unread text: the beginning needs a place of its own in front of it.
  const std::size_t unread = s.end - s.begin;
  if (s.begin < keep) {
    std::vector<char> wider(std::max(s.block.size(), keep + unread + (std::size_t{1} << 16)));
    std::memcpy(wider.data() + keep, s.block.data() + s.begin, unread);
    s.block.swap(wider);
    s.begin = keep;
    s.end = keep + unread;
  }
  std::memcpy(s.block.data() + s.begin - keep, beginning.data(), keep);
  out = {{s.block.data() + s.begin - keep, keep}, ++s.number, true};
  return true;
}

std::string Input::rest(std::size_t bound, bool* cut) {
  State& s = *state_;
  std::string out;
  *cut = false;
  do {
    const std::size_t n = std::min(s.end - s.begin, bound - out.size());
    out.append(s.block.data() + s.begin, n);
    s.begin += n;
    s.bytes += static_cast<std::int64_t>(n);
    if (out.size() == bound && s.end > s.begin) {
      *cut = true;
      return out;
    }
  } while (s.fill());
  return out;
}

std::int64_t Input::pieces() const { return state_->number; }
std::int64_t Input::bytes() const { return state_->bytes; }
const std::string& Input::damage() const { return state_->damage; }

}  // namespace cardstorm
