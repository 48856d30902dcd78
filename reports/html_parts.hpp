// html_parts: the pieces of the page: text in both languages, curves over time, recovery bars. Shapes stand in
// stretched SVG and labels in HTML over it, so that text stays readable at every width and without scripts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reports/html_builder.hpp"
#include "reports/view.hpp"
#include "reports/words.hpp"

namespace cardstorm::html {

/// Both languages side by side; the page shows one of them.
class Both {
 public:
  /// `write(words)` gives plain text; equal texts are written once.
  template <class Write>
  Html operator()(Write write) const {
    const Html en = Html::text(write(en_), 320), zh = Html::text(write(zh_), 320);
    if (en == zh) return en;
    return "<span class=\"en\" lang=\"en\">" + en + "</span><span class=\"zh\" lang=\"zh-CN\">" + zh + "</span>";
  }
  Html operator()(Text id) const {
    return (*this)([id](const Words& w) { return w.t(id); });
  }
  /// For attributes and SVG titles, where nothing can be hidden: "English / Chinese".
  template <class Write>
  Html in_attribute(Write write) const {
    const std::string en = write(en_), zh = write(zh_);
    return Html::text(en == zh ? en : en + " / " + zh, 640);
  }

 private:
  Words en_{Lang::en, true}, zh_{Lang::zh, true};
};

/// Share of good steps, latency and traffic over time, one figure for each side on the same axes; "" without a
/// timeline.
Html charts(const View& view, const Both& both);
/// Per fault and side: onset to recovery on one axis of seconds after injection.
Html recovery_bars(const View& view, const Both& both);
/// CSS class that carries a side's colour.
Html side_class(const View& view, std::size_t side);

}  // namespace cardstorm::html
