// send_path: see send_path.hpp.
#include "harness/bench/send_path.hpp"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <optional>
#include <thread>

#include "harness/core/version.hpp"
#include "harness/drive/driver.hpp"
#include "harness/history/history.hpp"
#include "harness/mint/mint.hpp"
#include "harness/net/http_client.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kAhead = 200ms;  // every lane is there when time zero comes

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds_of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double resident_mb() {
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

void pin_to(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  (void)::sched_setaffinity(0, sizeof set, &set);  // a machine with fewer processors runs unpinned
}

Plan bare_plan(Nanos length, Nanos timeout) {
  Plan plan;
  plan.scenario = "bench";
  plan.target = "nginx";
  plan.version = build_version();
  Segment segment{};
  segment.begin = 0s;
  segment.fault_at = segment.heal_at = segment.horizon_at = segment.end = length;
  plan.segments = {segment};
  plan.load_end = length;
  plan.drain = timeout + 2s;
  plan.in_flight_max = 40000;
  plan.connections_max = 16000;
  plan.traffic.connects_per_second = 20000;
  Journey journey;
  journey.name = "get";
  journey.flow = "browse";
  journey.goods = "catalogue";
  journey.deadline = timeout + 1s;
  Step step;
  step.name = "get";
  step.path = "/";
  step.timeout = timeout;
  step.resend = false;
  journey.steps = {step};
  plan.journeys = {journey};
  return plan;
}

/// Looks at our memory early and late in the run.
class MemoryWatch {
 public:
  MemoryWatch(Nanos zero, Nanos length)
      : thread_([this, zero, length](const std::stop_token& stop) {
          std::atomic<double>* const places[] = {&early, &late};
          const Nanos times[] = {zero + length / 4, zero + length * 9 / 10};
          for (int i = 0; i < 2; ++i) {
            while (monotonic_now() < times[i] && !stop.stop_requested()) std::this_thread::sleep_for(10ms);
            *places[i] = resident_mb();
          }
        }) {}
  std::atomic<double> early{0}, late{0};

 private:
  std::jthread thread_;
};

void read_back(const std::string& dir, SendPathRun& out) {
  (void)read_history(dir, [&](const Event& e) {
    if (const auto* s = std::get_if<StepEnded>(&e))
      out.steps.push_back({s->planned, s->sent, s->done, s->outcome, s->cause, s->requests});
    if (std::holds_alternative<TradePlanned>(e)) ++out.trades_planned;
    if (const auto* t = std::get_if<TradeEnded>(&e)) ++out.trades[t->outcome];
    if (const auto* g = std::get_if<GeneratorSeen>(&e)) out.generator = *g;
  });
  std::stable_sort(out.steps.begin(), out.steps.end(),
                   [](const StepSeen& a, const StepSeen& b) { return a.planned < b.planned; });
}

}  // namespace

Plan constant_plan(double rate, Nanos length, Nanos timeout) {
  Plan plan = bare_plan(length, timeout);
  plan.traffic.mode = "constant";
  plan.traffic.rate = rate;
  plan.traffic.base_rate = rate;
  return plan;
}

Plan closed_loop_plan(std::uint32_t buyers, std::uint16_t steps) {
  Plan plan = constant_plan(buyers * 10.0, 100ms, 5s);
  plan.load_end = 100ms;
  plan.drain = 300s;
  Journey& journey = plan.journeys.front();
  journey.deadline = 300s;
  journey.steps.assign(steps, journey.steps.front());
  return plan;
}

Result<SendPathRun> run_send_path(const Plan& plan, const Trace& trace, const std::string& url, const std::string& dir,
                                  int cpu, const std::stop_token& stop, const std::function<void(Nanos)>& on_start) {
  auto log = HistoryWriter::open(dir, "drive");
  if (!log) return std::move(log).error();
  const auto allow = AllowList::parse({"127.0.0.0/8"});
  if (!allow) return allow.error();
  const Mint mint("bench");
  DriveLive live;
  SendPathRun out;
  const MonotonicClock clock(monotonic_now() + kAhead);
  if (on_start) on_start(clock.start());
  (void)::malloc_trim(0);  // what earlier runs left in the allocator would hide growth
  MemoryWatch memory(clock.start(), plan.load_end);
  const std::string base = url.substr(0, url.find_last_not_of('/') + 1);
  const double cpu_before = cpu_seconds();
  std::jthread driver([&] {
    pin_to(cpu);
    drive({.plan = plan,
           .trace = trace,
           .clock = clock,
           .client = [&](HttpClientLimits share) { return make_http_client(clock, *allow, share); },
           .history = [&](const std::string&) -> EventSink& { return **log; },
           .mint = mint,
           .url = base,
           .mark = "bench",
           .live = live},
          stop);
  });
  driver.join();
  out.wall_s = seconds(clock.now());
  out.cpu_s = cpu_seconds() - cpu_before;
  out.rss_early_mb = memory.early;
  out.rss_late_mb = memory.late;
  if (Status s = (*log)->close(); !s) return s.error();
  read_back(dir, out);
  return out;
}

}  // namespace cardstorm
