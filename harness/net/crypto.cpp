// crypto: OpenSSL's one-shot calls behind plain types.
#include "harness/net/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "harness/core/text.hpp"

namespace cardstorm {

namespace {

using Digest = std::array<unsigned char, 32>;

// OpenSSL takes no null pointers, not even for empty data.
const unsigned char* bytes_of(std::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.empty() ? "" : data.data());
}

}  // namespace

Digest sha256(std::string_view data) {
  Digest out{};
  if (EVP_Digest(bytes_of(data), data.size(), out.data(), nullptr, EVP_sha256(), nullptr) != 1) std::abort();
  return out;
}

Digest hmac_sha256(std::string_view key, std::string_view data) {
  Digest out{};
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), bytes_of(key), static_cast<int>(key.size()), bytes_of(data), data.size(), out.data(), &length) == nullptr)
    std::abort();
  return out;
}

std::string sha256_hex(std::string_view data) { return hex(sha256(data)); }

std::string hmac_sha256_hex(std::string_view key, std::string_view data) { return hex(hmac_sha256(key, data)); }

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(bytes_of(a), bytes_of(b), a.size()) == 0;
}

std::string random_token(int bytes) {
  std::vector<unsigned char> out(static_cast<std::size_t>(bytes));
  for (std::size_t filled = 0; filled < out.size();) {
    const ssize_t got = getrandom(out.data() + filled, out.size() - filled, 0);
    if (got < 0 && errno != EINTR) std::abort();  // a guessable token would be worse than no process
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  return hex(out);
}

}  // namespace cardstorm
