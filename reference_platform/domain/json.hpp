// json: as much JSON as the platform's small messages need: read a document, write one member after the other.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace platform::domain {

/// A parsed document. Looking for what is not there gives an empty value, never an error.
class Json {
 public:
  /// nullopt for text that is not one JSON document or nests deeper than 32.
  static std::optional<Json> parse(std::string_view text);

  [[nodiscard]] const Json& operator[](std::string_view member) const;
  [[nodiscard]] const std::vector<Json>& items() const { return items_; }
  [[nodiscard]] const std::map<std::string, Json, std::less<>>& members() const { return members_; }
  [[nodiscard]] const std::string& text() const { return text_; }  // "" when not a string
  /// Whole numbers only; `fallback` for everything else.
  [[nodiscard]] std::int64_t integer(std::int64_t fallback = 0) const { return integer_.value_or(fallback); }
  [[nodiscard]] bool is_integer() const { return integer_.has_value(); }
  [[nodiscard]] bool is_null() const { return kind_ == Kind::null; }  // also what is not there
  [[nodiscard]] bool is_string() const { return kind_ == Kind::string; }
  [[nodiscard]] bool is_object() const { return kind_ == Kind::object; }
  [[nodiscard]] bool is_array() const { return kind_ == Kind::array; }
  [[nodiscard]] bool boolean() const { return kind_ == Kind::yes; }

 private:
  friend class JsonReader;
  enum class Kind { null, yes, no, number, string, array, object };
  Kind kind_ = Kind::null;
  std::optional<std::int64_t> integer_;
  std::string text_;
  std::vector<Json> items_;
  std::map<std::string, Json, std::less<>> members_;
};

/// `text` between quotes, escaped.
std::string json_quoted(std::string_view text);

/// Writes an object: JsonObject().add("order_no", no).add("amount_cents", 5).done().
class JsonObject {
 public:
  JsonObject& add(std::string_view name, std::string_view text) { return raw(name, json_quoted(text)); }
  JsonObject& add(std::string_view name, const std::string& text) { return raw(name, json_quoted(text)); }
  JsonObject& add(std::string_view name, const char* text) { return raw(name, json_quoted(text)); }
  JsonObject& add(std::string_view name, std::int64_t number) { return raw(name, std::to_string(number)); }
  JsonObject& add(std::string_view name, int number) { return raw(name, std::to_string(number)); }
  JsonObject& add(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  /// `json` is already JSON.
  JsonObject& raw(std::string_view name, std::string_view json);
  [[nodiscard]] std::string done() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

/// "[a,b]" of texts that are already JSON.
std::string json_array(const std::vector<std::string>& items);

}  // namespace platform::domain
