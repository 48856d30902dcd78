// gor: recordings of GoReplay (.gor, .gor.gz): "TYPE ID TIME_NS [LATENCY_NS]", the raw HTTP message, and a line of
// three monkeys.
#include <array>
#include <charconv>
#include <deque>
#include <optional>
#include <unordered_map>

#include "harness/core/text.hpp"
#include "harness/trace/format.hpp"

namespace cardstorm {
namespace {

constexpr std::string_view kBetween = "\n\xF0\x9F\x90\xB5\xF0\x9F\x99\x88\xF0\x9F\x99\x89\n";
constexpr std::size_t kMessageMax = std::size_t{1} << 16;  // the head of a message; bodies are not read
constexpr std::size_t kOpenMax = 20'000;                   // requests that wait for their answer

struct RecordHead {
  char type = 0;
  std::string_view id;
  std::int64_t at = 0, latency = -1;
};

bool parse_head(std::string_view line, RecordHead& out) {
  if (line.size() < 5 || line[0] < '1' || line[0] > '3' || line[1] != ' ') return false;
  const std::string_view all = line.substr(2);
  const auto space = all.find(' ');
  if (space == std::string_view::npos || space == 0 || space > 64) return false;
  for (const char c : all.substr(0, space))
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return false;
  const char* const end = line.data() + line.size();
  const auto [rest, error] = std::from_chars(all.data() + space + 1, end, out.at);
  if (error != std::errc() || out.at < 0) return false;
  out.latency = -1;
  if (rest != end && (*rest != ' ' || std::from_chars(rest + 1, end, out.latency).ec != std::errc())) return false;
  out.type = line[0], out.id = all.substr(0, space);
  return true;
}

std::string_view header_of(std::string_view message, std::string_view name) {
  std::size_t at = message.find('\n');
  while (at != std::string_view::npos && at + 1 < message.size()) {
    const auto end = std::min(message.find('\n', at + 1), message.size());
    const std::string_view line = trim(message.substr(at + 1, end - at - 1));
    if (line.empty()) break;
    if (line.size() > name.size() && line[name.size()] == ':' && lower(line.substr(0, name.size())) == name)
      return trim(line.substr(name.size() + 1));
    at = end == message.size() ? std::string_view::npos : end;
  }
  return {};
}

/// The cookie that most likely names a session.
std::string_view session_cookie(std::string_view cookies) {
  while (!cookies.empty()) {
    const auto end = std::min(cookies.find(';'), cookies.size());
    const std::string_view cookie = trim(cookies.substr(0, end));
    const auto equals = cookie.find('=');
    if (equals != std::string_view::npos) {
      const std::string name = lower(cookie.substr(0, equals));
      for (const std::string_view part : {"sess", "sid", "token", "uid"})
        if (name.find(part) != std::string::npos) return cookie.substr(equals + 1);
    }
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
  }
  return {};
}

/// A request and its answer, in whatever order they stand in the file.
struct Exchange {
  struct Asked {
    std::string method, target, session, address, agent;
    std::int64_t at = 0, latency = -1, line = 0;
  };
  struct Answered {
    int status = 0;
    std::int64_t at = 0, latency = -1;
  };
  std::optional<Asked> asked;
  std::optional<Answered> answered;
};

class GorReader final : public Reader {
 public:
  Status read(Input& input, StampReader&, Sink& sink) override {
    Piece piece;
    bool going = true;
    while (going && input.piece(piece, kBetween, kMessageMax)) {
      std::string_view record = piece.text;
      record.remove_prefix(std::min(record.find_first_not_of("\r\n\0"), record.size()));
      if (record.empty()) continue;
      const std::string wrong = take_record(record, piece.number);
      if (!wrong.empty())
        sink.bad(piece.number, 1, "record " + std::to_string(piece.number) + ": " + wrong,
                 record.substr(0, record.find('\n')));
      while (going && order_.size() > kOpenMax) going = emit(sink);
    }
    while (going && !order_.empty()) going = emit(sink);
    if (unanswered_ > 0)
      sink.note(std::to_string(unanswered_) +
                " requests have no answer in the capture: it lost some, or did not record answers; their status and "
                "latency are not known");
    if (orphans_ > 0)
      sink.note(std::to_string(orphans_) +
                " answers have no request in the capture: GoReplay lost the request, so the real traffic was higher");
    if (replayed_ > 0) sink.note(std::to_string(replayed_) + " records of replayed answers were left out");
    return ok();
  }

