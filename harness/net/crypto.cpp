// crypto: OpenSSL's calls behind plain types.
#include "harness/net/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "harness/core/text.hpp"

namespace cardstorm {

namespace {

using Digest = std::array<unsigned char, 32>;

// OpenSSL takes no null pointers, not even for empty data.
const unsigned char* bytes_of(std::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.empty() ? "" : data.data());
}

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* held) const {
    Free(held);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using DigestState = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using CipherState = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free_all>>;

constexpr std::size_t kAesKey = 32, kGcmNonce = 12, kGcmTag = 16;
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void fill_random(unsigned char* out, std::size_t size) {
  for (std::size_t filled = 0; filled < size;) {
    const ssize_t got = getrandom(out + filled, size - filled, 0);
    if (got < 0 && errno != EINTR) std::abort();  // a guessable token would be worse than no process
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
}

std::string encode64(std::string_view data, std::string_view alphabet) {
  std::string out;
  out.reserve((data.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < data.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < data.size() ? static_cast<unsigned char>(data[i + j]) : 0U);
    for (std::size_t j = 0; j < 4 && i + j <= data.size(); ++j) out += alphabet[group >> (18 - 6 * j) & 63];
  }
  return out;
}

std::optional<std::string> decode64(std::string_view text, std::string_view alphabet) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const auto value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  if ((bits & ((1U << held) - 1)) != 0) return std::nullopt;  // two texts must not mean the same bytes
  return out;
}

Pkey key_in(const std::string& pem, bool is_private) {
  // Without a callback OpenSSL would ask the terminal for the passphrase of a sealed key.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!memory) std::abort();
  Pkey key(is_private ? PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr)
                      : PEM_read_bio_PUBKEY(memory.get(), nullptr, no_passphrase, nullptr));
  if (key && EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) key.reset();
  return key;
}

std::string pem_of(EVP_PKEY* key, bool is_private) {
  const Memory memory(BIO_new(BIO_s_mem()));
  const int wrote = is_private ? PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr)
                               : PEM_write_bio_PUBKEY(memory.get(), key);
  if (wrote != 1) std::abort();
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

/// A GCM state that has seen key, nonce and associated data; `seal` says in which direction.
CipherState gcm(std::string_view key, std::string_view nonce, std::string_view associated, bool seal) {
  if (key.size() != kAesKey || nonce.size() != kGcmNonce) return nullptr;
  CipherState state(EVP_CIPHER_CTX_new());
  int size = 0;
  if (!state ||
      EVP_CipherInit_ex(state.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key), bytes_of(nonce), seal ? 1 : 0) != 1 ||
      EVP_CipherUpdate(state.get(), nullptr, &size, bytes_of(associated), static_cast<int>(associated.size())) != 1)
    return nullptr;
  return state;
}

unsigned char* room_in(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

Digest sha256(std::string_view data) {
  Digest out{};
  if (EVP_Digest(bytes_of(data), data.size(), out.data(), nullptr, EVP_sha256(), nullptr) != 1) std::abort();
  return out;
}

Digest hmac_sha256(std::string_view key, std::string_view data) {
  Digest out{};
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), bytes_of(key), static_cast<int>(key.size()), bytes_of(data), data.size(), out.data(),
           &length) == nullptr)
    std::abort();
  return out;
}

std::string sha256_hex(std::string_view data) { return hex(sha256(data)); }

std::string hmac_sha256_hex(std::string_view key, std::string_view data) { return hex(hmac_sha256(key, data)); }

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(bytes_of(a), bytes_of(b), a.size()) == 0;
}

std::string md5_hex(std::string_view data) {
  std::array<unsigned char, 16> out{};
  if (EVP_Digest(bytes_of(data), data.size(), out.data(), nullptr, EVP_md5(), nullptr) != 1) std::abort();
  return hex(out);
}

std::string random_token(int bytes) {
  std::vector<unsigned char> out(static_cast<std::size_t>(bytes));
  fill_random(out.data(), out.size());
  return hex(out);
}

