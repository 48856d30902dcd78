// version: see version.hpp. The build gives the number to this file alone, so that a new one compiles one file.
#include "reference_platform/ops/version.hpp"

namespace platform::ops {

const char* build_version() { return CARDSTORM_VERSION; }

}  // namespace platform::ops
