// values: relations with unknowns, decimals without rounding, stamps, descriptors and secret files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <limits>

#include "harness/core/clock.hpp"
#include "harness/core/files.hpp"
#include "harness/core/relation.hpp"
#include "harness/core/text.hpp"
#include "harness/core/unique_fd.hpp"

namespace cardstorm {
namespace {

TEST(Relation, HoldsAsItReads) {
  const struct {
    const char* relation;
    bool less, equal, greater;
  } cases[]{{"==", false, true, false}, {"!=", true, false, true}, {"<", true, false, false},
            {"<=", true, true, false},  {">", false, false, true}, {">=", false, true, true}};
  for (const auto& c : cases) {
    EXPECT_EQ(holds(1, c.relation, 2), c.less) << c.relation;
    EXPECT_EQ(holds(2, c.relation, 2), c.equal) << c.relation;
    EXPECT_EQ(holds(3, c.relation, 2), c.greater) << c.relation;
  }
}

TEST(Relation, IsUnknownForWhatHasNoOrder) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const char* relation : {"==", "!=", "<", "<=", ">", ">="}) EXPECT_EQ(holds(nan, relation, 1), std::nullopt);
  EXPECT_EQ(holds(1, "~", 1), std::nullopt) << "no relation";
  EXPECT_EQ(holds(1, "=", 1), std::nullopt) << "nor this";
  EXPECT_EQ(holds(std::numeric_limits<double>::infinity(), ">", 1), true);
}

TEST(Decimal, IsExactAndRefusesWhatIsNot) {
  EXPECT_EQ(parse_decimal("12.5", 2), 1250);
  EXPECT_EQ(parse_decimal("12.500", 2), 1250);
  EXPECT_EQ(parse_decimal("-3.20", 2), -320);
  EXPECT_EQ(parse_decimal("1250.00", 0), 1250);
  EXPECT_EQ(parse_decimal("10000000000000", 2), 1'000'000'000'000'000);
  for (const char* bad : {"", ".", "5.", ".5", "12.505", "1e5", "0x1", "+1", " 1", "--1", "1,0", "10000000000000.01"})
    EXPECT_EQ(parse_decimal(bad, 2), std::nullopt) << bad;
}

TEST(Utc, IsWrittenToTheMillisecond) {
  EXPECT_EQ(utc_text(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(utc_text(1'548'116'776'250'999'999), "2019-01-22T00:26:16.250Z");
  EXPECT_EQ(wall_clock_text().size(), 24u);
}

TEST(UniqueFd, ClosesOnceAndMovesItsOwnership) {
  UniqueFd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = first.get();
  ASSERT_TRUE(first.open());
  UniqueFd second(std::move(first));
  EXPECT_FALSE(first.open());  // NOLINT: moved from on purpose
  EXPECT_EQ(second.get(), number);
  second = UniqueFd();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1) << "it was closed";
  EXPECT_TRUE(UniqueFd().close()) << "none is no error";
}

TEST(Secret, IsReadableByItsOwnerAloneAndNeverWrittenOver) {
  std::string dir = (std::filesystem::temp_directory_path() / "secret-XXXXXX").string();
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const std::string path = dir + "/key";
  const mode_t old = ::umask(0);
  ASSERT_TRUE(write_secret(path, "first\n"));
  ::umask(old);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_FALSE(write_secret(path, "second\n")) << "somebody may have it open";
  EXPECT_EQ(*read_file(path), "first\n");
  std::filesystem::create_symlink(dir + "/elsewhere", dir + "/link");
  EXPECT_FALSE(write_secret(dir + "/link", "x")) << "a link leads to somebody else's place";
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace cardstorm
