// data_file: a CSV file of accounts and the like, one row per trade.
#pragma once

#include <string>
#include <vector>

#include "harness/scenario/yaml_fields.hpp"

namespace cardstorm {

struct DataTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::string sha256;
};

/// `name` as seen from the folder of `file`.
std::string beside(const std::string& file, const std::string& name);

/// Reads and checks: a first line of names, then up to 100,000 rows with as many fields; "quoted, fields" as usual.
/// `at`: who named it.
DataTable read_data_file(const std::string& path, const Place& at, Mistakes& mistakes);

}  // namespace cardstorm
