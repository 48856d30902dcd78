// paths: see paths.hpp. The build gives both folders to this file alone.
#include "tests/support/paths.hpp"

namespace testing_paths {

std::string source_dir() { return CARDSTORM_SOURCE_DIR; }
std::string binary_dir() { return CARDSTORM_BINARY_DIR; }

}  // namespace testing_paths
