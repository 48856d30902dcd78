// When an answer came, and when somebody is told, over the lean transport: the kernel's time, and no waking for what
// can wait.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <sys/uio.h>

#include <ctime>
#include <string_view>

#include "tests/unit/net/client_rig.hpp"

namespace cardstorm {
namespace {

using testing::get;
using testing::RawPeer;
using testing::RawServer;
using testing::Rig;

void answer_all(RawPeer& peer) {
  while (!peer.read_request().empty()) peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

HttpRequest ask(const std::string& url, bool latency_sensitive) {
  HttpRequest request = get(url);
  request.latency_sensitive = latency_sensitive;
  return request;
}

/// A connection that has its times noted. The kernel begins to note some moment after the first socket asked
/// (net_enable_timestamp defers it), and ends some moment after the last one is gone: while this lives, every answer
/// carries its time.
class TimesAreNoted {
 public:
  TimesAreNoted()
      : server_([](RawPeer& peer) {
          while (!peer.read_request().empty()) peer.send_text(".");
        }),
        fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(server_.port()));
    EXPECT_EQ(::setsockopt(fd_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on), 0);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    for (const Nanos end = monotonic_now() + 30s; !is_noted();) {
      if (monotonic_now() > end) {
        ADD_FAILURE() << "the kernel notes no times within 30 s";
        return;
      }
    }
  }
  ~TimesAreNoted() { ::close(fd_); }
  TimesAreNoted(const TimesAreNoted&) = delete;
  TimesAreNoted& operator=(const TimesAreNoted&) = delete;

 private:
  [[nodiscard]] bool is_noted() const {
    const std::string_view request = "GET / HTTP/1.1\r\n\r\n";
    EXPECT_EQ(::send(fd_, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    char byte = 0;
    iovec place{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
    msghdr message{};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    EXPECT_EQ(::recvmsg(fd_, &message, 0), 1);
    return CMSG_FIRSTHDR(&message) != nullptr;
  }

  RawServer server_;
  int fd_;
};

struct Told {
  HttpResponse response;
  Nanos at{0}, until{0};  // when the caller was told, and until when the client had been given time
};

/// Drives in waits so short that the client may sleep through them.
Told call(Rig& rig, HttpRequest request) {
  Told out;
  std::optional<HttpResponse> got;
  rig.client->submit(std::move(request), [&](HttpResponse response) {
    out.at = rig.clock.now();
    got = std::move(response);
  });
  while (!got) {
    out.until = rig.clock.now() + kReadLater * 9 / 10;
    rig.client->drive(out.until);
  }
  out.response = std::move(*got);
  return out;
}

/// Told before the end of the time that the client was given, in one call of many: on a crowded machine an answer may
/// come late.
bool is_told_at_once(Rig& rig, const HttpRequest& request) {
  for (const Nanos end = rig.clock.now() + 30s; rig.clock.now() < end;) {
    const Told told = call(rig, request);
    EXPECT_EQ(told.response.body, "ok") << told.response.error;
    if (told.at < told.until) return true;
  }
  return false;
}

TEST(AnswerTime, IsTheArrivalAndNotTheReading) {
  const TimesAreNoted noted;
  std::atomic<bool> answered{false};
  RawServer server([&](RawPeer& peer) {
    while (!peer.read_request().empty()) {
      peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      answered = true;
    }
  });
  Rig rig({});
  (void)call(rig, get(server.url()));  // connected
  answered = false;
  std::optional<HttpResponse> got;
  rig.client->submit(get(server.url()), [&](HttpResponse response) { got = std::move(response); });
  while (!answered) std::this_thread::yield();
  const Nanos came = rig.clock.now();
  while (rig.clock.now() < came + 100ms) std::this_thread::yield();  // we are busy with something else
  const Nanos read = rig.clock.now();
  rig.finish();
  ASSERT_TRUE(got.has_value());
  EXPECT_GE(got->done, got->sent);
  EXPECT_LT(got->done, read);
}

/// Our side of the connection to `port`.
int socket_to(int port) {
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0 && ntohs(peer.sin_port) == port) return fd;
  }
  return -1;
}

/// Loses what comes in with more than 500 bytes.
void lose_large_packets(int fd, bool on) {
  sock_filter code[] = {{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0},
                        {BPF_JMP | BPF_JGT | BPF_K, 0, 1, 500},
                        {BPF_RET | BPF_K, 0, 0, 0},
                        {BPF_RET | BPF_K, 0, 0, 0x40000}};
  const sock_fprog program{4, code};
  const int none = 0;
  ASSERT_EQ(on ? ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)
               : ::setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none),
            0);
}

