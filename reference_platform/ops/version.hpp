// version: which version the reference platform says it is.
#pragma once

namespace platform::ops {

/// "0.1.0"; the build takes it from CMakeLists.txt.
const char* build_version();

}  // namespace platform::ops
