// The catalogue: from a mint folder into the tables.
#include <filesystem>
#include <fstream>

#include "reference_platform/domain/catalogue.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

namespace fs = std::filesystem;

class Catalogue : public ServicesTest {
 protected:
  Catalogue() : ServicesTest("fragile") {}
  void SetUp() override {
    ServicesTest::SetUp();
    execute("DELETE FROM cards");
    execute("DELETE FROM wholesale");
    execute("DELETE FROM goods");
    std::string name = (fs::temp_directory_path() / "cardstorm-mint-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    fs::create_directory(dir_ / "cards");
  }
  void TearDown() override {
    fs::remove_all(dir_);
    ServicesTest::TearDown();
  }
  void write(const std::string& file, const std::string& text) { std::ofstream(dir_ / file) << text; }
  void load() { domain::load_catalogue(*dbs_[0]->take(), dir_.string()); }
  fs::path dir_;
};

TEST_F(Catalogue, LoadsWhatAMintFolderHolds) {
  write("manifest.json", R"({"skus":[{"sku":"a","goods":"game_card","number":1,"cards":12000,"price_cents":100},
      {"sku":"m","goods":"membership","number":2,"cards":0,"price_cents":200},{"sku":"e","goods":"equipment","number":3,"cards":7,"price_cents":300}]})");
  std::string lines;
  for (int i = 0; i < 12000; ++i) lines += "CS-\"" + std::to_string(i) + "\\\n";
  write("cards/a.txt", lines);
  load();
  EXPECT_EQ(number("SELECT count(DISTINCT secret) FROM cards WHERE sku = 'a'"), 12000);
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE secret = 'CS-\"77\\'"), 1);
  const auto goods = domain::read_goods(*dbs_[0]->take());
  ASSERT_EQ(goods.size(), 3U);
  EXPECT_EQ(goods[0].stock, 12000);
  EXPECT_FALSE(goods[0].unlimited);
  EXPECT_TRUE(goods[1].unlimited);
  EXPECT_EQ(goods[2].stock, 7);
  EXPECT_EQ(goods[0].wholesale.size(), 2U);
  load();  // again: nothing changes
  EXPECT_EQ(number("SELECT count(*) FROM cards"), 12000);
}

TEST_F(Catalogue, NamesTheFileThatIsAtFault) {
  const auto problem = [this] {
    try {
      load();
    } catch (const std::runtime_error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(problem().find("manifest.json"), std::string::npos);
  write("manifest.json", "{");
  EXPECT_NE(problem().find("no \"skus\""), std::string::npos);
  write("manifest.json", R"({"skus":[{"sku":"a","goods":"game_card","number":1,"cards":1,"price_cents":100}]})");
  EXPECT_NE(problem().find("cards/a.txt"), std::string::npos);
  write("manifest.json", R"({"skus":[{"sku":"a","goods":"boat","number":1,"cards":1,"price_cents":100}]})");
  EXPECT_NE(problem().find("'a'"), std::string::npos);
  EXPECT_EQ(number("SELECT count(*) FROM goods"), 0);
}

TEST_F(Catalogue, LoadsAllOrNothing) {
  write(
      "manifest.json",
      R"({"skus":[{"sku":"a","goods":"game_card","number":1,"cards":1,"price_cents":100},{"sku":"b","goods":"game_card","number":1,"cards":1,"price_cents":0}]})");
  write("cards/a.txt", "CS-1\n");
  EXPECT_THROW(load(), std::runtime_error);
  EXPECT_EQ(number("SELECT count(*) FROM cards"), 0);
}

}  // namespace
}  // namespace platform::services_test
