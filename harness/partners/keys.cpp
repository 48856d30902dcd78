// keys: each file is made at most once and never overwritten.
#include "harness/partners/keys.hpp"

#include <sys/stat.h>

#include <cctype>
#include <filesystem>
#include <functional>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"

namespace cardstorm::partners {

namespace {

/// 40 hex digits, as certificates of WeChat Pay have them.
std::string serial_of(const std::string& public_pem) {
  std::string out = sha256_hex(public_pem).substr(0, 40);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

/// Readable by all, whatever the umask: a platform runs as another user.
Status write_public(const std::string& path, std::string_view text) {
  if (Status written = write_file(path, text); !written) return written;
  return ::chmod(path.c_str(), 0644) == 0 ? ok() : Status(Error{Errc::io, "cannot open " + path + " to all"});
}

/// The trimmed text of `path`; made by `make` when the file is missing.
Result<std::string> text_in(const std::string& path, Status (*write)(const std::string&, std::string_view),
                            const std::function<std::string()>& make) {
  if (std::filesystem::exists(path)) {
    auto text = read_file(path);
    if (!text) return text.error();
    const std::string kept(trim(*text));
    if (kept.empty()) return Error{Errc::invalid, path + " is empty", "write it, or remove it to have one made"};
    return kept;
  }
  const std::string text = make();
  if (Status written = write(path, text + "\n"); !written) return written.error();
  return text;
}

Result<std::string> pem_in(const std::string& path) {
  auto text = read_file(path);
  if (!text) return text.error();
  return *text;
}

Result<std::string> merchant_key(const std::string& dir) {
  const std::string public_path = dir + "/merchant_public.pem";
  if (std::filesystem::exists(public_path)) return pem_in(public_path);
  const auto keys = make_rsa_keys();
  if (!keys) return keys.error();
  if (Status written = write_secret(dir + "/merchant_private.pem", keys->private_pem); !written) return written.error();
  if (Status written = write_public(public_path, keys->public_pem); !written) return written.error();
  return keys->public_pem;
}

Result<RsaKeys> partner_keys(const std::string& dir) {
  const std::string path = dir + "/partner_private.pem";
  RsaKeys out;
  if (std::filesystem::exists(path)) {
    auto text = pem_in(path);
    if (!text) return text.error();
    auto its_public = rsa_public_of(*text);
    if (!its_public) return Error(its_public.error()).in(path);
    out = {*text, *its_public};
  } else {
    auto made = make_rsa_keys();
    if (!made) return made.error();
    out = *made;
    if (Status written = write_secret(path, out.private_pem); !written) return written.error();
  }
  if (Status written = write_public(dir + "/partner_public.pem", out.public_pem); !written) return written.error();
  return out;
}

std::string made_secret(std::size_t size) { return random_token(static_cast<int>(size + 1) / 2).substr(0, size); }

Merchant with_serials(Merchant merchant) {
  merchant.merchant_serial = serial_of(merchant.merchant_public);
  merchant.partner_serial = serial_of(merchant.partner.public_pem);
  return merchant;
}

}  // namespace

Result<Merchant> merchant_of(const std::string& dir, const std::string& name, const Needs& needs) {
  const std::string folder = dir + "/" + name;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return Error{Errc::unavailable, "cannot make " + folder + ": " + failed.message()};
  Merchant out;
  auto id = text_in(folder + "/id", write_public, [&] { return needs.id; });
  if (!id) return id.error();
  out.id = *id;
  if (needs.secret_size > 0) {
    auto secret = text_in(folder + "/secret", write_secret, [&] { return made_secret(needs.secret_size); });
    if (!secret) return secret.error();
    out.secret = *secret;
  }
  if (!needs.rsa) return out;
  auto merchant_public = merchant_key(folder);
  if (!merchant_public) return merchant_public.error();
  out.merchant_public = *merchant_public;
  auto partner = partner_keys(folder);
  if (!partner) return partner.error();
  out.partner = *partner;
  return with_serials(std::move(out));
}

}  // namespace cardstorm::partners
