// event_text: all fields of an event in one line, to compare histories in tests. Header only: needs no library.
#pragma once

#include <string>
#include <type_traits>

#include "harness/core/events.hpp"
#include "harness/history/fields.hpp"

namespace cardstorm::test {

inline std::string text_of(const Event& e) {
  std::string out(name_of(e));
  const auto add = [&](const char* name, const auto& v) {
    using T = std::remove_cvref_t<decltype(v)>;
    out += std::string(" ") + name + "=";
    if constexpr (std::is_same_v<T, Nanos>)
      out += std::to_string(v.count());
    else if constexpr (std::is_same_v<T, std::string>)
      out += v;
    else if constexpr (std::is_enum_v<T>)
      out += to_text(v);
    else
      out += std::to_string(v);
  };
  std::visit([&](const auto& event) { history::fields(event, add); }, e);
  return out;
}

}  // namespace cardstorm::test