 private:
  std::string take_record(std::string_view record, std::int64_t number) {
    RecordHead head;
    const auto end = record.find('\n');
    if (!parse_head(record.substr(0, end), head)) return "'TYPE ID TIME_NS [LATENCY_NS]' was wanted in its first line";
    Stamp stamp;
    if (head.type == '3') {
      ++replayed_;
      return {};
    }
    if (!StampReader::epoch(std::to_string(head.at), stamp)) return "the time is out of range";
    const std::string_view message = end == std::string_view::npos ? std::string_view{} : record.substr(end + 1);
    const std::string_view first = trim(message.substr(0, message.find('\n')));
    const std::string id(head.id);
    if (head.type == '1') {
      std::string_view method, target;
      if (!split_request(first, method, target)) return "the message is not an HTTP request";
      Exchange& exchange = exchange_of(id);
      std::string_view address = client_of(header_of(message, "x-forwarded-for"));
      if (address.empty()) address = header_of(message, "x-real-ip");
      exchange.asked = {std::string(method),
                        std::string(target),
                        std::string(session_cookie(header_of(message, "cookie"))),
                        std::string(address),
                        std::string(header_of(message, "user-agent")),
                        stamp.ns,
                        head.latency,
                        number};
      return {};
    }
    int status = 0;
    if (first.starts_with("HTTP/") && first.find(' ') != std::string_view::npos)
      std::from_chars(first.data() + first.find(' ') + 1, first.data() + first.size(), status);
    exchange_of(id).answered = {status >= 100 && status <= 999 ? status : 0, stamp.ns, head.latency};
    return {};
  }

  Exchange& exchange_of(const std::string& id) {
    const auto [at, fresh] = open_.try_emplace(id);
    if (fresh) order_.push_back(id);
    return at->second;
  }

  /// Hands over the oldest exchange.
  bool emit(Sink& sink) {
    const auto found = open_.find(order_.front());
    const Exchange exchange = std::move(found->second);
    open_.erase(found);
    order_.pop_front();
    if (!exchange.asked) {
      ++orphans_;
      return true;
    }
    const auto& asked = *exchange.asked;
    Entry entry;
    entry.line = asked.line;
    entry.stamp = {asked.at, 1};
    entry.method = asked.method, entry.target = asked.target, entry.session = asked.session,
    entry.address = asked.address, entry.agent = asked.agent;
    if (exchange.answered) {
      entry.status = exchange.answered->status;
      // Newer files give each message its own duration; older ones give the answer the whole round trip and the request
      // none.
      const std::int64_t whole =
          exchange.answered->at - asked.at + std::max<std::int64_t>(exchange.answered->latency, 0);
      const bool round_trip = asked.latency < 0 && exchange.answered->latency >= 0;
      const std::int64_t latency = round_trip ? exchange.answered->latency : whole;
      if (latency >= 0 && latency < 3'600'000'000'000) entry.latency_ns = latency;
    } else {
      ++unanswered_;
    }
    return sink.take(entry);
  }

  std::unordered_map<std::string, Exchange> open_;
  std::deque<std::string> order_;
  std::uint64_t unanswered_ = 0, orphans_ = 0, replayed_ = 0;
};

double fits_gor(std::string_view head) {
  RecordHead record;
  return parse_head(head.substr(0, head.find('\n')), record) ? 1 : 0;
}

Result<std::unique_ptr<Reader>> make_gor(const FormatOptions&) {
  return std::unique_ptr<Reader>(std::make_unique<GorReader>());
}

}  // namespace

FormatEntry gor_format() {
  return {"gor",    "recording of GoReplay (.gor, .gor.gz), with 3 or 4 fields in the head of a record",
          fits_gor, make_gor,
          false,    false,
          false};
}

}  // namespace cardstorm
