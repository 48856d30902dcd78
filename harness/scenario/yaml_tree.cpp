// yaml_tree: the only file that includes yaml-cpp; a plain tree with places, duplicate keys refused, aliases bounded.
#include "harness/scenario/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

namespace cardstorm {
namespace {

// Far above any real file, far below what would hurt: a few kilobytes of aliases can stand for gigabytes.
constexpr std::size_t kDepthMax = 64, kNodesMax = 50'000, kYamlBytesMax = 4 << 20;

std::size_t count_nodes(const Yaml& node) {
  std::size_t n = 1;
  for (const Yaml& item : node.items) n += count_nodes(item);
  for (const YamlMember& member : node.members) n += count_nodes(member.value);
  return n;
}

/// Builds the tree from yaml-cpp's events: unlike its own nodes, these still show duplicates and aliases.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& file, std::vector<Mistake>& mistakes) : file_(file), mistakes_(mistakes) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Yaml node;
    node.at = place(mark);
    add(std::move(node), anchor, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw YAML::ParserException(mark, "an alias inside its own anchor");
    nodes_ += count_nodes(found->second);
    add(found->second, 0, mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(tag, mark);
    Yaml node;
    node.kind = Yaml::Kind::scalar;
    node.at = place(mark);
    node.text = value;
    node.quoted = tag == "!";
    add(std::move(node), anchor, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Yaml::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Yaml::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

  std::optional<Yaml> take() { return std::move(root_); }

 private:
  struct Frame {
    Yaml node;
    YAML::anchor_t anchor = 0;
    bool has_key = false, keep = true;
    YamlMember member;
  };

  [[nodiscard]] Place place(const YAML::Mark& mark) const {
    return {file_, std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1};
  }
  void check_tag(const std::string& tag, const YAML::Mark& mark) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    const Place at = place(mark);
    mistakes_.push_back({at.file, at.line, at.column, "YAML tag '" + tag + "' is not used here", "remove the tag"});
  }
  void open(Yaml::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    check_tag(tag, mark);
    if (stack_.size() >= kDepthMax) throw YAML::ParserException(mark, "nested deeper than 64 levels");
    Frame frame;
    frame.node.kind = kind;
    frame.node.at = place(mark);
    frame.anchor = anchor;
    stack_.push_back(std::move(frame));
  }
  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(frame.node), frame.anchor, YAML::Mark::null_mark());
  }
  void add(Yaml node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (++nodes_ > kNodesMax) throw YAML::ParserException(mark, "more than 50000 values");
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& top = stack_.back();
    if (top.node.kind == Yaml::Kind::list)
      top.node.items.push_back(std::move(node));
    else if (top.has_key)
      add_value(top, std::move(node));
    else
      add_key(top, std::move(node));
  }
  void add_key(Frame& top, Yaml node) {
    top.has_key = true;
    top.keep = true;
    if (node.kind != Yaml::Kind::scalar) {
      mistakes_.push_back(
          {node.at.file, node.at.line, node.at.column, "a key must be a plain word", "write 'key: value'"});
      top.keep = false;
    } else if (const auto twin = std::find_if(top.node.members.begin(), top.node.members.end(),
                                              [&](const YamlMember& m) { return m.key == node.text; });
               twin != top.node.members.end()) {
      mistakes_.push_back({node.at.file, node.at.line, node.at.column,
                           "key '" + node.text + "' stands twice, first in line " + std::to_string(twin->at.line),
                           "keep one of them"});
      top.keep = false;
    }
    top.member.key = std::move(node.text);
    top.member.at = std::move(node.at);
  }
  static void add_value(Frame& top, Yaml node) {
    top.has_key = false;
    if (!top.keep) return;
    top.member.value = std::move(node);
    top.node.members.push_back(std::move(top.member));
    top.member = {};
  }

