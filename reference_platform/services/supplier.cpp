// supplier: what the dialects have in common; see supplier.hpp.
#include "reference_platform/services/supplier.hpp"

#include <algorithm>
#include <charconv>

namespace platform::services {
namespace {

constexpr std::size_t kYuanDigitsMax = 12;

bool digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

std::string encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return out;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      unsigned int byte = 0;
      if (i + 2 >= text.size()) return std::nullopt;
      const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
      if (error != std::errc() || end != text.data() + i + 3) return std::nullopt;
      out += static_cast<char>(byte);
      i += 2;
    }
  }
  return out;
}

}  // namespace

std::unique_ptr<SupplierClient> make_supplier(const SupplierSetup& setup) {
  if (setup.dialect == "native") return make_native_supplier(setup);
  if (setup.dialect == "transfer") return make_transfer_supplier(setup);
  if (setup.dialect == "hmac") return make_hmac_supplier(setup);
  if (setup.dialect == "sharedstock") return make_sharedstock_supplier(setup);
  return nullptr;
}

std::optional<std::int64_t> cents_of(std::string_view yuan) {
  const auto dot = yuan.find('.');
  const std::string_view whole = yuan.substr(0, dot),
                         part = dot == std::string_view::npos ? std::string_view() : yuan.substr(dot + 1);
  if (whole.empty() || whole.size() > kYuanDigitsMax || part.size() > 2 || !digits(whole) || !digits(part))
    return std::nullopt;
  if (dot != std::string_view::npos && part.empty()) return std::nullopt;
  std::int64_t out = 0;
  for (const char c : std::string(whole) + std::string(part) + std::string(2 - part.size(), '0'))
    out = out * 10 + (c - '0');
  return out;
}

std::string yuan_of(std::int64_t cents) {
  const std::string part = std::to_string(cents % 100);
  return std::to_string(cents / 100) + "." + std::string(2 - part.size(), '0') + part;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) out.emplace_back(line);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return out;
}

std::string form_text(const Form& form) {
  std::string out;
  for (const auto& [name, value] : form)
    out.append(out.empty() ? "" : "&").append(encoded(name)).append("=").append(encoded(value));
  return out;
}

std::optional<Form> parse_form(std::string_view text) {
  Form out;
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    const auto equals = pair.find('=');
    const auto name = decoded(pair.substr(0, equals)),
               value = decoded(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (!name || !value || name->empty() || !out.emplace(*name, *value).second) return std::nullopt;
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return out;
}

std::string sharedstock_sign(const Form& form, const std::string& key) {
  std::string text;
  for (const auto& [name, value] : form) {
    if (!value.empty() && name != "sign") text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
  }
  return md5_hex(text + "&key=" + key);
}

std::string upstream_sign(const std::string& key, const std::string& method, const std::string& path,
                          const std::string& timestamp, const std::string& body) {
  return hmac_sha256_hex(key, method + "\n" + path + "\n" + timestamp + "\n" + md5_hex(body));
}

}  // namespace platform::services
