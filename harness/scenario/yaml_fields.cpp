// yaml_fields: typed reading of one mapping, collecting mistakes.
#include "harness/scenario/yaml_fields.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "harness/core/json.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

std::string kind_text(const Yaml& node) {
  switch (node.kind) {
    case Yaml::Kind::null:
      return "nothing";
    case Yaml::Kind::scalar:
      return "'" + node.text + "'";
    case Yaml::Kind::list:
      return "a list";
    case Yaml::Kind::map:
      return "a map";
  }
  return "?";
}

std::string number_text(double v) { return Json(v).dump(); }

/// The whole of `text` as a number, nothing around it.
template <class T>
bool parse_whole(const std::string& text, T& out) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && rest == end;
}

bool is_plain(const Yaml& node) { return node.kind == Yaml::Kind::scalar && !node.quoted; }

}  // namespace

void add_mistake(Mistakes& mistakes, const Place& at, std::string what, std::string remedy) {
  mistakes.push_back({at.file, at.line, at.column, std::move(what), std::move(remedy)});
}

std::string remedy_among(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = did_you_mean(word, known);
  if (!near.empty()) return "did you mean '" + near + "'?";
  if (known.empty()) return "none is known here";
  return "known: " + join(known, ", ");
}

bool text_of_node(const Yaml& node, std::string_view name, std::string& out, Mistakes& mistakes) {
  if (node.kind != Yaml::Kind::scalar) {
    add_mistake(mistakes, node.at, "'" + std::string(name) + "' must be text, found " + kind_text(node),
                "write one word or a quoted text");
    return false;
  }
  out = node.text;
  return true;
}

bool duration_of_node(const Yaml& node, std::string_view name, Nanos& out, Nanos min, Nanos max, Mistakes& mistakes) {
  const std::string key(name);
  if (node.kind != Yaml::Kind::scalar) {
    add_mistake(mistakes, node.at, "'" + key + "' must be a duration, found " + kind_text(node),
                "write for example " + key + ": 15s");
    return false;
  }
  const auto value = parse_duration(node.text);
  if (!value) {
    const auto& e = value.error();
    add_mistake(mistakes, node.at, "'" + key + "': " + e.what,
                e.remedy.empty() ? "write for example 15s, 500ms, 2m" : e.remedy);
    return false;
  }
  if (*value < min || *value > max) {
    add_mistake(mistakes, node.at,
                "'" + key + "' is " + node.text + ", outside " + duration_text(min) + " to " + duration_text(max),
                "choose a time in that range");
    return false;
  }
  out = *value;
  return true;
}

bool number_of_node(const Yaml& node, std::string_view name, double& out, double min, double max, Mistakes& mistakes) {
  const std::string key(name);
  double value = 0;
  if (!is_plain(node) || !parse_whole(node.text, value) || !std::isfinite(value)) {
    add_mistake(mistakes, node.at, "'" + key + "' must be a number, found " + kind_text(node),
                "write for example " + key + ": 1.5");
    return false;
  }
  if (value < min || value > max) {
    add_mistake(mistakes, node.at,
                "'" + key + "' is " + node.text + ", outside " + number_text(min) + " to " + number_text(max),
                "choose a number in that range");
    return false;
  }
  out = value;
  return true;
}

bool integer_of_node(const Yaml& node, std::string_view name, std::int64_t& out, std::int64_t min, std::int64_t max,
                     Mistakes& mistakes) {
  const std::string key(name);
  std::int64_t value = 0;
  if (!is_plain(node) || !parse_whole(node.text, value)) {
    add_mistake(mistakes, node.at, "'" + key + "' must be a whole number, found " + kind_text(node),
                "write for example " + key + ": 3");
    return false;
  }
  if (value < min || value > max) {
    add_mistake(mistakes, node.at,
                "'" + key + "' is " + node.text + ", outside " + std::to_string(min) + " to " + std::to_string(max),
                "choose a number in that range");
    return false;
  }
  out = value;
  return true;
}

