// The context on the wire: trace, mark and remaining time come in with headers, are ambient while the handler runs, and
// go out again.
#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <vector>

#include "reference_platform/edge/http.hpp"

namespace platform::edge {
namespace {

using namespace std::chrono_literals;

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736", kSpan[] = "00f067aa0ba902b7";
const std::string kParent = std::string("00-") + kTrace + "-" + kSpan + "-01";

std::string url_of(const Server& s) { return "http://127.0.0.1:" + std::to_string(s.port()) + "/x"; }
CallOptions unhurried() { return {1000ms, 5000ms}; }

/// Remembers what its last handler saw.
struct Station {
  observe::Context seen;
  Request request;
  std::unique_ptr<Server> server = serve({}, [this](const Request& r) {
    seen = observe::current();
    request = r;
    return Response{};
  });
};

TEST(EdgeContext, TheHandlerWorksInTheTraceThatCameInWithASpanOfItsOwn) {
  Station s;
  call("GET", url_of(*s.server), "", {{"traceparent", kParent}, {"X-Cardstorm-Mark", "drill-7"}}, unhurried());
  EXPECT_EQ(s.seen.trace_id, kTrace);
  EXPECT_EQ(s.seen.span_id.size(), 16U);
  EXPECT_NE(s.seen.span_id, kSpan);
  EXPECT_EQ(s.seen.mark, "drill-7");
  EXPECT_FALSE(s.seen.deadline);
}

TEST(EdgeContext, AFreshTraceBeginsWhereNoneOrAMalformedOneCameIn) {
  Station s;
  for (const std::string& bad :
       {std::string(), std::string("hello"), "00-" + std::string(32, '0') + "-" + kSpan + "-01",
        "00-" + std::string(32, 'G') + "-" + kSpan + "-01"}) {
    call("GET", url_of(*s.server), "", bad.empty() ? Headers{} : Headers{{"traceparent", bad}}, unhurried());
    EXPECT_EQ(s.seen.trace_id.size(), 32U) << bad;
    EXPECT_NE(s.seen.trace_id, std::string(32, '0'));
  }
}

TEST(EdgeContext, TheDeadlineIsWhatTheHeaderLeavesAndNonsenseIsNone) {
  Station s;
  call("GET", url_of(*s.server), "", {{"X-Deadline-Ms", "700"}}, unhurried());
  ASSERT_TRUE(s.seen.deadline);
  EXPECT_EQ(*s.seen.deadline - s.request.arrived, 700ms);
  for (const char* bad : {"-5", "soon", "7e2", "99999999999999999999", "12 "}) {
    call("GET", url_of(*s.server), "", {{"X-Deadline-Ms", std::string(bad) + "x"}}, unhurried());
    EXPECT_FALSE(s.seen.deadline) << bad;
  }
}

TEST(EdgeContext, NothingOfARequestIsLeftForTheNextOneOfItsThread) {
  ServerOptions one;
  one.threads = 1;
  std::vector<std::string> marks;
  const auto server = serve(one, [&](const Request&) {
    marks.push_back(observe::current().mark);
    return Response{};
  });
  call("GET", url_of(*server), "", {{"X-Cardstorm-Mark", "drill"}}, unhurried());
  call("GET", url_of(*server), "", {}, unhurried());
  EXPECT_EQ(marks, (std::vector<std::string>{"drill", ""}));
}

TEST(EdgeContext, ACallCarriesTheAmbientContextOn) {
  Station s;
  observe::Context c = observe::Context::of(kParent, "drill-7");
  c.deadline = std::chrono::steady_clock::now() + 900ms;
  const observe::Scope scope(c);
  call("GET", url_of(*s.server), "", {}, unhurried());
  EXPECT_EQ(s.seen.trace_id, kTrace);
  EXPECT_NE(s.request.header("traceparent").substr(36, 16), kSpan) << "the call is a span of its own";
  EXPECT_EQ(s.request.header("x-cardstorm-mark"), "drill-7");
  const int left = std::stoi(s.request.header("x-deadline-ms"));
  EXPECT_GT(left, 0);
  EXPECT_LE(left, 900);
}

TEST(EdgeContext, WhatTheCallerSaysIsNotReplacedAndWithoutContextNothingIsSent) {
  Station s;
  call("GET", url_of(*s.server), "", {}, unhurried());
  for (const char* name : {"traceparent", "x-cardstorm-mark", "x-deadline-ms"})
    EXPECT_EQ(s.request.header(name), "") << name;
  observe::Context c = observe::Context::fresh("ambient");
  c.deadline = std::chrono::steady_clock::now() + 5s;
  const observe::Scope scope(c);
  call("GET", url_of(*s.server), "", {{"Traceparent", kParent}, {"x-cardstorm-mark", "mine"}, {"X-Deadline-Ms", "77"}},
       unhurried());
  EXPECT_EQ(s.seen.trace_id, kTrace);
  EXPECT_EQ(s.seen.mark, "mine");
  EXPECT_EQ(s.request.header("x-deadline-ms"), "77");
  int copies = 0;
  for (const auto& h : s.request.headers)
    copies += h.first == "x-cardstorm-mark" || h.first == "traceparent" || h.first == "x-deadline-ms";
  EXPECT_EQ(copies, 3);
}

TEST(EdgeContext, ACallEndsWithTheAmbientDeadline) {
  std::promise<void> over;
  const auto server = serve({}, [until = over.get_future().share()](const Request&) {
    until.wait_for(30s);  // the far side hangs, whatever its reason
    return Response{};
  });
  observe::Context c;
  c.deadline = std::chrono::steady_clock::now() + 60ms;
  const observe::Scope scope(c);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(call("GET", url_of(*server), "", {}, {1s, 20s}).status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 15s);  // its own limit is 20 s, the far side's 30 s
  over.set_value();
}

class Book : public Observer {
 public:
  struct Line {
    std::string name, method, target, trace, span, parent;
    int status;
  };
  void on_request(const Observed& o) override { add(requests, o); }
  void on_call(const Observed& o) override { add(calls, o); }
  std::vector<Line> requests, calls;

 private:
  void add(std::vector<Line>& to, const Observed& o) {
    const std::lock_guard lock(mutex_);
    to.push_back({std::string(o.name), std::string(o.method), std::string(o.target), o.context.trace_id,
                  o.context.span_id, std::string(o.parent_span), o.status});
  }
  std::mutex mutex_;
};

TEST(EdgeContext, TheObserverSeesBothEndsAsParentAndChild) {
  Book book;
  set_observer(&book);
  {
    ServerOptions o;
    o.name = "shop";
    const auto server = serve(o, [](const Request&) { return Response{404, "", "text/plain", {}}; });
    const observe::Scope scope(observe::Context::of(kParent, ""));
    call("POST", url_of(*server), "{}", {}, unhurried());
  }
  set_observer(nullptr);
  ASSERT_EQ(book.requests.size(), 1U);
  ASSERT_EQ(book.calls.size(), 1U);
  const auto &request = book.requests[0], &made = book.calls[0];
  EXPECT_EQ(made.parent, kSpan);
  EXPECT_EQ(request.parent, made.span);
  EXPECT_EQ(request.trace, kTrace);
  EXPECT_EQ(request.name, "shop");
  EXPECT_EQ(request.target, "/x");
  EXPECT_EQ(request.status, 404);
  EXPECT_EQ(made.status, 404);
}

}  // namespace
}  // namespace platform::edge
