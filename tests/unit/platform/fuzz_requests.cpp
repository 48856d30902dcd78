// fuzz_requests: see fuzz_requests.hpp.
#include "tests/unit/platform/fuzz_requests.hpp"

#include <algorithm>
#include <iterator>

#include "reference_platform/services/supplier.hpp"
#include "tests/unit/platform/edge_raw.hpp"

namespace platform::services_test {
namespace {

constexpr std::size_t kBodyMax = 1 << 20;

const std::vector<std::string> kNoText = {"5", "true", "[]", "{}", "1.5", R"(["a"])"};
const std::vector<std::string> kNoWhole = {R"("1")",
                                           "1.5",
                                           "1e400",
                                           "true",
                                           "[1]",
                                           "{}",
                                           "-1",
                                           "9223372036854775807",
                                           "-9223372036854775808",
                                           "99999999999999999999"};
const std::vector<std::string> kNoList = {
    "5", R"("a")", "{}", "[5]", R"([{}])", R"([{"order_no":7,"quantity":"1"}])", R"([""])"};
const std::vector<std::string> kNoFormText = {"\xB5\xE3", std::string("a\0b", 3)};
const std::vector<std::string> kNoFormNumber = {"", "0", "-1", "1.5", "x", "99999999999999999999"};

const std::vector<std::string>& wrong_values(Kind kind) {
  return kind == Kind::text ? kNoText : kind == Kind::whole ? kNoWhole : kNoList;
}

std::string json_of(const std::vector<Field>& body) {
  std::string out;
  for (const Field& f : body) {
    if (!f.value.empty()) out.append(out.empty() ? "{" : ",").append("\"" + f.name + "\":" + f.value);
  }
  return out.empty() ? "{}" : out + "}";
}

/// Forms have their values as they are; the signature comes later.
std::string form_of(const std::vector<Field>& body) {
  services::Form form;
  for (const Field& f : body) form[f.name] = f.value;
  return services::form_text(form);
}

FuzzRequest with_body(const FuzzRoute& route, const std::vector<Field>& body, const Signer& sign) {
  FuzzRequest r{route.method(),
                route.path,
                route.sign == Sign::form   ? form_of(body)
                : route.method() == "POST" ? json_of(body)
                                           : "",
                {}};
  sign(route, r);
  return r;
}

void add_wrong_bodies(const FuzzRoute& route, const Signer& sign, std::vector<FuzzCase>& out) {
  for (std::size_t i = 0; i < route.body.size(); ++i) {
    const Field& field = route.body[i];
    auto body = route.body;
    if (route.sign == Sign::form) {
      for (const auto& value : field.kind == Kind::whole ? kNoFormNumber : kNoFormText) {
        body[i].value = value;
        out.push_back({field.name + "=" + value, with_body(route, body, sign)});
      }
      continue;
    }
    for (const auto& value : wrong_values(field.kind)) {
      body[i].value = value;
      out.push_back({field.name + " is " + value, with_body(route, body, sign)});
    }
    if (!field.needed) continue;
    for (const char* value : {"", "null"}) {
      body[i].value = value;
      out.push_back({field.name + " is " + (*value == '\0' ? "missing" : value), with_body(route, body, sign)});
    }
  }
  const bool needs_body = std::any_of(route.body.begin(), route.body.end(), [](const Field& f) { return f.needed; });
  if (!needs_body || route.sign == Sign::form) return;
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("nothing"),
        std::string("{}"), std::string("{\"a\":1}}"), std::string("{\"") + route.body[0].name + "\":\"\\ud800\"}",
        std::string(50000, '['), "{\"" + route.body[0].name + "\":\"" + std::string(70000, 'x') + "\"}"}) {
    FuzzRequest r{route.method(), route.path, text, {}};
    sign(route, r);
    out.push_back({"the body is " + text.substr(0, 40), r});
  }
}

