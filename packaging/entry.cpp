// entry: bin/cardstorm of the portable package. Where it runs there may be no C library and no shell, so it uses
// neither: it looks at the kernel, finds lib/ beside its own folder, and becomes the program, through the loader that
// lies there.
#include <asm/unistd.h>
#include <linux/auxvec.h>
#include <linux/utsname.h>

#include <initializer_list>

#include "harness/core/kernel.hpp"

namespace {

constexpr long kPathMax = 4096, kArgsMax = 32768;
constexpr int kEnvironmentBroke = 4;  // as the program's own exit codes have it

long call(long number, long a = 0, long b = 0, long c = 0) {
  long result;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}
long address(const void* of) { return reinterpret_cast<long>(of); }

long length(const char* text) {
  long n = 0;
  while (text[n] != 0) ++n;
  return n;
}
void say(const char* text) { call(__NR_write, 2, address(text), length(text)); }
[[noreturn]] void end(const char* a, const char* b = "", const char* c = "") {
  for (const char* text : {a, b, c}) say(text);
  for (;;) call(__NR_exit_group, kEnvironmentBroke);
}

/// A path that is built up, at most PATH_MAX long.
struct Path {
  char text[kPathMax];
  long size = 0;

  void add(const char* more) {
    for (; *more != 0; ++more) {
      if (size + 1 >= kPathMax) end("cardstorm: the path of this program is too long\n");
      text[size++] = *more;
    }
    text[size] = 0;
  }
  void set(const char* whole) {
    size = 0;
    add(whole);
  }
  /// "/a/b" becomes "/a/", "b" becomes "".
  void leave_name() {
    while (size > 0 && text[size - 1] != '/') --size;
    text[size] = 0;
  }
};

/// Static, for the stack of a process may be small.
Path self, target, loader, libraries, program;
const char* args[kArgsMax];

/// The file behind the name by which we were started: links in /usr/local/bin lead here.
void follow_links(const char* started_as) {
  self.set(started_as);
  for (int links = 0; links < 40; ++links) {
    const long got = call(__NR_readlink, address(self.text), address(target.text), kPathMax - 1);
    if (got < 0) return;  // no link
    target.text[got] = 0;
    if (target.text[0] == '/')
      self.set(target.text);
    else {
      self.leave_name();
      self.add(target.text);
    }
  }
}

/// The path is whole from "/": the program may change its folder before it starts a second of itself.
void beside(Path* path, const char* name) {
  path->size = 0;
  if (self.text[0] != '/') {
    if (call(__NR_getcwd, address(path->text), kPathMax) < 0) end("cardstorm: the current folder is gone\n");
    path->size = length(path->text);
    path->add("/");
  }
  path->add(self.text);
  path->leave_name();
  path->add("../lib/");
  path->add(name);
}

}  // namespace

extern "C" [[noreturn]] void enter(long* stack) {
  const long argc = stack[0];
  char** argv = reinterpret_cast<char**>(stack + 1);
  char** environment = argv + argc + 1;
  long* auxiliary = stack + 1 + argc + 1;
  while (*auxiliary != 0) ++auxiliary;

  static new_utsname system;  // else memset would be wanted
  call(__NR_uname, address(&system));
  if (cardstorm::kernel_too_old(system.release)) {
    const char* const* words = cardstorm::kKernelTooOld;
    say(words[0]);
    say(system.release);
    end(words[1], system.release, words[2]);
  }

  const char* started_as = argc > 0 ? argv[0] : "";
  for (++auxiliary; auxiliary[0] != AT_NULL; auxiliary += 2)
    if (auxiliary[0] == AT_EXECFN) started_as = reinterpret_cast<const char*>(auxiliary[1]);
  follow_links(started_as);
  beside(&loader, CARDSTORM_LOADER);
  beside(&libraries, "");
  beside(&program, "cardstorm");

  long n = 0;
  for (const char* word : {static_cast<const char*>(loader.text), "--inhibit-cache", "--library-path",
                           static_cast<const char*>(libraries.text), "--argv0", argc > 0 ? argv[0] : "cardstorm",
                           static_cast<const char*>(program.text)})
    args[n++] = word;
  if (argc + n > kArgsMax) end("cardstorm: more than 32,000 arguments\n");
  for (long i = 1; i < argc; ++i) args[n++] = argv[i];
  args[n] = nullptr;
  call(__NR_execve, address(loader.text), address(args), address(environment));
  end("cardstorm: cannot start ", loader.text, ": unpack the whole package, bin/ and lib/ side by side\n");
}

asm(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call enter\n");
