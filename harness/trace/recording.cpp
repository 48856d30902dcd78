// recording: reads and writes rows of the internal form.
#include "harness/trace/recording.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

#include "harness/core/csv.hpp"
#include "harness/core/files.hpp"
#include "harness/net/crypto.hpp"
#include "harness/trace/input.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kMistakesMax = 10;
constexpr std::int64_t kTimeMax = 7'258'118'400'000'000'000;  // the year 2200

struct Wrong {
  std::size_t column = 0;
  std::string what;
};

template <class Number>
bool number_of(std::string_view cell, Number& out) {
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), out);
  return error == std::errc() && end == cell.data() + cell.size() && !cell.empty();
}

/// Reads one row. `scratch` gives the texts a place.
bool parse_row(std::string_view line, RecordingRow& row, std::array<std::string, 3>& scratch, Wrong& wrong) {
  constexpr std::array<std::string_view, 8> kNames{"ts_ns", "session",  "method", "path",
                                                   "route", "think_ns", "status", "latency_ns"};
  std::array<std::string_view, 8> cells;
  std::string_view rest = line;
  std::string spare;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    wrong.column = line.size() - rest.size() + 1;
    if (i > 0 && rest.empty() && !line.ends_with(',')) {
      wrong.what = "the row ends before " + std::string(kNames[i]);
      return false;
    }
    if (next_cell(rest, ',', cells[i], i >= 2 && i <= 4 ? scratch[i - 2] : spare) == CellEnd::quote) {
      wrong.what = "the quotes of " + std::string(kNames[i]) + " do not close";
      return false;
    }
    bool fits = true;
    switch (i) {
      case 0:
        fits = number_of(cells[i], row.ts_ns) && row.ts_ns >= 0 && row.ts_ns <= kTimeMax;
        break;
      case 1:
        fits = number_of(cells[i], row.session);
        break;
      case 5:
        fits = number_of(cells[i], row.think_ns) && row.think_ns >= 0;
        break;
      case 6:
        fits = number_of(cells[i], row.status) && row.status >= 0 && row.status <= 999;
        break;
      case 7:
        fits = number_of(cells[i], row.latency_ns) && row.latency_ns >= 0;
        break;
      default:
        break;
    }
    if (!fits) {
      wrong.what = "'" + std::string(cells[i].substr(0, 40)) + "' is no " + std::string(kNames[i]);
      return false;
    }
  }
  wrong.column = line.size() - rest.size() + 1;
  if (!rest.empty()) wrong.what = "the row has more than eight columns";
  row.method = cells[2], row.path = cells[3], row.route = cells[4];
  return rest.empty();
}

std::string place(const std::string& file, std::int64_t line, std::size_t column) {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

/// Hands every row to `row`; each mistake to `mistake`, which says whether to go on.
Status read_rows(const std::string& path, const std::function<void(const RecordingRow&)>& row,
                 const std::function<bool(std::int64_t, const Wrong&)>& mistake) {
  auto input = Input::open(path);
  if (!input) return std::move(input).error();
  Piece piece;
  if (!input->line(piece) || piece.text != kRecordingHeader)
    return Error{Errc::invalid,
                 path + ":1:1: this is no recording: its first line is not " + std::string(kRecordingHeader),
                 "make one with: cardstorm trace import " + path};
  RecordingRow now;
  std::array<std::string, 3> scratch;
  std::int64_t before = 0;
  while (input->line(piece)) {
    if (piece.text.empty()) continue;
    Wrong wrong;
    if (piece.cut)
      wrong = {1, "the line is longer than 1 MiB"};
    else if (parse_row(piece.text, now, scratch, wrong) && now.ts_ns < before)
      wrong = {1, "the recording goes back in time by " + std::to_string(before - now.ts_ns) + " ns"};
    if (wrong.what.empty()) {
      before = now.ts_ns;
      row(now);
    } else if (!mistake(piece.number, wrong)) {
      break;
    }
  }
  if (!input->damage().empty()) return Error{Errc::io, path + ": " + input->damage(), "copy the file again"};
  return ok();
}

class Interner {
 public:
  explicit Interner(std::vector<std::string>& texts) : texts_(texts) {}
  std::uint32_t of(std::string_view text) {
    const auto found = index_.find(text);
    if (found != index_.end()) return found->second;
    const auto number = static_cast<std::uint32_t>(texts_.size());
    texts_.emplace_back(text);
    index_.emplace(std::string(text), number);
    return number;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::vector<std::string>& texts_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> index_;
};

void append_number(std::string& out, std::int64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

void append_cell(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"") == std::string_view::npos) {
    out.append(text);
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

bool is_recording(const std::string& path) {
  auto input = Input::open(path);
  Piece piece;
  return input && input->line(piece) && piece.text == kRecordingHeader;
}

Status each_row(const std::string& path, const std::function<void(const RecordingRow&)>& row) {
  std::string found;
  const Status read = read_rows(path, row, [&](std::int64_t line, const Wrong& wrong) {
    found = place(path, line, wrong.column) + ": " + wrong.what;
    return false;
  });
  if (!read) return read;
  if (!found.empty()) return Error{Errc::invalid, found, "make the recording again with: cardstorm trace import"};
  return ok();
}

Result<Recording> read_recording(const std::string& path) {
  Recording r;
  r.file = path;
  Interner methods(r.methods), paths(r.paths), routes(r.routes);
  std::vector<std::string> mistakes;
  std::uint64_t session_end = 0;
  const Status read = read_rows(
      path,
      [&](const RecordingRow& row) {
        if (r.at.empty()) r.first = Nanos(row.ts_ns);
        r.at.push_back(Nanos(row.ts_ns) - r.first);
        r.session.push_back(row.session);
        r.method.push_back(methods.of(row.method));
        r.path.push_back(paths.of(row.path));
        r.route.push_back(routes.of(row.route));
        r.think.emplace_back(row.think_ns);
        r.status.push_back(static_cast<std::uint16_t>(row.status));
        r.latency.emplace_back(row.latency_ns);
        session_end = std::max<std::uint64_t>(session_end, std::uint64_t{row.session} + 1);
      },
      [&](std::int64_t line, const Wrong& wrong) {
        mistakes.push_back(place(path, line, wrong.column) + ": " + wrong.what);
        return mistakes.size() < kMistakesMax;
      });
  if (!read) return read.error();
  // Sessions index tables elsewhere: a number far beyond the rows would make them huge.
  if (mistakes.empty() && session_end > r.at.size())
    mistakes.push_back(path + ": the session numbers are not dense: " + std::to_string(r.at.size()) +
                       " rows, but session " + std::to_string(session_end - 1));
  if (mistakes.empty() && r.at.empty()) mistakes.push_back(path + ":2:1: the recording has no rows");
  if (!mistakes.empty()) {
    std::string all;
    for (const auto& mistake : mistakes) all += (all.empty() ? "" : "\n") + mistake;
    return Error{Errc::invalid, all, "make the recording again with: cardstorm trace import"};
  }
  r.sessions = static_cast<std::uint32_t>(session_end);
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  r.sha256 = sha256_hex(*bytes);
  return r;
}

void append_row(std::string& out, const RecordingRow& row) {
  append_number(out, row.ts_ns);
  out += ',';
  append_number(out, row.session);
  out += ',';
  append_cell(out, row.method);
  out += ',';
  append_cell(out, row.path);
  out += ',';
  append_cell(out, row.route);
  out += ',';
  append_number(out, row.think_ns);
  out += ',';
  append_number(out, row.status);
  out += ',';
  append_number(out, row.latency_ns);
  out += '\n';
}

}  // namespace cardstorm
