// version: which CardStorm this is, as reports, plans and `--version` say it.
#pragma once

namespace cardstorm {

/// "0.1.0"; the build takes it from CMakeLists.txt.
const char* build_version();

}  // namespace cardstorm
