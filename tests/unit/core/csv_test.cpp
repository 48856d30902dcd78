// csv: cells, what ends them, and lines as spreadsheets write them.
#include "harness/core/csv.hpp"

#include <gtest/gtest.h>

namespace cardstorm {
namespace {

/// Every cell and what ends it, to the end of `text`.
std::vector<std::pair<std::string, CellEnd>> cells_of(std::string_view text) {
  std::vector<std::pair<std::string, CellEnd>> out;
  std::string scratch;
  for (CellEnd end = CellEnd::line; end != CellEnd::text && end != CellEnd::quote;) {
    std::string_view cell;
    end = next_cell(text, ',', cell, scratch);
    out.emplace_back(cell, end);
  }
  return out;
}

TEST(Csv, TellsWhatEndsACell) {
  using E = CellEnd;
  using Pairs = std::vector<std::pair<std::string, E>>;
  EXPECT_EQ(cells_of(""), (Pairs{{"", E::text}}));
  EXPECT_EQ(cells_of("a,b\r\nc\n"), (Pairs{{"a", E::separator}, {"b", E::line}, {"c", E::line}, {"", E::text}}));
  EXPECT_EQ(cells_of("a,"), (Pairs{{"a", E::separator}, {"", E::text}}));
  EXPECT_EQ(cells_of("\"a,b\",\"c\"\"d\""), (Pairs{{"a,b", E::separator}, {"c\"d", E::text}}));
  EXPECT_EQ(cells_of("\"a\nb\"\r\nc"), (Pairs{{"a\nb", E::line}, {"c", E::text}})) << "a quoted line end is text";
  EXPECT_EQ(cells_of("5\" disk,x"), (Pairs{{"5\" disk", E::separator}, {"x", E::text}}))
      << "a quote within a cell is text";
  EXPECT_EQ(cells_of("a,\"b").back().second, E::quote);
  EXPECT_EQ(cells_of("\"a\"b,c").back().second, E::quote);
}

TEST(Cells, AreThoseOfALineAndSayWhereQuotesFail) {
  Cells cells;
  std::size_t column = 0;
  ASSERT_TRUE(cells.split("a;;\"x;y\";", ';', column));
  EXPECT_EQ(cells.all(), (std::vector<std::string_view>{"a", "", "x;y", ""}));
  ASSERT_TRUE(cells.split("", ',', column));
  EXPECT_EQ(cells.all().size(), 1u);
  EXPECT_FALSE(cells.split("ab,\"c", ',', column));
  EXPECT_EQ(column, 4u);
  EXPECT_EQ(separator_of("a;b,c;d"), ';');
  EXPECT_EQ(separator_of("a"), ',');
}

}  // namespace
}  // namespace cardstorm
