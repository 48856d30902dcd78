// tree: a source tree as the tidy checks see it: the real one, or one that a test has planted. Every check is a
// function of the tree that returns complaints, one line each; none is good.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace cardstorm::tidy {

struct Source {
  std::string path;  // from the root
  std::string room;  // "core" of harness/core, else the folder at the top
  std::string text;
};

using Complaints = std::vector<std::string>;

class Tree {
 public:
  explicit Tree(std::filesystem::path root) : root_(std::move(root)) {}
  /// All files under `folders` with one of these endings, by path. Folders that are not there hold none.
  [[nodiscard]] std::vector<Source> files(const std::vector<std::string>& folders,
                                          const std::set<std::string>& endings) const;
  /// The C++ of them: .cpp, .hpp and .def.
  [[nodiscard]] std::vector<Source> code(const std::vector<std::string>& folders) const;
  /// "" when there is no such file.
  [[nodiscard]] std::string read(const std::string& path) const;
  [[nodiscard]] bool has(const std::string& path) const { return std::filesystem::exists(root_ / path); }

 private:
  std::filesystem::path root_;
};

/// What a text includes, without the quotes.
std::vector<std::string> includes_of(const std::string& text);

/// Which rooms a room may know.
using Map = std::map<std::string, std::set<std::string>>;
/// The map as the build states it: the lines `add_room(cs_NAME FOLDER cs_KNOWN...)` of CMakeLists.txt.
Map rooms_of_build(const Tree& tree);
/// What the table in harness/README.md, | room | what it is for | knows | door of |, says otherwise than the build: its
/// rooms and their order, and what each knows. A room knows only rooms above it.
Complaints undocumented(const Tree& tree);
/// Rooms that a room's line names and no include of it reaches.
Complaints unused(const Tree& tree, const Map& map);
/// The outside libraries that a room links, its rooms' libraries included.
std::set<std::string> libraries_of(const Tree& tree, const std::string& room);
/// Includes of the house lead where the map says.
Complaints arrows(const Tree& tree, const Map& map);
/// The map has no circle and knows every room that it names.
Complaints circles(const Map& map);
/// Files of `folders` include nothing that begins with one of `includes` and hold none of `words`.
Complaints forbidden(const Tree& tree, const std::vector<std::string>& folders,
                     const std::vector<std::string>& includes, const std::vector<std::string>& words = {});
/// Outside libraries (prefix of an include, and its room) are included by their room alone, and by no header, but for
/// those in `in_headers`. An include of a library that is not listed is a complaint.
Complaints doors(const Tree& tree, const std::vector<std::pair<std::string, std::string>>& doors,
                 const std::set<std::string>& in_headers);
/// The first line of a source is a comment of three words or more.
Complaints openings(const Tree& tree);
/// Nothing is marked as left for later.
Complaints leftovers(const Tree& tree);
/// No line of C++ is longer than 120 characters, outside raw strings, strings and addresses that cannot be broken.
Complaints columns(const Tree& tree);
/// Links of Markdown lead to files that exist; no source names a file outside the repository.
Complaints citations(const Tree& tree);

/// One registry.def and what belongs to each of its rows. `{}` stands for the row's name.
struct Registry {
  std::string folder, macro;              // harness/fault, CARDSTORM_FAULT
  std::string file;                       // "{}.cpp": where it lives, in the folder
  std::string definition;                 // pattern of its definition; one group: the name
  std::string text = {};                  // "fault_{}": its text in reports/texts.def, in both languages
  std::string document = {}, shown = {};  // a Markdown file, and how a row stands in it: "| `{}` |"
  std::string tests = {}, tested = {};    // a folder of tests, and what one of them holds: "\"{}\"", "fault_registry()"
};
/// Every row has its file, text, document and test; every definition in the folder has its row and is in the file of
/// its name.
Complaints registered(const Tree& tree, const Registry& registry);

}  // namespace cardstorm::tidy
