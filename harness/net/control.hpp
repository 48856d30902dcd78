// control: one JSON call to a control address (supervisor, admin, partners), inside the allow-list, with an end.
#pragma once

#include "harness/core/json.hpp"
#include "harness/net/http_client.hpp"

namespace cardstorm {

/// Shorter than a fault's lease (2 s), so that one lost answer does not let the lease run out.
inline constexpr Nanos kControlTimeout{1s};

/// A request without headers; `body` only with POST.
inline HttpRequest get(std::string url, Nanos timeout = kControlTimeout) {
  HttpRequest request;
  request.url = std::move(url);
  request.timeout = timeout;
  return request;
}
inline HttpRequest post(std::string url, std::string body, Nanos timeout = kControlTimeout) {
  HttpRequest request = get(std::move(url), timeout);
  request.method = "POST";
  request.body = std::move(body);
  request.headers = {{"Content-Type", "application/json"}};
  return request;
}

/// The answer's JSON (null when the body is empty). Anything but 2xx is an Error: timeout, refused (allow-list),
/// unavailable (no connection), invalid (4xx, no JSON), io (5xx). Headers are never part of the text.
Result<Json> control_call(const HttpRequest& request, const AllowList& allow);

}  // namespace cardstorm
