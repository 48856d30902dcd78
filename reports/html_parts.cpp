// html_parts: curves and bars.
#include "reports/html_parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <initializer_list>

namespace cardstorm::html {
namespace {

constexpr std::size_t kBinsMax = 400, kBandsMax = 24, kPeaksMax = 30, kFaultsMax = 12, kTicksMax = 30;
constexpr double kLatestSecond = 1e7;  // later rows are no time of a run

Html decimal(double value, int decimals) { return Html::text(Words(Lang::en, false).number(value, decimals)); }
Html percent(double part, double whole) {
  return decimal(whole > 0 ? std::clamp(part / whole, 0.0, 1.0) * 100 : 0, 2) + "%";
}

/// Some seconds of the run; several repeats fall into one bin.
struct Bin {
  std::uint64_t planned = 0, good = 0;
  double p50_sum = 0, p50_weight = 0, p99 = 0;
  std::uint32_t trades = 0;
  [[nodiscard]] double share() const { return static_cast<double>(good) / static_cast<double>(planned); }
  [[nodiscard]] double p50() const { return p50_weight > 0 ? p50_sum / p50_weight : 0; }
};

struct Axes {
  double bin_s = 1, end_s = 1;
  std::size_t bins = 1;
  int decade_lo = 0, decade_hi = 4;
};
struct Band {
  std::string fault;
  double from, to;
};

bool usable(double at_s) { return std::isfinite(at_s) && at_s >= 0 && at_s < kLatestSecond; }

Axes axes_of(const View& view) {
  Axes axes;
  double lowest = 0, highest = 0;
  for (const Side& side : view.sides)
    for (const WindowRow& row : side.card->timeline) {
      if (!usable(row.at_s)) continue;
      axes.end_s = std::max(axes.end_s, std::floor(row.at_s) + 1);
      for (const double ms : {row.p50_ms, row.p99_ms}) {
        if (!std::isfinite(ms) || ms <= 0) continue;
        lowest = lowest == 0 ? ms : std::min(lowest, ms);
        highest = std::max(highest, ms);
      }
    }
  axes.bin_s = std::ceil(axes.end_s / static_cast<double>(kBinsMax));
  axes.bins = static_cast<std::size_t>(std::ceil(axes.end_s / axes.bin_s));
  axes.end_s = axes.bin_s * static_cast<double>(axes.bins);
  if (highest > 0) {
    axes.decade_lo = std::clamp(static_cast<int>(std::floor(std::log10(lowest))), -3, 5);
    axes.decade_hi = std::clamp(static_cast<int>(std::ceil(std::log10(highest))), axes.decade_lo + 2, 7);
  }
  return axes;
}

std::vector<Bin> bins_of(const Scorecard& card, const Axes& axes) {
  std::vector<Bin> bins(axes.bins);
  for (const WindowRow& row : card.timeline) {
    if (!usable(row.at_s)) continue;
    Bin& bin = bins.at(std::min(axes.bins - 1, static_cast<std::size_t>(row.at_s / axes.bin_s)));
    bin.planned += row.planned;
    bin.good += std::min(row.good, row.planned);
    bin.trades = std::max(bin.trades, row.trades);
    if (std::isfinite(row.p99_ms)) bin.p99 = std::max(bin.p99, row.p99_ms);
    if (std::isfinite(row.p50_ms) && row.p50_ms > 0) {
      bin.p50_sum += row.p50_ms * row.planned;
      bin.p50_weight += row.planned;
    }
  }
  return bins;
}

std::vector<Band> bands_of(const Scorecard& card) {
  std::vector<Band> bands;
  for (const FaultBand& band : card.fault_bands) {
    if (!usable(band.from_s) || !usable(band.to_s)) continue;
    const auto same = std::find_if(bands.begin(), bands.end(), [&](const Band& b) {  // the same fault of another repeat
      return b.fault == band.fault && band.from_s <= b.to + 3 && band.to_s >= b.from - 3;
    });
    if (same != bands.end()) {
      same->from = std::min(same->from, band.from_s);
      same->to = std::max(same->to, band.to_s);
    } else if (bands.size() < kBandsMax) {
      bands.push_back({band.fault, band.from_s, std::max(band.from_s, band.to_s)});
    }
  }
  return bands;
}

/// Points (bin, y) as a path; a bin without a value interrupts it.
template <class Y>
Html path_of(const std::vector<Bin>& bins, Y y_of) {
  Html path;
  bool pen_down = false;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const double y = y_of(bins[i]);
    if (!std::isfinite(y)) {
      pen_down = false;
      continue;
    }
    const double x = (static_cast<double>(i) + 0.5) * 1000 / static_cast<double>(bins.size());
    path += Html::when(pen_down, "L", "M") + decimal(x, 1) + " " + decimal(std::clamp(y, 0.0, 100.0), 1);
    if (!pen_down) path += "h.1";  // so that a lone point is seen
    pen_down = true;
  }
  return path;
}

/// The area between a curve and a straight line at `edge`, run by run.
template <class Y>
Html area_of(const std::vector<Bin>& bins, double edge, Y y_of) {
  Html path;
  const double step = 1000 / static_cast<double>(bins.size());
  for (std::size_t i = 0; i < bins.size();) {
    if (!std::isfinite(y_of(bins[i]))) {
      ++i;
      continue;
    }
    path += "M" + decimal(static_cast<double>(i) * step, 1) + " " + decimal(edge, 0);
    for (; i < bins.size() && std::isfinite(y_of(bins[i])); ++i)
      path +=
          "V" + decimal(std::clamp(y_of(bins[i]), 0.0, 100.0), 1) + "H" + decimal(static_cast<double>(i + 1) * step, 1);
    path += "V" + decimal(edge, 0) + "Z";
  }
  return path;
}

Html latency_label(int decade) {
  const double ms = std::pow(10.0, decade);
  return ms >= 1000 ? decimal(ms / 1000, 0) + " s" : decimal(ms, decade < 0 ? -decade : 0) + " ms";
}

Html tick(double top_percent, const Html& label) {
  return "<span class=\"tick\" style=\"top:" + decimal(top_percent, 1) + "%\">" + label + "</span>";
}
Html grid_line(double y) { return "<path class=\"grid\" d=\"M0 " + decimal(y, 1) + "H1000\"/>"; }

/// A value's label beside its point, kept inside the panel.
Html flag(double x_percent, double y_percent, const Html& label) {
  const Html side = Html::when(x_percent < 50, " l", " r");
  const double x = x_percent < 50 ? x_percent + 1.2 : x_percent - 1.2;
  const Html point = "<i class=\"point\" style=\"left:" + decimal(x_percent, 2) +
                     "%;top:" + decimal(std::clamp(y_percent, 0.0, 100.0), 1) + "%\"></i>";
  return point + "<span class=\"flag" + side + "\" style=\"left:" + decimal(x, 2) +
         "%;top:" + decimal(std::clamp(y_percent, 14.0, 86.0), 1) + "%\">" + label + "</span>";
}

double nice_step(double span, int wanted) {
  for (const double step :
       {1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0})
    if (span / step <= wanted) return step;
  return span / wanted;
}

class Chart {
 public:
  Chart(const View& view, const Both& both, const Axes& axes, std::size_t side)
      : view_(view),
        both_(both),
        axes_(axes),
        side_(side),
        card_(*view.sides[side].card),
        bins_(bins_of(card_, axes)),
        bands_(bands_of(card_)) {}

