// http_parser: one HTTP/1.x answer, taken in piece by piece as it comes off the wire. Pure: it knows no sockets and no
// time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/events.hpp"

namespace cardstorm {

/// What all lines before, between and after the body may take together, interim answers (1xx) included.
inline constexpr std::size_t kHttpHeadMax = 64 * 1024;

class HttpParser {
 public:
  /// Starts over. `head`: the answer to HEAD, which has no body whatever its headers say. Buffers are kept for the next
  /// answer.
  void begin(bool head, bool want_headers, std::size_t body_max);
  /// Takes bytes up to the end of the answer and says how many; all of them unless done() or failed() by then.
  std::size_t feed(std::string_view bytes);
  /// The other side closed: the end of an answer without a length, or a broken one (cause reset).
  void end_of_input();

  [[nodiscard]] bool done() const { return state_ == State::done; }
  [[nodiscard]] bool failed() const { return state_ == State::failed; }
  [[nodiscard]] Cause cause() const { return cause_; }  // when failed: reset | bad_body | too_large
  [[nodiscard]] const std::string& error() const { return error_; }
  /// Some byte of an answer has come.
  [[nodiscard]] bool begun() const { return begun_; }
  /// The connection may serve another request after this answer.
  [[nodiscard]] bool keep_alive() const { return keep_alive_ && state_ == State::done; }
  [[nodiscard]] int status() const { return status_; }

  using Headers = std::vector<std::pair<std::string, std::string>>;
  std::string take_body() { return std::move(body_); }    // what came, also of an answer that failed
  Headers take_headers() { return std::move(headers_); }  // names in lower case; those of HttpRequest::want_headers

 private:
  enum class State : std::uint8_t {
    status_line,
    header,
    length_body,
    open_body,
    chunk_size,
    chunk_body,
    chunk_end,
    trailer,
    done,
    failed
  };

  void fail(Cause cause, std::string why);
  std::size_t feed_line(std::string_view bytes);
  std::size_t feed_body(std::string_view bytes);
  void take_line(std::string_view line);
  void take_status(std::string_view line);
  void take_header(std::string_view line);
  void take_chunk_size(std::string_view line);
  void end_of_head();
  bool add_body(std::string_view bytes);

  State state_ = State::done;
  Cause cause_ = Cause::none;
  bool head_ = false, want_headers_ = false, begun_ = false, keep_alive_ = false;
  bool has_length_ = false, chunked_ = false, kept_ = false;  // kept_: the header at hand
  int status_ = 0;
  std::size_t body_max_ = 0, head_bytes_ = 0;
  std::uint64_t left_ = 0;           // of the body or chunk at hand
  std::string line_, body_, error_;  // line_: a line that has not come as a whole yet
  Headers headers_;
};

}  // namespace cardstorm