void add_wrong_bytes(const FuzzRoute& route, const Signer& sign, bool bytes, std::vector<FuzzCase>& out) {
  const auto changed = [&](const std::string& what, const std::function<void(FuzzRequest&)>& change,
                           bool may_close = false) {
    FuzzCase c{what, with_body(route, route.body, sign)};
    change(c.request);
    c.may_close = may_close;
    out.push_back(std::move(c));
  };
  changed("more below it", [&](FuzzRequest& r) {
    r.path = r.path.substr(0, r.path.find('?')) + "/and/more/of/it";
    sign(route, r);
  });
  changed("another method", [](FuzzRequest& r) { r.method = "PATCH"; });
  changed("GBK in the body", [&](FuzzRequest& r) { r.body += "\xB5\xE3\xBF\xA8"; });
  if (!bytes) return;
  changed("a zero byte in the body", [&](FuzzRequest& r) { r.body.push_back('\0'); });
  changed("no UTF-8 in a header", [](FuzzRequest& r) { r.headers.emplace_back("X-Any", "\xFF\xFE"); });
  changed("no UTF-8 in the path", [](FuzzRequest& r) { r.path += "\xC0\xAF"; });
  changed(
      "a method that is none", [](FuzzRequest& r) { r.method = "BREW"; }, true);
  changed("header of 20 KB", [](FuzzRequest& r) { r.headers.emplace_back("X-Any", std::string(20000, 'a')); });
  changed("path of 20 KB", [](FuzzRequest& r) { r.path += "/" + std::string(20000, 'a'); });
  changed("said to be too large",
          [](FuzzRequest& r) { r.headers.emplace_back("Content-Length", std::to_string(kBodyMax + 1)); });
  changed(
      "two lengths",
      [](FuzzRequest& r) {
        r.headers.insert(r.headers.end(), {{"Content-Length", "4"}, {"Content-Length", "5"}});
      },
      true);
  changed(
      "a length that is none", [](FuzzRequest& r) { r.headers.emplace_back("Content-Length", "-1"); }, true);
}

void add_wrong_callers(const FuzzRoute& route, const Signer& sign, std::vector<FuzzCase>& out) {
  const FuzzRequest good = with_body(route, route.body, sign);
  const auto said = [&](const std::string& name, const std::string& value) {
    FuzzCase c{name + " is " + value.substr(0, 40), good};
    std::erase_if(c.request.headers, [&](const auto& h) { return h.first == name; });
    if (!value.empty()) c.request.headers.emplace_back(name, value);
    out.push_back(std::move(c));
  };
  switch (route.sign) {
    case Sign::none:
      break;
    case Sign::name:
    case Sign::buyer:
      for (const std::string& name :
           {std::string(), std::string("b 1"), std::string("b'1"), std::string("\xE7\x82\xB9"), std::string(33, 'b')})
        said("X-Buyer", name);
      if (route.sign == Sign::name) break;
      for (const char* token : {"b1", "b1.9999999999.abc.def", "...", "b2.x.y.z"}) said("X-Session", token);
      break;
    case Sign::session:
      for (const char* token : {"", "b1", "b1.9999999999.abc.def"}) said("X-Session", token);
      break;
    case Sign::partner:
      for (const char* sign_text : {"", "0", "0000000000000000000000000000000000000000000000000000000000000000"})
        said("X-Sign", sign_text);
      for (const char* stamp : {"", "0", "-1", "1718000000", "99999999999999999999", "now"}) said("X-Timestamp", stamp);
      break;
    case Sign::upstream:
      for (const char* sign_text : {"", "0", "0000000000000000000000000000000000000000000000000000000000000000"})
        said("Dujiao-Next-Signature", sign_text);
      for (const char* stamp : {"", "0", "-1", "1718000000", "99999999999999999999", "now"})
        said("Dujiao-Next-Timestamp", stamp);
      said("Dujiao-Next-Api-Key", "nobody");
      break;
    case Sign::form: {
      FuzzCase c{"one more field than was signed", good};
      c.request.body += "&more=1";
      out.push_back(std::move(c));
      break;
    }
  }
  if (route.sign != Sign::partner && route.sign != Sign::upstream) return;
  FuzzCase c{"altered after signing", good};
  c.request.body += " ";
  out.push_back(std::move(c));
}

const std::vector<std::string> kBits = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        "\"",
                                        ":",
                                        ",",
                                        "\\",
                                        "\\u0000",
                                        "\\ud83c\\udccf",
                                        "null",
                                        "-",
                                        "e9",
                                        "9223372036854775807",
                                        "-1",
                                        "0",
                                        "1.5",
                                        "'; DROP TABLE orders; --",
                                        "%00",
                                        "%n%s",
                                        "../",
                                        "\xE7\x82\xB9",
                                        "\xFF",
                                        std::string(1, '\0'),
                                        std::string(300, 'A'),
                                        "$1",
                                        "{\"a\":[",
                                        "true"};
