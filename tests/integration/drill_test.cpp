// drill: the whole product, end to end, on real parts: the fragile variant breaks, the hardened one does not, and the
// record can be judged again.
#include <gtest/gtest.h>

#include "harness/core/text.hpp"
#include "harness/judge/judge.hpp"
#include "tests/integration/command.hpp"

namespace cardstorm {
namespace {

const Json& check(const Json& card, const std::string& name) {
  for (const Json& c : card["checks"].items())
    if (c["name"].string() == name) return c;
  static const Json kNone;
  return kNone;
}

/// The first card text (CS and 26 characters of Crockford's base32) or buyer's phone (199 and eight digits, as a word)
/// in `text`; else "".
std::string secret_in(const std::string& text) {
  const std::string_view base32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", digits = "0123456789";
  const auto run_of = [&](std::size_t at, std::string_view letters) {
    return std::min(text.find_first_not_of(letters, at), text.size()) - at;
  };
  for (auto at = text.find("CS"); at != std::string::npos; at = text.find("CS", at + 1))
    if (run_of(at + 2, base32) >= 26) return text.substr(at, 28);
  for (auto at = text.find("\"199"); at != std::string::npos; at = text.find("\"199", at + 1))
    if (run_of(at + 1, digits) == 11 && text.compare(at + 12, 1, "\"") == 0) return text.substr(at, 13);
  return "";
}

TEST(Drill, TellsTheFragileFromTheHardenedPlatform) {
  const TestFolder folder;
  const std::string out = folder.at("drill");
  const Said said = run_command(folder, {"drill", "--quick", "--out", out, "--json"}, 10min);
  ASSERT_TRUE(said.code == 0 || said.code == 1 || said.code == 3) << said.err;
  const auto card = Json::parse(said.out);
  ASSERT_TRUE(card) << card.error().what << "\n" << said.err;
  const Json& fragile = (*card)["baseline"];
  const Json& hardened = (*card)["candidate"];

  for (const Json* side : {&fragile, &hardened}) {
    const Json& traffic = (*side)["traffic"];
    std::int64_t sum = 0;
    for (const auto& [name, count] : traffic["outcomes"].members()) sum += count.integer();
    EXPECT_EQ(sum, traffic["planned"].integer());
    EXPECT_EQ((*side)["episodes"].items().size(), 3U);
    for (const Json& episode : (*side)["episodes"].items()) {
      EXPECT_TRUE(episode["verified"].boolean()) << episode["fault"].string();
      EXPECT_TRUE(episode["reverted"].boolean()) << episode["fault"].string();
    }
  }

  // Fragile: out of service each time, promises broken with witnesses.
  for (const Json& episode : fragile["episodes"].items())
    EXPECT_FALSE(episode["absorbed"].boolean()) << episode["fault"].string();
  EXPECT_EQ(fragile["verdict"].string(), "fail");
  for (const Json& c : fragile["checks"].items()) {
    if (c["verdict"].string() == "fail") {
      EXPECT_FALSE(c["witnesses"].items().empty()) << c["name"].string();
    }
  }
  EXPECT_EQ(check(fragile, "paid_then_credited")["verdict"].string(), "fail") << "as README says";

  // Hardened: no promise broken, every check with something to judge.
  for (const Json& c : hardened["checks"].items()) EXPECT_EQ(c["verdict"].string(), "pass") << c.dump();
  EXPECT_GT(check(hardened, "paid_then_credited")["examined"].integer(), 100);
  EXPECT_GT(hardened["success_rate"].number(), fragile["success_rate"].number());
  EXPECT_GT((*card)["mttr_reduction"].number(-1), 0);

  // The record is enough: judging again gives the same bytes.
  const Said again = run_command(folder, {"judge", out, "--json"});
  EXPECT_EQ(again.out, said.out);
  EXPECT_EQ(again.code, said.code);
  const Said html = run_command(folder, {"report", out, "--format", "html", "--lang", "zh"});
  EXPECT_NE(html.out.find("</html>"), std::string::npos);

  // Secrets stay out of everything that is kept (rule 15).
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(out)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(secret_in(*read_file(entry.path().string())), "") << entry.path();
    EXPECT_NE(entry.path().filename(), "key");
    EXPECT_NE(entry.path().filename(), "partners.key");
    EXPECT_NE(entry.path().filename(), ".faults.keys") << "the control token of a fault";
  }
  EXPECT_GT(files, 20U);
}

TEST(Secrets, TheScanKnowsACardAndAPhone) {
  EXPECT_NE(secret_in("x CS0123456789ABCDEFGHJKMNPQRS y"), "");
  EXPECT_NE(secret_in(R"({"phone":"19912345678"})"), "");
  EXPECT_EQ(secret_in(R"({"mono_ns":19982435330,"order":"CS012"})"), "");
}

}  // namespace
}  // namespace cardstorm
