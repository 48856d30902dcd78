// crypto: digests, MACs, signatures, sealed texts and tokens. The only door of OpenSSL.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/result.hpp"

namespace cardstorm {

std::array<unsigned char, 32> sha256(std::string_view data);
std::array<unsigned char, 32> hmac_sha256(std::string_view key, std::string_view data);
std::string sha256_hex(std::string_view data);
std::string hmac_sha256_hex(std::string_view key, std::string_view data);
/// Lower-case hex. For the dialects that still sign with it; it protects nothing.
std::string md5_hex(std::string_view data);
/// Same length and content, in time that does not depend on where they differ.
bool same_secret(std::string_view a, std::string_view b);
/// `bytes` random bytes from the system, as hex.
std::string random_token(int bytes);
/// `bytes` random bytes from the system, as they are.
std::string random_bytes(int bytes);

/// RFC 4648 with padding; the url form uses '-' and '_' and has no padding.
std::string base64(std::string_view data);
std::string base64url(std::string_view data);
/// nullopt for anything but whole groups of the alphabet (padding must be right; the url form takes none).
std::optional<std::string> base64_decode(std::string_view text);
std::optional<std::string> base64url_decode(std::string_view text);

/// PEM texts: PKCS#8 private key and SubjectPublicKeyInfo public key.
struct RsaKeys {
  std::string private_pem, public_pem;
};
Result<RsaKeys> make_rsa_keys(int bits = 2048);
/// The raw signature, RSA PKCS#1 v1.5 over SHA-256. `private_pem`: PKCS#8 or PKCS#1. Errc::invalid when it is no RSA
/// key.
Result<std::string> rsa_sha256_sign(const std::string& private_pem, std::string_view data);
/// False for a wrong signature and for a text that is no public key.
bool rsa_sha256_verify(const std::string& public_pem, std::string_view data, std::string_view signature);
/// Of a private key's PEM. Errc::invalid when it is none.
Result<std::string> rsa_public_of(const std::string& private_pem);

/// AES-256-GCM: `key` 32 bytes, `nonce` 12 bytes; the 16-byte tag stands behind the sealed text, as WeChat Pay has it.
Result<std::string> aes_256_gcm_seal(std::string_view key, std::string_view nonce, std::string_view associated,
                                     std::string_view plain);
/// nullopt when anything was changed, or key or nonce have another length.
std::optional<std::string> aes_256_gcm_open(std::string_view key, std::string_view nonce, std::string_view associated,
                                            std::string_view sealed);

}  // namespace cardstorm
