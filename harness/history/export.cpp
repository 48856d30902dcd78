// export: events as JSON, for people and other tools.
#include "harness/history/fields.hpp"
#include "harness/history/history.hpp"

namespace cardstorm {
namespace {

template <class T>
void put(Json& out, const char* name, const T& v) {
  if constexpr (std::is_same_v<T, Nanos>)
    out.set(std::string(name) + "_ns", v.count());
  else if constexpr (std::is_enum_v<T>)
    out.set(name, to_text(v));
  else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
    out.set(name, static_cast<std::int64_t>(v));
  else
    out.set(name, v);
}

}  // namespace

Json json_of_event(const Event& e) {
  Json out = Json::object({{"event", name_of(e)}});
  std::visit(
      [&](const auto& event) { history::fields(event, [&](const char* name, const auto& v) { put(out, name, v); }); },
      e);
  return out;
}

}  // namespace cardstorm
