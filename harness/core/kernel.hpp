// kernel: which Linux we need. Without any library, for the portable package's entry asks before one is loaded.
#pragma once

namespace cardstorm {

/// pidfd_open(2), by which processes are waited for and ended without mistaking one for another, came with Linux 5.3.
inline constexpr int kKernelMajor = 5, kKernelMinor = 3;

/// `release` as uname(2) gives it: "5.10.134-16.al8.x86_64". One that cannot be read is not called too old.
constexpr bool kernel_too_old(const char* release) {
  int numbers[2] = {0, 0};
  for (int& number : numbers) {
    if (*release < '0' || *release > '9') return false;
    for (; *release >= '0' && *release <= '9'; ++release)
      if (number < 10'000) number = number * 10 + (*release - '0');
    if (*release == '.') ++release;
  }
  return numbers[0] < kKernelMajor || (numbers[0] == kKernelMajor && numbers[1] < kKernelMinor);
}

/// What to say then, around the release; there is no --lang yet, so both languages.
inline constexpr const char* kKernelTooOld[] = {
    "cardstorm: this machine's Linux kernel is ",
    ", CardStorm needs 5.3 or newer\n"
    "  what to do: run it on a newer machine; it need not be the platform's own\n"
    "cardstorm: 本机 Linux 内核版本为 ",
    "，CardStorm 需要 5.3 或更新的内核\n"
    "  处理办法：换一台较新的机器运行；不必与被测平台在同一台机器上\n"};

}  // namespace cardstorm
