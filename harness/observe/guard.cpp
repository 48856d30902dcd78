// guard: see guard.hpp.
#include "harness/observe/guard.hpp"

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/net/http_client.hpp"

namespace cardstorm {
namespace {

using State = GuardFinding::State;

/// The second of [time, "value"]; nothing when it is not there.
std::optional<double> value_of(const Json& pair) {
  if (pair.items().size() != 2 || !pair.items()[1].is_string()) return std::nullopt;
  const std::string& text = pair.items()[1].string();
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') return std::nullopt;
  return value;
}

std::string labels_of(const Json& metric) {
  std::string out;
  for (const auto& [name, value] : metric.members()) out += (out.empty() ? "" : ",") + name + "=" + value.text();
  return out.empty() ? "" : " {" + out.substr(0, 200) + "}";
}

GuardFinding no_data(const GuardQuery& query) {
  if (!query.absent_is_bad) return {State::quiet, query.name + ": no data"};
  return {State::stop, query.name + ": no data for " + query.query};
}

/// One number decides: NaN is no data, 0 is quiet, all else is stop.
GuardFinding judge_value(const GuardQuery& query, double value, const std::string& labels) {
  if (std::isnan(value)) return no_data(query);
  if (value == 0) return {State::quiet, query.name + ": 0"};
  return {State::stop, query.name + ": " + fixed(value, 3) + labels + " for " + query.query};
}

GuardFinding judge_data(const GuardQuery& query, const Json& data) {
  const std::string& type = data["resultType"].string();
  const Json& result = data["result"];
  const GuardFinding strange{State::unclear, query.name + ": the answer is not understood"};
  if (type == "scalar") {
    const auto value = value_of(result);
    return value ? judge_value(query, *value, "") : strange;
  }
  if (type != "vector" || !result.is_array())
    return {State::unclear,
            query.name + ": the query gives a " + (type.empty() ? "nothing" : type) + ", wanted a vector or scalar"};
  if (result.items().empty()) return no_data(query);
  GuardFinding worst{State::quiet, query.name + ": 0"};
  for (const Json& sample : result.items()) {
    const auto value = value_of(sample["value"]);
    if (!value) return strange;
    GuardFinding one = judge_value(query, *value, labels_of(sample["metric"]));
    if (one.state == State::stop) return one;
  }
  return worst;
}

class PollingGuard final : public Guard {
 public:
  explicit PollingGuard(GuardSetup setup)
      : setup_(std::move(setup)), thread_([this](const std::stop_token& stop) { run(stop); }) {}
  [[nodiscard]] int rounds() const override { return rounds_; }

 private:
  void run(const std::stop_token& stop) {
    std::vector<int> misses(setup_.queries.size(), 0);
    std::vector<Nanos> blind_since(setup_.queries.size());
    while (!stop.stop_requested()) {
      for (std::size_t i = 0; i < setup_.queries.size() && !stop.stop_requested(); ++i) {
        if (misses[i] == 0) blind_since[i] = monotonic_now();
        const GuardFinding found = ask_guard(setup_.prometheus, setup_.queries[i], setup_.allow, kAnswer);
        misses[i] = found.state == State::unclear ? misses[i] + 1 : 0;
        const bool blind =
            misses[i] > kGuardMisses || (misses[i] > 1 && monotonic_now() - blind_since[i] >= kGuardBlind);
        if (found.state != State::stop && !blind) continue;
        if (!stop.stop_requested())
          setup_.on_stop("guard: " + found.text + (blind ? " (" + std::to_string(misses[i]) + " times in a row)" : ""));
        return;
      }
      ++rounds_;
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, setup_.every, [] { return false; });
    }
  }

  static constexpr Nanos kAnswer{2s};
  const GuardSetup setup_;
  std::atomic<int> rounds_{0};
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace

GuardFinding judge_guard_answer(const GuardQuery& query, int status, const std::string& body) {
  if (status == 0) return {State::unclear, query.name + ": Prometheus does not answer: " + body};
  const auto json = Json::parse(body);
  const std::string words = json ? (*json)["error"].string() : "";
  if (status < 200 || status > 299 || !json || (*json)["status"].string() != "success")
    return {State::unclear, query.name + ": Prometheus answers " + std::to_string(status) +
                                (words.empty() ? "" : ": " + words.substr(0, 200))};
  return judge_data(query, (*json)["data"]);
}

GuardFinding ask_guard(const std::string& prometheus, const GuardQuery& query, const AllowList& allow, Nanos timeout) {
  HttpRequest request;
  std::string base = prometheus;
  while (!base.empty() && base.back() == '/') base.pop_back();
  request.url = base + "/api/v1/query?query=" + url_encode(query.query);
  request.timeout = timeout;
  const HttpResponse answer = fetch(request, allow);
  const bool whole = answer.cause == Cause::none;
  return judge_guard_answer(query, whole ? answer.status : 0, whole ? answer.body : answer.error);
}

std::unique_ptr<Guard> start_guard(GuardSetup setup) {
  if (setup.prometheus.empty() || setup.queries.empty()) return nullptr;
  return std::make_unique<PollingGuard>(std::move(setup));
}

}  // namespace cardstorm
