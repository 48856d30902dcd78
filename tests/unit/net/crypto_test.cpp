// Digests, codes and ciphers against published vectors; signatures against keys made elsewhere.
#include "harness/net/crypto.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

// For these tests only; nobody trusts this key.
const std::string kPrivate = R"(-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDISHt10ge+8L1t
mNUFQ+INwPoFyDc9P+0oTBngwTMnpsbN+9R1DyLFY0OgKiESRnkeJTvSBXoER0DX
j99A6uTAyAHebzBZbLX4fuyfvht7uXQYjS/v/delrXn5cyFbu4B+pdhFflgpPS68
sTvqKb9IN0eSLMv00sVhZ+sb/mY/XJbYeysfaTguKlJlKR23TAfyOm6WNuYlWcbQ
cgeDH5sxJNwpmTkH8WCXsIaBklDA2EA6pBoNW02i1IzJtbfshyin8QzEsZPmlnTQ
MgTDBVNrdefHFkcyhey2GsWJn5BfOE2w25I3kusWGizCintnzGQapJPr3vVO4WG9
DRGcuyJHAgMBAAECggEAPfuAidP4JbVnSlW0By8c9Fi2h7eQsNnp0UDL+WyRIkJQ
4EqBU8DdZ+zybsza80bwEM5BFxwuyMgsXwndc7++D5NWULpkYihsoHzXShCRfNbG
ARsgrMsIQ/PN/c8NkdATUh6NMeSJ8ClJH4hSHIPS+Mxyz+AhNqFMCHsanc07Y3v9
4Gwv4ErPUIbyk1+DIKeTsq3GAQrPaS4u7Or9J0myg7IzDuXnMRjhzhytPTD5yPXk
W5DVTvbFrZ0NyIS+GbXwjL4CzSrdvh3oIcmAgWGI6/ccbOI0ftJKsArz5s5evLwH
xI1zv1LVb9bO9gKAws7GaGFhNpGtrLQZNgtTA2KDEQKBgQDljG3IZPKjGY/ji08u
DP+HZC/o6G91dlo5q0ruuDHkp4jpZqpa+nEVDa71s3tcwVHTO7BpJHIg8qMdRQ9M
pLwRx9kxZpHzanK2nllEhE4Gt5sNA/yjvZe19cevwf643QnUZ1lNFWCIfi4urIp/
vDAIdN0WkTBkhbreUSR0tBex+wKBgQDfXLzg6tjwK169/K/fjrK8dK1wT+LZeMd1
LLOnpTQFLjEBQ0/t/o5E1jyyByN2O6kYLsY9n2yjNEk5H2O3aSpbbfujymZGBeaf
up+lLBXcK70PxlLMhBEoaI41FeGmKu2qev8/5fUIT+w1qbwkf6quaIO9X7G3zuix
FhJ0SDfrJQKBgBp0eb6Lq88SRhwCVSjIhLaU3FSqXRYbgsB8tlEW12Ez0bqcg2ui
y1+SySQ2ADSrbwO6MFWdxq13aUcZS28Y2TfvYV+pI477KKdVTpJv8RIjHPJ+ECLK
2e41mkLuR64Eg3qAQrF4kjyI1ke4yOl5xctjtItCRmJ/aw7uKRZuHwD7AoGBAKP4
oZP/87gELq4MRVQ5no7onLZZfvAlUU98vHpytcijy0fhEVlmySxRlgcfZHIUhCMD
m3Z7hbYd2S89Euf/JSAvkk8Ac6ouBMr3puELhxS1azqcXgZTYYEnmFXyNU/WLdk8
KAvRlds/SOlwLHUi37rfcO7hxEZqd7oguPVyWtKdAoGAWqPb18Vc7vBYBJW2CKF9
qnTAMI8bgsqWKT0gWqQqUl75s8Zv+AnppmyA20frVkSuxFrcteZbrQOb/iA/OdWA
pr5cVCb6jMXz2MRfMGjS2Nznh22suFEYVpFIz5OVstSvF0nu2JOuKFzcm7l7wDq0
+5uBPAvHO0l93S/PKsaZX7E=
-----END PRIVATE KEY-----
)";
const std::string kPublic = R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyEh7ddIHvvC9bZjVBUPi
DcD6Bcg3PT/tKEwZ4MEzJ6bGzfvUdQ8ixWNDoCohEkZ5HiU70gV6BEdA14/fQOrk
wMgB3m8wWWy1+H7sn74be7l0GI0v7/3Xpa15+XMhW7uAfqXYRX5YKT0uvLE76im/
SDdHkizL9NLFYWfrG/5mP1yW2HsrH2k4LipSZSkdt0wH8jpuljbmJVnG0HIHgx+b
MSTcKZk5B/Fgl7CGgZJQwNhAOqQaDVtNotSMybW37Icop/EMxLGT5pZ00DIEwwVT
a3XnxxZHMoXsthrFiZ+QXzhNsNuSN5LrFhoswop7Z8xkGqST6971TuFhvQ0RnLsi
RwIDAQAB
-----END PUBLIC KEY-----
)";
const std::string kSignature =
    "fEZBtbjilkV75exthRM+2rY5T0l/lWcIbXz+TWKCbgVLh6Xm+AyPA65ZiM5j7grODewsiTZQhcirETaLNWJvJm/UCLYzNdxp6ASd"
    "F7CN0cbGJ2adlDIBw2ucLqDOYYtQnjAe4RWVYCyyVsQ4E9Va1L7StzASfsA+4entTmdrM+edzwUBUn5/nWBbBu38P7PJcZITs1rg"
    "5k7YtYX6nfrIhCX8wh8d8G65QFCydn4CsSD2GrFkM6uGDprkG3MJqF1Uz1bbfQKhjNL2R8bobczrNowBJsBZ/2oBOdm8EgcfgqAu"
    "G/18NsTk1tqgc0mVcA52OxytAYmq1NWLNq5MqDG2dw==";

