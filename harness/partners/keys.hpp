// keys: who is who on a line between shop and partner: merchant ids, secrets and key pairs, in a folder per partner, so
// that a shop's admin can enter ours or lay down their own.
#pragma once

#include <string>

#include "harness/core/result.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm::partners {

struct Merchant {
  std::string id;                               // pid, app_id, mch_id, Api-Key
  std::string secret;                           // md5 key, HMAC secret, APIv3 key
  std::string merchant_public;                  // PEM: what the shop signs with is checked by this
  RsaKeys partner;                              // PEM: ours
  std::string merchant_serial, partner_serial;  // of the keys, as WeChat Pay names them
};

/// What a dialect needs.
/// made when missing: default id, a random secret of `secret_size` characters
struct Needs {
  std::string id = {};
  std::size_t secret_size = 0;
  bool rsa = false;
};

/// Reads DIR/NAME/..., and makes what is missing: id, secret, merchant_private.pem and merchant_public.pem (a public
/// key alone is enough: then the shop keeps its private one), partner_private.pem and partner_public.pem. Secrets have
/// mode 0600.
Result<Merchant> merchant_of(const std::string& dir, const std::string& name, const Needs& needs);

}  // namespace cardstorm::partners
