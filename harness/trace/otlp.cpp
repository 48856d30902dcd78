// otlp: spans as OTLP/JSON: one document, or one per line as the collector's file exporter writes them.
#include <charconv>
#include <map>

#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/trace/format.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kDocumentMax = std::size_t{256} << 20;

/// Attribute `name` or its older names as text; "" when there is none.
std::string attribute(const Json& attributes, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    for (const Json& one : attributes.items()) {
      if (one["key"].string() != name) continue;
      for (const char* type : {"stringValue", "intValue", "doubleValue"})
        if (one["value"].has(type)) return one["value"][type].text();
    }
  }
  return {};
}

bool is_server(const Json& kind) {
  return kind.integer(0) == 2 || kind.string() == "SPAN_KIND_SERVER" || kind.string() == "2";
}

class OtlpReader final : public Reader {
 public:
  explicit OtlpReader(std::string service) : service_(std::move(service)) {}

  Status read(Input& input, StampReader&, Sink& sink) override {
    const std::string_view head = input.head();
    const bool lines =
        Json::parse(head.substr(0, head.find('\n'))).has_value() || head.find('\n') == std::string_view::npos;
    if (lines && head.find('\n') != std::string_view::npos) {
      Piece piece;
      while (input.piece(piece, "\n", kDocumentMax)) {
        if (trim(piece.text).empty()) continue;
        auto json = Json::parse(piece.text);
        if (piece.cut || !json)
          sink.bad(piece.number, 1, piece.cut ? "the line is longer than 256 MiB" : json.error().what,
                   piece.text.substr(0, 1000));
        else if (!spans_of(*json, piece.number, sink))
          return ok();
      }
    } else {
      bool cut = false;
      const std::string text = input.rest(kDocumentMax, &cut);
      if (cut)
        return Error{Errc::invalid, "the document is larger than 256 MiB",
                     "export one document per line, as the collector's file exporter does"};
      auto json = Json::parse(text);
      if (!json)
        return Error{Errc::invalid, json.error().what, "export the spans again: the document is cut or damaged"};
      if (!spans_of(*json, 1, sink)) return ok();
    }
    return conclude(sink);
  }

 private:
  bool spans_of(const Json& document, std::int64_t line, Sink& sink) {
    for (const Json& resource : document["resourceSpans"].items()) {
      const std::string service = attribute(resource["resource"]["attributes"], {"service.name"});
      for (const char* scopes : {"scopeSpans", "instrumentationLibrarySpans"})
        for (const Json& scope : resource[scopes].items())
          for (const Json& span : scope["spans"].items())
            if (!take(span, service, line, sink)) return false;
    }
    return true;
  }

  bool take(const Json& span, const std::string& service, std::int64_t line, Sink& sink) {
    if (!is_server(span["kind"])) return true;
    if (services_.size() < 50 || services_.contains(service)) ++services_[service];
    const bool entry_span = span["parentSpanId"].string().find_first_not_of('0') == std::string::npos;
    if (service_.empty() ? !entry_span : service != service_) {
      ++inner_;
      return true;
    }
    Entry entry;
    entry.line = line;
    Stamp end;
    const std::string start_text = span["startTimeUnixNano"].text(), end_text = span["endTimeUnixNano"].text();
    if (!StampReader::number(start_text, 1, entry.stamp)) {
      sink.bad(line, 1, "a span without a startTimeUnixNano", start_text);
      return true;
    }
    if (StampReader::number(end_text, 1, end) && end.ns >= entry.stamp.ns) entry.latency_ns = end.ns - entry.stamp.ns;
    const Json& attributes = span["attributes"];
    const std::string method = attribute(attributes, {"http.request.method", "http.method"});
    const std::string path = attribute(attributes, {"url.path", "http.target", "url.full", "http.url"}),
                      query = attribute(attributes, {"url.query"});
    const std::string status = attribute(attributes, {"http.response.status_code", "http.status_code"});
    if (method.empty() || path.empty()) {
      ++no_http_;
      return true;
    }
    int code = 0;
    std::from_chars(status.data(), status.data() + status.size(), code);
    entry.status = code >= 100 && code <= 999 ? code : 0;
    const std::string target = query.empty() || path.find('?') != std::string::npos ? path : path + "?" + query;
    std::string session = attribute(attributes, {"session.id", "enduser.id", "user.id"});
    const std::string address =
        attribute(attributes, {"client.address", "http.client_ip", "net.sock.peer.addr", "net.peer.ip"});
    const std::string agent = attribute(attributes, {"user_agent.original", "http.user_agent"});
    if (session.empty() && address.empty()) session = span["traceId"].string();
    entry.method = method, entry.target = target, entry.session = session, entry.address = address, entry.agent = agent;
    return sink.take(entry);
  }

  Status conclude(Sink& sink) {
    std::string names;
    for (const auto& [name, count] : services_)
      names += (names.empty() ? "" : ", ") + (name.empty() ? "(unnamed)" : name) + " " + std::to_string(count);
    if (!service_.empty() && !services_.contains(service_))
      return Error{Errc::not_found, "no server span is of the service '" + service_ + "'",
                   "server spans by service: " + (names.empty() ? "none" : names)};
    sink.note(
        "traces are sampled: these are the requests that were kept, not all. Multiply by 1 / sampling rate (traffic "
        "scale) to have the real rate");
    if (inner_ > 0)
      sink.note(service_.empty() ? std::to_string(inner_) +
                                       " server spans inside of other spans were left out (calls between services). To "
                                       "take all calls that one service serves: --service NAME; here: " +
                                       names
                                 : std::to_string(inner_) + " server spans of other services were left out");
    if (no_http_ > 0)
      sink.note(std::to_string(no_http_) +
                " server spans hold no HTTP method and path (gRPC, queues) and were left out");
    return ok();
  }

  std::string service_;
  std::map<std::string, std::uint64_t> services_;
  std::uint64_t inner_ = 0, no_http_ = 0;
};

double fits_otlp(std::string_view head) { return head.find("\"resourceSpans\"") != std::string_view::npos ? 1 : 0; }

Result<std::unique_ptr<Reader>> make_otlp(const FormatOptions& options) {
  return std::unique_ptr<Reader>(std::make_unique<OtlpReader>(options.service));
}

}  // namespace

FormatEntry otlp_format() {
  return {"otlp",
          "OTLP/JSON spans, one document or one per line; server spans without a parent, or all of --service NAME",
          fits_otlp,
          make_otlp,
          false,
          false,
          true};
}

}  // namespace cardstorm
