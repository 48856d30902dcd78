// The server, asked over real sockets by our own client and by raw bytes.
#include "harness/net/http_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "harness/net/http_client.hpp"

namespace cardstorm {
namespace {

std::unique_ptr<HttpServer> started(HttpServer::Handler handler, std::size_t body_max = 1 << 20) {
  auto server = serve(0, std::move(handler), body_max);
  EXPECT_TRUE(server);
  return std::move(server).value();
}

std::string url(const HttpServer& server, const std::string& path = "/") {
  return "http://127.0.0.1:" + std::to_string(server.port()) + path;
}

/// Sends bytes and returns all that comes back until the server closes or `limit` is over.
std::string exchange(int port, const std::string& bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const timeval limit{3, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t put = send(fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (put <= 0) break;
    left.remove_prefix(static_cast<std::size_t>(put));
  }
  shutdown(fd, SHUT_WR);
  std::string out;
  char part[4096];
  for (ssize_t got = 0; (got = recv(fd, part, sizeof part, 0)) > 0;) out.append(part, static_cast<std::size_t>(got));
  close(fd);
  return out;
}

TEST(HttpServer, AnswersFromAnotherThreadLater) {
  std::thread other;
  const auto server = started([&](const ServerRequest&, HttpServer::Reply reply) {
    other = std::thread([reply = std::move(reply)] { reply({201, R"({"late":true})"}); });
  });
  const HttpResponse response = fetch({"GET", url(*server), "", {}, 5s});
  other.join();
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, R"({"late":true})");
}

TEST(HttpServer, ASlowAnswerBlocksNobody) {
  HttpServer::Reply held;
  const auto server = started([&](const ServerRequest& request, HttpServer::Reply reply) {
    if (request.path == "/slow")
      held = std::move(reply);
    else
      reply({200, "quick"});
  });
  MonotonicClock clock;
  const auto client = make_http_client(clock, AllowList::parse({"127.0.0.0/8"}).value(), {});
  std::string order;
  const auto note = [&](const HttpResponse& response) { order += response.body + " "; };
  client->submit({"GET", url(*server, "/slow"), "", {}, 5s}, note);
  for (int i = 0; i < 3; ++i) {
    client->submit({"GET", url(*server, "/quick"), "", {}, 5s}, note);
    while (client->in_flight() > 1) client->drive(clock.now() + 5s);
  }
  server->after(0ns, [&] { held({200, "slow"}); });
  while (client->in_flight() > 0) client->drive(clock.now() + 5s);
  EXPECT_EQ(order, "quick quick quick slow ");
}

TEST(HttpServer, AnswersFiveHundredWhenTheHandlerDropsItsReplyOrThrows) {
  const auto server = started([](const ServerRequest& request, const HttpServer::Reply&) {
    if (request.path == "/throw") throw std::runtime_error("planned");
  });
  EXPECT_EQ(fetch({"GET", url(*server, "/drop"), "", {}, 5s}).status, 500);
  EXPECT_EQ(fetch({"GET", url(*server, "/throw"), "", {}, 5s}).status, 500);
}

TEST(HttpServer, TakesOnlyTheFirstOfTwoAnswers) {
  const auto server = started([](const ServerRequest&, const HttpServer::Reply& reply) {
    reply({200, "first"});
    reply({200, "second"});
  });
  EXPECT_EQ(fetch({"GET", url(*server), "", {}, 5s}).body, "first");
}

TEST(HttpServer, RefusesBodiesOverTheLimit) {
  const auto server = started(
      [](const ServerRequest& request, const HttpServer::Reply& reply) {
        reply({200, std::to_string(request.body.size())});
      },
      1000);
  EXPECT_EQ(fetch({"POST", url(*server), std::string(1000, 'x'), {}, 5s}).body, "1000");
  EXPECT_EQ(fetch({"POST", url(*server), std::string(1001, 'x'), {}, 5s}).status, 413);
  EXPECT_EQ(fetch({"POST", url(*server), std::string(500'000, 'x'), {}, 5s}).status, 413);
}

TEST(HttpServer, AnswersMalformedRequestsWithFourHundred) {
  std::atomic<int> handled{0};
  const auto server = started([&](const ServerRequest&, const HttpServer::Reply& reply) {
    ++handled;
    reply({200, ""});
  });
  for (const std::string bad : {"NONSENSE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nBad Header\r\n\r\n",
                                "POST / HTTP/1.1\r\nContent-Length: twelve\r\n\r\n"})
    EXPECT_TRUE(exchange(server->port(), bad).starts_with("HTTP/1.1 400")) << bad;
  EXPECT_TRUE(exchange(server->port(), "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 400"));
  EXPECT_EQ(exchange(server->port(), "GET / HT"), "");  // cut off: nobody waits for an answer
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(fetch({"GET", url(*server), "", {}, 5s}).status, 200);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = started([](const ServerRequest& request, const HttpServer::Reply& reply) {
    reply({200, request.path});
  });
  const std::string both = exchange(
      server->port(), "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_LT(both.find("/a"), both.find("/b"));
  EXPECT_NE(both.find("/b"), std::string::npos);
}

TEST(HttpServer, NamesThePortThatIsTaken) {
  const auto server = started([](const ServerRequest&, const HttpServer::Reply& reply) { reply({200, ""}); });
  const auto second = serve(server->port(), [](const ServerRequest&, const HttpServer::Reply&) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::unavailable);
  EXPECT_NE(second.error().what.find(std::to_string(server->port())), std::string::npos);
}

TEST(HttpServer, LeavesNoDescriptorToChildren) {
  HttpServer::Reply held;
  std::atomic<bool> arrived{false};
  const auto server = started([&](const ServerRequest&, HttpServer::Reply reply) {
    held = std::move(reply);
    arrived = true;
  });
  MonotonicClock clock;
  const auto client = make_http_client(clock, AllowList::parse({"127.0.0.0/8"}).value(), {});
  client->submit({"GET", url(*server), "", {}, 5s}, [](const HttpResponse&) {});
  while (!arrived) client->drive(clock.now() + 1ms);
  for (int fd = 3; fd < 256; ++fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 || address.ss_family != AF_INET) continue;
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << "descriptor " << fd;
  }
}

TEST(HttpServer, StopsQuicklyWithAnswersOwedAndTakesLateOnesQuietly) {
  HttpServer::Reply held;
  std::atomic<bool> arrived{false};
  auto server = started([&](const ServerRequest&, HttpServer::Reply reply) {
    held = std::move(reply);
    arrived = true;
  });
  server->after(1h, [] { FAIL(); });
  HttpResponse response;
  std::thread client([&] { response = fetch({"GET", url(*server), "", {}, 30s}); });
  while (!arrived) std::this_thread::yield();
  const std::string address = url(*server);
  server.reset();
  client.join();
  EXPECT_EQ(response.outcome, Outcome::unknown);
  EXPECT_NE(response.cause, Cause::timeout) << "the server waited for the client";
  held({200, "too late"});
  EXPECT_EQ(fetch({"GET", address, "", {}, 1s}).cause, Cause::refused);
}

TEST(HttpServer, RunsTasksInTheOrderOfTheirTimes) {
  const auto server = started([](const ServerRequest&, const HttpServer::Reply& reply) { reply({200, ""}); });
  std::mutex mutex;
  std::condition_variable changed;
  std::string order;
  const auto note = [&](char name) {
    return [&, name] {
      const std::lock_guard lock(mutex);
      order += name;
      changed.notify_all();
    };
  };
  server->after(60ms, note('c'));
  server->after(30ms, note('b'));
  server->after(0ns, note('a'));
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, 5s, [&] { return order.size() == 3; }));
  EXPECT_EQ(order, "abc");
}

}  // namespace
}  // namespace cardstorm
