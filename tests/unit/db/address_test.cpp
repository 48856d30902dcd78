// address: the address of a database, and what stands in statements.
#include <gtest/gtest.h>

#include "harness/core/files.hpp"
#include "harness/db/db.hpp"
#include "tests/support/temp_dir.hpp"

namespace cardstorm {
namespace {

TEST(DbUrl, IsReadInFull) {
  const auto a = parse_db_url("postgresql://audit%40or:p%40s+s@db.example:6432/shop?sslmode=require");
  ASSERT_TRUE(a) << a.error().what;
  EXPECT_EQ(a->kind, "postgresql");
  EXPECT_EQ(a->user, "audit@or");
  EXPECT_EQ(a->password, "p@s+s");
  EXPECT_EQ(a->host, "db.example");
  EXPECT_EQ(a->port, 6432);
  EXPECT_EQ(a->database, "shop");
  EXPECT_EQ(a->tls, "require");
  const auto b = parse_db_url("mysql://shop@[::1]/cards");
  ASSERT_TRUE(b) << b.error().what;
  EXPECT_EQ(b->kind, "mysql");
  EXPECT_EQ(b->host, "::1");
  EXPECT_EQ(b->port, 3306);
  EXPECT_EQ(parse_db_url("postgresql://u@h/d?options=-csearch_path%3Dshop%20-cx%3Dy&sslmode=disable")->startup,
            "-csearch_path=shop -cx=y");
  EXPECT_TRUE(parse_db_url("postgresql://u@h/d?sslmode=disable&gssencmode=disable"));
  EXPECT_EQ(parse_db_url("mariadb://u@h/d")->kind, "mysql");
  EXPECT_EQ(parse_db_url("postgres://u@h/d")->port, 5432);
}

TEST(DbUrl, SaysWhatIsWrongAndHidesThePassword) {
  for (const char* url :
       {"", "shop", "oracle://u@h/d", "mysql://u@h", "mysql://u@h/", "mysql://h/d", "mysql://@h/d", "mysql://:p@h/d",
        "mysql://u@:3306/d", "mysql://u@h:0/d", "mysql://u@h:99999/d", "mysql://u@h:x/d", "mysql://u@[::1/d",
        "mysql://u@[::1]x/d", "mysql://u@h/d?compress=1", "mysql://u@h/d?sslmode=maybe",
        "mysql://u@h/d?gssencmode=disable", "postgresql://u@h/d?gssencmode=require", "postgresql://u@h/d?"}) {
    const auto a = parse_db_url(url);
    ASSERT_FALSE(a) << url;
    EXPECT_EQ(a.error().code, Errc::invalid) << url;
    EXPECT_FALSE(a.error().remedy.empty()) << url;
  }
  const auto a = parse_db_url("mysql://u:hush@h:x/d");
  ASSERT_FALSE(a);
  EXPECT_EQ(a.error().what.find("hush"), std::string::npos) << a.error().what;
  EXPECT_NE(a.error().what.find("'mysql://u@h:x/d'"), std::string::npos) << a.error().what;
}

TEST(DbUrl, TakesThePasswordFromTheFirstLineOfAFile) {
  const test::TempDir dir;
  const std::string file = dir.path() + "/password";
  ASSERT_TRUE(write_file(file, "p w\r\nsecond\n"));
  EXPECT_EQ(parse_db_url("mysql://u@h/d", file)->password, "p w");
  ASSERT_TRUE(write_file(file, "\n"));
  EXPECT_FALSE(parse_db_url("mysql://u@h/d", file));
  EXPECT_FALSE(parse_db_url("mysql://u@h/d", dir.path() + "/none"));
}

TEST(DbQuote, LeavesNothingOfANameOrTextToTheServer) {
  EXPECT_EQ(quote_name("postgresql", "shop.or\"ders"), R"("shop"."or""ders")");
  EXPECT_EQ(quote_name("mysql", "shop.or`ders"), "`shop`.`or``ders`");
  EXPECT_EQ(quote_text("mysql", R"(a'b\)"), R"('a''b\\')");
  EXPECT_EQ(quote_text("postgresql", R"(a'b\)"), R"(E'a''b\\')");
}

}  // namespace
}  // namespace cardstorm
