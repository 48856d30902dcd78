// bundled_partners: the partners that come with `platform up` when none are named: a child of this process, in a folder
// of its own, that ends with it (also when this process becomes another program) and removes what it kept.
#pragma once

#include <string>

#include "harness/core/result.hpp"

namespace cardstorm {

struct BundledPartners {
  std::string url, key_file, token_file, journal_dir;
};

/// Starts channels alpha and beta and the suppliers topup, topup2, members and truck. Returns when they can be called.
/// Before any thread is started.
Result<BundledPartners> start_bundled_partners();

}  // namespace cardstorm
