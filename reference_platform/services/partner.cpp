// partner: see partner.hpp. The only place of the platform that sees OpenSSL.
#include "reference_platform/services/partner.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>
#include <ctime>
#include <stdexcept>

#include "reference_platform/domain/json.hpp"

namespace platform::services {
namespace {

constexpr long kSkewMax = 300;

using domain::JsonObject;

std::string hex(const unsigned char* bytes, std::size_t size) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += kHex[bytes[i] >> 4];
    out += kHex[bytes[i] & 15];
  }
  return out;
}

std::string hmac_hex(const std::string& key, const std::string& text) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
           text.size(), mac, &size) == nullptr) {
    throw std::runtime_error("HMAC failed");
  }
  return hex(mac, size);
}

}  // namespace

std::string partner_sign(const std::string& key, const std::string& method, const std::string& path,
                         const std::string& timestamp, const std::string& body) {
  return hmac_hex(key, method + "\n" + path + "\n" + timestamp + "\n" + body);
}

std::string hmac_sha256_hex(const std::string& key, const std::string& text) { return hmac_hex(key, text); }

std::string md5_hex(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_md5(), nullptr) != 1)
    throw std::runtime_error("MD5 failed");
  return hex(digest, size);
}

bool same_secret(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string keyed_code(const std::string& key, const std::string& text) {
  return hmac_hex(key, "code\n" + text).substr(0, 20);
}

edge::CallResult partner_call(const PartnerKey& partner, const std::string& method, const std::string& path,
                              const std::string& body, const std::string& mark, const edge::CallOptions& options) {
  const std::string timestamp = std::to_string(std::time(nullptr));
  edge::Headers headers = {{"X-Timestamp", timestamp},
                           {"X-Sign", partner_sign(partner.key, method, path, timestamp, body)}};
  if (!mark.empty()) headers.emplace_back("X-Cardstorm-Mark", mark);
  return edge::call(method, partner.url + path, body, headers, options);
}

bool partner_signed(const std::string& key, const edge::Request& request) {
  const std::string& timestamp = request.header("x-timestamp");
  const std::string& sign = request.header("x-sign");
  char* end = nullptr;
  const long at = std::strtol(timestamp.c_str(), &end, 10);
  if (timestamp.empty() || *end != '\0' || std::labs(static_cast<long>(std::time(nullptr)) - at) > kSkewMax)
    return false;
  const std::string path = request.query.empty() ? request.path : request.path + "?" + request.query;
  const std::string right = partner_sign(key, request.method, path, timestamp, request.body);
  return same_secret(sign, right);
}

edge::CallResult channel_pay(const PartnerKey& p, const PayOrder& pay, const edge::CallOptions& options) {
  const std::string body = JsonObject()
                               .add("out_trade_no", pay.out_trade_no)
                               .add("order", pay.order_no)
                               .add("amount_cents", pay.amount_cents)
                               .add("notify_url", pay.notify_url)
                               .add("buyer", pay.buyer)
                               .done();
  return partner_call(p, "POST", "/channel/" + pay.channel + "/pay", body, pay.mark, options);
}

edge::CallResult channel_query(const PartnerKey& p, const std::string& channel, const std::string& out_trade_no,
                               const std::string& mark, const edge::CallOptions& options) {
  return partner_call(p, "GET", "/channel/" + channel + "/pay?out_trade_no=" + out_trade_no, "", mark, options);
}

edge::CallResult channel_close(const PartnerKey& p, const std::string& channel, const std::string& out_trade_no,
                               const std::string& mark, const edge::CallOptions& options) {
  return partner_call(p, "POST", "/channel/" + channel + "/close",
                      JsonObject().add("out_trade_no", out_trade_no).done(), mark, options);
}

edge::CallResult channel_refund(const PartnerKey& p, const RefundOrder& refund, const edge::CallOptions& options) {
  const std::string body = JsonObject()
                               .add("out_trade_no", refund.out_trade_no)
                               .add("refund_no", refund.refund_no)
                               .add("amount_cents", refund.amount_cents)
                               .done();
  return partner_call(p, "POST", "/channel/" + refund.channel + "/refund", body, refund.mark, options);
}

edge::CallResult channel_refund_query(const PartnerKey& p, const std::string& channel, const std::string& refund_no,
                                      const std::string& mark, const edge::CallOptions& options) {
  return partner_call(p, "GET", "/channel/" + channel + "/refund?refund_no=" + refund_no, "", mark, options);
}

edge::CallResult channel_bill(const PartnerKey& p, const std::string& channel, std::int64_t since, std::int64_t until,
                              const edge::CallOptions& options) {
  return partner_call(
      p, "GET", "/channel/" + channel + "/bill?since=" + std::to_string(since) + "&until=" + std::to_string(until), "",
      "", options);
}

edge::CallResult topup_order(const PartnerKey& p, const TopupOrder& order, const edge::CallOptions& options) {
  const std::string body = JsonObject()
                               .add("request_no", order.request_no)
                               .add("order", order.order_no)
                               .add("phone", order.phone)
                               .add("amount_cents", order.amount_cents)
                               .add("notify_url", order.notify_url)
                               .done();
  return partner_call(p, "POST", "/topup/order", body, order.mark, options);
}

edge::CallResult topup_query(const PartnerKey& p, const std::string& request_no, const std::string& mark,
                             const edge::CallOptions& options) {
  return partner_call(p, "GET", "/topup/order?request_no=" + request_no, "", mark, options);
}

}  // namespace platform::services
