// self, kernel: which program we are, and whether the kernel serves it.
#include "harness/core/self.hpp"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <filesystem>

#include "harness/core/kernel.hpp"

namespace cardstorm {
namespace {

TEST(Kernel, IsTooOldBeforeFivePointThree) {
  for (const char* old : {"2.6.32-754.el6.x86_64", "3.10.0-1160.el7.x86_64", "4.19.91-26.al7.x86_64", "5.2.21", "5.2"})
    EXPECT_TRUE(kernel_too_old(old)) << old;
  for (const char* good : {"5.3.0", "5.3", "5.4.0-216-generic", "5.10.134-16.al8.x86_64", "5.14.0-570.el9.x86_64",
                           "6.1.0-37-amd64", "10.0.0"})
    EXPECT_FALSE(kernel_too_old(good)) << good;
}

TEST(Kernel, ThatCannotBeReadIsNotCalledTooOld) {
  for (const char* strange : {"", "x", "6", "rolling", "99999999999999999999.1"})
    EXPECT_FALSE(kernel_too_old(strange)) << strange;
}

TEST(Kernel, OfThisMachineServes) {
  utsname system{};
  ASSERT_EQ(::uname(&system), 0);
  EXPECT_FALSE(kernel_too_old(system.release)) << system.release;
}

TEST(Self, IsThisProgramAndBringsNoLibraries) {
  EXPECT_TRUE(std::filesystem::exists(self_path())) << self_path();
  EXPECT_EQ(std::filesystem::path(self_path()).filename(), "unit_core");
  EXPECT_EQ(own_libraries(), "");
}

}  // namespace
}  // namespace cardstorm
