// json_fields: a struct lists its members once, in the order of its JSON form; one walk over the list writes it,
// another one reads it. The list is a template `fields(S& s, V& v)` in the namespace of the struct, found by its
// argument:
//   template <Is<Slo> S, class V> void fields(S& s, V& v) { v("window_ns", s.window); v("good_share", s.good_share); }
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/fields.hpp"
#include "harness/core/json.hpp"

namespace cardstorm {

// ---- what a list may say of a member, after its name and reference. A walk ignores what does not concern it.

/// Stands in the JSON only where it differs from `usual`, which must be what a new struct holds.
template <class T>
struct Unless {
  T usual;
};
template <class T>
Unless<T> unless(T usual) {
  return {std::move(usual)};
}
/// Stands in the JSON only where it holds something: text, items, a value, a number other than zero, true.
struct IfAny {};
inline constexpr IfAny if_any{};
/// Is written only when `written` holds; read where it stands.
struct OnlyIf {
  bool written;
};
inline OnlyIf only_if(bool written) { return {written}; }
/// A reader that does not find it, or finds another type, fails with "<name> is missing".
struct Required {};
inline constexpr Required required{};

/// The member `key` of a map whose keys are fixed by the list: made on reading, a default on writing.
template <class M>
decltype(auto) slot(M& map, const typename M::key_type& key) {
  if constexpr (std::is_const_v<M>) {
    static const typename M::mapped_type kNone{};
    const auto it = map.find(key);
    return it == map.end() ? (kNone) : (it->second);
  } else {
    return (map[key]);
  }
}

namespace json_fields {

template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool kIsPair = false;
template <class A, class B>
inline constexpr bool kIsPair<std::pair<A, B>> = true;
template <class T>
inline constexpr bool kIsScalar = std::is_arithmetic_v<T> || std::is_same_v<T, std::string> ||
                                  std::is_same_v<T, std::string_view> || std::is_same_v<T, Json>;

template <class T>
bool holds_any(const T& value) {
  if constexpr (requires { value.empty(); })
    return !value.empty();
  else if constexpr (kIsOptional<T>)
    return value.has_value();
  else
    return value != T{};
}

template <class T, class U>
bool is_written(const T& value, const Unless<U>& how) {
  return value != how.usual;
}
template <class T>
bool is_written(const T& value, IfAny) {
  return holds_any(value);
}
template <class T>
bool is_written(const T&, OnlyIf how) {
  return how.written;
}
template <class T, class Other>
bool is_written(const T&, const Other&) {
  return true;
}

}  // namespace json_fields

/// Writes a struct as an object, its members in the order of its list. Times are whole nanoseconds, enums their text,
/// pairs arrays of two, absent optionals null.
class JsonWriter {
 public:
  template <class T, class... How>
  void operator()(std::string_view name, const T& member, const How&... how) {
    if ((json_fields::is_written(member, how) && ...)) out_.push_member(std::string(name), json_of(member));
  }
  /// An object whose members are not a struct of their own: `list` walks them.
  template <class F, class... How>
  void group(std::string_view name, F&& list, const How&... how) {
    if (!(json_fields::is_written(0, how) && ...)) return;
    JsonWriter inner;
    list(inner);
    out_.push_member(std::string(name), std::move(inner.out_));
  }
  /// An array of two members.
  template <class T, class... How>
  void both(std::string_view name, const T& first, const T& second, const How&...) {
    out_.push_member(std::string(name), Json(Json::Array{json_of(first), json_of(second)}));
  }
  /// A figure for readers that follows from the other members.
  template <class T, class... How>
  void derived(std::string_view name, const T& value, const How&...) {
    out_.push_member(std::string(name), json_of(value));
  }
  void schema(std::string_view text, std::string_view) { out_.push_member("schema", text); }

  [[nodiscard]] Json take() { return std::move(out_); }

  template <class T>
  [[nodiscard]] static Json json_of(const T& value) {
    using namespace json_fields;
    if constexpr (kIsScalar<T>) {
      return Json(value);
    } else if constexpr (std::is_same_v<T, Nanos>) {
      return Json(static_cast<std::int64_t>(value.count()));
    } else if constexpr (std::is_enum_v<T>) {
      return Json(kTexts<T>[static_cast<std::size_t>(value)]);
    } else if constexpr (kIsOptional<T>) {
      return value ? json_of(*value) : Json();
    } else if constexpr (kIsVector<T>) {
      Json::Array items;
      items.reserve(value.size());
      for (const auto& item : value) items.push_back(json_of(item));
      return Json(std::move(items));
    } else if constexpr (kIsMap<T>) {
      Json out = Json::object();
      for (const auto& [key, item] : value) out.push_member(key, json_of(item));
      return out;
    } else if constexpr (kIsPair<T>) {
      return Json(Json::Array{json_of(value.first), json_of(value.second)});
    } else {
      JsonWriter inner;
      fields(value, inner);
      return inner.take();
    }
  }

