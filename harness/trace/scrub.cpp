// scrub: names and shapes of private values.
#include "harness/trace/scrub.hpp"

#include <algorithm>
#include <vector>

#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word(char c) { return is_digit(c) || is_alpha(c) || c == '_'; }

bool luhn(std::string_view number) {
  int sum = 0;
  bool twice = false;
  for (std::size_t i = number.size(); i-- > 0; twice = !twice) {
    const int digit = (number[i] - '0') * (twice ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 == 0;
}

/// Digits with single separators between them, as people write card and phone numbers.
Secret shape_of_digits(std::string_view value) {
  std::string run;
  std::vector<std::size_t> groups;  // where in the run the groups between separators begin
  bool plus = false;
  const auto is_phone = [](std::string_view n) {
    for (const std::string_view before :
         {"0086", "86", "0"})  // the country, or the digit that another province is called with
      if (n.size() == 11 + before.size() && n.starts_with(before)) n.remove_prefix(before.size());
    return n.size() == 11 && n[0] == '1' && n[1] >= '3';
  };
  const auto judge = [&]() -> Secret {
    // A number of an order or an extension may stand beside the phone: 3-13800138000.
    for (std::size_t from = 0; from < groups.size(); ++from)
      for (std::size_t to = from; to < groups.size(); ++to) {
        const std::size_t end = to + 1 < groups.size() ? groups[to + 1] : run.size();
        if (end - groups[from] > 15) break;
        const std::size_t first = (from + 1 < groups.size() ? groups[from + 1] : run.size()) - groups[from];
        const bool whole = from == 0 && to + 1 == groups.size();
        if ((whole || first >= 3) && is_phone(std::string_view(run).substr(groups[from], end - groups[from])))
          return Secret::phone;
      }
    if (plus && run.size() >= 8 && run.size() <= 15) return Secret::phone;
    // Milliseconds and microseconds since 1970 are no cards, whatever their check digit.
    const bool clock =
        (run.size() == 13 || run.size() == 16) && run[0] == '1' && run[1] >= '2' && run[1] <= '9' && !luhn(run);
    if (run.size() >= 13 && run.size() <= 19 && luhn(run)) return Secret::card;
    return run.size() >= 16 && !clock ? Secret::card : Secret::none;
  };
  for (std::size_t i = 0; i <= value.size(); ++i) {
    const char c = i < value.size() ? value[i] : '\0';
    if (is_digit(c)) {
      if (run.empty() || !is_digit(value[i - 1])) groups.push_back(run.size());
      run += c;
      continue;
    }
    const bool joins = (c == '-' || c == ' ') && !run.empty() && i + 1 < value.size() && is_digit(value[i + 1]);
    if (joins) continue;
    if (run.size() >= 8)
      if (const Secret kind = judge(); kind != Secret::none) return kind;
    run.clear();
    groups.clear();
    plus = c == '+';
  }
  return Secret::none;
}

bool has_email(std::string_view value) {
  for (auto at = value.find('@'); at != std::string_view::npos; at = value.find('@', at + 1)) {
    if (at == 0 || !(is_word(value[at - 1]) || value[at - 1] == '.' || value[at - 1] == '-')) continue;
    const std::string_view host = value.substr(at + 1);
    const auto dot = host.find('.');
    if (dot != std::string_view::npos && dot > 0 && dot + 1 < host.size() && is_word(host[dot - 1])) return true;
  }
  return false;
}

/// A word of 32 hexadecimal digits and more, a JWT, 24 and more of mixed letters and digits, or a card code in groups
/// (ABCD-EF12-…).
bool has_token(std::string_view value) {
  std::size_t i = 0;
  while (i < value.size()) {
    if (!is_word(value[i])) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    bool upper = false, little = false, digit = false, hex = true, dash = false;
    std::size_t groups = 1, group = 0;
    bool even = true;
    for (; i < value.size() &&
           (is_word(value[i]) || value[i] == '-' || value[i] == '+' || value[i] == '/' || value[i] == '=');
         ++i) {
      const char c = value[i];
      if (c == '/' && !upper && !digit) break;  // an ordinary path
      if (c == '-') {
        dash = true, ++groups;
        even = even && (group == 4 || group == 5);
        group = 0;
        continue;
      }
      ++group;
      digit = digit || is_digit(c);
      upper = upper || (c >= 'A' && c <= 'Z');
      little = little || (c >= 'a' && c <= 'z');
      hex = hex && is_hex(c);
    }
    const std::string_view word = value.substr(begin, i - begin);
    if (hex && !dash && word.size() >= 32 && digit) return true;
    if (word.starts_with("eyJ") && word.size() >= 15) return true;
    if (word.size() >= 24 && digit && upper && little) return true;
    if (word.size() >= 32 && digit && !dash && (upper || little)) return true;
    if (groups >= 3 && even && (group == 4 || group == 5) && digit && upper && !little) return true;
    if (i == begin) ++i;
  }
  return false;
}

constexpr std::array<std::string_view, 12> kPhones{"phone",     "mobile",  "tel",      "telephone",
                                                   "cellphone", "phoneno", "phone_no", "msisdn",
                                                   "shouji",    "sjh",     "qq",       "recharge_account"};
constexpr std::array<std::string_view, 17> kCards{"card",   "cardno", "card_no", "cardnum", "cardnumber", "card_number",
                                                  "cardid", "pan",    "cvv",     "cvc",     "idcard",     "id_card",
                                                  "idno",   "kami",   "cdkey",   "km",      "bankcard"};
constexpr std::array<std::string_view, 8> kPasswords{"password", "passwd", "pwd",     "pass",
                                                     "pin",      "paypwd", "captcha", "otp"};
constexpr std::array<std::string_view, 8> kSignatures{"sign", "signature",       "sig",    "hmac",
                                                      "mac",  "x-amz-signature", "digest", "sign_data"};
constexpr std::array<std::string_view, 30> kTokens{
    "token",   "auth",      "authorization", "jwt",       "key",        "apikey", "api_key",    "appkey",
    "app_key", "secret",    "session",       "sessionid", "session_id", "sid",    "jsessionid", "phpsessid",
    "code",    "ticket",    "openid",        "unionid",   "state",      "nonce",  "credential", "credentials",
    "bearer",  "auth_code", "access_key",    "accesskey", "cookie",     "csrf"};
constexpr std::array<std::string_view, 3> kEmails{"email", "mail", "e-mail"};

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool plain_in_url(unsigned char c) {
  return c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' && c != '`' && c != '{' &&
         c != '|' && c != '}';
}

void append_url(std::string_view text, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (plain_in_url(byte)) continue;
    out.append(text.substr(from, i - from));
    out += '%', out += kDigits[byte >> 4], out += kDigits[byte & 15];
    from = i + 1;
  }
  out.append(text.substr(from));
}

/// Whether a value can hold nothing private: short, few digits, no marks. Most values end here.
bool harmless(std::string_view value) {
  if (value.size() >= 14) {
    std::size_t digits = 0, dashes = 0;
    for (const char c : value) {
      if (c == '%' || c == '@' || c == '=' || c == '"' || c == '\'') return false;
      digits += is_digit(c) ? 1 : 0;
      dashes += c == '-' ? 1 : 0;
    }
    return digits == 0 || (digits < 8 && dashes < 2 && value.size() < 24);
  }
  if (value.size() < 6) return true;
  std::size_t digits = 0;
  for (const char c : value) {
    if (c == '%' || c == '@' || c == '=') return false;
    digits += is_digit(c) ? 1 : 0;
  }
  return digits < 8;
}

/// What an earlier import left in place of a value.
bool is_digest(std::string_view value) {
  if (!value.starts_with('~') || value.size() < 14) return false;
  const auto dash = value.find('-');
  if (dash == std::string_view::npos || value.size() - dash != 13 ||
      std::find(kSecretNames.begin(), kSecretNames.end(), value.substr(1, dash - 1)) == kSecretNames.end())
    return false;
  return std::all_of(value.begin() + static_cast<std::ptrdiff_t>(dash) + 1, value.end(), is_hex);
}

/// By shape, also inside of a value that is itself encoded and holds parameters, such as a redirect.
Secret deep_shape(std::string_view value, int depth) {
  if (harmless(value)) return Secret::none;
  if (const Secret kind = shape_of(value); kind != Secret::none) return kind;
  for (auto equals = value.find('='); equals != std::string_view::npos; equals = value.find('=', equals + 1)) {
    std::size_t begin = equals;
    while (begin > 0 && (is_word(value[begin - 1]) || value[begin - 1] == '-')) --begin;
    if (equals + 1 < value.size())
      if (const Secret kind = named_secret(value.substr(begin, equals - begin)); kind != Secret::none) return kind;
  }
  // And members of JSON, as biz_content={"password":"…"} has them.
  for (auto colon = value.find(':'); colon != std::string_view::npos; colon = value.find(':', colon + 1)) {
    const std::string_view before = trim(value.substr(0, colon));
    if (before.size() < 3 || (before.back() != '"' && before.back() != '\'')) continue;
    const auto open = before.rfind(before.back(), before.size() - 2);
    if (open == std::string_view::npos) continue;
    if (const Secret kind = named_secret(before.substr(open + 1, before.size() - open - 2)); kind != Secret::none)
      return kind;
  }
  if (depth == 0 || value.find_first_of("%+") == std::string_view::npos) return Secret::none;
  const std::string decoded = url_decode(value);
  return decoded == value ? Secret::none : deep_shape(decoded, depth - 1);
}

}  // namespace

Secret shape_of(std::string_view value) {
  if (has_email(value)) return Secret::email;
  if (const Secret kind = shape_of_digits(value); kind != Secret::none) return kind;
  return value.size() >= 14 && has_token(value) ? Secret::token : Secret::none;
}

Secret named_secret(std::string_view raw) {
  if (raw.size() < 2 || raw.size() > 64) return Secret::none;
  const std::string name = lower(raw.find('%') == std::string_view::npos ? std::string(raw) : url_decode(raw));
  std::string flat = name;  // card-no, card_no and cardNo are one name
  std::erase_if(flat, [](char c) { return c == '-' || c == '_'; });
  const auto inside = [&](std::string_view part) { return flat.find(part) != std::string::npos; };
  const auto any_inside = [&](std::initializer_list<std::string_view> parts) {
    return std::any_of(parts.begin(), parts.end(), inside);
  };
  if (holds(kPhones, name) || any_inside({"phone", "mobile"})) return Secret::phone;
  if (holds(kCards, name) ||
      any_inside({"cardno", "cardnum", "cardkey", "cardcode", "cardpass", "bankcard", "idcard", "cdkey"}))
    return Secret::card;
  if (holds(kEmails, name) || inside("email")) return Secret::email;
  if (holds(kPasswords, name) || any_inside({"passw", "pwd", "passcode", "passphrase", "verifycode", "smscode"}))
    return Secret::password;
  const bool signs = name.find("_sign") != std::string::npos || name.ends_with("-sign") || flat == "paysign";
  if (signs || holds(kSignatures, name) || any_inside({"signature", "hmac"})) return Secret::signature;
  if (holds(kTokens, name) || any_inside({"token", "secret", "apikey", "sessid", "csrf", "credential"}))
    return Secret::token;
  if (any_inside({"privatekey", "accesskey", "authcode", "redeemcode", "giftcode"})) return Secret::token;
  return Secret::none;
}

bool holds_digest(std::string_view target) {
  for (auto at = target.find('~'); at != std::string_view::npos; at = target.find('~', at + 1)) {
    const auto dash = target.find('-', at);
    if (dash == std::string_view::npos) return false;
    if (is_digest(target.substr(at, dash - at + 13))) return true;
  }
  return false;
}

void Scrubber::replace(Secret kind, std::string_view value, std::string& out) {
  ++counts_[static_cast<std::size_t>(kind)];
  out += '~';
  out += kSecretNames[static_cast<std::size_t>(kind)];
  out += '-';
  Known& known = memory_[mix64(stream_of(value)) % kMemory];
  if (known.digest.empty() || known.value != value) {
    known.value.assign(value);
    known.digest = hmac_sha256_hex(key_, value).substr(0, 12);
  }
  out += known.digest;
}

void Scrubber::unit(std::string_view name, std::string_view value, std::string& out) {
  if (value.empty()) return;
  if (is_digest(value)) {
    out.append(value);
    return;
  }
  Secret kind = name.empty() ? Secret::none : named_secret(name);
  if (kind == Secret::none) kind = deep_shape(value, 2);
  if (kind == Secret::none)
    append_url(value, out);
  else
    replace(kind, value, out);
}

void Scrubber::scrub(std::string_view target, std::string& out) {
  out.clear();
  const auto scheme = target.find("://");
  if (scheme != std::string_view::npos && scheme < 10 && target.front() != '/') {  // absolute: a proxy's request
    const auto slash = target.find_first_of("/?", scheme + 3);
    if (slash == std::string_view::npos || target[slash] == '?') out += '/';
    target = slash == std::string_view::npos ? std::string_view{} : target.substr(slash);
  }
  target = target.substr(0, target.find('#'));
  const auto question = target.find('?');
  const std::string_view path = target.substr(0, question);
  std::size_t i = 0;
  while (i < path.size()) {
    const auto end = std::min(path.find_first_of("/;", i), path.size());
    const std::string_view segment = path.substr(i, end - i);
    const auto equals = i > 0 && path[i - 1] == ';' ? segment.find('=') : std::string_view::npos;
    if (equals == std::string_view::npos) {
      unit({}, segment, out);
    } else {  // a matrix parameter, such as ;jsessionid=…
      append_url(segment.substr(0, equals + 1), out);
      unit(segment.substr(0, equals), segment.substr(equals + 1), out);
    }
    if (end < path.size()) out += path[end];
    i = end + 1;
  }
  if (question == std::string_view::npos) return;
  std::string_view query = target.substr(question + 1);
  out += '?';
  for (;;) {
    const auto end = std::min(query.find_first_of("&;"), query.size());
    const std::string_view pair = query.substr(0, end);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos) {
      unit({}, pair, out);
    } else {
      unit({}, pair.substr(0, equals), out);
      out += '=';
      unit(pair.substr(0, equals), pair.substr(equals + 1), out);
    }
    if (end == query.size()) break;
    out += query[end];
    query.remove_prefix(end + 1);
  }
}

std::string Scrubber::scrub_line(std::string_view line) {
  constexpr std::string_view kBetween = " \t\"'?&;,/()[]{}<>";
  std::string out;
  const auto before = counts_;
  while (!line.empty()) {
    const auto end = std::min(line.find_first_of(kBetween), line.size());
    const std::string_view word = line.substr(0, end);
    const auto equals = word.find('=');
    if (equals != std::string_view::npos && named_secret(word.substr(0, equals)) != Secret::none) {
      out.append(word.substr(0, equals + 1));
      replace(named_secret(word.substr(0, equals)), word.substr(equals + 1), out);
    } else if (const Secret kind = deep_shape(word, 2); kind != Secret::none) {
      replace(kind, word, out);
    } else {
      for (const char c : word) out += static_cast<unsigned char>(c) < 0x20 ? '.' : c;
    }
    if (end < line.size()) out += line[end];
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  counts_ = before;  // these words are shown, not stored
  return out;
}

void route_of(std::string_view path, std::string& out) {
  out.clear();
  path = path.substr(0, path.find('?'));
  std::size_t i = 0;
  while (i < path.size()) {
    const auto end = std::min(path.find('/', i), path.size());
    std::string_view segment = path.substr(i, end - i);
    segment = segment.substr(0, segment.find(';'));
    const auto dot = segment.rfind('.');
    const std::string_view stem = segment.substr(0, dot);
    std::size_t digits = 0;
    bool hex = true;
    for (std::size_t k = 0; k < stem.size(); ++k) {
      if (stem[k] == '%') {  // an encoded byte says nothing
        k += 2, hex = false;
        continue;
      }
      digits += is_digit(stem[k]) ? 1 : 0;
      hex = hex && (is_hex(stem[k]) || stem[k] == '-');
    }
    const bool scrubbed = segment.find('~') != std::string_view::npos;
    const bool id =
        digits > 0 && (digits == stem.size() || digits >= 6 || (hex && stem.size() >= 8) || stem.size() >= 20);
    if (scrubbed) {
      out += '*';
    } else if (id) {
      out += '*';
      const std::string_view extension = dot == std::string_view::npos ? std::string_view{} : segment.substr(dot);
      // "12.html" keeps what it is; "1.5" is a number.
      if (extension.size() > 1 && extension.size() <= 6 && is_alpha(extension[1])) out.append(extension);
    } else {
      out.append(segment);
    }
    if (end < path.size()) out += '/';
    i = end + 1;
  }
}

}  // namespace cardstorm
