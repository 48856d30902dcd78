// doctor_try: see doctor_try.hpp.
#include "harness/run/doctor_try.hpp"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/fault/fault.hpp"
#include "harness/judge/judge.hpp"
#include "harness/net/control.hpp"
#include "harness/run/partners_link.hpp"
#include "harness/run/session.hpp"
#include "harness/target/channels.hpp"

namespace cardstorm {
namespace {

constexpr Nanos kDelay{3s}, kSlow{1500ms};

/// Twelve seconds of even load: long enough for each check to have something to look at. Of the checks those that any
/// shop with cards can be asked; whether a card is genuine only who minted it can tell.
std::string scenario_text(const std::string& target, const std::string& name, bool minted) {
  return "scenario: " + name + "\nwhy: The self-check of cardstorm doctor --try.\ntarget: " + Json(target).dump() +
         "\nseed: 1\ntraffic: { mode: constant, rate: 6, buyers: 50 }\ntiming: { gap: 0s, drain: 10s }\nlevels: [ { "
         "for: 12s } ]\n" +
         "checks: [money_conserved, paid_then_credited, one_charge_per_intent, one_credit_per_charge, card_unique, "
         "no_oversell" +
         (minted ? ", card_genuine]\n" : "]\n");
}

/// Keeps both plants alive while it lives: every notify doubled on the channels in use, one unused channel slowed. All
/// are leases.
class Planter {
 public:
  Planter(std::string url, std::string token, AllowList allow, std::vector<std::string> doubled, std::string slowed)
      : url_(std::move(url)),
        token_(std::move(token)),
        allow_(allow),
        doubled_(std::move(doubled)),
        slowed_(std::move(slowed)),
        channels_(make_channel_control(url_, token_, std::move(allow))),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}
  ~Planter() { stop(); }

  void stop() {
    thread_.request_stop();
    if (!thread_.joinable()) return;
    thread_.join();
    for (const std::string& channel : doubled_) (void)duplicate(channel, 0);
    if (!slowed_.empty()) (void)channels_->clear(slowed_);
  }
  /// After stop(): whether the slowed channel itself was seen to be slow; what went wrong with the duplicates.
  [[nodiscard]] bool slow_seen() const { return slow_seen_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  Status duplicate(const std::string& channel, double share) {
    HttpRequest request =
        post(url_ + "/control/channel/" + url_encode(channel) + "/duplicate",
             Json::object({{"share", share}, {"lease_ms", share > 0 ? kLease / Nanos(1ms) : 0}}).dump());
    request.headers.emplace_back("X-Control-Token", token_);
    auto answer = control_call(request, allow_);
    if (!answer) return std::move(answer).error();
    return ok();
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const std::string& channel : doubled_)
        if (auto done = duplicate(channel, 1); !done) problem_ = done.error().what;
      if (!slowed_.empty()) {
        if (auto done = channels_->delay(slowed_, kDelay, kLease); !done)
          problem_ = done.error().what;
        else if (!slow_seen_)
          slow_seen_ = is_slow();
      }
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, kRenewEvery, [] { return false; });
    }
  }
  /// Asked at the channel itself; shorter than a lease, so that the next renewal is not late.
  bool is_slow() {
    const auto took = channels_->probe(slowed_, kSlow);
    return !took && took.error().code == Errc::timeout;
  }

  const std::string url_, token_;
  const AllowList allow_;
  const std::vector<std::string> doubled_;
  const std::string slowed_;
  std::unique_ptr<ChannelControl> channels_;
  bool slow_seen_ = false;  // the thread's own until stop()
  std::string problem_;     // the thread's own until stop()
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

std::string why_of(const Scorecard& card) {
  std::vector<std::string> parts;
  for (const Finding& check : card.checks)
    if (check.verdict == Verdict::fail) parts.push_back(check.name + ": " + std::to_string(check.violations));
  if (parts.empty())
    for (const Reason& reason : card.why) parts.push_back(reason.text);
  return join(parts, "; ");
}

class Trial {
 public:
  Trial(const TryRequest& request, Progress& progress, const std::stop_token& stop)
      : request_(request), progress_(progress), stop_(stop) {}

  Result<TryEnd> run() {
    std::error_code error;
    if (std::filesystem::exists(request_.out, error))
      return Error{Errc::unavailable, request_.out + " exists", "choose another --out"};
    std::filesystem::create_directories(request_.out, error);
    if (error) return Error{Errc::unavailable, "cannot create " + request_.out + ": " + error.message()};
    auto control = one_run("control");
    if (!control) return std::move(control).error();
    if (!end_.mistakes.empty() || end_.interrupted) return std::move(end_);
    verdict("try_control", *control, "");
    if (auto planted = planted_run(); !planted) return std::move(planted).error();
    return std::move(end_);
  }

