// json: what is written reads back the same; what is wrong is refused with a place.
#include "harness/core/json.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "harness/core/rng.hpp"

namespace cardstorm {
namespace {

Json random_value(Rng& rng, int depth) {
  switch (rng.below(depth > 3 ? 5 : 7)) {
    case 0:
      return {};
    case 1:
      return rng.below(2) == 0;
    case 2:
      return static_cast<std::int64_t>(rng.next());
    case 3:
      return (rng.unit() - 0.5) * 1e12;
    case 4: {
      std::string s;
      for (auto n = rng.below(12); n > 0; --n) s += static_cast<char>(rng.below(127));
      return s + "卡";
    }
    case 5: {
      Json a = Json::array();
      for (auto n = rng.below(5); n > 0; --n) a.push(random_value(rng, depth + 1));
      return a;
    }
    default: {
      Json o = Json::object();
      for (auto n = rng.below(5); n > 0; --n) o.set("k" + std::to_string(n), random_value(rng, depth + 1));
      return o;
    }
  }
}

TEST(Json, ReadsBackWhatItWrote) {
  Rng rng(7, "json");
  for (int i = 0; i < 2000; ++i) {
    const Json value = random_value(rng, 0);
    for (const int indent : {0, 2}) {
      const auto again = Json::parse(value.dump(indent));
      ASSERT_TRUE(again) << again.error().what << "\n" << value.dump();
      EXPECT_EQ(*again, value);
    }
  }
}

TEST(Json, SurvivesAnyBytes) {
  Rng rng(8, "bytes");
  const std::string seed = R"({"a":[1,2.5e3,"x\u00e9\ud83d\ude00",true,null],"b":{"c":-0.1}})";
  for (int i = 0; i < 5000; ++i) {
    std::string text = seed;
    for (auto n = rng.below(4) + 1; n > 0; --n) text[rng.below(text.size())] = static_cast<char>(rng.below(256));
    const auto parsed = Json::parse(text.substr(0, rng.below(text.size() + 1)));
    if (!parsed) {
      EXPECT_NE(parsed.error().what.find("JSON "), std::string::npos);
    }
  }
}

TEST(Json, NamesLineAndColumnOfAMistake) {
  const auto parsed = Json::parse("{\n  \"a\": 01\n}");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().what.substr(0, 9), "JSON 2:8:");
}

TEST(Json, RefusesWhatTheStandardRefuses) {
  for (const char* text : {"", "01", "1.", ".5", "+1", "[1,]", "{\"a\":1,}", "{a:1}", "\"\t\"", "nul", "\"\\x\"", "1 2",
                           "\"\\ud800\"", "[", "\""})
    EXPECT_FALSE(Json::parse(text)) << text;
}

TEST(Json, RefusesDeepNesting) { EXPECT_FALSE(Json::parse(std::string(100000, '['))); }

TEST(Json, FindsByPointer) {
  const auto j = *Json::parse(R"({"a":[{"b/c":1,"d~e":2}],"":3})");
  EXPECT_EQ(j.at_pointer("/a/0/b~1c")->integer(), 1);
  EXPECT_EQ(j.at_pointer("/a/0/d~0e")->integer(), 2);
  EXPECT_EQ(j.at_pointer("/")->integer(), 3);
  EXPECT_EQ(j.at_pointer(""), &j);
  for (const char* nothing : {"/a/1", "/a/00", "/a/-", "/x", "a", "/a/0/b~1c/deeper"})
    EXPECT_EQ(j.at_pointer(nothing), nullptr) << nothing;
}

TEST(Json, KeepsTheOrderOfMembersAndReplacesInPlace) {
  Json j = Json::object({{"b", 1}, {"a", 2}});
  j.set("b", 3);
  EXPECT_EQ(j.dump(), R"({"b":3,"a":2})");
}

TEST(Json, PrintsNumbersInPlainNotation) {
  EXPECT_EQ(Json(0.995).dump(), "0.995");
  EXPECT_EQ(Json(1.0).dump(), "1");
  EXPECT_EQ(Json(1e300).dump(), "1e+300");
  EXPECT_EQ(Json(std::numeric_limits<double>::quiet_NaN()).dump(), "null");
}

}  // namespace
}  // namespace cardstorm
