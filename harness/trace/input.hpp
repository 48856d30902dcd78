// input: a file as pieces between delimiters, plain or gzip, in constant memory whatever the file holds. The door of
// zlib.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "harness/core/result.hpp"

namespace cardstorm {

/// A piece is valid until the next call.
struct Piece {
  std::string_view text;
  std::int64_t number = 0;  // of the piece, from 1: the line number when the delimiter is a newline
  bool cut = false;         // longer than the bound: `text` is its beginning, the rest was skipped
};

class Input {
 public:
  static constexpr std::size_t kLineMax = std::size_t{1} << 20;

  /// Gzip is found by its first bytes, not by the name. Several gzip files one after the other are read as one.
  static Result<Input> open(const std::string& path);
  Input(Input&&) noexcept;
  Input& operator=(Input&&) noexcept;
  ~Input();

  /// The first bytes of the text (at most 64 KiB), without consuming them.
  std::string_view head();
  /// The next line without its newline, carriage return and a byte order mark; false at the end.
  bool line(Piece& out);
  /// The next piece up to `delimiter`, at most `bound` bytes of it.
  bool piece(Piece& out, std::string_view delimiter, std::size_t bound);
  /// All that is left, at most `bound` bytes; `cut` says that there was more.
  std::string rest(std::size_t bound, bool* cut);
  /// Pieces and bytes of text handed out so far.
  [[nodiscard]] std::int64_t pieces() const;
  [[nodiscard]] std::int64_t bytes() const;
  /// What broke while reading (a damaged or half gzip file, a disk error); empty when nothing did.
  [[nodiscard]] const std::string& damage() const;

 private:
  struct State;
  explicit Input(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cardstorm
