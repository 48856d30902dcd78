// edge: the HTTP server and client over real loopback sockets.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "reference_platform/edge/http.hpp"
#include "tests/unit/platform/edge_raw.hpp"
#include "tests/unit/platform/wait_until.hpp"

namespace platform::edge {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

/// Handlers wait here until the test opens it.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

std::string url_of(const Server& s, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(s.port()) + path;
}
CallOptions patient() { return {1000ms, 10000ms}; }

Response echo(const Request& r) {
  return {200, r.method + "|" + r.path + "|" + r.query + "|" + r.header("x-buyer") + "|" + r.body, "text/plain", {}};
}

TEST(Server, HandsTheWholeRequestToTheHandler) {
  const auto server = serve({}, echo);
  const auto r = call("POST", url_of(*server, "/a/b?c=1"), "{}", {{"X-Buyer", "b1"}}, patient());
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, "POST|/a/b|c=1|b1|{}");
  EXPECT_TRUE(r.sent);
}

TEST(Server, TakesALargeBodyInBothForms) {
  const auto server = serve({}, [](const Request& r) {
    return Response{200, std::to_string(r.body.size()), "text/plain", {}};
  });
  EXPECT_EQ(call("POST", url_of(*server, "/"), std::string(1 << 20, 'x'), {}, patient()).body, "1048576");
  const Raw raw(server->port());
  raw.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n30000\r\n" + std::string(0x30000, 'x') +
           "\r\n5\r\nabcde\r\n0\r\n\r\n");
  EXPECT_NE(raw.receive("196613").find("196613"), std::string::npos);
}

TEST(Server, GivesUpOnASlowRequestWith408ButNotOnAnIdleConnection) {
  ServerOptions o;
  o.transfer_max = 60ms;
  const auto server = serve(o, echo);
  const Raw idle(server->port()), slow(server->port());
  slow.send("POST /slow HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(slow.receive().substr(0, 12), "HTTP/1.1 408");
  idle.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(idle.receive("/later").find("200 OK"), std::string::npos);
}

TEST(Server, SurvivesClientsThatGoAwayAtAnyMoment) {
  const auto server = serve({}, echo);
  const std::string text = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde";
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const Raw raw(server->port());
    raw.send(text.substr(0, i));
  }
  EXPECT_EQ(call("GET", url_of(*server, "/"), "", {}, patient()).status, 200);
}

