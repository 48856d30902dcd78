// data_file: CSV as spreadsheets write it (RFC 4180), each mistake with its line.
#include "harness/scenario/data_file.hpp"

#include <algorithm>
#include <filesystem>

#include "harness/core/csv.hpp"
#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm {
namespace {

constexpr std::size_t kRowsMax = 100'000, kBytesMax = std::size_t{64} << 20, kColumnsMax = 100, kMistakesMax = 20;

struct Row {
  std::vector<std::string> fields;
  int line = 0;
  bool open_quote = false;
};

/// Cuts the text into rows; blanks around cells that are not quoted do not count.
class Rows {
 public:
  explicit Rows(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool next(Row& row) {
    if (rest_.empty()) return false;
    row = {{}, line_, false};
    for (CellEnd end = CellEnd::separator; end == CellEnd::separator;) {
      const std::string_view before = rest_;
      std::string_view cell;
      end = next_cell(rest_, ',', cell, scratch_);
      row.open_quote = end == CellEnd::quote;
      row.fields.emplace_back(before.starts_with('"') ? cell : trim(cell));
      const std::string_view taken = before.substr(0, before.size() - rest_.size());
      line_ += static_cast<int>(std::count(taken.begin(), taken.end(), '\n'));
    }
    return true;
  }

 private:
  std::string_view rest_;
  std::string scratch_;
  int line_ = 1;
};

bool blank(const Row& row) { return row.fields.size() == 1 && row.fields[0].empty(); }

bool is_name(const std::string& text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                              std::string::npos;
}

}  // namespace

std::string beside(const std::string& file, const std::string& name) {
  const std::filesystem::path path(name);
  return path.is_absolute() ? name : (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

DataTable read_data_file(const std::string& path, const Place& at, Mistakes& mistakes) {
  DataTable out;
  std::error_code ignored;
  if (std::filesystem::file_size(path, ignored) > kBytesMax && !ignored) {
    add_mistake(mistakes, at, "the data file '" + path + "' is larger than 64 MiB",
                "cut it: at most 100000 rows are used");
    return out;
  }
  const auto text = read_file(path);
  if (!text) {
    add_mistake(mistakes, at, text.error().what, "write a CSV file whose first line names the columns");
    return out;
  }
  out.sha256 = sha256_hex(*text);
  std::string_view rest = *text;
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  const std::size_t before = mistakes.size();
  const auto wrong = [&](int line, std::string what, std::string remedy) {
    if (mistakes.size() < before + kMistakesMax)
      add_mistake(mistakes, {path, line, 1}, std::move(what), std::move(remedy));
  };
  Rows rows(rest);
  for (Row row; rows.next(row);) {
    if (row.open_quote) {
      wrong(row.line, "a quote is not closed before the end of its field",
            "close it, or double it when it belongs to the text");
      break;
    }
    if (blank(row)) continue;
    if (out.columns.empty()) {
      out.columns = row.fields;
      if (row.fields.size() > kColumnsMax) {
        wrong(row.line, "more than 100 columns", "keep those that are used");
        break;
      }
      for (std::size_t i = 0; i < row.fields.size(); ++i) {
        if (!is_name(row.fields[i]))
          wrong(row.line, "'" + row.fields[i] + "' cannot be the name of a column",
                "the first line names the columns: letters, digits, '_' and '-'");
        if (std::find(row.fields.begin(), row.fields.begin() + static_cast<std::ptrdiff_t>(i), row.fields[i]) !=
            row.fields.begin() + static_cast<std::ptrdiff_t>(i))
          wrong(row.line, "column '" + row.fields[i] + "' stands twice", "rename one of them");
      }
      continue;
    }
    if (row.fields.size() != out.columns.size()) {
      wrong(row.line,
            std::to_string(row.fields.size()) + " fields, the first line names " + std::to_string(out.columns.size()),
            "quote fields that hold a comma");
      continue;
    }
    if (out.rows.size() == kRowsMax) {
      wrong(row.line, "more than 100000 rows", "cut the file: rows are used in turn");
      break;
    }
    out.rows.push_back(std::move(row.fields));
  }
  if (mistakes.size() == before && out.columns.empty())
    add_mistake(mistakes, at, "the data file '" + path + "' is empty", "name the columns in its first line");
  else if (mistakes.size() == before && out.rows.empty())
    add_mistake(mistakes, at, "the data file '" + path + "' has no rows", "write at least one below the names");
  return out;
}

}  // namespace cardstorm