 private:
  /// The scorecard of a run of the internal scenario; nothing but `end_` counts when there were mistakes or an
  /// interruption.
  Result<Scorecard> one_run(const std::string& name) {
    const std::string file = request_.out + "/" + name + ".yaml";
    if (auto written = write_file(file, scenario_text(request_.target, "doctor-" + name, !request_.mint.empty()));
        !written)
      return std::move(written).error();
    Request request;
    request.scenario_path = file;
    request.target = request_.target;
    request.root = request_.root;
    auto loaded = load(request, request_.known);
    if (auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded)) {
      end_.mistakes = std::move(*mistakes);
      return Scorecard{};
    }
    const Loaded& plan = std::get<Loaded>(loaded);
    spec_ = plan.target;
    if (plan.target.kind != "external")
      return Error{Errc::invalid, "--try is for a platform that runs already",
                   "for the reference platform: cardstorm drill --quick"};
    const auto end = run_session({.loaded = plan,
                                  .out = request_.out + "/" + name,
                                  .self = request_.self,
                                  .binary_dir = request_.binary_dir,
                                  .command = "./cardstorm doctor --try --target " + request_.target,
                                  .mint_dir = request_.mint},
                                 progress_, stop_);
    if (!end) return end.error();
    end_.interrupted = end_.interrupted || end->interrupted;
    end_.residue += end->residue;
    return judge_run(request_.out + "/" + name);
  }

  Result<std::monostate> planted_run() {
    if (spec_.partners.url.empty()) {
      for (const char* code : {"try_duplicate", "try_bypassed"})
        add(code, Health::bad, "no partners in the target file");
      return ok();
    }
    auto allow = AllowList::parse(spec_.allow);
    if (!allow) return std::move(allow).error();
    const auto link = PartnersLink::attach(spec_.partners, *allow);
    if (!link) return link.error();
    const auto before = channel_use(request_.out + "/control");
    std::vector<std::string> used;
    std::string unused;
    for (const ChannelUse& use : before) {
      if (use.payments > 0)
        used.push_back(use.channel);
      else if (unused.empty() && pings(use.channel, *allow))
        unused = use.channel;
    }
    Planter planter(spec_.partners.url, link->token(), *allow, used, unused);
    auto card = one_run("planted");
    planter.stop();
    if (!card) return std::move(card).error();
    if (end_.interrupted || !end_.mistakes.empty()) return ok();
    duplicates(*card, planter, used);
    bypassed(planter, unused);
    return ok();
  }

  /// A channel answers a ping; a supplier has none.
  bool pings(const std::string& name, const AllowList& allow) const {
    return control_call(get(spec_.partners.url + "/channel/" + url_encode(name) + "/ping"), allow).has_value();
  }

  void duplicates(const Scorecard& card, const Planter& planter, const std::vector<std::string>& used) {
    int repeated = 0;
    for (const ChannelUse& use : channel_use(request_.out + "/planted")) repeated += use.repeated;
    if (used.empty()) return add("try_duplicate", Health::bad, "no payment came through any simulator");
    if (repeated == 0)
      return add("try_duplicate", Health::bad,
                 "no notify went out twice" + (planter.problem().empty() ? "" : ": " + planter.problem()));
    verdict("try_duplicate", card, std::to_string(repeated) + " payments notified more than once; ");
  }

  void bypassed(const Planter& planter, const std::string& unused) {
    if (unused.empty())
      return add("try_bypassed", Health::note, "the platform used every channel: nothing is left to bypass");
    if (!planter.slow_seen())
      return add("try_bypassed", Health::bad,
                 unused + " was not seen to be slow" + (planter.problem().empty() ? "" : ": " + planter.problem()));
    for (const ChannelUse& use : channel_use(request_.out + "/planted"))
      if (use.channel == unused && use.payments > 0)
        return add("try_bypassed", Health::note, unused + " was used after all");
    add("try_bypassed", Health::good,
        "bypassed: no request of the platform came through " + unused + " while it was slowed");
  }

  void verdict(const char* code, const Scorecard& card, const std::string& before) {
    const std::string words = card.verdict == Verdict::pass   ? "pass"
                              : card.verdict == Verdict::fail ? "fail: "
                                                              : "unknown: ";
    add(code, card.verdict == Verdict::pass ? Health::good : Health::bad,
        before + words + (card.verdict == Verdict::pass ? "" : why_of(card)));
  }
  void add(const char* code, Health health, const std::string& found) {
    end_.facts.push_back({code, "", health, found, ""});
  }

  const TryRequest& request_;
  Progress& progress_;
  const std::stop_token& stop_;
  TargetSpec spec_;
  TryEnd end_;
};

}  // namespace

std::vector<ChannelUse> channel_use(const std::string& run_dir) {
  std::vector<ChannelUse> out;
  for (const std::string& name : journal_names(run_dir + "/partners")) {
    ChannelUse use{name, 0, 0};
    std::map<std::string, int> notified;
    const auto text = read_file(run_dir + "/partners/" + name + ".jsonl");
    for (const std::string& line : text ? split(*text, '\n') : std::vector<std::string>{}) {
      const auto row = Json::parse(line);
      if (!row) continue;
      const std::string& kind = (*row)["kind"].string();
      if (kind == "created" || kind == "charged") ++use.payments;
      if (kind == "notify") ++notified[(*row)["trade_no"].string()];
    }
    for (const auto& [trade, times] : notified) use.repeated += times > 1 ? 1 : 0;
    out.push_back(std::move(use));
  }
  return out;
}

Result<TryEnd> try_target(const TryRequest& request, Progress& progress, const std::stop_token& stop) {
  return Trial(request, progress, stop).run();
}

}  // namespace cardstorm