TEST(Server, KeepsTheConnectionAndEchoesTheRequestId) {
  const auto server = serve({}, echo);
  const Raw raw(server->port());
  raw.send("GET /one HTTP/1.1\r\nHost: x\r\nX-Request-Id: r-7\r\n\r\n");
  EXPECT_NE(raw.receive("/one").find("X-Request-Id: r-7\r\n"), std::string::npos);
  raw.send("GET /two HTTP/1.1\r\nHost: x\r\n\r\nGET /three HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(raw.receive("/three").find("X-Request-Id"), std::string::npos);
}

TEST(Server, AnswersHeadWithoutBody) {
  const auto server = serve({}, echo);
  const Raw raw(server->port());
  raw.send("HEAD /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto all = raw.receive();
  EXPECT_NE(all.find("Content-Length: "), std::string::npos);
  EXPECT_EQ(all.find("|/h|"), std::string::npos);
}

TEST(Server, AnswersWrongInputByItselfAndCloses) {
  std::atomic<int> handled{0};
  ServerOptions o;
  o.body_max = 100;
  const auto server = serve(o, [&](const Request& r) {
    ++handled;
    return echo(r);
  });
  const auto answer_to = [&](const std::string& text) {
    const Raw raw(server->port());
    raw.send(text);
    return raw.receive().substr(0, 12);
  };
  EXPECT_EQ(answer_to("this is not http\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(answer_to("GET / HTTP/9.9\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(answer_to("POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x')), "HTTP/1.1 413");
  EXPECT_EQ(answer_to("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n80\r\n" + std::string(128, 'x') +
                      "\r\n0\r\n\r\n"),
            "HTTP/1.1 413");
  EXPECT_EQ(answer_to("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nA: " + std::string(17000, 'a') + "\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(handled, 0);
}

TEST(Server, SendsA413ThatTheClientCanReadAlthoughItsBodyWasNotTaken) {
  ServerOptions o;
  o.body_max = 1000;
  const auto server = serve(o, echo);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(call("POST", url_of(*server, "/"), std::string(500000, 'x'), {}, patient()).status, 413);
}

TEST(Server, TurnsAnExceptionInto500WithoutItsText) {
  const auto server = serve({}, [](const Request&) -> Response { throw std::runtime_error("CARD-SECRET"); });
  const auto r = call("GET", url_of(*server, "/"), "", {}, patient());
  EXPECT_EQ(r.status, 500);
  EXPECT_EQ(r.body.find("SECRET"), std::string::npos);
}

TEST(Server, AHeaderValueCannotSmuggleAnotherHeader) {
  const auto server = serve({}, [](const Request&) {
    return Response{200, "ok", "text/plain", {{"X-A", "1\r\nX-Evil: 1"}}};
  });
  const Raw raw(server->port());
  raw.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(raw.receive().find("X-Evil"), std::string::npos);
}

TEST(Server, RefusesAtOnceWhenTheQueueIsFull) {
  Gate gate;
  ServerOptions o;
  o.threads = 1;
  o.queue_max = 2;
  const auto server = serve(o, [&](const Request& r) {
    gate.pass();
    return echo(r);
  });
  std::vector<std::thread> callers;
  std::atomic<int> served{0};
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] { served += call("GET", url_of(*server, "/"), "", {}, patient()).status == 200; });
    if (i == 0) {
      ASSERT_TRUE(wait_until([&] { return server->busy() == 1; }));
    }
  }
  EXPECT_TRUE(wait_until([&] { return server->queued() == 2; }));
  const Raw raw(server->port());
  raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = raw.receive("overloaded");
  EXPECT_EQ(served, 0) << "the worker is still stuck";
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 503");
  EXPECT_NE(answer.find("Retry-After: 1\r\n"), std::string::npos);
  gate.open();
  for (auto& c : callers) c.join();
  EXPECT_EQ(served, 3);
}

TEST(Server, AnswersAgedRequestsAlthoughAllWorkersAreStuck) {
  Gate gate;
  std::atomic<int> handled{0};
  ServerOptions o;
  o.threads = 1;
  o.queue_age_max = 50ms;
  const auto server = serve(o, [&](const Request& r) {
    ++handled;
    gate.pass();
    return echo(r);
  });
  std::thread stuck([&] { call("GET", url_of(*server, "/"), "", {}, patient()); });
  EXPECT_TRUE(wait_until([&] { return server->busy() == 1; }));
  for (int i = 0; i < 2; ++i) {
    const auto before = Steady::now();
    EXPECT_EQ(call("GET", url_of(*server, "/"), "", {}, patient()).status, 503);
    EXPECT_GE(Steady::now() - before, 50ms);
  }
  gate.open();
  stuck.join();
  EXPECT_EQ(handled, 1);
}

TEST(Server, AnUnboundedQueueTakesAll) {
  Gate gate;
  ServerOptions o;
  o.threads = 1;
  const auto server = serve(o, [&](const Request& r) {
    gate.pass();
    return echo(r);
  });
  std::vector<std::unique_ptr<Raw>> raws;
  for (int i = 0; i < 100; ++i) {
    raws.push_back(std::make_unique<Raw>(server->port()));
    raws.back()->send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }
  EXPECT_TRUE(wait_until([&] { return server->queued() == 99; }));
  gate.open();
  for (const auto& r : raws) EXPECT_EQ(r->receive().substr(0, 12), "HTTP/1.1 200");
}

TEST(Server, EndsInOrder) {
  Gate gate;
  ServerOptions o;
  o.threads = 1;
  auto server = serve(o, [&](const Request& r) {
    gate.pass();
    return echo(r);
  });
  const int port = server->port();
  const Raw idle(port), running(port), queued(port);
  running.send("GET /running HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return server->busy() == 1; }));
  queued.send("GET /queued HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return server->queued() == 1; }));
  std::thread end([&] { server.reset(); });
  EXPECT_TRUE(idle.ended());  // while a request is still being served
  gate.open();
  EXPECT_NE(running.receive().find("200 OK"), std::string::npos);
  EXPECT_NE(queued.receive().find("503"), std::string::npos);
  end.join();
  ServerOptions again;
  again.port = port;
  EXPECT_EQ(serve(again, echo)->port(), port);  // at once, in spite of TIME_WAIT
}

TEST(Server, ThrowsWhenThePortIsTaken) {
  const auto first = serve({}, echo);
  ServerOptions o;
  o.port = first->port();
  EXPECT_THROW(serve(o, echo), std::runtime_error);
}

TEST(Call, SaysThatNothingWasSentWhenRefused) {
  int port = 0;
  { port = serve({}, echo)->port(); }
  const auto r = call("POST", "http://127.0.0.1:" + std::to_string(port) + "/", "{}", {}, patient());
  EXPECT_EQ(r.status, 0);
  EXPECT_FALSE(r.sent);
  EXPECT_FALSE(r.error.empty());
}

TEST(Call, EndsAtItsTimeLimitAndAdmitsThatItWasSent) {
  Gate gate;
  const auto server = serve({}, [&](const Request& r) {
    gate.pass();
    return echo(r);
  });
  const auto before = Steady::now();
  const auto r = call("POST", url_of(*server, "/"), "{}", {}, {100ms, 100ms});
  EXPECT_LT(Steady::now() - before, 3s);  // the gate holds it for ten
  EXPECT_EQ(r.status, 0);
  EXPECT_TRUE(r.sent);
  gate.open();
}

/// Accepts connections one by one and does with each what the test says.
class Script {
 public:
  Script() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at), size);
    ::listen(listener_, 8);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port)) + "/";
    const timeval limit{5, 0};
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;
  ~Script() { ::close(listener_); }
  [[nodiscard]] int accept() const { return ::accept(listener_, nullptr, nullptr); }
  [[nodiscard]] bool accept_within(std::chrono::milliseconds limit) const {
    const timeval t{0, static_cast<suseconds_t>(limit.count() * 1000)};
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    const int fd = accept();
    if (fd >= 0) ::close(fd);
    return fd >= 0;
  }
  static void read_request(int fd) {
    std::string all;
    char part[1024];
    ssize_t n;
    while (all.find("\r\n\r\n") == std::string::npos && (n = ::recv(fd, part, sizeof part, 0)) > 0)
      all.append(part, static_cast<std::size_t>(n));
  }
  static void ok(int fd) {
    const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  int listener_;
  std::string url_;
};

TEST(Call, TakesANewConnectionWhenTheKeptOneWasClosed) {
  const Script script;
  std::atomic<int> connections{0};
  std::thread peer([&] {
    for (int i = 0; i < 2; ++i) {
      const int fd = script.accept();
      ++connections;
      Script::read_request(fd);
      Script::ok(fd);
      ::close(fd);  // without saying so in a header
    }
  });
  EXPECT_EQ(call("POST", script.url(), "{}", {}, patient()).status, 200);
  ASSERT_TRUE(wait_until([&] { return connections == 1; }));
  const auto second = call("POST", script.url(), "{}", {}, patient());
  EXPECT_EQ(second.status, 200) << second.error;
  peer.join();
  EXPECT_EQ(connections, 2);
}

// libcurl by itself sends it again: a node killed while it pays must not be paid twice behind our back.
TEST(Call, DoesNotRepeatAPostThatWasSentOnAKeptConnection) {
  const Script script;
  std::thread peer([&] {
    const int fd = script.accept();
    Script::read_request(fd);
    Script::ok(fd);
    Script::read_request(fd);
    const linger reset{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    ::close(fd);
  });
  EXPECT_EQ(call("POST", script.url(), "{}", {}, patient()).status, 200);
  const auto second = call("POST", script.url(), "{}", {}, patient());
  EXPECT_EQ(second.status, 0);
  EXPECT_TRUE(second.sent);
  peer.join();
  EXPECT_FALSE(script.accept_within(50ms));
}

}  // namespace
}  // namespace platform::edge
