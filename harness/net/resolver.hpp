// resolver: names become addresses without the asking thread ever waiting: getaddrinfo runs on a thread of its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cardstorm {

/// A socket address as the kernel wants it. `text` is its numeric form, for the allow-list and for people.
struct DialAddress {
  alignas(8) unsigned char bytes[128] = {};  // sockaddr_storage
  std::uint32_t length = 0;
  int family = 0;
  std::string text;
};

struct Resolution {
  std::atomic<bool> ready{false};  // then the rest may be read
  std::vector<DialAddress> addresses;
  std::string error;
};

/// A numeric address: at once, without asking anybody; empty when `host` is none.
std::vector<DialAddress> numeric_address(const std::string& host, std::uint16_t port);
/// A name: fills the Resolution later and then writes to the eventfd `notify`, of which it keeps a copy. What is asked
/// outlives the asker; the thread ends when the system's resolver gives up.
std::shared_ptr<const Resolution> resolve(const std::string& host, std::uint16_t port, int notify);

}  // namespace cardstorm
