// Digests against published vectors.
#include "harness/net/crypto.hpp"

#include <gtest/gtest.h>

namespace cardstorm {
namespace {

TEST(Crypto, MatchesThePublishedVectors) {
  // FIPS 180-2 appendix B.1; RFC 4231 case 2.
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256_hex("", ""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Crypto, ComparesSecretsByLengthAndContent) {
  EXPECT_TRUE(same_secret("", ""));
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_FALSE(same_secret("abc", "abd"));
  EXPECT_FALSE(same_secret("abc", "ab"));
}

TEST(Crypto, MakesTokensOfTheAskedLengthThatDiffer) {
  EXPECT_EQ(random_token(16).size(), 32U);
  EXPECT_NE(random_token(16), random_token(16));
}

}  // namespace
}  // namespace cardstorm
