// json: a face over Boost.JSON's parser and writer that says what our messages may be.
#include "reference_platform/domain/json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>

#include "reference_platform/observe/quoted.hpp"

namespace platform::domain {

/// Builds a Json from what the parser meets. Refuses what two readers could take for different things: a member said
/// twice, a whole number beyond 64 bits, a number beyond a double.
class JsonReader {
 public:
  using Kind = Json::Kind;
  using Error = boost::json::error_code;
  static constexpr std::size_t max_object_size = SIZE_MAX, max_array_size = SIZE_MAX, max_key_size = SIZE_MAX,
                               max_string_size = SIZE_MAX;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) { return open(Kind::object); }
  bool on_object_end(std::size_t, Error&) { return close(); }
  bool on_array_begin(Error&) { return open(Kind::array); }
  bool on_array_end(std::size_t, Error&) { return close(); }
  bool on_key_part(std::string_view part, std::size_t, Error&) { return text_.append(part), true; }
  bool on_key(std::string_view part, std::size_t, Error& error) {
    const auto [member, fresh] = open_.back()->members_.try_emplace(text_.append(part));
    text_.clear();
    member_ = &member->second;
    return fresh || refuse(error);
  }
  bool on_string_part(std::string_view part, std::size_t, Error&) { return text_.append(part), true; }
  bool on_string(std::string_view part, std::size_t, Error&) {
    Json& out = next(Kind::string);
    out.text_ = std::move(text_.append(part));
    text_.clear();
    return true;
  }
  bool on_number_part(std::string_view part, Error&) { return text_.append(part), true; }
  bool on_int64(std::int64_t value, std::string_view, Error&) {
    text_.clear();
    next(Kind::number).integer_ = value;
    return true;
  }
  bool on_uint64(std::uint64_t, std::string_view, Error& error) { return refuse(error); }
  bool on_double(double value, std::string_view part, Error& error) {
    const bool whole = text_.append(part).find_first_of(".eE") == std::string::npos;
    text_.clear();
    if (whole || !std::isfinite(value)) return refuse(error);
    next(Kind::number);
    return true;
  }
  bool on_bool(bool value, Error&) { return next(value ? Kind::yes : Kind::no), true; }
  bool on_null(Error&) { return next(Kind::null), true; }
  bool on_comment_part(std::string_view, Error&) { return true; }
  bool on_comment(std::string_view, Error&) { return true; }

  Json root;

 private:
  /// Where the next value goes: into the object's member, behind the array's last, or to the top.
  Json& next(Kind kind) {
    Json& out = open_.empty()                         ? root
                : open_.back()->kind_ == Kind::object ? *member_
                                                      : open_.back()->items_.emplace_back();
    out.kind_ = kind;
    return out;
  }
  bool open(Kind kind) {
    open_.push_back(&next(kind));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  static bool refuse(Error& error) {
    error = boost::json::error::syntax;
    return false;
  }

  std::vector<Json*> open_;  // an item moves only when its array grows, which it does after the item was closed
  Json* member_ = nullptr;
  std::string text_;  // of a key, string or number that comes in parts
};

std::optional<Json> Json::parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 32;
  options.allow_invalid_utf8 = true;  // who stores a text refuses it, and says which
  boost::json::basic_parser<JsonReader> parser(options);
  boost::json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (error || read != text.size() || !parser.done()) return std::nullopt;
  return std::move(parser.handler().root);
}

const Json& Json::operator[](std::string_view member) const {
  static const Json nothing;
  const auto it = members_.find(member);
  return it == members_.end() ? nothing : it->second;
}

std::string json_quoted(std::string_view text) {
  std::string out;
  observe::quoted(out, text);
  return out;
}

JsonObject& JsonObject::raw(std::string_view name, std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  text_ += json_quoted(name);
  text_ += ':';
  text_ += json;
  return *this;
}

std::string json_array(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ',';
    out += item;
  }
  return out + "]";
}

}  // namespace platform::domain
