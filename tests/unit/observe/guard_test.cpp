// guard: what Prometheus' answers mean, and a small server in its place that changes its mind.
#include "harness/observe/guard.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "harness/net/http_server.hpp"

namespace cardstorm {
namespace {

using State = GuardFinding::State;

std::string vector_of(const std::string& samples) {
  return R"({"status":"success","data":{"resultType":"vector","result":[)" + samples + "]}}";
}
std::string sample(const std::string& value, const std::string& metric = "{}") {
  return R"({"metric":)" + metric + R"(,"value":[1.5,")" + value + "\"]}";
}

State state(const std::string& body, bool absent_is_bad = true, int status = 200) {
  return judge_guard_answer({"errors", "q", absent_is_bad}, status, body).state;
}

TEST(GuardAnswer, ZeroIsQuietAndAnythingElseIsStop) {
  EXPECT_EQ(state(vector_of(sample("0"))), State::quiet);
  EXPECT_EQ(state(vector_of(sample("0") + "," + sample("0"))), State::quiet);
  EXPECT_EQ(state(vector_of(sample("0") + "," + sample("1"))), State::stop);
  EXPECT_EQ(state(vector_of(sample("-0.5"))), State::stop);
  EXPECT_EQ(state(vector_of(sample("+Inf"))), State::stop);
  EXPECT_EQ(state(R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"0"]}})"), State::quiet);
  EXPECT_EQ(state(R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"7"]}})"), State::stop);
  const auto found =
      judge_guard_answer({"errors", "rate(x) > bool 1", true}, 200, vector_of(sample("3", R"({"job":"shop"})")));
  EXPECT_EQ(found.text, "errors: 3.000 {job=shop} for rate(x) > bool 1");
}

TEST(GuardAnswer, NoDataIsStopUnlessItIsMeantSo) {
  EXPECT_EQ(state(vector_of("")), State::stop);
  EXPECT_EQ(state(vector_of(""), false), State::quiet);
  EXPECT_EQ(state(vector_of(sample("NaN"))), State::stop);
  EXPECT_EQ(state(vector_of(sample("NaN")), false), State::quiet);
}

TEST(GuardAnswer, WhatCannotBeReadIsUnclear) {
  EXPECT_EQ(state("", true, 0), State::unclear);
  EXPECT_EQ(state("no json"), State::unclear);
  EXPECT_EQ(state(vector_of(sample("0")), true, 503), State::unclear);
  EXPECT_EQ(state(R"({"status":"error","error":"parse error at char 3"})", true, 400), State::unclear);
  EXPECT_EQ(state(R"({"status":"success","data":{"resultType":"matrix","result":[]}})"), State::unclear);
  EXPECT_EQ(state(vector_of(R"({"metric":{},"value":[1]})")), State::unclear);
  EXPECT_EQ(state(vector_of(sample("many"))), State::unclear);
  const auto found = judge_guard_answer({"errors", "q", true}, 400, R"({"status":"error","error":"parse error"})");
  EXPECT_EQ(found.text, "errors: Prometheus answers 400: parse error");
}

class GuardRun : public testing::Test {
 protected:
  void says(int status, const std::string& body) {
    const std::lock_guard lock(mutex_);
    answer_ = {status, body};
  }
  GuardSetup setup() {
    return {"http://127.0.0.1:" + std::to_string(server_->port()) + "/",
            10ms,
            {{"errors", "up == bool 0", true}},
            *AllowList::parse({"127.0.0.0/8"}),
            [this](const std::string& why) {
              ++stops_;
              why_.set_value(why);
            }};
  }
  std::string why() {
    auto future = why_.get_future();
    return future.wait_for(10s) == std::future_status::ready ? future.get() : "never";
  }
  std::mutex mutex_;
  ServerResponse answer_{200, vector_of(sample("0"))};
  std::string asked_;
  std::atomic<int> stops_{0};
  std::promise<std::string> why_;
  std::unique_ptr<HttpServer> server_ =
      std::move(*serve(0, [this](const ServerRequest& request, const HttpServer::Reply& reply) {
        const std::lock_guard lock(mutex_);
        asked_ = request.path + "?" + request.query;
        reply(answer_);
      }));
};

TEST_F(GuardRun, StopsOnceWhenTheConditionComesTrue) {
  const auto guard = start_guard(setup());
  while (guard->rounds() < 3) std::this_thread::yield();
  EXPECT_EQ(stops_, 0);
  says(200, vector_of(sample("1")));
  EXPECT_EQ(why(), "guard: errors: 1.000 for up == bool 0");
  EXPECT_EQ(stops_, 1);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(asked_, "/api/v1/query?query=up%20%3D%3D%20bool%200");
}

TEST_F(GuardRun, StopsWhenItHasBeenBlindForTooLong) {
  says(503, "");
  const auto guard = start_guard(setup());
  EXPECT_EQ(why(), "guard: errors: Prometheus answers 503 (4 times in a row)");
  EXPECT_EQ(guard->rounds(), kGuardMisses) << "three were forgiven";
}

TEST_F(GuardRun, StopsSoonerWhenEachAnswerIsWaitedForInVain) {
  std::mutex mutex;
  std::vector<HttpServer::Reply> held;
  const auto hangs = std::move(*serve(0, [&](const ServerRequest&, const HttpServer::Reply& reply) {
    const std::lock_guard lock(mutex);
    held.push_back(reply);
  }));
  auto waits = setup();
  waits.prometheus = "http://127.0.0.1:" + std::to_string(hangs->port());
  const auto guard = start_guard(waits);
  EXPECT_NE(why().find("(2 times in a row)"), std::string::npos)
      << "four would be eight seconds of load with nobody looking";
}

TEST_F(GuardRun, StopsWhenNobodyListensAndStaysInsideTheAllowList) {
  auto outside = setup();
  outside.allow = *AllowList::parse({"10.0.0.0/8"});
  const auto guard = start_guard(outside);
  EXPECT_NE(why().find("does not answer"), std::string::npos);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(asked_, "");
}

TEST_F(GuardRun, IsNothingWithoutAQueryOrAnAddress) {
  auto none = setup();
  none.queries.clear();
  EXPECT_EQ(start_guard(none), nullptr);
  none = setup();
  none.prometheus.clear();
  EXPECT_EQ(start_guard(none), nullptr);
}

}  // namespace
}  // namespace cardstorm
