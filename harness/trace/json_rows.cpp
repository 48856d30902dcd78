// json_rows: JSON lines to entries.
#include "harness/trace/json_rows.hpp"

#include <deque>

#include "harness/core/json.hpp"

namespace cardstorm {
namespace {

struct Mapped {
  std::string column, pointer;
  FieldMeaning meaning;
};

class JsonRows final : public Reader {
 public:
  explicit JsonRows(std::vector<Mapped> mapped) : mapped_(std::move(mapped)) {}

  Status read(Input& input, StampReader& stamps, Sink& sink) override {
    Piece piece;
    while (input.line(piece)) {
      if (piece.text.find_first_not_of(" \t") == std::string_view::npos) continue;
      const std::string wrong = piece.cut ? "the line is longer than 1 MiB" : row(piece.text, stamps);
      if (!wrong.empty()) {
        sink.bad(piece.number, 1, wrong, piece.text);
        continue;
      }
      entry_.line = piece.number;
      if (!sink.take(entry_)) return ok();
    }
    return ok();
  }

 private:
  std::string row(std::string_view line, StampReader& stamps) {
    auto json = Json::parse(line);
    if (!json) return json.error().what;
    if (!json->is_object()) return "the line is no JSON object";
    builder_.clear();
    texts_.clear();
    const auto put = [&](FieldMeaning meaning, const Json& value) {
      texts_.push_back(value.is_null() ? std::string{} : value.text());  // the entry's views point here
      return builder_.put(meaning, texts_.back(), stamps);
    };
    for (const auto& [key, value] : json->members()) {
      const FieldMeaning meaning = is_mapped(key) ? FieldMeaning{} : guess_field(key);
      if (meaning.field == Field::none) continue;
      if (std::string wrong = put(meaning, value); !wrong.empty()) return key + ": " + wrong;
    }
    for (const Mapped& m : mapped_) {
      const Json* value = json->has(m.column) ? &(*json)[m.column] : json->at_pointer(m.pointer);
      if (value == nullptr) continue;
      if (std::string wrong = put(m.meaning, *value); !wrong.empty()) return m.column + ": " + wrong;
    }
    return builder_.finish(entry_);
  }
  [[nodiscard]] bool is_mapped(const std::string& key) const {
    for (const Mapped& m : mapped_)
      if (m.column == key) return true;
    return false;
  }

  std::vector<Mapped> mapped_;
  std::deque<std::string> texts_;
  RowBuilder builder_;
  Entry entry_;
};

}  // namespace

Result<std::unique_ptr<Reader>> make_json_rows(const FormatOptions& options) {
  std::vector<Mapped> mapped;
  for (const auto& [column, field] : options.map) {
    auto meaning = parse_field(field);
    if (!meaning) return std::move(meaning).error();
    std::string pointer = column;
    if (!pointer.starts_with('/')) {
      pointer = "/" + column;
      for (char& c : pointer)
        if (c == '.') c = '/';
    }
    mapped.push_back({column, std::move(pointer), *meaning});
  }
  return std::unique_ptr<Reader>(std::make_unique<JsonRows>(std::move(mapped)));
}

}  // namespace cardstorm
