// channels: see channels.hpp.
#include "harness/target/channels.hpp"

#include "harness/core/text.hpp"
#include "harness/net/control.hpp"

namespace cardstorm {
namespace {

std::int64_t millis(Nanos t) { return std::chrono::duration_cast<std::chrono::milliseconds>(t).count(); }

class PartnerChannels final : public ChannelControl {
 public:
  PartnerChannels(std::string base, std::string token, AllowList allow)
      : base_(std::move(base)), token_(std::move(token)), allow_(std::move(allow)) {}

  Status delay(const std::string& channel, Nanos delay, Nanos lease) override {
    return set(channel, Json::object({{"delay_ms", millis(delay)}, {"lease_ms", millis(lease)}}));
  }
  Status clear(const std::string& channel) override { return set(channel, Json::object({{"delay_ms", 0}})); }

  Result<Nanos> probe(const std::string& channel, Nanos timeout) override {
    const Nanos begin = monotonic_now();
    auto answer = control_call(get(url_of(channel, "ping", "/channel/"), timeout), allow_);
    if (!answer) return std::move(answer).error();
    return monotonic_now() - begin;
  }

  Undo undo(const std::string& channel) override {
    HttpUndo clear;
    clear.url = url_of(channel, "delay", "/control/channel/");
    clear.headers = {{"X-Control-Token", token_}, {"Content-Type", "application/json"}};
    clear.body = R"({"delay_ms":0})";
    // Proved by a ping that answers at its usual speed: 40 ms plus what a loaded machine adds.
    clear.proof = SpeedProof{url_of(channel, "ping", "/channel/"), "", 400ms};
    return clear;
  }

 private:
  std::string url_of(const std::string& channel, const char* what, const char* under) const {
    return base_ + under + url_encode(channel) + "/" + what;
  }
  Status set(const std::string& channel, const Json& body) const {
    HttpRequest request = post(url_of(channel, "delay", "/control/channel/"), body.dump());
    request.headers.emplace_back("X-Control-Token", token_);
    auto answer = control_call(request, allow_);
    if (!answer) return std::move(answer).error();
    return ok();
  }

  std::string base_, token_;
  AllowList allow_;
};

}  // namespace

std::unique_ptr<ChannelControl> make_channel_control(std::string base_url, std::string token, AllowList allow) {
  return std::make_unique<PartnerChannels>(std::move(base_url), std::move(token), std::move(allow));
}

}  // namespace cardstorm
