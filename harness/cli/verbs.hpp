// verbs: one function per line of registry.def.
#pragma once

#include "harness/cli/verb.hpp"

namespace cardstorm {
#define VERB(name) Verb verb_##name();
#include "harness/cli/registry.def"
#undef VERB
}  // namespace cardstorm