const std::vector<std::string> kQueries = {"?after=-1",
                                           "?after=99999999999999999999",
                                           "?limit=0",
                                           "?limit=-9223372036854775808",
                                           "?after=1&limit=500",
                                           "?limit=501",
                                           "?after=x",
                                           "?&&&=&=",
                                           "?code=a'b",
                                           "?page=9223372036854775807&size=100",
                                           "?before=-9223372036854775808"};
const std::vector<std::pair<std::string, std::string>> kHeaders = {
    {"X-Cardstorm-Mark", std::string(500, 'm')},
    {"X-Cardstorm-Mark", "m'1"},
    {"traceparent", "00-zz"},
    {"traceparent", "00-00000000000000000000000000000000-0000000000000000-ff"},
    {"X-Deadline-Ms", "-5"},
    {"X-Deadline-Ms", "99999999999999999999"},
    {"X-Request-Id", "a\tb"},
    {"Idempotency-Key", std::string(300, 'k')},
    {"Idempotency-Key", "k'1"},
    {"Content-Type", "text/xml"},
    {"X-Session", "a.b.c.d"},
    {"Range", "bytes=5-1"},
    {"Accept-Encoding", "gzip, br"},
    {"Authorization", "Basic x"},
    {"Cookie", std::string(4000, 'c')}};

void damage(std::string& text, std::mt19937& random) {
  const auto below = [&random](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const std::size_t at = below(text.size() + 1);
  switch (below(4)) {
    case 0:
      text.insert(at, kBits[below(kBits.size())]);
      break;
    case 1:
      text.erase(at, 1 + below(8));
      break;
    case 2:
      if (at < text.size()) text[at] = static_cast<char>(below(256));
      break;
    default:
      text.insert(at, text.substr(at, 1 + below(12)));
  }
}

}  // namespace

std::string FuzzRequest::text() const {
  std::string out = method + " " + path + " HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n";
  bool sized = false;
  for (const auto& [name, value] : headers) {
    out.append(name).append(": ").append(value).append("\r\n");
    sized = sized || name == "Content-Length";
  }
  if (!sized) out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  return out + "\r\n" + body;
}

FuzzRequest true_request(const FuzzRoute& route, const Signer& sign) { return with_body(route, route.body, sign); }

std::vector<FuzzCase> wrong_requests(const FuzzRoute& route, const Signer& sign, bool bytes) {
  std::vector<FuzzCase> out;
  add_wrong_bodies(route, sign, out);
  add_wrong_bytes(route, sign, bytes, out);
  add_wrong_callers(route, sign, out);
  return out;
}

FuzzCase damaged_request(const FuzzRoute& route, const Signer& sign, std::mt19937& random) {
  const auto below = [&random](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  FuzzCase c{"damaged", true_request(route, [](const FuzzRoute&, FuzzRequest&) {}), false};
  FuzzRequest& r = c.request;
  for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
    switch (below(r.body.empty() ? 3 : 7)) {
      case 0: {
        std::string tail = r.path.substr(1);
        damage(tail, random);
        r.path = "/" + tail;
        c.may_close = true;
        break;
      }
      case 1:
        r.path += kQueries[below(kQueries.size())];
        break;
      case 2: {
        const auto& [name, value] = kHeaders[below(kHeaders.size())];
        c.late = c.late || name == "X-Deadline-Ms";
        r.headers.emplace_back(name, value);
        break;
      }
      default:
        damage(r.body, random);
    }
  }
  const auto junk = std::move(r.headers);
  r.headers.clear();
  sign(route, r);
  for (const auto& h : junk) {
    std::erase_if(r.headers, [&h](const auto& known) { return known.first == h.first; });
    r.headers.push_back(h);
  }
  return c;
}

FuzzAnswer exchange(int port, const FuzzRequest& request) {
  const edge::Raw raw(port);
  raw.send(request.text());
  const std::string text = raw.receive();
  FuzzAnswer out;
  if (text.starts_with("HTTP/1.1 ")) out.status = std::atoi(text.c_str() + 9);
  const auto end = text.find("\r\n\r\n");
  if (end != std::string::npos) out.body = text.substr(end + 4);
  return out;
}

}  // namespace platform::services_test
