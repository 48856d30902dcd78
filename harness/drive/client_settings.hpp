// client_settings: how the buyers look to the platform: the mark on their requests, their addresses, their traces, and
// the signing keys, which stand in no plan.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/result.hpp"
#include "harness/plan/plan.hpp"
#include "harness/plan/target_spec.hpp"

namespace cardstorm {

/// A CIDR block of invented addresses.
class AddressPool {
 public:
  /// "10.20.0.0/16", "2001:db8::/48"; Errc::invalid for anything else.
  static Result<AddressPool> parse(const std::string& block);
  /// Address number `index`, modulo the size of the block. Network and broadcast addresses of IPv4 are left out where
  /// there are others.
  [[nodiscard]] std::string address(std::uint64_t index) const;

 private:
  std::array<unsigned char, 16> bytes_{};
  bool v6_ = false;
  int bits_ = 0;  // of the network part
};

struct ClientSettings {
  std::string mark_header = "X-Cardstorm-Mark";  // "" = requests are not marked
  std::string client_header;                     // such as X-Forwarded-For, "" = none
  std::optional<AddressPool> client_pool;        // where the addresses in it come from; each buyer keeps his
  std::vector<std::string> sources;              // local addresses, one per trade in turn
  bool traceparent = false, sw8 = false;
  std::map<std::string, std::string> keys;  // signing keys, by Signing::key_file
  std::optional<Nanos> wall_at_zero;  // wall clock (since 1970) at load start; nullopt: asked when the driver starts
};

/// What `target` says, and the key files that `plan` names, read now.
Result<ClientSettings> client_settings(const TargetSpec& target, const Plan& plan);

}  // namespace cardstorm
