// self: the program that runs, as a second one of it is started. The portable package is started through a loader of
// its own, and for the kernel that loader is the program.
#pragma once

#include <string>

namespace cardstorm {

/// The file to start for another process of ours: this program, or bin/ of the portable package. Works without /proc.
std::string self_path();
/// The folder of libraries that the portable package brings; "" when those of the system serve.
std::string own_libraries();
/// The process bears `name` in lists of processes, not the loader's. Call it once, before threads start.
void take_name(const char* name);

}  // namespace cardstorm
