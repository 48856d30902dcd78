// allow: which addresses may be touched. Checked on the address that is really dialled, after DNS and redirects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/core/result.hpp"

namespace cardstorm {

class AllowList {
 public:
  /// CIDR blocks such as "127.0.0.0/8", "::1/128"; a bare address is its own block.
  static Result<AllowList> parse(const std::vector<std::string>& blocks);
  /// `address`: numeric IPv4 or IPv6. An IPv4-mapped IPv6 address counts as IPv4.
  [[nodiscard]] bool holds(std::string_view address) const;
  /// Resolves the host of `url` and requires every address to be allowed. Errc::refused names the address.
  [[nodiscard]] Status admits_url(const std::string& url) const;

 private:
  struct Block {
    unsigned char bytes[16];
    int bits;
  };
  std::vector<Block> blocks_;
};

}  // namespace cardstorm
