// payment_delay: one payment channel answers, and notifies, late. It is seen by asking the channel itself.
#include <algorithm>

#include "harness/fault/params.hpp"

namespace cardstorm {
namespace {

// Below 200 ms a delayed answer could not be told from a usual one (20 to 60 ms, more on a busy machine).
constexpr Nanos kDelayMin{200ms}, kDelayMax{10min};

class PaymentDelay final : public Fault {
 public:
  PaymentDelay(ChannelControl& channels, std::string channel, Nanos delay)
      // Half the delay tells; waiting longer than 400 ms for an answer would only hold up the lane.
      : channels_(channels), channel_(std::move(channel)), delay_(delay), slow_(std::min(delay / 2, Nanos(400ms))) {}

  Result<Undo> undo() override { return channels_.undo(channel_); }
  Status inject() override { return channels_.delay(channel_, delay_, kLease); }
  Status heal() override { return channels_.clear(channel_); }

  Probe probe(std::string* note) override {
    const auto took = channels_.probe(channel_, slow_);
    if (took) {
      *note = "the channel answered in " + fixed(seconds(*took) * 1000, 0) + " ms";
      return *took >= slow_ ? Probe::in_force : Probe::normal;
    }
    *note = took.error().what;
    // No answer in time is the fault's very effect; a refused connection is not.
    return took.error().code == Errc::timeout ? Probe::in_force : Probe::unclear;
  }

 private:
  ChannelControl& channels_;
  std::string channel_;
  Nanos delay_, slow_;
};

const FaultEntry::Param kDelay{"delay", "duration", "8s",
                               "how much later every answer and notify of the channel comes"};

Result<std::unique_ptr<Fault>> make_payment_delay(const FaultSpec& spec, Target& target) {
  const auto delay = duration_param(spec, kDelay, kDelayMin, kDelayMax);
  if (!delay) return delay.error();
  ChannelControl* channels = target.channels();
  if (channels == nullptr)
    return Error{Errc::unavailable, "payment_delay needs the ability 'channels', which this target does not offer",
                 "add 'channels' to `touch:` and point the platform at `cardstorm partners`, or take the fault out"};
  const auto answer = channels->probe(spec.on, 2s);
  if (!answer) return Error(answer.error()).in("payment_delay on " + spec.on);
  return std::unique_ptr<Fault>(std::make_unique<PaymentDelay>(*channels, spec.on, *delay));
}

}  // namespace

FaultEntry payment_delay_fault() {
  return {"payment_delay",
          "delays every answer and notify of one payment channel",
          "a bank is slow on a promotion evening; threads that wait for it are missing everywhere else",
          "channels",
          {kDelay},
          make_payment_delay};
}

}  // namespace cardstorm