  Html text() const {
    return "<figure class=\"chart " + side_class(view_, side_) + "\" tabindex=\"0\" data-bin=\"" +
           decimal(axes_.bin_s, 0) + "\" data-rows=\"" + rows() + "\">" + caption() + names() + success() + latency() +
           traffic() + x_axis() + read_out() + "</figure>\n";
  }

 private:
  double x_of(std::size_t bin) const {
    return (static_cast<double>(bin) + 0.5) / static_cast<double>(bins_.size()) * 100;
  }
  double y_of_ms(double ms) const {
    if (!std::isfinite(ms) || ms <= 0) return std::nan("");
    return 100.0 * (axes_.decade_hi - std::log10(ms)) / (axes_.decade_hi - axes_.decade_lo);
  }
  static double y_of_share(const Bin& bin) { return bin.planned == 0 ? std::nan("") : 100 * (1 - bin.share()); }
  std::string time_text(const Words& w, std::size_t bin) const {
    return w.seconds(static_cast<double>(bin) * axes_.bin_s);
  }
  std::string name(const Words& w) const { return w.t(view_.sides[side_].role) + " " + clean_text(card_.target, 60); }

  Html caption() const {
    return "<figcaption>" + (view_.drill ? both_(view_.sides[side_].role) + " " : Html()) +
           Html::text(target_name(card_), 80) + "<span class=\"legend\"><span><i></i>" + both_(Text::p99) +
           "</span><span><i class=\"dot\"></i>" + both_(Text::p50) + "</span></span></figcaption>";
  }

