// allow: CIDR blocks over 16-byte addresses. IPv4 lives in the mapped range ::ffff:0:0/96, so one comparison serves
// both.
#include "harness/net/allow.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

namespace cardstorm {

namespace {

using Bytes = std::array<unsigned char, 16>;

constexpr std::array<unsigned char, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int kMappedBits = 96;

bool is_ipv4(const unsigned char* bytes) { return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes); }

struct Address {
  Bytes bytes{};
  bool dotted = false;
};

std::optional<Address> parse_address(std::string_view text) {
  const std::string plain(text.substr(0, text.find('%')));  // fe80::1%eth0: the zone is no part of the address
  Address out;
  in_addr v4{};
  if (inet_pton(AF_INET, plain.c_str(), &v4) == 1) {
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), out.bytes.begin());
    std::memcpy(out.bytes.data() + kMappedPrefix.size(), &v4, sizeof v4);
    out.dotted = true;
    return out;
  }
  if (inet_pton(AF_INET6, plain.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

bool bit(const unsigned char* bytes, int at) { return (bytes[at / 8] >> (7 - at % 8) & 1) != 0; }

bool same_prefix(const unsigned char* a, const unsigned char* b, int bits) {
  const int whole = bits / 8;
  if (std::memcmp(a, b, static_cast<std::size_t>(whole)) != 0) return false;
  for (int i = whole * 8; i < bits; ++i)
    if (bit(a, i) != bit(b, i)) return false;
  return true;
}

Error bad_block(const std::string& text, const std::string& why) {
  return {Errc::invalid, "allow-list: '" + text + "' " + why,
          "write a block such as 127.0.0.0/8 or ::1/128, or one address"};
}

struct UrlParts {
  std::string host, port;
};

Result<UrlParts> parts_of(const std::string& url) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  const auto bad = [&](CURLUcode code) {
    return Error{Errc::invalid, "url '" + url + "': " + curl_url_strerror(code), "write http://host:port/path"};
  };
  if (const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0); code != CURLUE_OK)
    return bad(code);
  char* host = nullptr;
  char* port = nullptr;
  if (const CURLUcode code = curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0); code != CURLUE_OK) return bad(code);
  const std::unique_ptr<char, void (*)(void*)> keep_host(host, curl_free);
  if (const CURLUcode code = curl_url_get(parsed.get(), CURLUPART_PORT, &port, CURLU_DEFAULT_PORT); code != CURLUE_OK)
    return bad(code);
  const std::unique_ptr<char, void (*)(void*)> keep_port(port, curl_free);
  std::string name(host);
  if (name.size() > 2 && name.front() == '[') name = name.substr(1, name.size() - 2);
  return UrlParts{std::move(name), port};
}

}  // namespace

Result<AllowList> AllowList::parse(const std::vector<std::string>& blocks) {
  AllowList out;
  for (const std::string& text : blocks) {
    const auto slash = text.find('/');
    const auto address = parse_address(std::string_view(text).substr(0, slash));
    if (!address) return bad_block(text, "is not a numeric address");
    Block block{};
    std::copy(address->bytes.begin(), address->bytes.end(), block.bytes);
    block.bits = 128;
    if (slash != std::string::npos) {
      const char* const end = text.data() + text.size();
      int bits = -1;
      const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
      if (error != std::errc{} || stop != end || bits < 0 || bits > (address->dotted ? 32 : 128))
        return bad_block(text, "has a bad prefix length");
      block.bits = bits + (address->dotted ? kMappedBits : 0);
    }
    for (int i = block.bits; i < 128; ++i)  // 10.0.0.5/8: one host or a whole net? A safety rule does not guess.
      if (bit(block.bytes, i)) return bad_block(text, "has bits set behind its prefix");
    out.blocks_.push_back(block);
  }
  return out;
}

bool AllowList::holds(std::string_view address) const {
  const auto asked = parse_address(address);
  if (!asked) return false;
  const bool v4 = is_ipv4(asked->bytes.data());
  return std::any_of(blocks_.begin(), blocks_.end(), [&](const Block& block) {
    const bool block_v4 =
        block.bits >= kMappedBits && is_ipv4(block.bytes);  // ::/0 means all of IPv6, not IPv4 as well
    return v4 == block_v4 && same_prefix(asked->bytes.data(), block.bytes, block.bits);
  });
}

Status AllowList::admits_url(const std::string& url) const {
  const auto parts = parts_of(url);
  if (!parts) return parts.error();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(parts->host.c_str(), parts->port.c_str(), &hints, &found); code != 0)
    return Error{Errc::unavailable, "cannot resolve '" + parts->host + "': " + gai_strerror(code),
                 "check the host name in the url"};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> keep(found, freeaddrinfo);
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
      return Error{Errc::unavailable, "cannot read an address of '" + parts->host + "'"};
    if (!holds(text.data()))
      return Error{Errc::refused, "address " + std::string(text.data()) + " of '" + url + "' is outside the allow-list",
                   "add it to `allow` in the target file if this system may be loaded and broken"};
  }
  return ok();
}

}  // namespace cardstorm
