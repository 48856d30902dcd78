// json: recursive descent with a depth bound, and a writer whose bytes depend on the value alone.
#include "harness/core/json.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace cardstorm {
namespace {

const Json kNull;
const std::string kEmpty;
const Json::Array kNoItems;
const Json::Object kNoMembers;

void write_string(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte < 0x20)
          out += "\\u00", out += kDigits[byte >> 4], out += kDigits[byte & 15];
        else
          out += c;
    }
  }
  out += '"';
}

std::string number_text(double v) {
  if (!std::isfinite(v)) return "null";  // RFC 8259 has no other word for it
  std::array<char, 400> out{};
  // Plain notation where people read it; the shortest form that reads back the same in both.
  const double size = std::abs(v);
  const bool plain = size == 0 || (size >= 1e-6 && size < 1e15);
  const auto end = plain ? std::to_chars(out.data(), out.data() + out.size(), v, std::chars_format::fixed).ptr
                         : std::to_chars(out.data(), out.data() + out.size(), v).ptr;
  return {out.data(), end};
}

class Parser {
 public:
  Parser(std::string_view text, int depth_max) : text_(text), depth_left_(depth_max) {}

  Result<Json> whole() {
    Json out;
    if (!value(out)) return failure();
    blank();
    if (at_ != text_.size()) {
      problem("unexpected text after the end of the JSON value");
      return failure();
    }
    return out;
  }

 private:
  bool problem(std::string what) {
    if (what_.empty()) what_ = std::move(what), where_ = at_;
    return false;
  }
  [[nodiscard]] Error failure() const {
    int line = 1, column = 1;
    for (std::size_t i = 0; i < where_ && i < text_.size(); ++i) {
      if (text_[i] == '\n')
        ++line, column = 1;
      else
        ++column;
    }
    return {Errc::invalid, "JSON " + std::to_string(line) + ":" + std::to_string(column) + ": " + what_};
  }
  void blank() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) return problem("a value was wanted");
    at_ += w.size();
    return true;
  }

  bool value(Json& out) {
    blank();
    if (at_ >= text_.size()) return problem("a value was wanted, the text ends");
    switch (text_[at_]) {
      case '{':
        return object(out);
      case '[':
        return array(out);
      case '"': {
        std::string s;
        if (!string(s)) return false;
        out = Json(std::move(s));
        return true;
      }
      case 't':
        out = Json(true);
        return word("true");
      case 'f':
        out = Json(false);
        return word("false");
      case 'n':
        out = Json();
        return word("null");
      default:
        return number(out);
    }
  }

  bool object(Json& out) {
    if (depth_left_-- == 0) return problem("nested too deeply");
    Json::Object members;
    ++at_;
    blank();
    if (!take('}')) {
      do {
        blank();
        std::string key;
        if (at_ >= text_.size() || text_[at_] != '"') return problem("a member name was wanted");
        if (!string(key)) return false;
        blank();
        if (!take(':')) return problem("':' was wanted");
        Json item;
        if (!value(item)) return false;
        members.emplace_back(std::move(key), std::move(item));
        blank();
      } while (take(','));
      if (!take('}')) return problem("',' or '}' was wanted");
    }
    ++depth_left_;
    out = Json::object();
    for (auto& [key, item] : members) out.push_member(std::move(key), std::move(item));
    return true;
  }

  bool array(Json& out) {
    if (depth_left_-- == 0) return problem("nested too deeply");
    Json::Array items;
    ++at_;
    blank();
    if (!take(']')) {
      do {
        Json item;
        if (!value(item)) return false;
        items.push_back(std::move(item));
        blank();
      } while (take(','));
      if (!take(']')) return problem("',' or ']' was wanted");
    }
    ++depth_left_;
    out = Json(std::move(items));
    return true;
  }

  bool number(Json& out) {
    const std::size_t begin = at_;
    take('-');
    const std::size_t digits = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    if (at_ == digits || (text_[digits] == '0' && at_ - digits > 1)) {
      at_ = begin;
      return problem("a value was wanted");
    }
    bool whole_number = true;
    if (take('.')) {
      whole_number = false;
      const std::size_t fraction = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      if (at_ == fraction) return problem("a digit was wanted after '.'");
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      whole_number = false;
      ++at_;
      if (!take('+')) take('-');
      const std::size_t exponent = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      if (at_ == exponent) return problem("a digit was wanted in the exponent");
    }
    const char* first = text_.data() + begin;
    const char* last = text_.data() + at_;
    if (std::int64_t i = 0; whole_number && std::from_chars(first, last, i).ec == std::errc()) {
      out = Json(i);
      return true;
    }
    double d = 0;
    if (std::from_chars(first, last, d).ec != std::errc()) return problem("the number is out of range");
    out = Json(d);
    return true;
  }

  bool hex4(unsigned& out) {
    out = 0;
    if (at_ + 4 > text_.size()) return problem("four hex digits were wanted");
    const auto end = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, out, 16).ptr;
    if (end != text_.data() + at_ + 4) return problem("four hex digits were wanted");
    at_ += 4;
    return true;
  }

  static void append_utf8(std::string& out, unsigned code) {
    const auto byte = [&](unsigned b) { out += static_cast<char>(b); };
    if (code < 0x80)
      byte(code);
    else if (code < 0x800)
      byte(0xC0 | code >> 6), byte(0x80 | (code & 0x3F));
    else if (code < 0x10000)
      byte(0xE0 | code >> 12), byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F));
    else
      byte(0xF0 | code >> 18), byte(0x80 | (code >> 12 & 0x3F)), byte(0x80 | (code >> 6 & 0x3F)),
          byte(0x80 | (code & 0x3F));
  }

  bool escape(std::string& out) {
    if (at_ >= text_.size()) return problem("the text ends inside a string");
    const char c = text_[at_++];
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return true;
      case 'b':
        out += '\b';
        return true;
      case 'f':
        out += '\f';
        return true;
      case 'n':
        out += '\n';
        return true;
      case 'r':
        out += '\r';
        return true;
      case 't':
        out += '\t';
        return true;
      case 'u':
        break;
      default:
        return problem("unknown escape");
    }
    unsigned code = 0;
    if (!hex4(code)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      unsigned low = 0;
      if (!take('\\') || !take('u')) return problem("a low surrogate was wanted");
      if (!hex4(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return problem("a low surrogate was wanted");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      return problem("a low surrogate without its high one");
    }
    append_utf8(out, code);
    return true;
  }

  bool string(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return problem("a control character inside a string");
      ++at_;
      if (c != '\\')
        out += c;
      else if (!escape(out))
        return false;
    }
    return problem("the text ends inside a string");
  }

  std::string_view text_;
  std::size_t at_ = 0, where_ = 0;
  int depth_left_;
  std::string what_;
};

}  // namespace

