// fake_target: a Target over the addresses of a fake platform.
#pragma once

#include <memory>
#include <string>

#include "harness/target/channels.hpp"
#include "harness/target/supervised.hpp"
#include "tests/contract/fake_platform.hpp"

namespace cardstorm::test {

inline NodeSpec alias_of(const std::string& node) {
  NodeSpec spec;
  spec.node = node;
  return spec;
}

/// A target with all abilities, or with none.
class FakeTarget final : public Target {
 public:
  explicit FakeTarget(const std::string& base, bool able = true) : base_(base), able_(able) {
    nodes_ = make_supervisor_nodes(base, loopback());
    pool_ = make_admin_pool(*nodes_, {{"order", alias_of("shop")}}, loopback());
    channels_ = make_channel_control(base, FakePlatform::kToken, loopback());
  }
  Status start(Nanos, const std::stop_token&) override { return ok(); }
  Status stop() override { return ok(); }
  [[nodiscard]] std::string url() const override { return base_; }
  [[nodiscard]] std::string version() const override { return "fake"; }
  [[nodiscard]] std::string resolve(const std::string& node) const override { return node == "order" ? "shop" : node; }
  NodeControl* nodes() override { return able_ ? nodes_.get() : nullptr; }
  PoolControl* pool() override { return able_ ? pool_.get() : nullptr; }
  ChannelControl* channels() override { return able_ ? channels_.get() : nullptr; }

 private:
  std::string base_;
  bool able_;
  std::unique_ptr<NodeControl> nodes_;
  std::unique_ptr<PoolControl> pool_;
  std::unique_ptr<ChannelControl> channels_;
};

}  // namespace cardstorm::test
