// yaml_tree: a YAML file as a plain tree in which every key and value knows its place. yaml-cpp stays behind this door;
// duplicate keys, which yaml-cpp 0.7 accepts silently, are mistakes here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/scenario/load.hpp"

namespace cardstorm {

/// Where something was written: a file, or "--set a.b" with line 0.
struct Place {
  std::string file;
  int line = 0, column = 0;
};

struct YamlMember;

/// One value. `text` holds a scalar as written (after YAML unquoting); `quoted` tells "12" from 12.
struct Yaml {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  Place at;
  std::string text;
  bool quoted = false;
  std::vector<Yaml> items;
  std::vector<YamlMember> members;

  [[nodiscard]] const Yaml* find(std::string_view key) const;
  [[nodiscard]] Yaml* find(std::string_view key);
};

struct YamlMember {
  std::string key;
  Place at;
  Yaml value;
};

/// The single document in `text`, or mistakes. Anchors and aliases are expanded (bounded); tags are refused.
std::optional<Yaml> parse_yaml(const std::string& text, const std::string& file, std::vector<Mistake>& mistakes);

/// Lays `over` on `base`: maps merge key by key, anything else replaces.
void merge_yaml(Yaml& base, const Yaml& over);

/// `--set path=value`: path is a.b[0].c, value is YAML. Every new node is placed at "--set path".
void set_yaml(Yaml& root, const std::string& path, const std::string& value, std::vector<Mistake>& mistakes);

}  // namespace cardstorm
