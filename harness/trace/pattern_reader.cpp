// pattern_reader: lines to entries.
#include "harness/trace/pattern_reader.hpp"

namespace cardstorm {
namespace {

class PatternReader final : public Reader {
 public:
  PatternReader(LogPattern pattern, std::string more_note)
      : pattern_(std::move(pattern)), more_note_(std::move(more_note)) {
    if (!more_note_.empty()) pattern_.allow_more();
  }

  Status read(Input& input, StampReader& stamps, Sink& sink) override {
    Piece piece;
    Entry entry;
    LogPattern::Miss miss;
    while (input.line(piece)) {
      if (piece.text.empty()) continue;
      if (piece.cut) {
        sink.bad(piece.number, 1, "the line is longer than 1 MiB", piece.text.substr(0, 1000));
        continue;
      }
      if (!pattern_.read(piece.text, stamps, entry, miss)) {
        sink.bad(piece.number, miss.column, miss.reason, piece.text);
        continue;
      }
      entry.line = piece.number;
      if (!sink.take(entry)) return ok();
    }
    if (pattern_.saw_more()) sink.note(more_note_);
    return ok();
  }

 private:
  LogPattern pattern_;
  std::string more_note_;
};

}  // namespace

std::unique_ptr<Reader> make_pattern_reader(LogPattern pattern, std::string more_note) {
  return std::make_unique<PatternReader>(std::move(pattern), std::move(more_note));
}

}  // namespace cardstorm