  Html names() const {
    Html out("<div class=\"names\" aria-hidden=\"true\">");
    for (const Band& band : bands_) {
      const auto found = std::find_if(view_.faults.begin(), view_.faults.end(),
                                      [&](const FaultRow& row) { return row.fault == band.fault; });
      const std::string number = found == view_.faults.end() ? "" : std::to_string(found - view_.faults.begin() + 1);
      out += "<span style=\"left:" + percent(band.from, axes_.end_s) + "\"><b>" + number + "</b>";
      if (bands_.size() <= 5)
        out += "<span class=\"word\">" + both_([&](const Words& w) { return clean_text(w.fault(band.fault), 48); }) +
               "</span>";
      out += "</span>";
    }
    return out + "</div>";
  }

  Html panel(Literal kind, Literal id, const Html& title, const Html& description, const Html& shapes,
             const Html& over) const {
    Html out = Html("<div class=\"panel ") + kind + "\">";
    for (const Band& band : bands_)
      out += "<div class=\"band\" style=\"left:" + percent(band.from, axes_.end_s) +
             ";width:" + percent(band.to - band.from, axes_.end_s) + "\"></div>";
    const Html key = Html(id) + std::to_string(side_);
    out += "<svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"" + key + "t " +
           key + "d\"><title id=\"" + key + "t\">" + title + "</title><desc id=\"" + key + "d\">" + description +
           "</desc>" + shapes + "</svg>";
    return out + "<div class=\"cursor\"></div>" + over + "</div>";
  }

  Html success() const {
    std::size_t worst = bins_.size();
    for (std::size_t i = 0; i < bins_.size(); ++i)
      if (bins_[i].planned > 0 && (worst == bins_.size() || bins_[i].share() < bins_[worst].share())) worst = i;
    const bool any = worst < bins_.size();
    Html over = "<span class=\"what low\">" + both_(Text::success_share) + "</span>" + tick(0, Html("100 %")) +
                tick(50, Html("50 %")) + tick(100, Html("0 %"));
    if (any && bins_[worst].share() < 0.995)
      over += flag(x_of(worst), y_of_share(bins_[worst]),
                   both_([&](const Words& w) { return w.say(Text::lowest, {w.share(bins_[worst].share())}); }));
    const auto describe = [&](const Words& w) {
      return w.say(Text::chart_desc_success,
                   {name(w), any ? w.share(bins_[worst].share()) : w.dash(), any ? time_text(w, worst) : w.dash()});
    };
    return panel("", "s", both_.in_attribute([](const Words& w) { return w.t(Text::success_share); }),
                 both_.in_attribute(describe),
                 grid_line(0) + grid_line(50) + "<path class=\"under\" d=\"" + area_of(bins_, 0, y_of_share) +
                     "\"/><path class=\"curve\" d=\"" + path_of(bins_, y_of_share) + "\"/>",
                 over);
  }

  Html latency() const {
    std::size_t worst = bins_.size();
    for (std::size_t i = 0; i < bins_.size(); ++i)
      if (bins_[i].p99 > 0 && (worst == bins_.size() || bins_[i].p99 > bins_[worst].p99)) worst = i;
    const bool any = worst < bins_.size();
    Html shapes, over = "<span class=\"what\">" + both_(Text::latency_axis) + "</span>";
    for (int decade = axes_.decade_lo; decade <= axes_.decade_hi; ++decade) {
      const double y = y_of_ms(std::pow(10.0, decade));
      if (decade > axes_.decade_lo) shapes += grid_line(y);
      over += tick(y, latency_label(decade));
    }
    shapes +=
        "<path class=\"curve p50\" d=\"" + path_of(bins_, [&](const Bin& b) { return y_of_ms(b.p50()); }) + "\"/>";
    shapes += "<path class=\"curve\" d=\"" + path_of(bins_, [&](const Bin& b) { return y_of_ms(b.p99); }) + "\"/>";
    if (any)
      over += flag(x_of(worst), y_of_ms(bins_[worst].p99),
                   both_([&](const Words& w) { return w.say(Text::worst_p99, {w.millis(bins_[worst].p99)}); }));
    const auto describe = [&](const Words& w) {
      return w.say(Text::chart_desc_latency,
                   {name(w), any ? w.millis(bins_[worst].p99) : w.dash(), any ? time_text(w, worst) : w.dash()});
    };
    return panel("", "l", both_.in_attribute([](const Words& w) { return w.t(Text::latency_axis); }),
                 both_.in_attribute(describe), shapes, over);
  }

