// Which addresses the allow-list admits.
#include "harness/net/allow.hpp"

#include <gtest/gtest.h>

namespace cardstorm {
namespace {

AllowList list(const std::vector<std::string>& blocks) {
  auto parsed = AllowList::parse(blocks);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().what);
  return parsed ? *parsed : AllowList{};
}

TEST(AllowList, HoldsAddressesInsideItsBlocksOnly) {
  const AllowList allow = list({"127.0.0.0/8", "10.1.2.0/23", "::1/128", "2001:db8::/33"});
  EXPECT_TRUE(allow.holds("127.0.0.1"));
  EXPECT_TRUE(allow.holds("127.255.255.255"));
  EXPECT_TRUE(allow.holds("10.1.3.255"));
  EXPECT_TRUE(allow.holds("::1"));
  EXPECT_TRUE(allow.holds("2001:db8:7fff::1"));
  EXPECT_FALSE(allow.holds("128.0.0.1"));
  EXPECT_FALSE(allow.holds("10.1.4.0"));
  EXPECT_FALSE(allow.holds("::2"));
  EXPECT_FALSE(allow.holds("2001:db8:8000::1"));
}

TEST(AllowList, HoldsNothingWhenEmptyOrWhenTheTextIsNoAddress) {
  EXPECT_FALSE(AllowList{}.holds("127.0.0.1"));
  EXPECT_FALSE(list({"0.0.0.0/0", "::/0"}).holds("localhost"));
  EXPECT_FALSE(list({"0.0.0.0/0", "::/0"}).holds(""));
}

TEST(AllowList, CountsMappedAddressesAsIpv4) {
  EXPECT_TRUE(list({"127.0.0.0/8"}).holds("::ffff:127.0.0.1"));
  EXPECT_FALSE(list({"127.0.0.0/8"}).holds("::ffff:8.8.8.8"));
  EXPECT_FALSE(list({"::/0"}).holds("8.8.8.8"));
  EXPECT_FALSE(list({"::/0"}).holds("::ffff:8.8.8.8"));
}

TEST(AllowList, TakesABareAddressAsItsOwnBlock) {
  const AllowList allow = list({"192.0.2.7"});
  EXPECT_TRUE(allow.holds("192.0.2.7"));
  EXPECT_FALSE(allow.holds("192.0.2.6"));
}

TEST(AllowList, RefusesBlocksThatAreNoneAndNamesThem) {
  for (const std::string bad : {"", "localhost", "127.0.0.0/33", "127.0.0.0/", "127.0.0.0/-1", "127.0.0.0/8x",
                                "::1/129", "300.0.0.1", "10.0.0.5/8"}) {
    const auto parsed = AllowList::parse({"127.0.0.0/8", bad});
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Errc::invalid);
    EXPECT_NE(parsed.error().what.find("'" + bad + "'"), std::string::npos) << parsed.error().what;
  }
}

TEST(AllowList, AdmitsAUrlOnlyWhenItsAddressesAreInside) {
  const AllowList allow = list({"127.0.0.0/8", "::1/128"});
  EXPECT_TRUE(allow.admits_url("http://127.0.0.1:8080/goods"));
  EXPECT_TRUE(allow.admits_url("http://localhost:8080"));
  EXPECT_TRUE(allow.admits_url("http://[::1]:8080/"));
  const auto outside = allow.admits_url("http://192.0.2.1/x");
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Errc::refused);
  EXPECT_NE(outside.error().what.find("192.0.2.1"), std::string::npos);
  EXPECT_EQ(allow.admits_url("no url at all").error().code, Errc::invalid);
}

}  // namespace
}  // namespace cardstorm
