// words: numbers and findings as people read them, in one language. Every value that is not a number reads as a dash.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "reports/view.hpp"

namespace cardstorm {

class Words {
 public:
  /// `rich`: typographic signs; else ASCII signs, whose width is the same on every terminal.
  Words(Lang lang, bool rich) : lang_(lang), rich_(rich) {}

  [[nodiscard]] Lang lang() const { return lang_; }
  [[nodiscard]] std::string t(Text id) const { return std::string(text(id, lang_)); }
  [[nodiscard]] std::string say(Text id, std::initializer_list<std::string_view> args) const {
    return cardstorm::say(id, lang_, args);
  }
  [[nodiscard]] std::string dash() const { return rich_ ? "–" : "-"; }

  [[nodiscard]] std::string number(double value, int decimals) const;
  [[nodiscard]] std::string count(std::uint64_t value) const;              // 12,345
  [[nodiscard]] std::string seconds(double value) const;                   // 26.4 s
  [[nodiscard]] std::string range(double lo, double hi) const;             // 25.9-27.0 s
  [[nodiscard]] std::string millis(double value) const;                    // 812 ms, 12.0 s
  [[nodiscard]] std::string share(double value) const;                     // 99.93 %, never rounded up
  [[nodiscard]] std::string reduction(std::optional<double> value) const;  // 78 %
  [[nodiscard]] std::string money(std::int64_t cents) const;

  [[nodiscard]] std::string fault(std::string_view name) const;
  [[nodiscard]] std::string check(std::string_view name) const;
  [[nodiscard]] std::string cause(std::string_view name) const;
  [[nodiscard]] std::string outcome(TradeOutcome outcome) const;
  [[nodiscard]] std::string group(std::string_view name) const;      // a flow, class of goods or phase
  [[nodiscard]] std::string situation(std::string_view name) const;  // what did not occur
  [[nodiscard]] std::string scheduling(std::string_view name) const;
  [[nodiscard]] std::string verdict(Verdict verdict) const;               // pass, fail, unknown
  [[nodiscard]] std::string finding(Verdict verdict) const;               // holds, broken, unknown
  [[nodiscard]] std::string decision(Verdict verdict) const;              // go, no-go, not decidable
  [[nodiscard]] std::string decision_and_verdict(Verdict verdict) const;  // Go (pass)
  [[nodiscard]] std::string reason(const Reason& reason) const;           // by code, else the English text
  [[nodiscard]] std::string remedy(const Reason& reason) const;
  /// The judge's own sentence where `reason` is a translation that leaves its figures out; else "".
  [[nodiscard]] std::string detail(const Reason& reason) const;

  /// "pay, planned for 12.3 s, took 8.0 s, ran into its timeout"
  [[nodiscard]] std::string traced(const TracedStep& step) const;

  [[nodiscard]] std::string onset(const FaultCell& cell) const;
  [[nodiscard]] std::string recovery(const FaultCell& cell) const;  // 26.4 s | no impact | not recovered in 50 s
  [[nodiscard]] std::string spread(const FaultCell& cell) const;    // 25.9-27.0 s over repeats, or ""
  [[nodiscard]] std::string audit(const AuditCount& count) const;
  /// The decision in one sentence.
  [[nodiscard]] std::string headline(const View& view) const;
  /// What the run did: traffic, repeats, seed, environment.
  [[nodiscard]] std::string setting(const View& view) const;
  [[nodiscard]] std::string assumption(double restart_s) const;

 private:
  [[nodiscard]] std::string by_code(std::string_view prefix, std::string_view code) const;
  Lang lang_;
  bool rich_;
};

}  // namespace cardstorm
