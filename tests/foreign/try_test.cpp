// try: `doctor --target FILE --try` on the PHP shop, healthy and with a planted bug: a self-check must find what is
// there, and nothing else.
#include <algorithm>

#include "tests/foreign/site.hpp"

namespace cardstorm::test {
namespace {

struct Tried {
  Said said;
  Json facts;
  [[nodiscard]] Json of(const std::string& name) const {
    for (const Json& fact : facts.items())
      if (fact["name"].string() == name) return fact;
    return Json();
  }
};

/// Nothing could be said because this machine stood still for a moment, and the driver was late by it.
bool late(const Json& fact) {
  const std::string found = fact["found"].string();
  return fact["state"].string() == "missing" && (found.find("unknown: the driver sent late") != std::string::npos ||
                                                 found.find("through our own lateness") != std::string::npos);
}

/// Tries again, twice at most, where the driver was late.
Tried try_out(const Site& site) {
  for (int tries = 1;; ++tries) {
    Tried out{site.command({"doctor", "--try"}, "try" + std::to_string(tries)), {}};
    const auto facts = Json::parse(out.said.out);
    EXPECT_TRUE(facts) << out.said.out << out.said.err;
    if (!facts) return out;
    out.facts = *facts;
    if (tries == 3 || std::none_of(out.facts.items().begin(), out.facts.items().end(), late)) return out;
  }
}

int number_in_front(const std::string& text) { return std::atoi(text.c_str()); }

TEST(PhpDoctor, TrustsAHealthyShopAndSeesThatASlowBankIsBypassed) {
  const Site site;
  ASSERT_TRUE(site.ready());
  const Tried tried = try_out(site);
  EXPECT_EQ(tried.said.code, 0) << tried.said.out << tried.said.err;
  EXPECT_EQ(tried.of("try_control")["state"].string(), "ok") << tried.facts.dump();
  EXPECT_EQ(tried.of("try_control")["found"].string(), "pass");
  const Json duplicate = tried.of("try_duplicate");
  EXPECT_EQ(duplicate["state"].string(), "ok") << duplicate.dump();
  EXPECT_GT(number_in_front(duplicate["found"].string()), 10) << duplicate.dump();
  EXPECT_NE(duplicate["found"].string().find("notified more than once; pass"), std::string::npos) << duplicate.dump();
  const Json bypassed = tried.of("try_bypassed");
  EXPECT_EQ(bypassed["state"].string(), "ok") << bypassed.dump();
  EXPECT_NE(bypassed["found"].string().find("bypassed: no request of the platform came through beta"),
            std::string::npos)
      << bypassed.dump();
  for (const Json& fact : tried.facts.items()) EXPECT_NE(fact["state"].string(), "missing") << fact.dump();
}

TEST(PhpDoctor, FindsTheShopThatHandsOverTwice) {
  const Site site({.bug = "notify_twice"});
  ASSERT_TRUE(site.ready());
  const Tried tried = try_out(site);
  EXPECT_EQ(tried.said.code, 3) << tried.said.out << tried.said.err;
  EXPECT_EQ(tried.of("try_control")["state"].string(), "ok")
      << "without duplicates nothing shows: " << tried.facts.dump();
  const Json duplicate = tried.of("try_duplicate");
  EXPECT_EQ(duplicate["state"].string(), "missing") << duplicate.dump();
  EXPECT_NE(duplicate["found"].string().find("one_credit_per_charge: "), std::string::npos) << duplicate.dump();
  EXPECT_NE(duplicate["remedy"].string(), "") << duplicate.dump();
  EXPECT_EQ(tried.of("try_bypassed")["state"].string(), "ok") << tried.facts.dump();
}

}  // namespace
}  // namespace cardstorm::test
