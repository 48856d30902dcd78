// exposition: Prometheus' text format 0.0.4, read strictly: what a scraper might forgive is a mistake here.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace platform::test {

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};
struct Family {
  std::string type, help;
  std::vector<Sample> samples;
};
struct Exposition {
  std::map<std::string, Family> families;
  std::vector<std::string> mistakes;  // with the line
};
Exposition read_exposition(const std::string& text);

}  // namespace platform::test
