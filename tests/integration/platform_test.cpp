// The shop by hand: `cardstorm platform up` alone is enough, and the first walk of its contract works as it stands
// there.
#include <gtest/gtest.h>

#include <csignal>

#include "harness/core/text.hpp"
#include "tests/integration/command.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm {
namespace {

std::string with(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// The lines of code between two headings of api.md, with the addresses of this shop; the one that starts it is left
/// out, and where a reader waits for a second it waits for what comes, so that a slow disk is no other answer.
std::string code_of(const std::string& heading, const std::string& next, const Json& shop) {
  const auto text = read_file(testing_paths::source_dir() + "/reference_platform/api.md");
  if (!text) return "";
  const auto from = text->find(heading), to = text->find(next, from);
  std::string out;
  for (const auto& line : split(text->substr(from, to - from), '\n'))
    if (line.starts_with("    ") && line.find("platform up") == std::string::npos)
      out += std::string(line.substr(4)) + "\n";
  const std::string until_delivered =
      "for i in $(seq 200); do curl -s -H 'X-Buyer: me' $U/orders/$NO | grep -q '\"delivered\"' && break; sleep 0.1; "
      "done; ";
  out = with(out, "sleep 1; ", until_delivered);
  return with(with(out, "http://127.0.0.1:8000", shop["url"].string()), "http://127.0.0.1:8001",
              shop["control_url"].string());
}

std::string walk(const TestFolder& folder, const std::string& code) {
  const std::string script = folder.at("walk.sh");
  if (!write_file(script, code)) return "";
  ProcessSpec spec;
  spec.program = "/bin/bash";
  spec.args = {script};
  spec.stderr_path = folder.at("walk.err");
  auto process = Process::spawn(spec);
  if (!process) return "";
  std::string said;
  for (const Nanos end = monotonic_now() + 60s;;) {
    const auto line = process->read_line(std::max(end - monotonic_now(), Nanos(0)));
    if (!line || !line->has_value()) return said;
    said += **line + "\n";
  }
}

class Platform : public testing::TestWithParam<const char*> {};

TEST_P(Platform, TheFirstWalkOfItsContractWorksAsItStands) {
  if (!std::filesystem::exists("/usr/bin/curl")) GTEST_SKIP() << "needs curl";
  const TestFolder folder;
  Command up(folder, {"platform", "up", GetParam()});
  const auto line = up.process().read_line(60s);
  ASSERT_TRUE(line && line->has_value()) << up.err();
  const auto shop = Json::parse(**line);
  ASSERT_TRUE(shop);

  const std::string said = walk(folder, code_of("## A first walk", "## In general", *shop));
  EXPECT_NE(said.find(R"("status":"paying")"), std::string::npos) << said;
  const auto delivered = said.find(R"("status":"delivered","sku":"steam-50","quantity":2)");
  ASSERT_NE(delivered, std::string::npos) << said;
  EXPECT_NE(said.find("DEMO-steam-50-", delivered), std::string::npos) << said;
  EXPECT_NE(said.find(R"("balance_cents":10000000)"), std::string::npos) << said;
  EXPECT_NE(said.find(R"("paid_via":"alpha")"), std::string::npos) << said;

  const std::string words = "control token in ";
  const auto at = up.err().find(words);
  ASSERT_NE(at, std::string::npos) << up.err();
  const std::string partners = up.err().substr(at + words.size(), up.err().find('\n', at) - at - words.size());
  EXPECT_TRUE(std::filesystem::exists(partners + "/alpha.jsonl"));
  ASSERT_TRUE(up.signal(SIGTERM));
  EXPECT_EQ(up.finish(60s).code, 0) << up.err();
  EXPECT_TRUE(eventually(10s, [&] { return !std::filesystem::exists(partners); }))
      << "the partners did not end with the shop";
}

INSTANTIATE_TEST_SUITE_P(OfEachVariant, Platform, testing::Values("hardened", "fragile"));

TEST(PlatformUp, TakesItsPartnersAlongWhenItIsKilled) {
  const TestFolder folder;
  Command up(folder, {"platform", "up", "fragile"});
  const auto line = up.process().read_line(60s);
  ASSERT_TRUE(line && line->has_value()) << up.err();
  const std::string words = "control token in ";
  const auto at = up.err().find(words);
  ASSERT_NE(at, std::string::npos) << up.err();
  const std::string partners = up.err().substr(at + words.size(), up.err().find('\n', at) - at - words.size());
  ASSERT_TRUE(up.signal(SIGKILL));
  EXPECT_TRUE(eventually(10s, [&] { return !std::filesystem::exists(partners); }));
}

}  // namespace
}  // namespace cardstorm
