// verb: what the user types after `cardstorm`. One verb, one file, one line in registry.def. A verb declares its
// options as data; args.cpp (the only door of CLI11) turns them into parsing and --help.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/core/exit_code.hpp"

namespace cardstorm {

struct Option {
  std::string name;   // "--seed"
  std::string value;  // "N" for help; "" is a flag
  std::string help;
  bool many = false;                     // may stand several times
  std::vector<std::string> one_of = {};  // allowed values, empty = any
};

struct Positional {
  std::string name, help;
  bool required = true;
  std::vector<std::string> one_of = {};
};

/// What was typed. Absent options read as "" and empty.
struct Args {
  std::map<std::string, std::vector<std::string>> values;
  [[nodiscard]] bool has(const std::string& name) const { return values.contains(name); }
  [[nodiscard]] std::string get(const std::string& name, const std::string& fallback = {}) const {
    const auto it = values.find(name);
    return it == values.end() || it->second.empty() ? fallback : it->second.back();
  }
  [[nodiscard]] std::vector<std::string> all(const std::string& name) const {
    const auto it = values.find(name);
    return it == values.end() ? std::vector<std::string>{} : it->second;
  }
};

struct Verb {
  std::string name, summary;
  std::string more;  // examples and what to expect, shown under the options by --help
  std::vector<Positional> positionals;
  std::vector<Option> options;
  int (*run)(const Args&);
  bool hidden = false;  // for our own child processes
  bool raw = false;     // all words after the verb go to "rest" unparsed
};
const std::vector<Verb>& verb_registry();

/// Parses argv and runs the verb. Wrong usage prints what was wanted on stderr and returns kWrongInput.
int run_command_line(int argc, char** argv);

}  // namespace cardstorm
