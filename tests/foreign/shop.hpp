// shop: a card shop in PHP on MariaDB, php-fpm and nginx, started by its own script (shop/up), and what a buyer, a
// gateway and an operator do with it. It shares nothing with the harness but HTTP and SQL.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/lease/process.hpp"
#include "harness/net/crypto.hpp"
#include "harness/net/http_client.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm::test {

using Form = std::vector<std::pair<std::string, std::string>>;

inline std::string form_text(const Form& fields) {
  const auto escaped = [](const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.') {
        out += c;
        continue;
      }
      constexpr const char* kHex = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
    return out;
  };
  std::string out;
  for (const auto& [name, value] : fields) out += (out.empty() ? "" : "&") + escaped(name) + "=" + escaped(value);
  return out;
}

/// The EasyPay signature: md5 over the sorted, non-empty fields and the key.
inline std::string easypay_sign(const Form& fields, const std::string& key) {
  std::map<std::string, std::string> sorted(fields.begin(), fields.end());
  std::string text;
  for (const auto& [name, value] : sorted)
    if (!value.empty() && name != "sign" && name != "sign_type") text += (text.empty() ? "" : "&") + name + "=" + value;
  return md5_hex(text + key);
}

struct ShopOptions {
  std::string gateway = "http://127.0.0.1:1", merchant = "1001", key_file = {}, bug = {};
  int ttl = 900, children = 12, connections = 40;
};

class Shop {
 public:
  Shop(const Shop&) = delete;
  Shop& operator=(const Shop&) = delete;
  /// Null when it does not serve within a minute; the test has failed then.
  static std::unique_ptr<Shop> start(const ShopOptions& options = {}) {
    ProcessSpec spec;
    spec.program = testing_paths::source_dir() + "/tests/foreign/shop/up";
    spec.args = {"--gateway",     options.gateway,
                 "--pid",         options.merchant,
                 "--ttl",         std::to_string(options.ttl),
                 "--children",    std::to_string(options.children),
                 "--connections", std::to_string(options.connections)};
    if (!options.key_file.empty()) spec.args.insert(spec.args.end(), {"--key-file", options.key_file});
    if (!options.bug.empty()) spec.args.insert(spec.args.end(), {"--bug", options.bug});
    auto process = Process::spawn(spec);
    if (!process) {
      ADD_FAILURE() << process.error().what;
      return nullptr;
    }
    const auto line = process->read_line(60s);
    const auto facts = line && line->has_value() ? Json::parse(**line) : Result<Json>(Json());
    if (!facts || (*facts)["url"].string().empty()) {
      ADD_FAILURE() << "the shop did not start; try: " << spec.program << " --gateway " << options.gateway;
      return nullptr;
    }
    return std::unique_ptr<Shop>(new Shop(std::move(*process), *facts));
  }

  /// Its script tidies up when its stdin ends, and needs a moment for it on a busy machine.
  ~Shop() { (void)process_.terminate(30s); }

  [[nodiscard]] std::string fact(const std::string& name) const { return facts_[name].string(); }
  [[nodiscard]] std::string url() const { return fact("url"); }
  [[nodiscard]] std::string secret(const std::string& file) const {
    const auto text = read_file(fact(file));
    return text ? std::string(trim(*text)) : "";
  }

  [[nodiscard]] HttpResponse get(const std::string& path) const { return ask("GET", path, "", {}); }
  [[nodiscard]] HttpResponse post(const std::string& path, const Form& form,
                                  const std::vector<std::pair<std::string, std::string>>& headers = {}) const {
    return ask("POST", path, form_text(form), headers);
  }
  /// Calls api.php; null when the answer is no JSON.
  [[nodiscard]] Json api(const Form& form) const {
    const auto body = Json::parse(post("/api.php", form).body);
    return body ? *body : Json();
  }
  /// How many cards were added; -1 when the import was refused.
  [[nodiscard]] std::int64_t import(const std::string& sku, const std::string& price, const std::string& cards) const {
    const auto body = Json::parse(post("/admin/import.php",
                                       {{"sku", sku}, {"price", price}, {"name", "Game " + sku}, {"cards", cards}},
                                       {{"X-Admin-Token", secret("admin_token_file")}})
                                      .body);
    return body && (*body)["code"].integer() == 1 ? (*body)["data"]["added"].integer() : -1;
  }
  [[nodiscard]] Json order(const std::string& sku, int quantity = 1, const std::string& token = "") const {
    return api({{"act", "order"},
                {"sku", sku},
                {"quantity", std::to_string(quantity)},
                {"contact", kContact},
                {"token", token}});
  }
  [[nodiscard]] Json query(const std::string& order_no) const {
    return api({{"act", "query"}, {"order_no", order_no}, {"contact", kContact}});
  }

  [[nodiscard]] Form paid(const std::string& order_no, const std::string& money) const {
    return {{"pid", fact("pid")},
            {"trade_no", "T" + order_no},
            {"out_trade_no", order_no},
            {"type", "alipay"},
            {"name", "card"},
            {"money", money},
            {"trade_status", "TRADE_SUCCESS"}};
  }
  /// What the shop replies to this notify, signed as the gateway signs.
  [[nodiscard]] std::string notify(Form fields) const {
    fields.emplace_back("sign", easypay_sign(fields, secret("key_file")));
    fields.emplace_back("sign_type", "MD5");
    return get("/notify.php?" + form_text(fields)).body;
  }
  /// Exit code of shop/fpm: kill, start, probe.
  [[nodiscard]] int fpm(const std::string& action) const {
    ProcessSpec spec;
    spec.program = testing_paths::source_dir() + "/tests/foreign/shop/fpm";
    spec.args = {action, fact("dir")};
    const auto code = run_program(spec, 20s, [](const std::string&) {});
    return code ? *code : -1;
  }

  static constexpr const char* kContact = "buyer@example.org";

 private:
  Shop(Process process, Json facts) : process_(std::move(process)), facts_(std::move(facts)) {}
  [[nodiscard]] HttpResponse ask(const std::string& method, const std::string& path, std::string body,
                                 std::vector<std::pair<std::string, std::string>> headers) const {
    HttpRequest request;
    request.method = method;
    request.url = url() + path;
    request.body = std::move(body);
    request.headers = std::move(headers);
    if (method == "POST") request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.timeout = 20s;
    return fetch(request);
  }

  Process process_;
  Json facts_;
};

}  // namespace cardstorm::test
