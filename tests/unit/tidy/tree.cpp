// tree: see tree.hpp.
#include "tests/unit/tidy/tree.hpp"

#include <algorithm>
#include <functional>
#include <regex>
#include <sstream>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"

namespace cardstorm::tidy {
namespace {
namespace fs = std::filesystem;

const std::vector<std::string> kAllCode{"harness", "reports", "reference_platform", "tests"};

std::string room_of(const fs::path& path) {
  const std::string top = path.begin()->string();
  return top == "harness" ? std::next(path.begin())->string() : top;
}

std::string filled(const std::string& pattern, const std::string& name) {
  const auto at = pattern.find("{}");
  return at == std::string::npos ? pattern : pattern.substr(0, at) + name + pattern.substr(at + 2);
}

/// The characters of UTF-8, each counted as one.
std::size_t length(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::size_t lines_in(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// `text` with what stands in raw strings taken out, line by line as before.
std::string without_raw_strings(std::string_view text) {
  std::string out;
  for (;;) {
    const auto begin = text.find("R\"");
    const auto inside = begin == std::string_view::npos ? begin : text.find('(', begin);
    if (inside == std::string_view::npos) return out.append(text);
    const std::string end = ")" + std::string(text.substr(begin + 2, inside - begin - 2)) + "\"";
    const auto close = std::min(text.find(end, inside), text.size());
    out.append(text.substr(0, begin));
    out.append(lines_in(text.substr(begin, close - begin)), '\n');
    text.remove_prefix(std::min(close + end.size(), text.size()));
  }
}

/// A string alone on its line, or an address: nothing to break it at.
bool unbreakable(std::string_view line) {
  return trim(line).starts_with('"') || line.find("://") != std::string_view::npos;
}

/// One line `add_room(cs_NAME FOLDER cs_KNOWN... LIBRARY...)` of harness/ or reports/.
struct Room {
  std::string name;
  std::set<std::string> knows, libraries;
};
std::vector<Room> lines_of_build(const Tree& tree) {
  static const std::regex kRoom(R"re(add_room\(cs_(\w+) [\w/]+([^)]*)\))re");
  const std::string text = tree.read("CMakeLists.txt");
  std::vector<Room> out;
  for (std::sregex_iterator it(text.begin(), text.end(), kRoom), end; it != end; ++it) {
    Room room{(*it)[1], {}, {}};
    std::istringstream words((*it)[2].str());
    for (std::string word; words >> word;)
      word.starts_with("cs_") ? room.knows.insert(word.substr(3)) : room.libraries.insert(word);
    out.push_back(std::move(room));
  }
  return out;
}

std::set<std::string> all_of(const std::regex& pattern, const std::string& text) {
  std::set<std::string> out;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) out.insert((*it)[1]);
  return out;
}

}  // namespace

std::vector<Source> Tree::files(const std::vector<std::string>& folders, const std::set<std::string>& endings) const {
  std::vector<Source> out;
  for (const auto& folder : folders) {
    if (!fs::is_directory(root_ / folder)) continue;
    for (auto it = fs::recursive_directory_iterator(root_ / folder); it != fs::recursive_directory_iterator(); ++it) {
      const fs::path path = fs::relative(it->path(), root_);
      if (it->is_directory() && path == "reports/runs") it.disable_recursion_pending();  // what users' runs left
      if (!it->is_regular_file() || !endings.contains(path.extension().string())) continue;
      out.push_back({path.string(), room_of(path), *read_file(it->path().string())});
    }
  }
  std::sort(out.begin(), out.end(), [](const Source& a, const Source& b) { return a.path < b.path; });
  return out;
}

std::vector<Source> Tree::code(const std::vector<std::string>& folders) const {
  return files(folders, {".cpp", ".hpp", ".def"});
}

std::string Tree::read(const std::string& path) const {
  const auto text = read_file((root_ / path).string());
  return text ? *text : "";
}

std::vector<std::string> includes_of(const std::string& text) {
  constexpr std::string_view kInclude = "#include ";
  std::vector<std::string> out;
  for (auto at = text.find(kInclude); at != std::string::npos; at = text.find(kInclude, at + 1)) {
    const auto begin = at + kInclude.size() + 1, end = text.find_first_of(">\"\n", begin);
    const auto before = text.find_last_not_of(' ', at == 0 ? 0 : at - 1);
    const bool first = at == 0 || before == std::string::npos || text[before] == '\n';
    if (first && end != std::string::npos && text[end] != '\n') out.push_back(text.substr(begin, end - begin));
  }
  return out;
}

Map rooms_of_build(const Tree& tree) {
  Map out;
  for (const Room& room : lines_of_build(tree)) out[room.name] = room.knows;
  return out;
}

Complaints undocumented(const Tree& tree) {
  struct Row {
    std::string room;
    std::set<std::string> knows;
  };
  std::vector<Row> rows;
  for (const std::string& line : split(tree.read("harness/README.md"), '\n')) {
    const auto cells = split(line, '|');
    if (cells.size() != 6 || cells[1].starts_with("-") || trim(cells[1]) == "room") continue;
    rows.push_back({std::string(trim(cells[1])), {}});
    for (const std::string& name : split(cells[3], ','))
      if (!trim(name).empty()) rows.back().knows.emplace(trim(name));
  }
  const auto rooms = lines_of_build(tree);
  Complaints out;
  std::set<std::string> above;
  for (std::size_t i = 0; i < std::max(rows.size(), rooms.size()); ++i) {
    const std::string name = i < rooms.size() ? rooms[i].name : "no room";
    if (i >= rows.size() || rows[i].room != name) {
      out.push_back("harness/README.md has " + (i < rows.size() ? rows[i].room : "no row") + " where the build has " +
                    name);
      break;
    }
    if (rows[i].knows != rooms[i].knows) out.push_back("harness/README.md says otherwise what " + name + " knows");
    for (const std::string& known : rooms[i].knows)
      if (!above.contains(known)) out.push_back(name + " knows " + known + ", which does not stand above it");
    above.insert(name);
  }
  return out;
}

Complaints unused(const Tree& tree, const Map& map) {
  Map left = map;
  for (const Source& source : tree.code({"harness", "reports"}))
    for (const std::string& include : includes_of(source.text)) left[source.room].erase(room_of(include));
  Complaints out;
  for (const auto& [room, known] : left)
    for (const std::string& name : known) out.push_back(room + " includes nothing of " + name);
  return out;
}

std::set<std::string> libraries_of(const Tree& tree, const std::string& name) {
  std::set<std::string> out;
  for (const Room& room : lines_of_build(tree)) {
    if (room.name != name) continue;
    out = room.libraries;
    for (const std::string& known : room.knows) out.merge(libraries_of(tree, known));
  }
  return out;
}

Complaints arrows(const Tree& tree, const Map& map) {
  Complaints out;
  for (const Source& source : tree.code({"harness", "reports"})) {
    const auto known = map.find(source.room);
    if (known == map.end()) {
      out.push_back(source.path + ": a room that is not on the map");
      continue;
    }
    for (const std::string& include : includes_of(source.text)) {
      if (!include.starts_with("harness/") && !include.starts_with("reports/")) continue;
      const std::string room = room_of(include);
      if (room != source.room && !known->second.contains(room)) out.push_back(source.path + " includes " + include);
    }
  }
  return out;
}

Complaints circles(const Map& map) {
  Complaints out;
  std::set<std::string> done, on_the_way;
  const std::function<void(const std::string&)> walk = [&](const std::string& room) {
    if (done.contains(room)) return;
    if (!on_the_way.insert(room).second) {
      out.push_back(room + " knows itself, by others");
      return;
    }
    const auto known = map.find(room);
    if (known == map.end()) out.push_back(room + " is known and not on the map");
    if (known != map.end())
      for (const std::string& next : known->second) walk(next);
    on_the_way.erase(room);
    done.insert(room);
  };
  for (const auto& [room, known] : map) walk(room);
  return out;
}

Complaints forbidden(const Tree& tree, const std::vector<std::string>& folders,
                     const std::vector<std::string>& includes, const std::vector<std::string>& words) {
  Complaints out;
  for (const Source& source : tree.code(folders)) {
    for (const std::string& include : includes_of(source.text))
      for (const std::string& prefix : includes)
        if (include.starts_with(prefix)) out.push_back(source.path + " includes " + include);
    for (const std::string& word : words)
      if (source.text.find(word) != std::string::npos) out.push_back(source.path + " holds " + word);
  }
  return out;
}

Complaints doors(const Tree& tree, const std::vector<std::pair<std::string, std::string>>& doors,
                 const std::set<std::string>& in_headers) {
  static const std::set<std::string> kSystem{"arpa", "asm", "linux", "net", "netinet", "sys"};
  Complaints out;
  for (const Source& source : tree.code({"harness", "reports"})) {
    for (const std::string& include : includes_of(source.text)) {
      const auto door =
          std::find_if(doors.begin(), doors.end(), [&](const auto& one) { return include.starts_with(one.first); });
      if (door == doors.end()) {
        const auto slash = include.find('/');
        if (slash != std::string::npos && !kSystem.contains(include.substr(0, slash)) &&
            !include.starts_with("harness/") && !include.starts_with("reports/"))
          out.push_back(source.path + " includes " + include + ", of no library that is on the list");
        continue;
      }
      if (door->second != source.room) out.push_back(source.path + " includes " + include + " of " + door->second);
      if (source.path.ends_with(".hpp") && !in_headers.contains(door->first))
        out.push_back(source.path + " is a header and includes " + include);
    }
  }
  return out;
}

Complaints openings(const Tree& tree) {
  static const std::regex kPurpose(R"re(// \S+( \S+){2,}\n)re");
  Complaints out;
  for (const Source& source : tree.code(kAllCode))
    if (!std::regex_search(source.text, kPurpose, std::regex_constants::match_continuous))
      out.push_back(source.path + ": a file opens with what it is for");
  return out;
}

Complaints leftovers(const Tree& tree) {
  static const std::regex kLeftover(R"re(\b(TODO|FIXME|XXX|HACK)\b)re");
  Complaints out;
  for (const Source& source : tree.code({"harness", "reports", "reference_platform"}))
    if (std::regex_search(source.text, kLeftover)) out.push_back(source.path);
  return out;
}

Complaints columns(const Tree& tree) {
  Complaints out;
  for (const Source& source : tree.files(kAllCode, {".cpp", ".hpp"})) {
    const auto lines = split(without_raw_strings(source.text), '\n');
    for (std::size_t i = 0; i < lines.size(); ++i)
      if (length(lines[i]) > 120 && !unbreakable(lines[i])) out.push_back(source.path + ":" + std::to_string(i + 1));
  }
  return out;
}

Complaints citations(const Tree& tree) {
  static const std::regex kLink(R"re(\]\(([^)\s#]+)(#[^)]*)?\))re"), kOutside(R"re(\b(research/[\w./-]+))re");
  Complaints out;
  std::vector<Source> all = tree.files({"harness", "reports", "reference_platform", "scenarios", "tests"},
                                       {".cpp", ".hpp", ".def", ".md", ".yaml"});
  for (const char* top : {"README.md", "CHANGELOG.md"}) all.push_back({top, "", tree.read(top)});
  for (const Source& source : all) {
    if (source.path.starts_with("tests/unit/tidy/")) continue;  // whose own patterns and plants are no citations
    if (source.text.find("research/") != std::string::npos)     // most have none, and the pattern is slow
      for (const std::string& file : all_of(kOutside, source.text)) out.push_back(source.path + " names " + file);
    if (!source.path.ends_with(".md")) continue;
    for (const std::string& link : all_of(kLink, source.text)) {
      if (link.find("://") != std::string::npos) continue;
      const fs::path target = (fs::path(source.path).parent_path() / link).lexically_normal();
      if (target.string().starts_with("..") || !tree.has(target.string()))
        out.push_back(source.path + " links to " + link);
    }
  }
  return out;
}

Complaints registered(const Tree& tree, const Registry& registry) {
  Complaints out;
  const std::string list = registry.folder + "/registry.def";
  const auto rows = all_of(std::regex("(?:^|\n)" + registry.macro + R"re(\((\w+))re"), tree.read(list));
  if (rows.empty()) out.push_back(list + " has no " + registry.macro);

  std::map<std::string, std::string> defined;  // name to file
  const std::regex definition(registry.definition);
  for (const Source& source : tree.files({registry.folder}, {".cpp"}))
    for (const std::string& name : all_of(definition, source.text)) defined[name] = source.path;
  for (const auto& [name, file] : defined) {
    if (!rows.contains(name)) out.push_back(file + " defines " + name + ", which has no line in " + list);
    const std::string wanted = registry.folder + "/" + filled(registry.file, name);
    if (!registry.file.empty() && file != wanted)
      out.push_back(file + " defines " + name + ", which lives in " + wanted);
  }

  const std::string texts = registry.text.empty() ? "" : tree.read("reports/texts.def");
  const std::string document = registry.document.empty() ? "" : tree.read(registry.document);
  const auto tests = registry.tests.empty() ? std::vector<Source>{} : tree.files({registry.tests}, {".cpp", ".hpp"});
  for (const std::string& name : rows) {
    if (!defined.contains(name)) out.push_back(list + ": " + name + " is defined nowhere in " + registry.folder);
    if (!registry.text.empty()) {
      const std::regex both("(?:^|\n)TEXT\\(" + filled(registry.text, name) + R"re(,\s*"[^"]+",\s*"[^"]+"\))re");
      if (!std::regex_search(texts, both))
        out.push_back("reports/texts.def has no " + filled(registry.text, name) + " in two languages");
    }
    if (!registry.document.empty() && document.find(filled(registry.shown, name)) == std::string::npos)
      out.push_back(registry.document + " does not show " + filled(registry.shown, name));
    if (!registry.tests.empty() && std::none_of(tests.begin(), tests.end(), [&](const Source& test) {
          return test.text.find(filled(registry.tested, name)) != std::string::npos;
        }))
      out.push_back(registry.tests + " does not test " + name);
  }
  return out;
}

}  // namespace cardstorm::tidy
