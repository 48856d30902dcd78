// one_trade: one buyer on a manual clock, and answers in a given order. For the tests of what each answer makes of a
// trade.
#pragma once

#include <algorithm>
#include <vector>

#include "tests/unit/drive/bench_run.hpp"

namespace cardstorm::test {

/// Answers the n-th request with the n-th reply, the last one for ever.
inline FakeHttpClient::Behaviour in_turn(std::vector<FakeReply> replies) {
  return [replies, n = std::size_t{0}](const HttpRequest&, Nanos) mutable {
    return replies[std::min(n++, replies.size() - 1)];
  };
}

inline Step thinking(Step s, Nanos think) {
  s.think = think;
  return s;
}

inline Step polling(Step s, Nanos every = 500ms) {
  s.poll = Poll{every, "/status", {"delivered"}, {"failed"}};
  return s;
}

/// One trade at 1 s.
inline void run_one(BenchRun& run) {
  run.times = {1s};
  run.run();
}

}  // namespace cardstorm::test
