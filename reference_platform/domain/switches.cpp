// switches: see switches.hpp.
#include "reference_platform/domain/switches.hpp"

#include <algorithm>

namespace platform::domain {
namespace {

constexpr TraitEntry kTraits[] = {
#define TRAIT(id, name, mechanism, symptom, hardened) {Trait::id, #id, name, mechanism, symptom, hardened},
#include "reference_platform/domain/traits.def"
#undef TRAIT
};

constexpr BugEntry kBugs[] = {
#define BUG(id, what, bites) {Bug::id, #id, what, bites},
#include "reference_platform/domain/bugs.def"
#undef BUG
};

template <typename Entries>
std::string known(const Entries& entries) {
  std::string out;
  for (const auto& e : entries) out += (out.empty() ? "" : ", ") + std::string(e.id);
  return out;
}

}  // namespace

std::span<const TraitEntry> trait_entries() { return kTraits; }
std::span<const BugEntry> bug_entries() { return kBugs; }

Switches Switches::usual(std::string_view variant) {
  Switches s;
  if (variant == "fragile") s.traits_.set();
  return s;
}

std::optional<std::string> Switches::set_trait(std::string_view text) {
  const auto equals = text.find('=');
  const std::string_view name = text.substr(0, equals),
                         value = equals == std::string_view::npos ? "" : text.substr(equals + 1);
  if (value != "on" && value != "off")
    return "wanted a trait and on or off, as in A03=off, not '" + std::string(text) + "'";
  if (name == "all") {
    if (value == "on")
      traits_.set();
    else
      traits_.reset();
    return std::nullopt;
  }
  const auto e =
      std::find_if(std::begin(kTraits), std::end(kTraits), [name](const TraitEntry& t) { return name == t.id; });
  if (e == std::end(kTraits))
    return "there is no trait '" + std::string(name) + "'; wanted all or one of " + known(kTraits);
  set(e->trait, value == "on");
  return std::nullopt;
}

std::optional<std::string> Switches::set_bug(std::string_view text) {
  const auto e = std::find_if(std::begin(kBugs), std::end(kBugs), [text](const BugEntry& b) { return text == b.id; });
  if (e == std::end(kBugs)) return "there is no planted bug '" + std::string(text) + "'; wanted one of " + known(kBugs);
  set(e->bug, true);
  return std::nullopt;
}

std::string Switches::traits_text() const {
  std::string out;
  for (const auto& t : kTraits) {
    if (on(t.trait)) out += (out.empty() ? "" : ",") + std::string(t.id);
  }
  return out;
}

std::string Switches::bugs_text() const {
  std::string out;
  for (const auto& b : kBugs) {
    if (on(b.bug)) out += (out.empty() ? "" : ",") + std::string(b.id);
  }
  return out;
}

}  // namespace platform::domain