 private:
  Json out_ = Json::object();
};

/// Fills a struct from an object. A member that is missing or of another type keeps what the struct holds; whoever must
/// not accept that marks it `required`, or writes the struct again and compares. The first problem is kept: a wrong
/// schema, a required member, a text that its enum does not have.
class JsonReader {
 public:
  explicit JsonReader(const Json& json) : json_(json) {}

  template <class T, class... How>
  void operator()(std::string_view name, T& member, const How&...) {
    constexpr bool kMust = (std::is_same_v<How, Required> || ...);
    const Json& value = json_[name];
    if (value.is_null() && !(kMust && std::is_enum_v<T>)) {
      if constexpr (kMust) fail({Errc::invalid, std::string(name) + " is missing"});
      return;
    }
    const bool read = read_value(value, member, std::string(name));
    if (kMust && !read) fail({Errc::invalid, std::string(name) + " is missing"});
  }
  template <class F, class... How>
  void group(std::string_view name, F&& list, const How&...) {
    JsonReader inner(json_[name]);
    list(inner);
    adopt(inner, std::string(name));
  }
  template <class T, class... How>
  void both(std::string_view name, T& first, T& second, const How&...) {
    const Json::Array& items = json_[name].items();
    if (items.size() != 2) return;
    read_value(items[0], first, std::string(name));
    read_value(items[1], second, std::string(name));
  }
  template <class T, class... How>
  void derived(std::string_view, const T&, const How&...) {}
  void schema(std::string_view text, std::string_view remedy) {
    if (const Json& found = json_["schema"]; found.string() != text)
      fail({Errc::invalid, "schema is '" + found.text() + "', wanted " + std::string(text), std::string(remedy)});
  }

  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

 private:
  void fail(Error error) {
    if (!problem_) problem_ = std::move(error);
  }
  void adopt(JsonReader& inner, const std::string& place) {
    if (inner.problem_) fail(std::move(*inner.problem_).in(place));
  }

  /// False when `json` is of another type; `out` then keeps its value. `name` places what is found wrong deeper down.
  template <class T>
  bool read_value(const Json& json, T& out, const std::string& name) {
    using namespace json_fields;
    if constexpr (std::is_same_v<T, Json>) {
      out = json;
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!json.is_string()) return false;
      out = json.string();
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!json.is_bool()) return false;
      out = json.boolean();
    } else if constexpr (std::is_floating_point_v<T>) {
      if (!json.is_number()) return false;
      out = json.number();
    } else if constexpr (std::is_integral_v<T>) {
      if (!json.is_number()) return false;
      out = static_cast<T>(json.integer(static_cast<std::int64_t>(out)));
    } else if constexpr (std::is_same_v<T, Nanos>) {
      if (!json.is_number()) return false;
      out = Nanos(json.integer(out.count()));
    } else if constexpr (std::is_enum_v<T>) {
      return read_enum(json, out, name);
    } else if constexpr (kIsOptional<T>) {
      out.reset();
      if (json.is_null()) return true;
      typename T::value_type value{};
      if (!read_value(json, value, name)) return false;
      out = std::move(value);
    } else if constexpr (kIsVector<T>) {
      if (!json.is_array()) return false;
      out.clear();
      out.reserve(json.items().size());
      for (const Json& one : json.items()) {
        typename T::value_type item{};
        read_value(one, item, name + "/" + std::to_string(out.size()));
        out.push_back(std::move(item));
      }
    } else if constexpr (kIsMap<T>) {
      if (!json.is_object()) return false;
      out.clear();
      for (const auto& [key, one] : json.members()) read_value(one, out[key], name + "/" + key);
    } else if constexpr (kIsPair<T>) {
      if (json.items().size() != 2) return false;
      read_value(json.items()[0], out.first, name);
      read_value(json.items()[1], out.second, name);
    } else {
      if (!json.is_object()) return false;
      JsonReader inner(json);
      fields(out, inner);
      // A struct may say how people call one of it: std::string place_in_error(const S&).
      if constexpr (requires { place_in_error(out); })
        adopt(inner, place_in_error(out));
      else
        adopt(inner, name);
    }
    return true;
  }

  template <class E>
  bool read_enum(const Json& json, E& out, const std::string& name) {
    constexpr auto& kAll = kTexts<E>;
    static_assert(!kAll.empty(), "the enum's texts are not said: specialise kTexts");
    std::string wanted;
    for (std::size_t i = 0; i < kAll.size(); ++i) {
      if (json.is_string() && json.string() == kAll[i]) {
        out = static_cast<E>(i);
        return true;
      }
      wanted += (i == 0 ? "" : i + 1 == kAll.size() ? " or " : ", ") + std::string(kAll[i]);
    }
    fail({Errc::invalid, name + " is '" + json.text() + "', wanted " + wanted});
    return false;
  }

  const Json& json_;
  std::optional<Error> problem_;
};

/// The JSON form of a struct that has a field list.
template <class S>
Json json_of_fields(const S& value) {
  return JsonWriter::json_of(value);
}

/// Reads a struct that has a field list; see JsonReader for what is an error.
template <class S>
Result<S> read_fields(const Json& json) {
  S out{};
  JsonReader reader(json);
  fields(out, reader);
  if (reader.problem()) return *reader.problem();
  return out;
}

}  // namespace cardstorm
