// version: see version.hpp. The build gives the number to this file alone, so that a new one compiles one file.
#include "harness/core/version.hpp"

namespace cardstorm {

const char* build_version() { return CARDSTORM_VERSION; }

}  // namespace cardstorm
