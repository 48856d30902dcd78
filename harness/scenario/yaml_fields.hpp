// yaml_fields: typed reading of a YAML map. Each get names the key, the type and the bounds; what does not fit becomes
// a Mistake with its place, and the default stays. Keys that nobody asked for are unknown keys.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/scenario/yaml_tree.hpp"

namespace cardstorm {

using Mistakes = std::vector<Mistake>;

void add_mistake(Mistakes& mistakes, const Place& at, std::string what, std::string remedy = {});
/// "; did you mean 'x'?" or the list of what is known, as a remedy.
std::string remedy_among(std::string_view word, const std::vector<std::string>& known);

/// Reads one map. Call finish() last: it reports the unknown keys.
class Fields {
 public:
  /// `what` names the thing in messages: "a scenario", "a step".
  Fields(const Yaml& node, std::string what, Mistakes& mistakes);

  [[nodiscard]] bool is_map() const { return node_.kind == Yaml::Kind::map; }
  [[nodiscard]] const Place& at() const { return node_.at; }
  /// The value, or nullptr; makes the key known. Null values count as absent.
  const Yaml* get(std::string_view key);
  /// As get(), and a missing key is a mistake.
  const Yaml* need(std::string_view key, std::string_view example);

  /// Each returns true when the key was there and fitted.
  bool text(std::string_view key, std::string& out);
  bool text_needed(std::string_view key, std::string& out, std::string_view example);
  bool boolean(std::string_view key, bool& out);
  bool duration(std::string_view key, Nanos& out, Nanos min, Nanos max);
  bool number(std::string_view key, double& out, double min, double max);
  bool integer(std::string_view key, std::int64_t& out, std::int64_t min, std::int64_t max);
  bool texts(std::string_view key, std::vector<std::string>& out);  // a list of words, or one word
  bool integers(std::string_view key, std::vector<int>& out, int min, int max);

  /// Reports keys that were never asked for.
  void finish();

 private:
  const Yaml& node_;
  std::string what_;
  Mistakes& mistakes_;
  std::vector<std::string> known_;
};

/// A scalar of each type, with its mistake when it does not fit. `name` is the key, for the message.
bool text_of_node(const Yaml& node, std::string_view name, std::string& out, Mistakes& mistakes);
bool duration_of_node(const Yaml& node, std::string_view name, Nanos& out, Nanos min, Nanos max, Mistakes& mistakes);
bool number_of_node(const Yaml& node, std::string_view name, double& out, double min, double max, Mistakes& mistakes);
bool integer_of_node(const Yaml& node, std::string_view name, std::int64_t& out, std::int64_t min, std::int64_t max,
                     Mistakes& mistakes);

}  // namespace cardstorm
