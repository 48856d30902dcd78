// message: what partners and platforms say to each other: JSON bodies, forms, sums of money, and what a call is
// answered with.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/json.hpp"
#include "harness/net/http_server.hpp"

namespace cardstorm::partners {

/// What a call is answered with, before it is delayed.
struct Answer {
  ServerResponse response = {};
  bool is_query = false;   // may be lost on purpose
  std::string await = {};  // leaves only after the first notify of this out_trade_no
};
Answer json_answer(int status, const Json& body);
inline Answer refusal(int status, const char* code) { return json_answer(status, Json::object({{"code", code}})); }
/// A small HTML page, for the buyer's browser.
Answer page_answer(const std::string& title, const std::string& text);

/// The members of a request's JSON body, checked. Anything wrong makes `good` false.
class Form {
 public:
  explicit Form(const std::string& body);
  /// A text of 1 to 512 bytes.
  std::string text(const char* name);
  /// The same, or "" when the member is absent.
  std::string text_or_none(const char* name);
  /// A positive whole number of at most 10^12.
  std::int64_t cents(const char* name);
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  Json json_;
  bool good_ = true;
};

/// The pairs of a form or a query string, decoded; by name, as all signatures want them. A name that is there twice
/// keeps its last value.
using Params = std::map<std::string, std::string>;
Params params_of(std::string_view text);
/// Query and, of a POST, the form body; the body wins.
Params params_of(const ServerRequest& request);
/// "" when absent.
std::string value_of(const Params& params, const std::string& name);
/// name=value joined with &, by name, without empty values and the names in `without` (separated by spaces).
std::string sign_text(const Params& params, std::string_view without);
/// The same pairs as a form, encoded.
std::string form_text(const Params& params);
std::string query_value(const std::string& query, std::string_view name);

/// Whole cents from yuan as text: digits, and at most two decimals; above 0 and at most 10^12. Never through floating
/// point.
std::optional<std::int64_t> cents_of(std::string_view yuan);
/// Cents as a JSON number: whole, above 0 and at most 10^12.
std::optional<std::int64_t> cents_in(const Json& value);
/// Whether a bill can be asked for this: nothing (every day), a day (2026-01-31) or a month (2026-01).
bool is_bill_date(std::string_view text);
/// Whether that bill holds what happened at `unix_seconds`; days are China's.
bool is_in_bill(std::string_view bill_date, std::int64_t unix_seconds);
/// "2026-01-31 08:05:09" in China's time, as the channels write it; and "2026-01-31T08:05:09+08:00".
std::string china_time(std::int64_t unix_seconds);
std::string china_time_rfc3339(std::int64_t unix_seconds);
std::int64_t unix_now();
/// Text for HTML.
std::string html_text(std::string_view text);
/// `url` with `query` behind it, whether it has one already or not.
std::string with_query(const std::string& url, const std::string& query);
/// Path and query of a URL, as they go on the wire.
std::string path_of_url(const std::string& url);

}  // namespace cardstorm::partners