  const std::string& file_;
  std::vector<Mistake>& mistakes_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Yaml> anchors_;
  std::optional<Yaml> root_;
  std::size_t nodes_ = 0;
};

void replace_places(Yaml& node, const Place& at) {
  node.at = at;
  for (Yaml& item : node.items) replace_places(item, at);
  for (YamlMember& member : node.members) {
    member.at = at;
    replace_places(member.value, at);
  }
}

/// One part of a --set path: a key, or an index when `is_index`.
struct PathPart {
  std::string key;
  std::size_t index = 0;
  bool is_index = false;
};

/// Splits "faults[0].duration"; nullopt when it is no path.
std::optional<std::vector<PathPart>> split_path(const std::string& path) {
  std::vector<PathPart> parts;
  std::size_t i = 0;
  while (i < path.size()) {
    if (path[i] == '[') {
      const auto end = path.find(']', i);
      if (end == std::string::npos || parts.empty()) return std::nullopt;
      PathPart part;
      part.is_index = true;
      const auto [rest, error] = std::from_chars(path.data() + i + 1, path.data() + end, part.index);
      if (error != std::errc() || rest != path.data() + end) return std::nullopt;
      parts.push_back(part);
      i = end + 1;
      continue;
    }
    if (path[i] == '.') {
      if (parts.empty()) return std::nullopt;
      ++i;
    } else if (!parts.empty()) {
      return std::nullopt;  // "a[0]b"
    }
    const auto end = std::min(path.find_first_of(".[", i), path.size());
    if (end == i) return std::nullopt;
    parts.push_back({path.substr(i, end - i), 0, false});
    i = end;
  }
  if (parts.empty()) return std::nullopt;
  return parts;
}

}  // namespace

const Yaml* Yaml::find(std::string_view key) const {
  for (const YamlMember& member : members)
    if (member.key == key) return &member.value;
  return nullptr;
}

Yaml* Yaml::find(std::string_view key) { return const_cast<Yaml*>(std::as_const(*this).find(key)); }

std::optional<Yaml> parse_yaml(const std::string& text, const std::string& file, std::vector<Mistake>& mistakes) {
  if (text.size() > kYamlBytesMax) {
    mistakes.push_back({file, 1, 1, "the file is larger than 4 MiB", "this is not one of our YAML files"});
    return std::nullopt;
  }
  TreeBuilder builder(file, mistakes);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      mistakes.push_back({file, 1, 1, "the file is empty", "scenarios/README.md explains every key"});
      return std::nullopt;
    }
    std::optional<Yaml> root = builder.take();
    TreeBuilder second(file, mistakes);
    if (parser.HandleNextDocument(second)) {
      mistakes.push_back(
          {file, 1, 1, "more than one YAML document in the file", "keep one; remove the '---' between them"});
      return std::nullopt;
    }
    return root;
  } catch (const YAML::Exception& e) {
    mistakes.push_back({file, std::max(e.mark.line, 0) + 1, std::max(e.mark.column, 0) + 1, "not valid YAML: " + e.msg,
                        "check indentation, quotes and brackets at this place"});
  } catch (const std::exception& e) {
    mistakes.push_back(
        {file, 1, 1, std::string("not valid YAML: ") + e.what(), "check indentation, quotes and brackets"});
  }
  return std::nullopt;
}

void merge_yaml(Yaml& base, const Yaml& over) {
  if (base.kind != Yaml::Kind::map || over.kind != Yaml::Kind::map) {
    base = over;
    return;
  }
  for (const YamlMember& member : over.members) {
    if (Yaml* old = base.find(member.key))
      merge_yaml(*old, member.value);
    else
      base.members.push_back(member);
  }
}

void set_yaml(Yaml& root, const std::string& path, const std::string& value, std::vector<Mistake>& mistakes) {
  const Place at{"--set " + path, 0, 0};
  const auto wrong = [&](const std::string& what, const std::string& remedy) {
    mistakes.push_back({at.file, 0, 0, what, remedy});
  };
  const auto parts = split_path(path);
  if (!parts) return wrong("not a path into the scenario", "write --set a.b=value or --set faults[0].duration=3s");
  Yaml node;
  if (!value.empty()) {
    std::vector<Mistake> inside;
    auto parsed = parse_yaml(value, at.file, inside);
    for (Mistake& m : inside) wrong(m.what, m.remedy);
    if (!parsed) return;
    node = std::move(*parsed);
  }
  replace_places(node, at);

  Yaml* here = &root;
  for (const PathPart& part : *parts) {
    if (part.is_index) {
      if (here->kind != Yaml::Kind::list || part.index >= here->items.size())
        return wrong("there is no item [" + std::to_string(part.index) + "]",
                     here->kind == Yaml::Kind::list
                         ? "the list has " + std::to_string(here->items.size()) + " items, counted from 0"
                         : "this is not a list");
      here = &here->items[part.index];
      continue;
    }
    if (here->kind == Yaml::Kind::null) here->kind = Yaml::Kind::map;
    if (here->kind != Yaml::Kind::map) return wrong("'" + part.key + "' is asked of something that has no keys", "");
    if (here->find(part.key) == nullptr) {
      Yaml fresh;
      fresh.at = at;
      here->members.push_back({part.key, at, fresh});
    }
    here = here->find(part.key);
  }
  *here = std::move(node);
}

}  // namespace cardstorm
