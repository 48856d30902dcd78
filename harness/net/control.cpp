// control: see control.hpp.
#include "harness/net/control.hpp"

namespace cardstorm {
namespace {

Error no_answer(const HttpRequest& request, const HttpResponse& response) {
  const std::string what = request.method + " " + request.url + ": ";
  switch (response.cause) {
    case Cause::timeout:
      return Error{Errc::timeout, what + "no answer in time"};
    case Cause::address:
      return Error{Errc::refused, what + response.error, "add the address to the target's allow-list"};
    case Cause::refused:
    case Cause::reset:
      return Error{Errc::unavailable, what + "no connection: " + response.error};
    default:
      return Error{Errc::io, what + response.error};
  }
}

}  // namespace

Result<Json> control_call(const HttpRequest& request, const AllowList& allow) {
  const HttpResponse response = fetch(request, allow);
  if (response.cause != Cause::none) return no_answer(request, response);
  const std::string what = request.method + " " + request.url;
  if (response.status < 200 || response.status > 299) {
    const Errc code = response.status < 500 ? Errc::invalid : Errc::io;
    return Error{code, what + ": status " + std::to_string(response.status) + " " + response.body.substr(0, 200)};
  }
  if (response.body.empty()) return Json();
  auto json = Json::parse(response.body);
  if (!json) return std::move(json).error().in(what);
  return json;
}

}  // namespace cardstorm
