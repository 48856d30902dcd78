// target_sections: the sections of a target file that say how to connect to a platform that is not ours.
#pragma once

#include <filesystem>
#include <optional>

#include "harness/net/allow.hpp"
#include "harness/scenario/target_file.hpp"

namespace cardstorm {

/// What each section needs beside its own fields.
struct TargetReading {
  Fields& fields;
  TargetFile& file;
  std::optional<AllowList> allow;  // none when `allow:` itself is wrong: then addresses are not checked
  std::filesystem::path dir;       // of the target file: paths in it are relative to that
  Mistakes& mistakes;
};

/// Reads version, mark, clients, tls, http2, unix_socket, tracing, must_not_resolve, preflight, guard, partners, nodes,
/// databases, audit, redis, kafka, production; then checks what only all of them together can tell.
void read_sections(TargetReading& r);

}  // namespace cardstorm
