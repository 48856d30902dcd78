// support: writing a report into a string, golden files, and two small well-formedness checkers (XML and HTML), so that
// the tests need no tool of the machine.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "reports/report.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/sample_scorecard.hpp"

namespace cardstorm::test {

template <class Card>
std::string written(std::string_view reporter, const Card& card, Lang lang = Lang::en, bool colour = false) {
  ReportOptions options;
  options.lang = lang;
  options.colour = colour;
  options.dir = "reports/runs/latest";
  auto made = make_reporter(reporter, options);
  EXPECT_TRUE(made.has_value());
  std::ostringstream out;
  (*made)->write(card, out);
  return out.str();
}

/// Compares with tests/golden/reports/NAME; UPDATE_GOLDEN=1 rewrites the file instead.
inline void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(testing_paths::source_dir()) / "tests/golden/reports" / name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ifstream in(path, std::ios::binary);
  ASSERT_TRUE(in.good()) << path << " is missing: run with UPDATE_GOLDEN=1";
  std::ostringstream golden;
  golden << in.rdbuf();
  EXPECT_EQ(golden.str(), text) << path;
}

inline bool entity_is_known(std::string_view name) {
  static const std::set<std::string_view> known = {"amp",  "lt",    "gt",    "quot",   "#39",
                                                   "#160", "#8194", "#9650", "#10003", "#10005"};
  return known.contains(name);
}

/// Why `text` is no well-formed markup, or "". In HTML void elements need no end and style and script hold raw text.
inline std::string markup_mistake(std::string_view text, bool html) {
  static const std::set<std::string_view> void_elements = {"meta", "link", "input", "br"};
  std::vector<std::string> open;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 && c != '\n') return "control character at " + std::to_string(i);
    if (c == '&') {
      const auto end = text.find(';', i);
      if (end == std::string_view::npos || !entity_is_known(text.substr(i + 1, end - i - 1)))
        return "entity at " + std::to_string(i);
      i = end + 1;
    } else if (c == '>') {
      return "bare > at " + std::to_string(i);
    } else if (c != '<') {
      ++i;
    } else if (text.substr(i, 2) == "<?" || text.substr(i, 9) == "<!DOCTYPE") {
      i = text.find('>', i) + 1;
    } else if (text.substr(i, 2) == "</") {
      const auto end = text.find('>', i);
      const std::string name(text.substr(i + 2, end - i - 2));
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
      i = end + 1;
    } else {
      std::size_t at = i + 1;
      while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0)) ++at;
      const std::string name(text.substr(i + 1, at - i - 1));
      if (name.empty()) return "bare < at " + std::to_string(i);
      while (at < text.size() && text[at] != '>') {
        if (text[at] == '<') return "< in tag " + name;
        if (text[at] == '"') {
          const auto end = text.find('"', at + 1);
          if (end == std::string_view::npos) return "open quote in " + name;
          const std::string_view value = text.substr(at + 1, end - at - 1);
          if (value.find('<') != std::string_view::npos) return "< in a value of " + name;
          for (auto amp = value.find('&'); amp != std::string_view::npos; amp = value.find('&', amp + 1))
            if (!entity_is_known(value.substr(amp + 1, value.find(';', amp) - amp - 1)))
              return "entity in a value of " + name;
          at = end;
        }
        ++at;
      }
      const bool closed = text[at - 1] == '/';
      i = at + 1;
      if (html && (name == "style" || name == "script")) {
        const std::string end = "</" + name + ">";
        i = text.find(end, i);
        if (i == std::string_view::npos) return "open " + name;
        i += end.size();
      } else if (!closed && !(html && void_elements.contains(name))) {
        open.push_back(name);
      }
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

inline std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

}  // namespace cardstorm::test