  Html traffic() const {
    std::uint32_t highest = 0;
    for (const Bin& bin : bins_) highest = std::max(highest, bin.trades);
    const double planned_peak = card_.traffic.scale * card_.traffic.peak_rate;
    const double bar =
        std::isfinite(planned_peak) && planned_peak > 0 && planned_peak <= highest ? planned_peak * 0.98 : highest;
    Html over = "<span class=\"what\">" + both_([&](const Words& w) {
                  return w.t(Text::traffic_axis) + w.t(Text::list_comma) + w.say(Text::peak, {std::to_string(highest)});
                }) +
                "</span>";
    std::size_t marked = 0;
    for (std::size_t i = 0; i < bins_.size() && highest > 0; ++i)
      if (bins_[i].trades >= bar && marked++ < kPeaksMax)
        over += "<span class=\"up\" style=\"left:" + decimal(x_of(i), 2) + "%\" aria-hidden=\"true\">&#9650;</span>";
    const auto y = [&](const Bin& b) {
      return b.planned == 0 || highest == 0 ? std::nan("") : 100 - 60.0 * b.trades / highest;
    };
    const auto describe = [&](const Words& w) {
      return w.say(Text::chart_desc_traffic, {name(w), std::to_string(highest)});
    };
    return panel("load", "n", both_.in_attribute([](const Words& w) { return w.t(Text::traffic_axis); }),
                 both_.in_attribute(describe),
                 "<path class=\"under\" style=\"fill:var(--soft);opacity:.25\" d=\"" + area_of(bins_, 100, y) + "\"/>",
                 over);
  }

  Html x_axis() const {
    const double step = nice_step(axes_.end_s, 8);
    Html out("<div class=\"xaxis\" aria-hidden=\"true\">");
    for (int i = 0; i * step <= axes_.end_s * 0.97 && i < 12; ++i)
      out += "<span style=\"left:" + percent(i * step, axes_.end_s) + "\">" + decimal(i * step, 0) +
             Html::when(i > 0, " s") + "</span>";
    return out + "</div>";
  }

  Html read_out() const {
    return "<div class=\"read\"><b class=\"r-t\"></b> &#160;" + both_(Text::success_share) +
           " <b class=\"r-s\"></b> &#160;p50 <b class=\"r-a\"></b> &#160;p99 <b class=\"r-b\"></b> &#160;" +
           both_(Text::traffic_axis) + " <b class=\"r-n\"></b></div>";
  }

  Html rows() const {
    Html out;
    for (const Bin& bin : bins_) {
      out += Html::when(!out.empty(), ";");
      if (bin.planned == 0) {
        out += ",,,";
        continue;
      }
      out += decimal(std::floor(bin.share() * 1000 + 1e-6) / 10, 1) + "," + value(bin.p50()) + "," + value(bin.p99) +
             "," + std::to_string(bin.trades);
    }
    return out;
  }
  static Html value(double ms) { return ms > 0 ? decimal(ms, 0) : Html(); }

  const View& view_;
  const Both& both_;
  const Axes& axes_;
  std::size_t side_;
  const Scorecard& card_;
  std::vector<Bin> bins_;
  std::vector<Band> bands_;
};

class Bars {
 public:
  Bars(const View& view, const Both& both) : view_(view), both_(both) {
    for (const FaultRow& row : view.faults)
      for (const FaultCell& cell : row.cells)
        for (const double s : {cell.horizon_s, cell.in_force_s, cell.onset_after_inject.hi + cell.recovery.hi})
          if (usable(s)) end_s_ = std::max(end_s_, s);
  }

  Html text() const {
    Html out;
    for (std::size_t i = 0; i < std::min(view_.faults.size(), kFaultsMax); ++i) out += fault(i);
    if (view_.faults.size() > kFaultsMax)
      out += "<p class=\"note\">" + both_([&](const Words& w) {
               return w.say(Text::and_more, {std::to_string(view_.faults.size() - kFaultsMax)});
             }) +
             "</p>";
    return out;
  }

 private:
  Html at(double s) const { return percent(std::isfinite(s) ? s : 0, end_s_); }

