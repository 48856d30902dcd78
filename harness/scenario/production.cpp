// production: see production.hpp.
#include "harness/scenario/production.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

/// N of "peak <= N".
std::optional<double> peak_of(const std::string& entry) {
  const std::string text(trim(entry));
  if (text.rfind("peak", 0) != 0) return std::nullopt;
  const std::string rest(trim(std::string_view(text).substr(4)));
  if (rest.rfind("<=", 0) != 0) return std::nullopt;
  const std::string number(trim(std::string_view(rest).substr(2)));
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() || !(value > 0)) return std::nullopt;
  return value;
}

/// "FAULT on NAME" with one blank between the words, or "".
std::string fault_of(const std::string& entry) {
  std::vector<std::string> words;
  for (const std::string& word : split(entry, ' '))
    if (!word.empty()) words.push_back(word);
  return words.size() == 3 && words[1] == "on" ? join(words, " ") : "";
}

bool writes(const Step& step) { return step.method != "GET" && step.method != "HEAD"; }

class Permissions {
 public:
  explicit Permissions(const std::vector<std::string>& entries) {
    for (const std::string& entry : entries) {
      if (const auto bound = peak_of(entry))
        peak_ = peak_ ? std::min(*peak_, *bound) : *bound;
      else if (const std::string fault = fault_of(entry); !fault.empty())
        words_.insert(fault);
      else
        words_.insert(std::string(trim(entry)));
    }
  }
  void need(const std::string& word, const std::string& what, std::vector<Mistake>& out) const {
    if (!words_.contains(word))
      out.push_back({"", 0, 0, "production: " + what + " is not allowed by name",
                     "add '" + word + "' to 'production' in the target's file if it may be done"});
  }
  [[nodiscard]] std::optional<double> peak() const { return peak_; }

 private:
  std::set<std::string> words_;
  std::optional<double> peak_;
};

}  // namespace

std::vector<std::string> unknown_allowances(const std::vector<std::string>& entries) {
  std::vector<std::string> unknown;
  for (const std::string& entry : entries) {
    const std::string word(trim(entry));
    const bool known =
        word == "load" || word == "orders" || word == "audit" || peak_of(word) || !fault_of(word).empty();
    if (!known) unknown.push_back(entry);
  }
  return unknown;
}

std::string allowed_fault(const std::string& entry) {
  const std::string words = fault_of(entry);
  return words.substr(0, words.find(' '));
}

std::size_t busiest_second(const std::vector<Nanos>& arrivals) {
  std::size_t most = 0, first = 0;
  for (std::size_t last = 0; last < arrivals.size(); ++last) {
    while (arrivals[last] - arrivals[first] >= Nanos(1s)) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

std::vector<Mistake> production_mistakes(const TargetSpec& target, const Plan& plan,
                                         const std::vector<Nanos>& arrivals) {
  std::vector<Mistake> out;
  if (target.environment != "production") return out;
  const Permissions allowed(target.production_allows);
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    out.push_back({"", 0, 0, "production: " + what, remedy});
  };
  const std::size_t peak = busiest_second(arrivals);

  if (!arrivals.empty()) allowed.need("load", "load", out);
  if (!allowed.peak())
    refuse("no bound for the load is given",
           "add 'peak <= N' to 'production', N in trades per second; this plan needs " + std::to_string(peak));
  else if (static_cast<double>(peak) > *allowed.peak())
    refuse("the plan has a second with " + std::to_string(peak) + " trades, more than the " +
               fixed(*allowed.peak(), 1) + " that are allowed",
           "lower traffic.scale or traffic.peak_rate, or raise 'peak <= N' in 'production'");
  std::set<std::string> faults;
  for (const Segment& segment : plan.segments)
    if (!segment.fault.fault.empty()) faults.insert(segment.fault.fault + " on " + segment.fault.on);
  for (const std::string& fault : faults) allowed.need(fault, "the fault '" + fault + "'", out);

  const auto writing = std::find_if(plan.journeys.begin(), plan.journeys.end(), [](const Journey& journey) {
    return std::any_of(journey.steps.begin(), journey.steps.end(), writes);
  });
  if (writing != plan.journeys.end())
    allowed.need("orders", "journey '" + writing->name + "', which writes,", out);
  else if (!target.preflight_journey.empty())
    allowed.need("orders", "the preflight trade", out);
  if (!target.audit.path.empty() || !target.audit.database.empty())
    allowed.need("audit", "the audit of its books", out);
  if (target.mark_header.empty())
    refuse("requests without a mark could not be told from those of customers",
           "give mark: { header: X-Cardstorm-Mark }");
  return out;
}

}  // namespace cardstorm
