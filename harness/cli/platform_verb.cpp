// platform: starts the reference platform for use by hand; everything behind `platform` goes to its own binary. `up`
// without --partners brings simulators of its own.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "harness/cli/bundled_partners.hpp"
#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/core/self.hpp"
#include "harness/run/active.hpp"

namespace cardstorm {
namespace {

bool names(const std::vector<std::string>& words, const std::string& flag) {
  return std::any_of(words.begin(), words.end(),
                     [&flag](const std::string& w) { return w == flag || w.starts_with(flag + "="); });
}

/// A shop needs a bank: whoever names none gets one that ends with the shop.
Status add_partners(std::vector<std::string>& words) {
  auto partners = start_bundled_partners();
  if (!partners) return std::move(partners).error();
  words.insert(words.end(), {"--partners", partners->url, "--partners-key-file", partners->key_file});
  if (names(words, "hardened") && !names(words, "--suppliers"))
    words.insert(words.end(), {"--suppliers", "topup,topup2,members,truck"});
  std::cerr << "cardstorm: partners (simulators) at " << partners->url << ", their journals and control token in "
            << partners->journal_dir << std::endl;
  return ok();
}

int run_platform(const Args& args) {
  const std::string binary = binary_dir() + "/cardstorm-platform";
  if (!std::filesystem::exists(binary))
    return complain(
        Error{Errc::unavailable, "the reference platform is not built beside " + self_path(), "run: cardstorm build"});
  std::vector<std::string> words{binary};
  const auto rest = args.all("rest");
  words.insert(words.end(), rest.begin(), rest.end());
  const bool up = !rest.empty() && rest.front() == "up", asks = names(rest, "--help") || names(rest, "-h");
  if (up && !asks && !names(rest, "--partners"))
    if (Status added = add_partners(words); !added) return complain(added.error());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ActiveEntry entry("platform " + (rest.empty() ? std::string() : rest.front()), "");
  if (up && !asks) entry.keep();  // pid and start time outlive exec; `cardstorm stop` finds it
  std::cout.flush();
  ::execv(binary.c_str(), argv.data());
  return complain(Error{Errc::unavailable, "cannot start " + binary + ": " + std::strerror(errno), ""});
}

}  // namespace

Verb verb_platform() {
  return {
      "platform", "run the reference platform by hand: platform up fragile|hardened", "", {}, {}, run_platform, false,
      true};
}

}  // namespace cardstorm
