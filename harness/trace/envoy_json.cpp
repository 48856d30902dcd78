// envoy_json: the JSON access log of Envoy and Istio; the members keep the names of their default configuration.
#include "harness/trace/json_rows.hpp"

namespace cardstorm {
namespace {

double fits_envoy_json(std::string_view head) {
  return share_of_lines(head, [](std::string_view line) {
    return line.starts_with('{') && line.find("\"start_time\"") != std::string_view::npos &&
           line.find("\"response_code\"") != std::string_view::npos;
  });
}

}  // namespace

FormatEntry envoy_json_format() {
  return {"envoy_json",
          "JSON access log of Envoy and Istio, one object per line; other names by --map",
          fits_envoy_json,
          make_json_rows,
          false,
          true,
          false};
}

}  // namespace cardstorm
