// registry: the verbs in the order in which --help shows them.
#include "harness/cli/verbs.hpp"

namespace cardstorm {

const std::vector<Verb>& verb_registry() {
  static const std::vector<Verb> verbs{
#define VERB(name) verb_##name(),
#include "harness/cli/registry.def"
#undef VERB
  };
  return verbs;
}

}  // namespace cardstorm
