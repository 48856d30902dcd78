// lease: what we change at others lasts as long as we renew it, and no longer. The room that undoes: journal, guardian,
// recover. It serves whoever changes something, a fault or anything else.
#pragma once

#include "harness/core/clock.hpp"

namespace cardstorm {

/// A change lives so long unless it is renewed, and is renewed so often: three renewals may be lost.
inline constexpr Nanos kLease{2s}, kRenewEvery{500ms};

}  // namespace cardstorm
