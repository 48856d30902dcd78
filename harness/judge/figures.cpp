// figures: see figures.hpp.
#include "harness/judge/figures.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "harness/judge/scorecard_fields.hpp"

namespace cardstorm {
namespace {

/// A walk over the field lists that keeps what is marked. Lists of rows are no figures: only what has a name of its
/// own.
class FigureWalk {
 public:
  FigureWalk(std::vector<Figure>& out, std::string place) : out_(out), place_(std::move(place)) {}

  template <class T, class... How>
  void operator()(std::string_view name, const T& member, const How&...) {
    if constexpr ((std::is_same_v<How, FigureHere> || ...)) {
      out_.push_back({below(name), static_cast<double>(member)});
    } else if constexpr (json_fields::kIsMap<T>) {
      for (const auto& [key, one] : member)
        if constexpr (requires(FigureWalk & walk) { fields(one, walk); }) {
          FigureWalk inner(out_, below(name) + "." + key);
          fields(one, inner);
        }
    }
  }
  template <class F, class... How>
  void group(std::string_view name, F&& list, const How&...) {
    FigureWalk inner(out_, below(name));
    list(inner);
  }
  template <class T, class... How>
  void derived(std::string_view, const T& value, const How&...) {
    if constexpr ((std::is_same_v<How, FigureOfAll> || ...)) out_.push_back({place_, static_cast<double>(value)});
  }
  template <class T, class... How>
  void both(std::string_view, const T&, const T&, const How&...) {}
  void schema(std::string_view, std::string_view) {}

 private:
  [[nodiscard]] std::string below(std::string_view name) const {
    return (place_.empty() ? "" : place_ + ".") + std::string(name);
  }

  std::vector<Figure>& out_;
  std::string place_;
};

std::optional<double> worst_ttr(const Scorecard& card) {
  std::optional<double> worst;
  for (const auto& e : card.episodes) {
    if (!e.absorbed && !e.censored && !e.ttr_s) continue;
    const double ttr = e.absorbed ? 0 : e.censored ? std::numeric_limits<double>::infinity() : *e.ttr_s;
    worst = std::max(worst.value_or(0), ttr);
  }
  return worst;
}

}  // namespace

std::vector<Figure> figures_of(const Scorecard& card) {
  std::vector<Figure> out;
  FigureWalk walk(out, "");
  fields(card, walk);
  std::uint64_t violations = 0;
  for (const auto& f : card.checks) violations += f.violations;
  const auto censored =
      std::count_if(card.episodes.begin(), card.episodes.end(), [](const Episode& e) { return e.censored; });
  out.push_back(Figure{"ttr_s", worst_ttr(card)});
  out.push_back(Figure{"censored", static_cast<double>(censored)});
  out.push_back(Figure{"violations", static_cast<double>(violations)});
  return out;
}

std::vector<std::string> figure_names() {
  Scorecard any;
  for (const Phase phase : {Phase::steady, Phase::fault, Phase::observe}) any.by_phase[std::string(to_text(phase))];
  any.by_flow["{flow}"];
  any.by_goods["{goods}"];
  any.mttr["{fault}"];
  std::vector<std::string> out;
  for (Figure& one : figures_of(any)) out.push_back(std::move(one.name));
  return out;
}

std::optional<double> figure_of(const Scorecard& card, const std::string& name) {
  for (const Figure& one : figures_of(card))
    if (one.name == name) return one.value;
  return std::nullopt;
}

}  // namespace cardstorm
