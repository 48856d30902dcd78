// payment_notify: what comes in as a channel's word, read and checked. Nothing here changes anything.
#pragma once

#include <optional>
#include <string>

#include "reference_platform/domain/switches.hpp"
#include "reference_platform/edge/http.hpp"
#include "reference_platform/services/payment_book.hpp"

namespace platform::services {

/// Either a charge, or the refusal: status and code of api.md.
struct NotifyRead {
  std::optional<Charge> charge;
  int status = 200;
  const char* code = "";
};

/// `channel` is the one whose address the notify came to. Signed by the key within 300 s; for this merchant's channel;
/// one order number of ours; a positive amount in cents. Whether the payment exists and its amount is right, only the
/// book can say.
NotifyRead read_channel_notify(const std::string& key, const std::string& channel, const edge::Request& request,
                               const domain::Switches& switches);

}  // namespace platform::services