  Html fault(std::size_t index) const {
    const FaultRow& row = view_.faults[index];
    Html out = Html("<div class=\"fault\"><div><h3>") + std::to_string(index + 1) + "&#8194;" +
               both_([&](const Words& w) { return clean_text(w.fault(row.fault), 48); }) + "</h3>";
    if (row.reduction)
      out += "<span class=\"small\">" +
             both_([&](const Words& w) { return w.t(Text::mttr_reduction) + " " + w.reduction(row.reduction); }) +
             "</span>";
    out += "</div><div class=\"lanes\">";
    for (std::size_t side = 0; side < row.cells.size(); ++side) out += lane(row.cells[side], side);
    return out + "<span></span>" + scale() + "<span></span></div></div>\n";
  }

  Html lane(const FaultCell& cell, std::size_t side) const {
    Html out = "<span class=\"who\">" + both_(view_.sides[side].role) + "</span><div class=\"track " +
               side_class(view_, side) + "\" aria-hidden=\"true\">";
    if (cell.episodes > 0) out += "<div class=\"force\" style=\"width:" + at(cell.in_force_s) + "\"></div>";
    if (cell.censored > 0) {
      const double from = std::max(0.0, cell.onset_after_inject.mean);
      const double to = cell.horizon_s - end_s_ * 0.02;  // room for the arrow's head
      out +=
          "<div class=\"bar open\" style=\"left:" + at(from) + ";width:" + at(std::max(0.0, to - from)) + "\"></div>";
    }
    if (cell.recovered > 0) out += recovered(cell);
    if (cell.absorbed > 0) out += "<div class=\"ring\"></div>";
    const Html spread = both_(
        [&](const Words& w) { return w.spread(cell).empty() ? "" : w.say(Text::ttr_of_repeats, {w.spread(cell)}); });
    return out + "</div><span class=\"val\"><b>" + both_([&](const Words& w) { return w.recovery(cell); }) + "</b>" +
           (spread.empty() ? Html() : "<span class=\"small\">" + spread + "</span>") + "</span>";
  }

  Html recovered(const FaultCell& cell) const {
    Spread onset, end;
    std::vector<double> ends;
    for (const Episode* e : cell.all) {
      if (!e->verified || !e->steady || !e->judged || e->absorbed || e->censored || !e->ttr_s || !e->onset_s) continue;
      const double from = *e->onset_s - e->inject_s, to = from + *e->ttr_s;
      if (!std::isfinite(to)) continue;
      onset.mean += (from - onset.mean) / ++onset.n;
      end.mean += (to - end.mean) / ++end.n;
      ends.push_back(to);
    }
    if (ends.empty()) return {};
    Html out = cell.censored > 0 ? Html()
                                 : "<div class=\"bar\" style=\"left:" + at(onset.mean) +
                                       ";width:" + at(end.mean - onset.mean) + "\"></div>";
    if (ends.size() > 1) {
      const auto [lo, hi] = std::minmax_element(ends.begin(), ends.end());
      out += "<div class=\"whisk\" style=\"left:" + at(*lo) + ";width:" + at(*hi - *lo) + "\"></div>";
      for (std::size_t i = 0; i < std::min(ends.size(), kTicksMax); ++i)
        out += "<div class=\"rep\" style=\"left:" + at(ends[i]) + "\"></div>";
    }
    return out;
  }

  Html scale() const {
    const double step = nice_step(end_s_, 5);
    Html out("<div class=\"scale\" aria-hidden=\"true\">");
    for (int i = 0; i * step <= end_s_ && i < 12; ++i)
      out += "<span style=\"left:" + at(i * step) + "\">" + decimal(i * step, 0) + Html::when(i > 0, " s") + "</span>";
    return out + "</div>";
  }

  const View& view_;
  const Both& both_;
  double end_s_ = 1;
};

}  // namespace

Html side_class(const View& view, std::size_t side) {
  return view.drill ? Html("side") + std::to_string(side) : Html("only");
}

Html charts(const View& view, const Both& both) {
  const bool any = std::any_of(view.sides.begin(), view.sides.end(), [](const Side& side) {
    return std::any_of(side.card->timeline.begin(), side.card->timeline.end(),
                       [](const WindowRow& row) { return usable(row.at_s); });
  });
  if (!any) return {};
  const Axes axes = axes_of(view);
  Html out;
  for (std::size_t side = 0; side < view.sides.size(); ++side) out += Chart(view, both, axes, side).text();
  return out;
}

Html recovery_bars(const View& view, const Both& both) { return Bars(view, both).text(); }

}  // namespace cardstorm::html
