// json: one small value type, so that every file we write has stable bytes (members keep their order,
// numbers print in the shortest form that reads back the same) and no header pulls in a JSON library.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "harness/core/result.hpp"

namespace cardstorm {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // in order of writing

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool v) : v_(v) {}
  Json(double v) : v_(v) {}
  Json(std::int64_t v) : v_(v) {}
  Json(int v) : v_(static_cast<std::int64_t>(v)) {}
  Json(unsigned v) : v_(static_cast<std::int64_t>(v)) {}
  Json(std::uint64_t v) : v_(static_cast<std::int64_t>(v)) {}  // ours stay below 2^63
  Json(std::string v) : v_(std::move(v)) {}
  Json(std::string_view v) : v_(std::string(v)) {}
  Json(const char* v) : v_(std::string(v)) {}
  Json(Array v) : v_(std::move(v)) {}
  static Json array() { return Json(Array{}); }
  static Json object(std::initializer_list<Member> members = {}) {
    Json j;
    j.v_ = Object(members);
    return j;
  }

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(v_); }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(v_); }
  [[nodiscard]] bool is_int() const { return std::holds_alternative<std::int64_t>(v_); }
  [[nodiscard]] bool is_number() const { return is_int() || std::holds_alternative<double>(v_); }
  [[nodiscard]] bool is_string() const { return std::holds_alternative<std::string>(v_); }
  [[nodiscard]] bool is_array() const { return std::holds_alternative<Array>(v_); }
  [[nodiscard]] bool is_object() const { return std::holds_alternative<Object>(v_); }

  /// The value, or `fallback` when it is of another type. Never throws.
  [[nodiscard]] bool boolean(bool fallback = false) const;
  [[nodiscard]] std::int64_t integer(std::int64_t fallback = 0) const;
  [[nodiscard]] double number(double fallback = 0) const;
  [[nodiscard]] const std::string& string() const;  // "" when it is not a string
  [[nodiscard]] const Array& items() const;         // empty when it is not an array
  [[nodiscard]] const Object& members() const;      // empty when it is not an object

  /// Member `key`, or a shared null.
  const Json& operator[](std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const;
  /// Adds or replaces a member; turns null into an object. Returns *this for chaining.
  Json& set(std::string_view key, Json value);
  /// Appends a member without looking for an older one of that name; *this must be an object.
  Json& push_member(std::string key, Json value);
  /// Appends an item; turns null into an array.
  Json& push(Json value);

  /// JSON Pointer, RFC 6901 ("/orders/0/no"; "" is the whole). nullptr when there is nothing.
  [[nodiscard]] const Json* at_pointer(std::string_view pointer) const;

  /// Scalars as plain text for templates (strings unquoted); arrays and objects as JSON.
  [[nodiscard]] std::string text() const;
  /// `indent` 0 gives one line.
  [[nodiscard]] std::string dump(int indent = 0) const;

  /// RFC 8259, UTF-8, at most `depth_max` levels. Errors name line and column.
  static Result<Json> parse(std::string_view text, int depth_max = 64);

  bool operator==(const Json&) const = default;

 private:
  void dump_to(std::string& out, int indent, int level) const;

  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> v_;
};

}  // namespace cardstorm
