// exposition: see exposition.hpp.
#include "tests/unit/platform/exposition.hpp"

#include <cmath>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

namespace platform::test {
namespace {

bool ends(const std::string& text, const char* tail) { return text.ends_with(tail); }

class Reader {
 public:
  Exposition read(const std::string& text) {
    if (!text.empty() && text.back() != '\n') wrong("the last line has no end", "");
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) take(line);
    for (const auto& [name, family] : out_.families) check(name, family);
    return out_;
  }

 private:
  void wrong(const std::string& what, const std::string& line) { out_.mistakes.push_back(what + ": " + line); }

  void take(const std::string& line) {
    static const std::regex help("# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)"),
        type("# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)");
    std::smatch found;
    if (std::regex_match(line, found, help)) {
      open(found[1], line);
      out_.families[current_].help = found[2];
    } else if (std::regex_match(line, found, type)) {
      if (found[1] != current_) open(found[1], line);
      if (!out_.families[current_].samples.empty()) wrong("TYPE after samples", line);
      out_.families[current_].type = found[2];
    } else if (line.empty() || line[0] == '#') {
      wrong("no HELP, no TYPE, no sample", line);
    } else {
      sample(line);
    }
  }

  void open(const std::string& name, const std::string& line) {
    if (!seen_.insert(name).second) wrong("a family in two places", line);
    current_ = name;
  }

  void sample(const std::string& line) {
    static const std::regex shape(
        R"(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (NaN|[+-]?Inf|[+-]?[0-9.]+(e[+-]?[0-9]+)?))");
    static const std::regex label(R"re(([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$))re");
    std::smatch found;
    if (!std::regex_match(line, found, shape)) return wrong("not a sample", line);
    Sample s{found[1], {}, std::strtod(found[4].str().c_str(), nullptr)};
    std::string labels = found[3];
    while (!labels.empty()) {
      std::smatch one;
      if (!std::regex_search(labels, one, label, std::regex_constants::match_continuous)) return wrong("labels", line);
      if (!s.labels.emplace(one[1], one[2]).second) wrong("a label twice", line);
      labels = one.suffix();
    }
    Family& family = out_.families[current_];
    const bool of_histogram =
        family.type == "histogram" &&
        (s.name == current_ + "_bucket" || s.name == current_ + "_sum" || s.name == current_ + "_count");
    if (s.name != current_ && !of_histogram) return wrong("a sample outside of its family", line);
    if (!series_.insert(line.substr(0, line.rfind(' '))).second) wrong("a series twice", line);
    family.samples.push_back(std::move(s));
  }

  void check(const std::string& name, const Family& family) {
    if (family.type.empty()) wrong("no TYPE", name);
    if (family.help.empty()) wrong("no HELP", name);
    if (family.type == "counter" && !ends(name, "_total")) wrong("a counter is called _total", name);
    if (family.type == "gauge" && ends(name, "_total")) wrong("a gauge is not called _total", name);
    if (family.type == "histogram") buckets(name, family);
    for (const Sample& s : family.samples)
      if (family.type == "counter" && !(s.value >= 0)) wrong("a counter below 0", name);
  }

  void buckets(const std::string& name, const Family& family) {
    std::map<std::map<std::string, std::string>, std::pair<std::map<double, double>, double>>
        all;  // labels without le: bounds, and the count
    for (const Sample& s : family.samples) {
      auto labels = s.labels;
      if (ends(s.name, "_count")) all[labels].second = s.value;
      if (!ends(s.name, "_bucket")) continue;
      const std::string le = labels["le"];
      labels.erase("le");
      all[labels].first[le == "+Inf" ? HUGE_VAL : std::strtod(le.c_str(), nullptr)] = s.value;
    }
    for (const auto& [labels, seen] : all) {
      double before = 0;
      for (const auto& [bound, count] : seen.first) {
        if (count < before) wrong("buckets fall", name);
        before = count;
      }
      if (seen.first.empty() || !std::isinf(seen.first.rbegin()->first) || seen.first.rbegin()->second != seen.second)
        wrong("+Inf is not the count", name);
    }
  }

  Exposition out_;
  std::string current_;
  std::set<std::string> seen_, series_;
};

}  // namespace

Exposition read_exposition(const std::string& text) { return Reader().read(text); }

}  // namespace platform::test
