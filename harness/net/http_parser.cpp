// http_parser: line by line, then body; a line that lies whole in the given bytes is never copied.
#include "harness/net/http_parser.hpp"

#include <algorithm>
#include <charconv>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

constexpr std::string_view kProtocol = "HTTP/1.";

bool same_word(std::string_view a, std::string_view lower_case) {
  return a.size() == lower_case.size() && std::equal(a.begin(), a.end(), lower_case.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
         });
}

/// Whether a comma-separated list holds `word`.
bool lists(std::string_view value, std::string_view word) {
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    if (same_word(trim(value.substr(0, comma)), word)) return true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return false;
}

template <int Base>
bool read_number(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, Base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

void HttpParser::begin(bool head, bool want_headers, std::size_t body_max) {
  state_ = State::status_line;
  cause_ = Cause::none;
  head_ = head;
  want_headers_ = want_headers;
  begun_ = keep_alive_ = has_length_ = chunked_ = false;
  status_ = 0;
  body_max_ = body_max;
  head_bytes_ = 0;
  left_ = 0;
  line_.clear();
  body_.clear();
  error_.clear();
  headers_.clear();
}

void HttpParser::fail(Cause cause, std::string why) {
  state_ = State::failed;
  cause_ = cause;
  error_ = std::move(why);
}

std::size_t HttpParser::feed(std::string_view bytes) {
  std::size_t taken = 0;
  if (!bytes.empty()) begun_ = true;
  while (taken < bytes.size() && state_ != State::done && state_ != State::failed) {
    const bool body = state_ == State::length_body || state_ == State::open_body || state_ == State::chunk_body;
    taken += body ? feed_body(bytes.substr(taken)) : feed_line(bytes.substr(taken));
  }
  return taken;
}

std::size_t HttpParser::feed_line(std::string_view bytes) {
  const auto end = bytes.find('\n');
  const std::size_t taken = end == std::string_view::npos ? bytes.size() : end + 1;
  head_bytes_ += taken;
  if (head_bytes_ > kHttpHeadMax) {
    fail(Cause::too_large, "the headers are larger than " + std::to_string(kHttpHeadMax) + " bytes");
    return taken;
  }
  std::string_view line = bytes.substr(0, taken);
  if (!line_.empty() || end == std::string_view::npos) line = line_.append(line);
  // What is no HTTP at all is known by its first bytes; there may never be an end of line.
  if (state_ == State::status_line &&
      line.substr(0, kProtocol.size()) != kProtocol.substr(0, std::min(line.size(), kProtocol.size()))) {
    fail(Cause::bad_body, "the answer is not HTTP/1");
    return taken;
  }
  if (end == std::string_view::npos) return taken;
  line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  take_line(line);
  line_.clear();
  return taken;
}

void HttpParser::take_line(std::string_view line) {
  switch (state_) {
    case State::status_line:
      return take_status(line);
    case State::header:
      if (line.empty())
        end_of_head();
      else
        take_header(line);
      return;
    case State::chunk_size:
      return take_chunk_size(line);
    case State::chunk_end:
      if (!line.empty())
        fail(Cause::bad_body, "a chunk does not end where its size says");
      else
        state_ = State::chunk_size;
      return;
    case State::trailer:
      if (line.empty()) state_ = State::done;
      return;
    default:
      return;
  }
}

void HttpParser::take_status(std::string_view line) {
  // "HTTP/1.x NNN" and any reason.
  const bool shaped = line.size() >= 12 && (line[7] == '0' || line[7] == '1') && line[8] == ' ' &&
                      (line.size() == 12 || line[12] == ' ');
  std::uint64_t status = 0;
  if (!shaped || !read_number<10>(line.substr(9, 3), status) || status < 100)
    return fail(Cause::bad_body, "the status line is not HTTP/1");
  status_ = static_cast<int>(status);
  keep_alive_ = line[7] == '1';
  has_length_ = chunked_ = false;
  left_ = 0;
  headers_.clear();  // an interim answer may have come before
  state_ = State::header;
}

void HttpParser::take_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || line[0] == ' ' ||
      line[0] == '\t') {  // a folded line continues the value before it
    if (kept_ && !headers_.empty() && (line[0] == ' ' || line[0] == '\t'))
      headers_.back().second.append(" ").append(trim(line));
    return;
  }
  const std::string_view name = line.substr(0, colon), value = trim(line.substr(colon + 1));
  if (same_word(name, "content-length")) {
    std::uint64_t length = 0;
    if (!read_number<10>(value, length) || (has_length_ && length != left_))
      return fail(Cause::bad_body, "bad Content-Length '" + std::string(value.substr(0, 40)) + "'");
    left_ = length;
    has_length_ = true;
  } else if (same_word(name, "transfer-encoding")) {
    if (same_word(value, "chunked"))
      chunked_ = true;
    else if (!same_word(value, "identity"))
      return fail(Cause::bad_body, "unknown Transfer-Encoding '" + std::string(value.substr(0, 40)) + "'");
  } else if (same_word(name, "connection")) {
    if (lists(value, "close"))
      keep_alive_ = false;
    else if (lists(value, "keep-alive"))
      keep_alive_ = true;
  }
  kept_ = want_headers_ || status_ >= 400 || same_word(name, "set-cookie");  // see HttpRequest::want_headers
  if (kept_) headers_.emplace_back(lower(name), std::string(value));
}

void HttpParser::end_of_head() {
  if (status_ == 101) return fail(Cause::bad_body, "the answer switches to another protocol");
  if (status_ < 200)
    state_ = State::status_line;
  else if (head_ || status_ == 204 || status_ == 304)
    state_ = State::done;
  else if (chunked_)
    state_ = State::chunk_size;
  else if (has_length_)
    state_ = left_ == 0 ? State::done : State::length_body;
  else
    state_ = State::open_body, keep_alive_ = false;
}

void HttpParser::take_chunk_size(std::string_view line) {
  const std::string_view size = trim(line.substr(0, line.find(';')));
  if (!read_number<16>(size, left_))
    return fail(Cause::bad_body, "bad chunk size '" + std::string(size.substr(0, 40)) + "'");
  state_ = left_ == 0 ? State::trailer : State::chunk_body;
}

bool HttpParser::add_body(std::string_view bytes) {
  const std::size_t room = body_max_ - body_.size();
  body_.append(bytes.substr(0, room));
  if (bytes.size() <= room) return true;
  fail(Cause::too_large, "the answer is larger than " + std::to_string(body_max_) + " bytes");
  return false;
}

std::size_t HttpParser::feed_body(std::string_view bytes) {
  if (state_ == State::open_body) {
    add_body(bytes);
    return bytes.size();
  }
  const auto part = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
  if (add_body(part)) {
    left_ -= part.size();
    if (left_ == 0) state_ = state_ == State::chunk_body ? State::chunk_end : State::done;
  }
  return part.size();
}

void HttpParser::end_of_input() {
  if (state_ == State::done || state_ == State::failed) return;
  if (state_ == State::open_body)
    state_ = State::done;
  else
    fail(Cause::reset, begun_ ? "the connection was closed in the middle of the answer"
                              : "the connection was closed without an answer");
}

}  // namespace cardstorm
