// channels: the payment channels as something that can be slowed down, over the partners' control API
// (harness/partners/api.md). They belong to us; a target can carry it when it pays through the channels of this very
// run.
#pragma once

#include <memory>
#include <string>

#include "harness/net/allow.hpp"
#include "harness/target/target.hpp"

namespace cardstorm {

/// `base_url`: the partners; `token`: for X-Control-Token, never logged.
std::unique_ptr<ChannelControl> make_channel_control(std::string base_url, std::string token, AllowList allow);

}  // namespace cardstorm
