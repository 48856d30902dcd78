// bundled_partners: see bundled_partners.hpp.
#include "harness/cli/bundled_partners.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "harness/core/files.hpp"
#include "harness/net/crypto.hpp"
#include "harness/partners/partners.hpp"

namespace cardstorm {
namespace {

constexpr int kStartMs = 10'000;

struct Place {
  std::string dir, key, token;
};

Result<Place> make_place() {
  std::string dir = (std::filesystem::temp_directory_path() / "cardstorm-partners-XXXXXX").string();
  if (::mkdtemp(dir.data()) == nullptr)
    return Error{Errc::unavailable, "cannot make a folder for the partners: " + std::string(std::strerror(errno)), ""};
  Place place{dir, random_token(32), random_token(32)};
  for (const auto& [name, secret] :
       {std::pair(std::string("/key"), place.key), std::pair(std::string("/control-token"), place.token)})
    if (Status written = write_secret(dir + name, secret + "\n"); !written) return written.error();
  return place;
}

PartnerSpec named(const char* name, const char* dialect) {
  PartnerSpec spec;
  spec.name = name;
  spec.dialect = dialect;
  return spec;
}

Result<PartnersSetup> setup_of(const Place& place) {
  PartnersSetup setup;
  setup.journal_dir = place.dir;
  setup.keys_dir = place.dir + "/keys";
  setup.key = place.key;
  setup.control_token = place.token;
  for (const char* name : {"topup2", "members"}) put_partner(setup.suppliers, named(name, "native"));
  put_partner(setup.suppliers, named("truck", "transfer"));
  auto allow = AllowList::parse({"127.0.0.0/8", "::1/128"});
  if (!allow) return std::move(allow).error();
  setup.allow = *allow;
  return setup;
}

void say(int to, const std::string& line) {
  const std::string text = line + "\n";
  if (::write(to, text.data(), text.size()) < 0) return;  // then nobody waits for it
}

/// The child's life: a session of its own, so that Ctrl-C lets the platform end first; its end is the parent's.
void serve_bundled_partners(const Place& place, pid_t parent, int ready) {
  ::setsid();
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // the partners' threads inherit it: only sigwait hears it
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || ::getppid() != parent) return;
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  auto setup = setup_of(place);
  auto partners = setup ? start_partners(*setup) : Result<std::unique_ptr<Partners>>(std::move(setup).error());
  say(ready, partners ? "http://127.0.0.1:" + std::to_string((*partners)->port()) : "!" + partners.error().what);
  ::close(ready);
  int heard = 0;
  if (partners) ::sigwait(&ends, &heard);
}

std::string line_from(int from) {
  std::string line;
  pollfd wait{from, POLLIN, 0};
  for (char c = 0; ::poll(&wait, 1, kStartMs) > 0 && ::read(from, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

}  // namespace

Result<BundledPartners> start_bundled_partners() {
  auto place = make_place();
  if (!place) return std::move(place).error();
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0)
    return Error{Errc::unavailable, "no pipe: " + std::string(std::strerror(errno)), ""};
  const pid_t parent = ::getpid(), child = ::fork();
  if (child == 0) {
    ::close(ready[0]);
    serve_bundled_partners(*place, parent, ready[1]);
    std::error_code ignored;
    std::filesystem::remove_all(place->dir, ignored);
    ::_exit(0);
  }
  ::close(ready[1]);
  const std::string line = child > 0 ? line_from(ready[0]) : "!cannot start another process";
  ::close(ready[0]);
  if (line.starts_with("http"))
    return BundledPartners{line, place->dir + "/key", place->dir + "/control-token", place->dir};
  if (child > 0) ::kill(child, SIGTERM);
  return Error{Errc::unavailable,
               "the partners did not start" + (line.size() > 1 ? ": " + line.substr(1) : std::string()), ""};
}

}  // namespace cardstorm