std::string random_bytes(int bytes) {
  std::string out(static_cast<std::size_t>(bytes), '\0');
  fill_random(room_in(out), out.size());
  return out;
}

std::string base64(std::string_view data) {
  std::string out = encode64(data, kBase64);
  while (out.size() % 4 != 0) out += '=';
  return out;
}

std::string base64url(std::string_view data) { return encode64(data, kBase64Url); }

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode64(text, kBase64);
}

std::optional<std::string> base64url_decode(std::string_view text) { return decode64(text, kBase64Url); }

Result<RsaKeys> make_rsa_keys(int bits) {
  const Pkey key(EVP_RSA_gen(static_cast<unsigned>(bits)));
  if (!key) return Error{Errc::internal, "cannot make an RSA key of " + std::to_string(bits) + " bits"};
  return RsaKeys{pem_of(key.get(), true), pem_of(key.get(), false)};
}

Result<std::string> rsa_sha256_sign(const std::string& private_pem, std::string_view data) {
  const Pkey key = key_in(private_pem, true);
  if (!key) return Error{Errc::invalid, "not an RSA private key in PEM form", "PKCS#8 or PKCS#1, without a passphrase"};
  const DigestState state(EVP_MD_CTX_new());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key.get()));
  std::string out(size, '\0');
  if (!state || EVP_DigestSignInit(state.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(state.get(), room_in(out), &size, bytes_of(data), data.size()) != 1)
    return Error{Errc::internal, "cannot sign"};
  out.resize(size);
  return out;
}

bool rsa_sha256_verify(const std::string& public_pem, std::string_view data, std::string_view signature) {
  const Pkey key = key_in(public_pem, false);
  const DigestState state(EVP_MD_CTX_new());
  return key && state && EVP_DigestVerifyInit(state.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
         EVP_DigestVerify(state.get(), bytes_of(signature), signature.size(), bytes_of(data), data.size()) == 1;
}

Result<std::string> rsa_public_of(const std::string& private_pem) {
  const Pkey key = key_in(private_pem, true);
  if (!key) return Error{Errc::invalid, "not an RSA private key in PEM form", "PKCS#8 or PKCS#1, without a passphrase"};
  return pem_of(key.get(), false);
}

Result<std::string> aes_256_gcm_seal(std::string_view key, std::string_view nonce, std::string_view associated,
                                     std::string_view plain) {
  const CipherState state = gcm(key, nonce, associated, true);
  if (!state) return Error{Errc::invalid, "AES-256-GCM wants a key of 32 and a nonce of 12 bytes"};
  std::string out(plain.size() + kGcmTag, '\0');
  int size = 0;
  if (EVP_CipherUpdate(state.get(), room_in(out), &size, bytes_of(plain), static_cast<int>(plain.size())) != 1 ||
      EVP_CipherFinal_ex(state.get(), room_in(out) + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_GET_TAG, kGcmTag, room_in(out) + plain.size()) != 1)
    return Error{Errc::internal, "cannot seal"};
  return out;
}

std::optional<std::string> aes_256_gcm_open(std::string_view key, std::string_view nonce, std::string_view associated,
                                            std::string_view sealed) {
  const CipherState state = sealed.size() < kGcmTag ? nullptr : gcm(key, nonce, associated, false);
  if (!state) return std::nullopt;
  std::string tag(sealed.substr(sealed.size() - kGcmTag));
  sealed.remove_suffix(kGcmTag);
  std::string out(sealed.size() + 1, '\0');  // room for OpenSSL's end call, which writes nothing here
  int size = 0;
  if (EVP_CipherUpdate(state.get(), room_in(out), &size, bytes_of(sealed), static_cast<int>(sealed.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_SET_TAG, kGcmTag, tag.data()) != 1 ||
      EVP_CipherFinal_ex(state.get(), room_in(out) + size, &size) != 1)
    return std::nullopt;
  out.resize(sealed.size());
  return out;
}

}  // namespace cardstorm