Fields::Fields(const Yaml& node, std::string what, Mistakes& mistakes)
    : node_(node), what_(std::move(what)), mistakes_(mistakes) {
  if (!is_map())
    add_mistake(mistakes_, node_.at, what_ + " must be a map, found " + kind_text(node_), "write 'key: value' lines");
}

const Yaml* Fields::get(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  const Yaml* value = node_.find(key);
  return value == nullptr || value->kind == Yaml::Kind::null ? nullptr : value;
}

const Yaml* Fields::need(std::string_view key, std::string_view example) {
  const Yaml* value = get(key);
  if (value == nullptr && is_map())
    add_mistake(mistakes_, node_.at, what_ + " needs '" + std::string(key) + "'",
                "add for example " + std::string(key) + ": " + std::string(example));
  return value;
}

bool Fields::text(std::string_view key, std::string& out) {
  const Yaml* value = get(key);
  return value != nullptr && text_of_node(*value, key, out, mistakes_);
}

bool Fields::text_needed(std::string_view key, std::string& out, std::string_view example) {
  const Yaml* value = need(key, example);
  if (value == nullptr || !text_of_node(*value, key, out, mistakes_)) return false;
  if (!trim(out).empty()) return true;
  add_mistake(mistakes_, value->at, "'" + std::string(key) + "' is empty",
              "write for example " + std::string(key) + ": " + std::string(example));
  return false;
}

bool Fields::boolean(std::string_view key, bool& out) {
  const Yaml* value = get(key);
  if (value == nullptr) return false;
  if (is_plain(*value) && (value->text == "true" || value->text == "false")) {
    out = value->text == "true";
    return true;
  }
  add_mistake(mistakes_, value->at, "'" + std::string(key) + "' must be true or false, found " + kind_text(*value),
              "write true or false");
  return false;
}

bool Fields::duration(std::string_view key, Nanos& out, Nanos min, Nanos max) {
  const Yaml* value = get(key);
  return value != nullptr && duration_of_node(*value, key, out, min, max, mistakes_);
}

bool Fields::number(std::string_view key, double& out, double min, double max) {
  const Yaml* value = get(key);
  return value != nullptr && number_of_node(*value, key, out, min, max, mistakes_);
}

bool Fields::integer(std::string_view key, std::int64_t& out, std::int64_t min, std::int64_t max) {
  const Yaml* value = get(key);
  return value != nullptr && integer_of_node(*value, key, out, min, max, mistakes_);
}

bool Fields::texts(std::string_view key, std::vector<std::string>& out) {
  const Yaml* value = get(key);
  if (value == nullptr) return false;
  std::vector<std::string> found;
  bool good = true;
  const auto take = [&](const Yaml& node) {
    std::string word;
    if (text_of_node(node, key, word, mistakes_))
      found.push_back(std::move(word));
    else
      good = false;
  };
  if (value->kind == Yaml::Kind::list)
    for (const Yaml& item : value->items) take(item);
  else
    take(*value);
  if (good) out = std::move(found);
  return good;
}

bool Fields::integers(std::string_view key, std::vector<int>& out, int min, int max) {
  const Yaml* value = get(key);
  if (value == nullptr) return false;
  std::vector<int> found;
  bool good = true;
  const auto take = [&](const Yaml& node) {
    std::int64_t number = 0;
    if (integer_of_node(node, key, number, min, max, mistakes_))
      found.push_back(static_cast<int>(number));
    else
      good = false;
  };
  if (value->kind == Yaml::Kind::list)
    for (const Yaml& item : value->items) take(item);
  else
    take(*value);
  if (good) out = std::move(found);
  return good;
}

void Fields::finish() {
  if (!is_map()) return;
  for (const YamlMember& member : node_.members)
    if (std::find(known_.begin(), known_.end(), member.key) == known_.end())
      add_mistake(mistakes_, member.at, "unknown key '" + member.key + "' in " + what_,
                  remedy_among(member.key, known_));
}

}  // namespace cardstorm
