// touch: small readings of a target file that every kind of target shares.
#pragma once

#include <algorithm>
#include <string>

#include "harness/net/control.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm {

/// Whether the target file lets faults use `ability`. What is not listed is not touched.
inline bool may_touch(const TargetSpec& spec, const std::string& ability) {
  return std::find(spec.touch.begin(), spec.touch.end(), ability) != spec.touch.end();
}

inline std::string node_of_alias(const TargetSpec& spec, const std::string& node) {
  const auto found = spec.nodes.find(node);
  return found == spec.nodes.end() ? node : found->second.node;
}

/// A GET of `path` on an external target, the way that its file says: over its socket file, with its TLS.
inline HttpRequest get_of(const TargetSpec& spec, const std::string& path, Nanos timeout) {
  HttpRequest request = get(spec.url + path, timeout);
  request.unix_socket = spec.unix_socket;
  request.tls_verify = spec.tls_verify;
  request.tls_ca = spec.tls_ca;
  return request;
}

}  // namespace cardstorm
