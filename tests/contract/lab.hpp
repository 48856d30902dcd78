// lab: where the contracts are kept: a platform with targets of ours for it. Each contract is one body of tests in a
// header; who has a platform lists it (tests/contract: stand-ins; tests/foreign: the PHP shop).
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/target/target.hpp"

namespace cardstorm::test {

class Lab {
 public:
  virtual ~Lab() = default;
  /// False when the platform could not be set up; the test has failed then.
  [[nodiscard]] virtual bool ready() const { return true; }
  /// A target of it as a run would make it, not started. The lab outlives it.
  [[nodiscard]] virtual std::unique_ptr<Target> target() const = 0;
  /// The same by a target file that lets nothing be touched.
  [[nodiscard]] virtual std::unique_ptr<Target> untouchable() const = 0;
  /// Where what needs `ability` (nodes, pool, channels) can be done; none: the target does not offer it.
  [[nodiscard]] virtual std::vector<std::string> places(const std::string& ability) const = 0;
  /// Whether a buyer is served at this moment.
  [[nodiscard]] virtual bool sells() = 0;
};

using OpenLab = std::function<std::shared_ptr<Lab>()>;

/// One lab for as long as anybody holds it: for a platform that is dear to start.
template <class SomeLab>
std::shared_ptr<Lab> shared_lab() {
  static std::weak_ptr<Lab> kept;
  auto lab = kept.lock();
  if (!lab) kept = lab = std::make_shared<SomeLab>();
  return lab;
}

/// A fixture in the lab that its parameter opens, with a started target. A suite keeps its last lab until its next one
/// is open.
template <class Case>
class InLab : public testing::TestWithParam<Case> {
 protected:
  static void TearDownTestSuite() { lab_.reset(); }
  void SetUp() override {
    lab_ = this->GetParam().lab();
    ASSERT_TRUE(lab_->ready());
    target_ = lab_->target();
    ASSERT_NE(target_, nullptr);
    const auto started = target_->start(std::chrono::seconds(10));
    ASSERT_TRUE(started) << started.error().what;
  }
  void TearDown() override { target_.reset(); }

  static inline std::shared_ptr<Lab> lab_;
  std::unique_ptr<Target> target_;
};

}  // namespace cardstorm::test