// The last bytes come at once, and carry their time; the first ones are lost, and come when they are sent again.
TEST(AnswerTime, IsThatOfTheReadingWhereAPacketWasLost) {
  const TimesAreNoted noted;
  std::atomic<int> answered{0};
  RawServer server([&](RawPeer& peer) {
    while (!peer.read_request().empty()) {
      peer.send_text("HTTP/1.1 200 OK\r\nContent-Length: 1002\r\n\r\n" + std::string(1000, 'x'));
      peer.send_text("ok");
      ++answered;
    }
  });
  Rig rig({});
  (void)call(rig, get(server.url()));
  const int fd = socket_to(server.port());
  ASSERT_GE(fd, 0);
  lose_large_packets(fd, true);
  std::optional<HttpResponse> got;
  rig.client->submit(get(server.url()), [&](HttpResponse response) { got = std::move(response); });
  while (answered < 2) std::this_thread::yield();
  const Nanos lost = rig.clock.now();
  while (rig.clock.now() < lost + 50ms) rig.client->drive(lost + 50ms);
  ASSERT_FALSE(got.has_value());
  lose_large_packets(fd, false);
  rig.finish();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->body.size(), 1002u) << got->error;
  EXPECT_GE(got->done, lost + 50ms);
}

TEST(AnswerTime, LiesBetweenSendingAndReadingWhereTheKernelNotesNone) {
  const testing::UnixServer server(answer_all);
  HttpClientLimits limits;
  limits.unix_socket = server.path();
  Rig rig(limits);
  const Told told = call(rig, get("http://shop/"));
  EXPECT_GE(told.response.done, told.response.sent);
  EXPECT_LE(told.response.done, told.at);
}

TEST(LatencySensitive, WithoutItNobodyIsToldBeforeTheTimeIsUp) {
  const TimesAreNoted noted;
  RawServer server(answer_all);
  Rig rig({});
  (void)call(rig, ask(server.url(), true));  // the kernel notes when answers come
  for (int i = 0; i < 200; ++i) {
    const Told told = call(rig, ask(server.url(), false));
    EXPECT_EQ(told.response.body, "ok") << told.response.error;
    EXPECT_GE(told.at, told.until);
    EXPECT_LE(told.response.done, told.at);
  }
}

TEST(LatencySensitive, OfOneRequestCountsForAll) {
  const TimesAreNoted noted;
  RawServer server(answer_all);
  Rig rig({});
  EXPECT_TRUE(is_told_at_once(rig, ask(server.url(), true)));
  RawServer silent([](RawPeer& peer) {
    peer.read_request();
    peer.read_request();
  });
  rig.client->submit(ask(silent.url(), true), [](const HttpResponse&) {});
  EXPECT_TRUE(is_told_at_once(rig, ask(server.url(), false)));
}

TEST(LatencySensitive, IsTakenForGrantedWhereTheKernelNotesNoTime) {
  const testing::UnixServer server(answer_all);
  HttpClientLimits limits;
  limits.unix_socket = server.path();
  Rig rig(limits);
  EXPECT_TRUE(is_told_at_once(rig, ask("http://shop/", false)));
}

}  // namespace
}  // namespace cardstorm
