// platform: starts the reference platform for use by hand; everything behind `platform` goes to its own binary.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <unistd.h>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/run/active.hpp"

namespace cardstorm {
namespace {

int run(const Args& args) {
  const std::string binary = binary_dir() + "/cardstorm-platform";
  if (!std::filesystem::exists(binary))
    return complain(Error{Errc::unavailable, "the reference platform is not built beside " + self_path(), "run: cardstorm build"});
  std::vector<std::string> words{binary};
  const auto rest = args.all("rest");
  words.insert(words.end(), rest.begin(), rest.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ActiveEntry entry("platform " + (rest.empty() ? std::string() : rest.front()), "");
  if (!rest.empty() && rest.front() == "up") entry.keep();  // pid and start time outlive exec; `cardstorm stop` finds it
  std::cout.flush();
  ::execv(binary.c_str(), argv.data());
  return complain(Error{Errc::unavailable, "cannot start " + binary + ": " + std::strerror(errno), ""});
}

}  // namespace

Verb verb_platform() {
  return {"platform", "run the reference platform by hand: platform up fragile|hardened", "", {}, {}, run, false, true};
}

}  // namespace cardstorm
