// switches: the weaknesses (anti-patterns A01 to A15, research platform.md 2.1) and planted bugs (B01 to B28,
// correctness.md 3.8) that a node runs with. Both are tables: traits.def and bugs.def; a new one is a line there and
// one question at its place in the code.
#pragma once

#include <bitset>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace platform::domain {

enum class Trait {
#define TRAIT(id, ...) id,
#include "reference_platform/domain/traits.def"
#undef TRAIT
  count
};

enum class Bug {
#define BUG(id, ...) id,
#include "reference_platform/domain/bugs.def"
#undef BUG
  count
};

/// One line of `platform traits`. `hardened` says what the hardened variant does instead.
struct TraitEntry {
  Trait trait;
  const char *id, *name, *mechanism, *symptom, *hardened;
};
struct BugEntry {
  Bug bug;
  const char *id, *what, *bites;
};
std::span<const TraitEntry> trait_entries();
std::span<const BugEntry> bug_entries();

/// Which of them are on. A value; read only once a node runs.
class Switches {
 public:
  /// fragile: all traits; hardened (and anything else): none. No bug.
  static Switches usual(std::string_view variant);

  [[nodiscard]] bool on(Trait t) const { return traits_[static_cast<std::size_t>(t)]; }
  [[nodiscard]] bool on(Bug b) const { return bugs_[static_cast<std::size_t>(b)]; }
  void set(Trait t, bool on) { traits_[static_cast<std::size_t>(t)] = on; }
  void set(Bug b, bool on) { bugs_[static_cast<std::size_t>(b)] = on; }

  /// "A03=on", "A03=off", "all=off"; "B07". What was wrong, or nullopt.
  std::optional<std::string> set_trait(std::string_view text);
  std::optional<std::string> set_bug(std::string_view text);

  /// "A01,A02" and "B07": how they travel in a node's settings; read back by the two above, name by name.
  [[nodiscard]] std::string traits_text() const;
  [[nodiscard]] std::string bugs_text() const;

 private:
  std::bitset<static_cast<std::size_t>(Trait::count)> traits_;
  std::bitset<static_cast<std::size_t>(Bug::count)> bugs_;
};

}  // namespace platform::domain
