// wire: what server and client of edge share: how an answer looks in bytes, what a request's bytes may be, and how the
// ambient context comes in with headers and goes out with them.
#pragma once

#include "reference_platform/edge/http.hpp"

namespace platform::edge {

/// An answer that the server gives by itself.
Response refusal(int status, const char* code, const char* message, bool retry = false);
/// Any case.
bool has_header(const Headers& headers, std::string_view name);
/// The bytes of an answer.
std::string wire_text(const Response& response, const std::string& request_id, bool keep_alive, bool head);
/// Path, query, header values and body are UTF-8 without a zero byte: what a database or a log cannot hold ends here.
bool clean_text(const Request& request);
/// "http://shop/orders?x" → "/orders?x": a server has to take both (RFC 9112, 3.2.2).
std::string origin_form(std::string_view target);
/// X-Cardstorm-Mark is said once, and short enough to be carried on: a mark that got lost would be drill traffic in the
/// real books.
bool clear_mark(const Request& request);

/// The context that a request's headers ask for, with a span of its own; what is malformed is as if it were not there.
struct Incoming {
  observe::Context context;
  std::string parent_span;
};
Incoming incoming_context(const Request& request);

/// The ambient context as a call carries it: a span of its own, and how long the call may take.
struct Outgoing {
  observe::Context context;
  std::string parent_span;
  std::chrono::milliseconds limit{0};
  bool limited = false;
};
Outgoing outgoing_context(const CallOptions& options);

}  // namespace platform::edge
