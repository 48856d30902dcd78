// full: how much of a long matrix a run takes: a sample, or all of it in `./cardstorm test --full matrix`. Shares no
// source with harness or platform.
#pragma once

#include <cstdlib>
#include <string_view>

namespace cardstorm::test {

/// `all` where CARDSTORM_FULL=1 asks for it, else `sample`.
inline int sample_or_all(int sample, int all) {
  const char* full = std::getenv("CARDSTORM_FULL");
  return full != nullptr && std::string_view(full) == "1" ? all : sample;
}

}  // namespace cardstorm::test
