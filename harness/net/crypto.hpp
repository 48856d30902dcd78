// crypto: digests, MACs and tokens. The only door of OpenSSL.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace cardstorm {

std::array<unsigned char, 32> sha256(std::string_view data);
std::array<unsigned char, 32> hmac_sha256(std::string_view key, std::string_view data);
std::string sha256_hex(std::string_view data);
std::string hmac_sha256_hex(std::string_view key, std::string_view data);
/// Same length and content, in time that does not depend on where they differ.
bool same_secret(std::string_view a, std::string_view b);
/// `bytes` random bytes from the system, as hex.
std::string random_token(int bytes);

}  // namespace cardstorm
