// families: see families.hpp.
#include "reference_platform/observe/families.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace platform::observe {
namespace {

struct Family {
  std::string_view name, help;
};

constexpr Family kFamilies[] = {
#define FAMILY(name, help) {#name, help},
#include "reference_platform/observe/families.def"
#undef FAMILY
};

}  // namespace

std::string help_of(std::string_view family) {
  const auto* const found =
      std::find_if(std::begin(kFamilies), std::end(kFamilies), [family](const Family& f) { return f.name == family; });
  return found == std::end(kFamilies) ? "" : std::string(found->help);
}

std::vector<std::string_view> known_families() {
  std::vector<std::string_view> out;
  for (const Family& f : kFamilies) out.push_back(f.name);
  return out;
}

}  // namespace platform::observe
