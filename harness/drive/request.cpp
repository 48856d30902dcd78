// request: forms and signatures.
#include "harness/drive/request.hpp"

#include <algorithm>

#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm {
namespace {

FieldList fields_of_query(std::string_view query) {
  FieldList out;
  for (const std::string& pair : split(query, '&')) {
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    out.emplace_back(url_decode(pair.substr(0, equals)),
                     url_decode(std::string_view(pair).substr(std::min(equals + 1, pair.size()))));
  }
  return out;
}

FieldList fields_of_json(const Json& body) {
  FieldList out;
  for (const auto& [name, value] : body.members())
    if (!value.is_array() && !value.is_object() && !value.is_null()) out.emplace_back(name, value.text());
  return out;
}

/// The path without the query, as it stands behind host and port.
std::string_view path_of(std::string_view url, std::size_t base_size) {
  url.remove_prefix(std::min(base_size, url.size()));
  const std::string_view path = url.substr(0, url.find_first_of("?#"));
  return path.empty() ? "/" : path;
}

bool sign_hmac(HttpRequest& request, const Signing& signing, const std::string& key, std::size_t base_size,
               std::int64_t now_s) {
  const std::string time = std::to_string(now_s);
  std::string text = request.method;
  text.append("\n")
      .append(path_of(request.url, base_size))
      .append("\n")
      .append(time)
      .append("\n")
      .append(md5_hex(request.body));
  request.headers.emplace_back("Timestamp", time);
  request.headers.emplace_back(signing.into, hmac_sha256_hex(key, text));
  return true;
}

}  // namespace

std::string form_text(const FieldList& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out += '&';
    out += url_encode(name) + '=' + url_encode(value);
  }
  return out;
}

std::string md5_of_fields(FieldList fields, const std::vector<std::string>& left_out, const std::string& tail) {
  std::erase_if(fields, [&](const auto& f) {
    return f.second.empty() || std::find(left_out.begin(), left_out.end(), f.first) != left_out.end();
  });
  std::stable_sort(fields.begin(), fields.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [name, value] : fields) {
    if (!text.empty()) text += '&';
    text += name + '=' + value;
  }
  return md5_hex(text + tail);
}

bool sign_request(HttpRequest& request, const Signing& signing, const std::string& key, FieldList form,
                  std::size_t base_size, std::int64_t now_s) {
  if (signing.kind == "hmac_sha256") return sign_hmac(request, signing, key, base_size, now_s);
  const std::string tail = signing.kind == "md5_sorted_key" ? "&key=" + key : key;
  const std::vector<std::string> left_out{signing.into, "sign", "sign_type"};
  enum class Where { form_body, json_body, query } place = Where::form_body;
  Json body;
  FieldList fields = std::move(form);
  const auto question = request.url.find('?');
  if (fields.empty() && !request.body.empty()) {
    place = Where::json_body;
    auto parsed = Json::parse(request.body);
    if (!parsed || !parsed->is_object()) return false;
    body = std::move(*parsed);
    fields = fields_of_json(body);
  } else if (fields.empty()) {
    place = Where::query;
    if (question != std::string::npos) fields = fields_of_query(std::string_view(request.url).substr(question + 1));
  }
  const std::string signature = md5_of_fields(fields, left_out, tail);
  if (signing.in_header) {
    request.headers.emplace_back(signing.into, signature);
  } else if (place == Where::form_body) {
    request.body += (request.body.empty() ? "" : "&") + url_encode(signing.into) + "=" + signature;
  } else if (place == Where::json_body) {
    body.set(signing.into, signature);
    request.body = body.dump();
  } else {
    request.url += (question == std::string::npos ? "?" : "&") + url_encode(signing.into) + "=" + signature;
  }
  return true;
}

}  // namespace cardstorm
