// Card secrets: what the mint made is recognised, everything else is not.
#include "harness/mint/mint.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <set>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

namespace fs = std::filesystem;

struct MintFolder : ::testing::Test {
  MintFolder() {
    std::string name = (fs::temp_directory_path() / "cs-mint-XXXXXX").string();
    base = mkdtemp(name.data());
    dir = base + "/mint";
  }
  ~MintFolder() override { fs::remove_all(base); }
  std::string base, dir;
};

TEST(Mint, DecodesWhatItMade) {
  const Mint mint("key");
  for (const CardId id : {CardId{0, 0}, CardId{1, 5}, CardId{(1U << 18) - 1, 0xffffffffU}, CardId{7, 49'999}}) {
    const std::string text = mint.secret(id);
    EXPECT_EQ(text.size(), 34U);
    EXPECT_TRUE(text.starts_with("CS"));
    EXPECT_EQ(text.find_first_of("ILOU"), std::string::npos) << text;
    EXPECT_EQ(mint.decode(text), id);
  }
}

TEST(Mint, KnowsOnlyCopiesWhereCopiesAreExpected) {
  Mint mint("key");
  const std::string card = mint.secret({3, 9});
  EXPECT_EQ(mint.decode("SHADOW-" + card), std::nullopt);
  mint.expect_prefix("SHADOW-");
  EXPECT_EQ(mint.decode("SHADOW-" + card), (CardId{3, 9}));
  EXPECT_EQ(mint.decode(card), std::nullopt) << "a real card in a drill";
}

TEST(Mint, IgnoresCaseAndDashes) {
  const Mint mint("key");
  std::string text = lower(mint.secret({3, 9}));
  std::erase(text, '-');
  EXPECT_EQ(mint.decode(text), (CardId{3, 9}));
}

TEST(Mint, RefusesEveryTextWithOneCharacterChanged) {
  const Mint mint("key");
  const std::string text = mint.secret({3, 9});
  for (std::size_t i = 0; i < text.size(); ++i)
    for (const char c : std::string("0AZ7")) {
      std::string changed = text;
      if (changed[i] == c || changed[i] == '-') continue;
      changed[i] = c;
      EXPECT_EQ(mint.decode(changed), std::nullopt) << changed;
    }
}

TEST(Mint, RefusesForeignTexts) {
  const Mint mint("key");
  const std::string text = mint.secret({3, 9});
  for (const std::string& foreign :
       {std::string(), std::string("CS"), text + "0", text.substr(1), " " + text, text + "\n",
        Mint("other key").secret({3, 9}), std::string("Sorry, this item is out of stock"), std::string(100'000, '-'),
        std::string(100'000, 'A')})
    EXPECT_EQ(mint.decode(foreign), std::nullopt);
}

TEST(Mint, DecodesPairsInTheFormsOfCardShops) {
  const Mint mint("key");
  for (const CardId id : {CardId{0, 0}, CardId{1, 5}, CardId{(1U << 18) - 1, 0xffffffffU}})
    for (const CardAlphabet alphabet : {CardAlphabet::base32, CardAlphabet::digits}) {
      const auto [number, secret] = mint.pair(id, alphabet);
      EXPECT_EQ(number.size(), 16U);
      EXPECT_NE(number[0], '0');
      for (const char* between : {"----", ",", " ", "\t", " | ", "\n", " 密码："})
        EXPECT_EQ(mint.decode(number + between + secret), id) << between;
      EXPECT_EQ(mint.decode("卡号:" + number + " 卡密:" + secret), id);
    }
  const auto digits = mint.pair({3, 9}, CardAlphabet::digits);
  EXPECT_EQ(digits.secret.size(), 24U);
  EXPECT_EQ((digits.number + digits.secret).find_first_not_of("0123456789"), std::string::npos);
}

TEST(Mint, RefusesPairsThatDoNotBelongTogether) {
  const Mint mint("key");
  for (const CardAlphabet alphabet : {CardAlphabet::base32, CardAlphabet::digits}) {
    const auto [number, secret] = mint.pair({3, 9}, alphabet);
    const auto other = mint.pair({3, 10}, alphabet), foreign = Mint("other key").pair({3, 9}, alphabet);
    for (const std::string& text :
         {number, number + "----", number + secret, number + "----" + other.secret, other.number + "----" + secret,
          number + "----" + foreign.secret, number + "----" + secret + "0", number + "0----" + secret,
          "0" + number + "----" + secret, number + "----" + secret + " ", secret + "----" + number,
          std::string("9999999999999999----") + secret, std::string("0000000000000000----") + secret})
      EXPECT_EQ(mint.decode(text), std::nullopt) << text;
  }
  const std::string secret = mint.pair({3, 9}, CardAlphabet::digits).secret;
  EXPECT_EQ(mint.decode(secret), std::nullopt);
}

TEST(Mint, RefusesEveryPairWithOneDigitChanged) {
  const Mint mint("key");
  const auto [number, secret] = mint.pair({3, 9}, CardAlphabet::digits);
  const std::string text = number + "----" + secret;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') continue;
    std::string changed = text;
    changed[i] = changed[i] == '7' ? '3' : '7';
    EXPECT_EQ(mint.decode(changed), std::nullopt) << changed;
  }
}

TEST(Mint, GivesStableDigestsThatDependOnTheKey) {
  EXPECT_EQ(Mint("a").digest("text"), Mint("a").digest("text"));
  EXPECT_EQ(Mint("a").digest("text").size(), 16U);
  EXPECT_NE(Mint("a").digest("text"), Mint("b").digest("text"));
  EXPECT_NE(Mint("a").digest("text"), Mint("a").digest("texu"));
}

TEST_F(MintFolder, HoldsManifestKeyAndCards) {
  const std::vector<MintSku> skus{{"steam-50", "game_card", 1, 1000, 5000}, {"vip-month", "membership", 2, 0, 1500}};
  const Status status = write_mint(dir, "the secret key", skus);
  ASSERT_TRUE(status) << status.error().what;
  struct stat info {};
  ASSERT_EQ(stat((dir + "/key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_FALSE(fs::exists(dir + "/cards/vip-month.txt"));

  const auto manifest = read_manifest(dir + "/manifest.json");
  ASSERT_TRUE(manifest);
  ASSERT_EQ(manifest->size(), 2U);
  EXPECT_EQ((*manifest)[0].sku, "steam-50");
  EXPECT_EQ((*manifest)[0].cards, 1000U);
  EXPECT_EQ((*manifest)[1].goods, "membership");
  EXPECT_EQ((*manifest)[1].price_cents, 1500);

  const auto mint = load_mint(dir);
  ASSERT_TRUE(mint);
  const auto text = read_file(dir + "/cards/steam-50.txt").value();
  std::set<std::uint32_t> seen;
  for (const std::string& line : split(trim(text), '\n')) {
    const auto id = mint->decode(line);
    ASSERT_TRUE(id) << line;
    EXPECT_EQ(id->sku, 1U);
    seen.insert(id->index);
  }
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_EQ(*seen.rbegin(), 999U);
}

TEST_F(MintFolder, HoldsCardsInTheFormThatWasAsked) {
  struct Case {
    const char* name;
    MintForm form;
    const char* file;
    std::size_t length;
  };
  for (const auto& [name, form, file, length] :
       {Case{"a", {CardFormat::csv, CardAlphabet::base32}, "s.csv", 16 + 1 + 34},
        Case{"b", {CardFormat::pairs, CardAlphabet::base32}, "s.txt", 16 + 4 + 34},
        Case{"c", {CardFormat::csv, CardAlphabet::digits}, "s.csv", 16 + 1 + 24},
        Case{"d", {CardFormat::pairs, CardAlphabet::digits}, "s.txt", 16 + 4 + 24}}) {
    const std::string folder = base + "/" + name;
    ASSERT_TRUE(write_mint(folder, "k", {{"s", "game_card", 5, 50, 100}}, form));
    const Mint mint = load_mint(folder).value();
    const std::string text = read_file(folder + "/cards/" + file).value();
    const auto lines = split(trim(text), '\n');
    ASSERT_EQ(lines.size(), 50U);
    for (std::uint32_t i = 0; i < 50; ++i) {
      EXPECT_EQ(lines[i].size(), length);
      EXPECT_EQ(mint.decode(lines[i]), (CardId{5, i}));
    }
  }
}

TEST_F(MintFolder, IsNotMadeWithSecretsThatNobodyCouldRecognise) {
  EXPECT_EQ(
      write_mint(dir, "k", {{"s", "game_card", 5, 50, 100}}, {CardFormat::lines, CardAlphabet::digits}).error().code,
      Errc::invalid);
  EXPECT_TRUE(fs::is_empty(base));
}

TEST_F(MintFolder, ManifestHoldsNoSecret) {
  ASSERT_TRUE(write_mint(dir, "the secret key", {{"a", "game_card", 1, 3, 100}}));
  const std::string manifest = read_file(dir + "/manifest.json").value();
  EXPECT_EQ(manifest.find("the secret key"), std::string::npos);
  EXPECT_EQ(manifest.find("CS0"), std::string::npos);
}

TEST_F(MintFolder, IsLeftAloneWhenItExists) {
  fs::create_directory(dir);
  const Status status = write_mint(dir, "k", {{"a", "game_card", 1, 3, 100}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::unavailable);
  EXPECT_TRUE(fs::is_empty(dir));
}

TEST_F(MintFolder, IsNotMadeFromBadSkus) {
  for (const auto& bad :
       std::vector<std::vector<MintSku>>{{{"../evil", "game_card", 1, 3, 100}},
                                         {{"", "game_card", 1, 3, 100}},
                                         {{"a", "game_card", 1, 3, 100}, {"a", "game_card", 2, 3, 100}},
                                         {{"a", "game_card", 1, 3, 100}, {"b", "game_card", 1, 3, 100}},
                                         {{"a", "game_card", 1U << 18, 3, 100}}}) {
    const Status status = write_mint(dir, "k", bad);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Errc::invalid);
    EXPECT_TRUE(fs::is_empty(base));
  }
}

TEST_F(MintFolder, IsNotBegunWhenTheDiskIsTooSmall) {
  std::vector<MintSku> many;
  for (std::uint32_t i = 1; i <= 20'000; ++i)
    many.push_back({"s" + std::to_string(i), "game_card", i, std::numeric_limits<std::uint32_t>::max(), 100});  // 3 PB
  const Status status = write_mint(dir, "k", many);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::unavailable);
  EXPECT_NE(status.error().what.find("MiB"), std::string::npos) << status.error().what;
  EXPECT_FALSE(fs::exists(dir));
}

TEST_F(MintFolder, TakesASlashBehindItsName) {
  ASSERT_TRUE(write_mint(dir + "/", "k", {{"a", "game_card", 1, 40'000, 100}}));
  const std::string text = read_file(dir + "/cards/a.txt").value();
  const auto cards = split(trim(text), '\n');
  ASSERT_EQ(cards.size(), 40'000U);  // more than one block
  EXPECT_EQ(Mint("k").decode(cards[39'999]), (CardId{1, 39'999}));
}

TEST_F(MintFolder, LeavesNothingWhenAWriteFails) {
  // A limit on the size of a file stands for a full disk: the write fails in the middle in the same way.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 20'000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = write_mint(dir, "k", {{"a", "game_card", 1, 10, 100}, {"b", "game_card", 2, 1000, 100}});
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().what.find("b.txt"), std::string::npos) << status.error().what;
  EXPECT_TRUE(fs::is_empty(base));
}

TEST_F(MintFolder, IsRefusedWhenKeyAndManifestDoNotMatch) {
  ASSERT_TRUE(write_mint(dir, "k", {{"a", "game_card", 1, 3, 100}}));
  ASSERT_TRUE(write_file(dir + "/key", "another"));
  EXPECT_EQ(load_mint(dir).error().code, Errc::invalid);
  EXPECT_FALSE(load_mint(base + "/none"));
}

TEST_F(MintFolder, RefusesDamagedManifests) {
  const std::string path = base + "/m.json";
  for (
      const std::string text :
      {"", "{}", "{\"schema\":\"cardstorm.mint/2\",\"skus\":[]}",
       R"({"schema":"cardstorm.mint/1","skus":[{"sku":"a","goods":"game_card","number":1,"cards":-1,"price_cents":1}]})",
       R"({"schema":"cardstorm.mint/1","skus":[{"sku":"a","goods":"game_card","number":"1","cards":1,"price_cents":1}]})"}) {
    ASSERT_TRUE(write_file(path, text));
    EXPECT_FALSE(read_manifest(path)) << text;
  }
}

}  // namespace
}  // namespace cardstorm
