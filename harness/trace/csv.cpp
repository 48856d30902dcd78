// csv: a table with a header; its columns are found by their usual names or by --map. Without a header the first column
// is the time.
#include "harness/core/csv.hpp"

#include <algorithm>

#include "harness/core/text.hpp"
#include "harness/trace/format.hpp"

namespace cardstorm {
namespace {

bool is_time(std::string_view cell) {
  StampReader stamps;
  Stamp stamp;
  return stamps.any(cell, stamp);
}

double fits_csv(std::string_view head) {
  return 0.5 * share_of_lines(head, [](std::string_view line) {
           Cells cells;
           std::size_t column = 0;
           if (!cells.split(line, separator_of(line), column)) return false;
           return is_time(cells.all().front()) || std::any_of(cells.all().begin(), cells.all().end(), [](auto c) {
                    return guess_field(c).field == Field::ts || guess_field(c).field == Field::ts_end;
                  });
         });
}

class CsvReader final : public Reader {
 public:
  explicit CsvReader(std::vector<std::pair<std::string, FieldMeaning>> map) : map_(std::move(map)) {}

  Status read(Input& input, StampReader& stamps, Sink& sink) override {
    Piece piece;
    Cells cells;
    Entry entry;
    bool first = true;
    while (input.line(piece)) {
      if (piece.text.empty()) continue;
      if (first) separator_ = separator_of(piece.text);
      std::size_t column = 1;
      if (piece.cut || !cells.split(piece.text, separator_, column)) {
        sink.bad(piece.number, column, piece.cut ? "the line is longer than 1 MiB" : "the quotes do not close",
                 piece.text);
        continue;
      }
      if (std::exchange(first, false)) {
        const bool has_header = !is_time(cells.all().front()) || !map_.empty();
        if (const Status named = name_columns(cells.all(), has_header); !named) return named;
        if (has_header) continue;
      }
      if (const std::string wrong = row(piece.text, cells.all(), stamps, entry, column); !wrong.empty()) {
        sink.bad(piece.number, column, wrong, piece.text);
        continue;
      }
      entry.line = piece.number;
      if (!sink.take(entry)) return ok();
    }
    return ok();
  }

 private:
  Status name_columns(const std::vector<std::string_view>& header, bool has_header) {
    meanings_.assign(header.size(), {});
    std::vector<std::string> missing, present;
    bool timed = false;
    for (std::size_t i = 0; i < header.size(); ++i) {
      present.emplace_back(header[i]);
      if (has_header) meanings_[i] = guess_field(header[i]);
    }
    for (const auto& [column, meaning] : map_) {
      const auto at = std::find(present.begin(), present.end(), column);
      if (at == present.end())
        missing.push_back(column);
      else
        meanings_[static_cast<std::size_t>(at - present.begin())] = meaning;
    }
    if (!missing.empty())
      return Error{Errc::invalid, "--map names columns that the header has not: " + join(missing, ", "),
                   "the header has: " + join(present, ", ")};
    for (const FieldMeaning& m : meanings_) timed = timed || m.field == Field::ts || m.field == Field::ts_end;
    if (!timed) meanings_[0] = {Field::ts, 0};
    return ok();
  }
  std::string row(std::string_view line, const std::vector<std::string_view>& cells, StampReader& stamps, Entry& entry,
                  std::size_t& column) {
    builder_.clear();
    for (std::size_t i = 0; i < cells.size() && i < meanings_.size(); ++i) {
      const bool inside = cells[i].data() >= line.data() && cells[i].data() <= line.data() + line.size();
      column = inside ? static_cast<std::size_t>(cells[i].data() - line.data()) + 1 : 1;
      if (std::string wrong = builder_.put(meanings_[i], trim(cells[i]), stamps); !wrong.empty()) return wrong;
    }
    column = 1;
    return builder_.finish(entry);
  }

  std::vector<std::pair<std::string, FieldMeaning>> map_;
  std::vector<FieldMeaning> meanings_;
  RowBuilder builder_;
  char separator_ = ',';
};

Result<std::unique_ptr<Reader>> make_csv(const FormatOptions& options) {
  std::vector<std::pair<std::string, FieldMeaning>> map;
  for (const auto& [column, field] : options.map) {
    auto meaning = parse_field(field);
    if (!meaning) return std::move(meaning).error();
    map.emplace_back(column, *meaning);
  }
  return std::unique_ptr<Reader>(std::make_unique<CsvReader>(std::move(map)));
}

}  // namespace

FormatEntry csv_format() {
  return {"csv",
          "a table, one request a row; columns are found by their usual names or by --map "
          "when=ts,who=session,took=latency_ms",
          fits_csv,
          make_csv,
          false,
          true,
          false};
}

}  // namespace cardstorm
