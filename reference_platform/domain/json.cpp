// json: a recursive descent reader and a writer of escaped text.
#include "reference_platform/domain/json.hpp"

#include <cctype>
#include <charconv>

#include "reference_platform/observe/quoted.hpp"

namespace platform::domain {
namespace {

constexpr int kDepthMax = 32;

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

}  // namespace

/// Reads one document from a text; every step answers false at the first thing that is not JSON.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  bool whole(Json& out) { return value(out, 0) && (space(), at_ == text_.size()); }

 private:
  using Kind = Json::Kind;

  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) return false;
    at_ += w.size();
    return true;
  }

  bool value(Json& out, int depth) {
    if (depth > kDepthMax) return false;
    space();
    if (at_ >= text_.size()) return false;
    switch (text_[at_]) {
      case '{':
        return object(out, depth);
      case '[':
        return array(out, depth);
      case '"':
        out.kind_ = Kind::string;
        return string(out.text_);
      case 't':
        out.kind_ = Kind::yes;
        return word("true");
      case 'f':
        out.kind_ = Kind::no;
        return word("false");
      case 'n':
        out.kind_ = Kind::null;
        return word("null");
      default:
        return number(out);
    }
  }

  bool object(Json& out, int depth) {
    out.kind_ = Kind::object;
    ++at_;
    if (take('}')) return true;
    do {
      space();
      std::string name;
      if (!string(name) || !take(':')) return false;
      Json member;
      if (!value(member, depth + 1)) return false;
      if (!out.members_.emplace(std::move(name), std::move(member)).second)
        return false;  // said twice: which one is meant?
    } while (take(','));
    return take('}');
  }

  bool array(Json& out, int depth) {
    out.kind_ = Kind::array;
    ++at_;
    if (take(']')) return true;
    do {
      if (!value(out.items_.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(']');
  }

  bool hex4(unsigned& code) {
    if (at_ + 4 > text_.size()) return false;
    const char* from = text_.data() + at_;
    const auto [end, error] = std::from_chars(from, from + 4, code, 16);
    at_ += 4;
    return error == std::errc() && end == from + 4;
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    if (at_ >= text_.size()) return false;
    const char c = text_[at_++];
    if (const auto i = kFrom.find(c); i != std::string_view::npos) return out += kTo[i], true;
    unsigned code = 0, low = 0;
    if (c != 'u' || !hex4(code)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      if (!word("\\u") || !hex4(low) || low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      return false;  // half a character: no UTF-8 can say it, and no database takes it
    }
    append_utf8(out, code);
    return true;
  }

  bool string(std::string& out) {
    if (at_ >= text_.size() || text_[at_] != '"') return false;
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool number(Json& out) {
    out.kind_ = Kind::number;
    const std::size_t from = at_;
    bool whole = true;
    while (at_ < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[at_])) ||
                                  std::string_view("+-.eE").find(text_[at_]) != std::string_view::npos)) {
      whole = whole && text_[at_] != '.' && text_[at_] != 'e' && text_[at_] != 'E';
      ++at_;
    }
    if (at_ == from) return false;
    const std::size_t digits = text_[from] == '-' ? from + 1 : from;
    if (at_ - digits > 1 && text_[digits] == '0' && std::isdigit(static_cast<unsigned char>(text_[digits + 1])))
      return false;  // 010: ten, or eight?
    const char *first = text_.data() + from, *last = text_.data() + at_;
    if (whole) {
      std::int64_t v = 0;
      const auto [end, error] = std::from_chars(first, last, v);
      if (error != std::errc() || end != last) return false;
      out.integer_ = v;
      return true;
    }
    double v = 0;
    const auto [end, error] = std::from_chars(first, last, v);
    return error == std::errc() && end == last;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::optional<Json> Json::parse(std::string_view text) {
  Json out;
  if (!JsonReader(text).whole(out)) return std::nullopt;
  return out;
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