TEST(Crypto, MatchesThePublishedVectors) {
  // FIPS 180-2 appendix B.1; RFC 4231 case 2.
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256_hex("", ""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Crypto, MatchesTheMd5VectorsOfRfc1321) {
  EXPECT_EQ(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Crypto, MatchesTheBase64VectorsOfRfc4648) {
  const std::vector<std::pair<std::string, std::string>> vectors{
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(base64(plain), text);
    EXPECT_EQ(base64_decode(text), plain);
  }
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
  EXPECT_EQ(base64url_decode("-_8"), "\xfb\xff");
}

TEST(Crypto, RefusesWhatIsNoBase64) {
  for (const std::string text : {"Zg", "Zg=", "Zg===", "Z===", "Zh==", "Zm 9", "Zm9v\n", "-_8="})
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  for (const std::string text : {"Z", "-_8=", "+/8", "-_9"}) EXPECT_EQ(base64url_decode(text), std::nullopt) << text;
}

TEST(Crypto, SealsAsTheVectorOfMcGrewAndViega) {
  // The Galois/Counter Mode of Operation, test cases 13 and 14.
  const std::string key(32, '\0'), nonce(12, '\0');
  const auto bytes = [](const std::string& text) { return std::vector<unsigned char>(text.begin(), text.end()); };
  EXPECT_EQ(hex(bytes(aes_256_gcm_seal(key, nonce, "", "").value())), "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_EQ(hex(bytes(aes_256_gcm_seal(key, nonce, "", std::string(16, '\0')).value())),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(Crypto, OpensOnlyWhatWasSealed) {
  const std::string key = random_bytes(32), nonce = random_bytes(12);
  const std::string sealed = aes_256_gcm_seal(key, nonce, "transaction", "{\"a\":1}").value();
  EXPECT_EQ(aes_256_gcm_open(key, nonce, "transaction", sealed), "{\"a\":1}");
  EXPECT_EQ(aes_256_gcm_open(key, nonce, "refund", sealed), std::nullopt);
  EXPECT_EQ(aes_256_gcm_open(random_bytes(32), nonce, "transaction", sealed), std::nullopt);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(aes_256_gcm_open(key, nonce, "transaction", changed), std::nullopt);
  }
  EXPECT_EQ(aes_256_gcm_open(key, nonce, "", "short"), std::nullopt);
  EXPECT_EQ(aes_256_gcm_open("short", nonce, "", sealed), std::nullopt);
  EXPECT_FALSE(aes_256_gcm_seal(key, "short", "", ""));
}

TEST(Crypto, SignsAsOpensslsCommandDoes) {
  // Key and signature were made by `openssl genpkey` and `openssl dgst -sha256 -sign`.
  const std::string signature = base64_decode(kSignature).value();
  EXPECT_EQ(base64(rsa_sha256_sign(kPrivate, "card storm").value()), kSignature);
  EXPECT_EQ(rsa_public_of(kPrivate).value(), kPublic);
  EXPECT_TRUE(rsa_sha256_verify(kPublic, "card storm", signature));
  EXPECT_FALSE(rsa_sha256_verify(kPublic, "card storm ", signature));
  EXPECT_FALSE(rsa_sha256_verify(kPublic, "card storm", signature.substr(1)));
  EXPECT_FALSE(rsa_sha256_verify(kPublic, "card storm", ""));
}

TEST(Crypto, RefusesTextsThatAreNoKeys) {
  for (const std::string& text : {std::string(), std::string("key"), std::string(kPublic).substr(0, 100)}) {
    EXPECT_FALSE(rsa_sha256_sign(text, "x"));
    EXPECT_FALSE(rsa_public_of(text));
    EXPECT_FALSE(rsa_sha256_verify(text, "x", "y"));
  }
  EXPECT_FALSE(rsa_sha256_sign(kPublic, "x"));
}

TEST(Crypto, MakesKeysThatFitTogether) {
  const RsaKeys keys = make_rsa_keys(2048).value();
  EXPECT_TRUE(rsa_sha256_verify(keys.public_pem, "x", rsa_sha256_sign(keys.private_pem, "x").value()));
  EXPECT_FALSE(rsa_sha256_verify(kPublic, "x", rsa_sha256_sign(keys.private_pem, "x").value()));
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
