// URLs as they go on the wire, where a Location leads, and the heap of deadlines.
#include "harness/net/http_url.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "harness/core/rng.hpp"
#include "harness/net/deadlines.hpp"

namespace cardstorm {
namespace {

TEST(HttpUrl, SplitsWhatGoesOnTheWire) {
  const auto url = split_url("http://[::1]:8080/a/b?x=1#part");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->authority, "[::1]:8080");
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(url->target, "/a/b?x=1");
  EXPECT_EQ(split_url("HTTPS://shop")->port, 443);
  EXPECT_EQ(split_url("http://shop?x")->target, "?x");
  for (const char* bad :
       {"", "shop/x", "ftp://shop/", "http://", "http://shop:0/", "http://shop:99999/", "http://shop:8x/",
        "http://a b/", "http://shop/a b", "http://user:word@shop/", "http://[::1/"})
    EXPECT_FALSE(split_url(bad)) << bad;
}

TEST(HttpUrl, ResolvesALocation) {
  const std::string base = "http://shop:80/a/b/c?q=1";
  EXPECT_EQ(resolve_location(base, "/x"), "http://shop:80/x");
  EXPECT_EQ(resolve_location(base, "x?y=2"), "http://shop:80/a/b/x?y=2");
  EXPECT_EQ(resolve_location(base, "../x"), "http://shop:80/a/x");
  EXPECT_EQ(resolve_location(base, "../../../../x/"), "http://shop:80/x/");
  EXPECT_EQ(resolve_location(base, "?z"), "http://shop:80/a/b/c?z");
  EXPECT_EQ(resolve_location(base, "//other/x"), "http://other/x");
  EXPECT_EQ(resolve_location(base, " https://other/x#y "), "https://other/x");
  EXPECT_EQ(resolve_location("http://shop", "x"), "http://shop/x");
  EXPECT_EQ(resolve_location(base, "ftp://other/x"), std::nullopt);
  EXPECT_EQ(resolve_location(base, "javascript:alert(1)"), std::nullopt);
}

TEST(Deadlines, GivesTheEarliestHoweverItemsComeAndGo) {
  struct Item {
    Nanos deadline;
    std::size_t place = Deadlines<Item>::kNowhere;
  };
  std::deque<Item> items;
  Deadlines<Item> heap;
  Rng rng(1, "deadlines");
  std::vector<Item*> in;
  for (int i = 0; i < 5000; ++i) {
    if (in.empty() || rng.below(3) > 0) {
      in.push_back(&items.emplace_back(Item{Nanos(rng.below(1000))}));
      heap.add(*in.back());
    } else {
      const std::size_t which = rng.below(in.size());
      heap.remove(*in[which]);
      EXPECT_EQ(in[which]->place, Deadlines<Item>::kNowhere);
      in.erase(in.begin() + static_cast<std::ptrdiff_t>(which));
    }
    const auto least =
        std::min_element(in.begin(), in.end(), [](const Item* a, const Item* b) { return a->deadline < b->deadline; });
    ASSERT_EQ(heap.next(), in.empty() ? Nanos::max() : (*least)->deadline);
  }
}

}  // namespace
}  // namespace cardstorm