bool Json::boolean(bool fallback) const {
  const bool* v = std::get_if<bool>(&v_);
  return v ? *v : fallback;
}
std::int64_t Json::integer(std::int64_t fallback) const {
  if (const auto* v = std::get_if<std::int64_t>(&v_)) return *v;
  const double* d = std::get_if<double>(&v_);
  return d && std::abs(*d) < 9e18 && std::floor(*d) == *d ? static_cast<std::int64_t>(*d) : fallback;
}
double Json::number(double fallback) const {
  if (const auto* v = std::get_if<std::int64_t>(&v_)) return static_cast<double>(*v);
  const double* d = std::get_if<double>(&v_);
  return d ? *d : fallback;
}
const std::string& Json::string() const {
  const auto* v = std::get_if<std::string>(&v_);
  return v ? *v : kEmpty;
}
const Json::Array& Json::items() const {
  const auto* v = std::get_if<Array>(&v_);
  return v ? *v : kNoItems;
}
const Json::Object& Json::members() const {
  const auto* v = std::get_if<Object>(&v_);
  return v ? *v : kNoMembers;
}

const Json& Json::operator[](std::string_view key) const {
  for (const auto& [name, item] : members())
    if (name == key) return item;
  return kNull;
}

bool Json::has(std::string_view key) const {
  for (const auto& member : members())
    if (member.first == key) return true;
  return false;
}

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) v_ = Object{};
  assert(is_object());
  for (auto& [name, item] : std::get<Object>(v_)) {
    if (name == key) {
      item = std::move(value);
      return *this;
    }
  }
  return push_member(std::string(key), std::move(value));
}

Json& Json::push_member(std::string key, Json value) {
  std::get<Object>(v_).emplace_back(std::move(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) v_ = Array{};
  assert(is_array());
  std::get<Array>(v_).push_back(std::move(value));
  return *this;
}

const Json* Json::at_pointer(std::string_view pointer) const {
  const Json* here = this;
  while (!pointer.empty()) {
    if (pointer[0] != '/') return nullptr;
    pointer.remove_prefix(1);
    const auto slash = pointer.find('/');
    const std::string_view raw = pointer.substr(0, slash);
    pointer = slash == std::string_view::npos ? std::string_view{} : pointer.substr(slash);
    std::string token;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      const bool escaped = raw[i] == '~' && i + 1 < raw.size() && (raw[i + 1] == '0' || raw[i + 1] == '1');
      token += escaped ? (raw[++i] == '0' ? '~' : '/') : raw[i];
    }
    if (here->is_object()) {
      if (!here->has(token)) return nullptr;
      here = &(*here)[token];
    } else if (here->is_array()) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
      const bool number =
          error == std::errc() && end == token.data() + token.size() && (token.size() == 1 || token[0] != '0');
      if (!number || index >= here->items().size()) return nullptr;
      here = &here->items()[index];
    } else {
      return nullptr;
    }
  }
  return here;
}

std::string Json::text() const { return is_string() ? string() : dump(); }

std::string Json::dump(int indent) const {
  std::string out;
  dump_to(out, indent, 0);
  return out;
}

void Json::dump_to(std::string& out, int indent, int level) const {
  const auto line = [&](int at) {
    if (indent > 0) out += '\n', out.append(static_cast<std::size_t>(indent * at), ' ');
  };
  if (is_null())
    out += "null";
  else if (is_bool())
    out += boolean() ? "true" : "false";
  else if (is_int())
    out += std::to_string(integer());
  else if (is_number())
    out += number_text(number());
  else if (is_string())
    write_string(out, string());
  else if (is_array()) {
    out += '[';
    bool first = true;
    for (const auto& item : items()) {
      if (!first) out += ',';
      first = false;
      line(level + 1);
      item.dump_to(out, indent, level + 1);
    }
    if (!first) line(level);
    out += ']';
  } else {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : members()) {
      if (!first) out += ',';
      first = false;
      line(level + 1);
      write_string(out, key);
      out += indent > 0 ? ": " : ":";
      item.dump_to(out, indent, level + 1);
    }
    if (!first) line(level);
    out += '}';
  }
}

Result<Json> Json::parse(std::string_view text, int depth_max) { return Parser(text, depth_max).whole(); }

}  // namespace cardstorm
