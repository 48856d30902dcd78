// client_settings: from a target file's words to values.
#include "harness/drive/client_settings.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {

Result<AddressPool> AddressPool::parse(const std::string& block) {
  const Error wrong{Errc::invalid, "'" + block + "' is not a block of addresses",
                    "write for example 10.20.0.0/16 or 2001:db8::/48"};
  AddressPool out;
  const auto slash = block.find('/');
  const std::string address = block.substr(0, slash);
  out.v6_ = address.find(':') != std::string::npos;
  if (inet_pton(out.v6_ ? AF_INET6 : AF_INET, address.c_str(), out.bytes_.data()) != 1) return wrong;
  out.bits_ = out.v6_ ? 128 : 32;
  if (slash != std::string::npos) {
    const char* const end = block.data() + block.size();
    int bits = 0;
    const auto [rest, error] = std::from_chars(block.data() + slash + 1, end, bits);
    if (error != std::errc() || rest != end || bits < 0 || bits > out.bits_) return wrong;
    out.bits_ = bits;
  }
  for (int bit = out.bits_; bit < (out.v6_ ? 128 : 32); ++bit)
    out.bytes_[static_cast<std::size_t>(bit / 8)] &= static_cast<unsigned char>(~(0x80 >> (bit % 8)));
  return out;
}

std::string AddressPool::address(std::uint64_t index) const {
  const int host_bits = (v6_ ? 128 : 32) - bits_;
  if (host_bits < 64) {
    const std::uint64_t size = std::uint64_t{1} << host_bits;
    index = !v6_ && host_bits >= 2 ? 1 + index % (size - 2) : index % size;
  }
  std::array<unsigned char, 16> bytes = bytes_;
  for (std::size_t i = v6_ ? 16 : 4; i-- > 0 && index > 0; index >>= 8)
    bytes[i] |= static_cast<unsigned char>(index & 255);
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size()) == nullptr ? "" : text.data();
}

Result<ClientSettings> client_settings(const TargetSpec& target, const Plan& plan) {
  ClientSettings out;
  out.mark_header = target.mark_header;
  out.client_header = target.client_header;
  out.sources = target.sources;
  const auto traced = [&](const char* kind) {
    return std::count(target.tracing.begin(), target.tracing.end(), kind) > 0;
  };
  out.traceparent = traced("traceparent");
  out.sw8 = traced("sw8");
  if (!target.client_pool.empty()) {
    auto pool = AddressPool::parse(target.client_pool);
    if (!pool) return std::move(pool).error().in("client addresses of target '" + target.name + "'");
    out.client_pool = *pool;
  }
  for (const Journey& journey : plan.journeys)
    for (const Step& step : journey.steps) {
      if (!step.sign || step.sign->key_file.empty() || out.keys.contains(step.sign->key_file)) continue;
      auto key = read_file(step.sign->key_file);
      if (!key) return std::move(key).error().in("the signing key of step '" + step.name + "'");
      const std::string text(trim(*key));
      if (text.empty())
        return Error{Errc::invalid, "the key file '" + step.sign->key_file + "' is empty", "write the key into it"};
      out.keys.emplace(step.sign->key_file, text);
    }
  return out;
}

}  // namespace cardstorm
