// paths: where the sources and the binaries of this build lie. Compiled in one small file per test program, so that
// every other object is the same in any clone and a compiler cache serves it.
#pragma once

#include <string>

namespace testing_paths {

/// The root of the source tree, without a slash at its end.
std::string source_dir();
/// Where this build puts its programs.
std::string binary_dir();

}  // namespace testing_paths
