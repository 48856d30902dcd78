// log_pattern: the format text of an access log (nginx log_format, Apache LogFormat, Envoy format string) made into a
// matcher.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/result.hpp"
#include "harness/trace/format.hpp"

namespace cardstorm {

class LogPattern {
 public:
  /// `text` holds $variables; `json_escapes` as in log_format … escape=json. Stamps are the end of a request.
  static Result<LogPattern> nginx(std::string_view text, bool json_escapes);
  /// `text` holds %directives of mod_log_config. %t is the start of a request, %{end:…}t its end.
  static Result<LogPattern> apache(std::string_view text);
  /// `text` holds %COMMANDS%. START_TIME is the start of a request.
  static Result<LogPattern> envoy(std::string_view text);

  struct Miss {
    std::size_t column = 1;
    std::string reason;
  };
  /// Fills `entry` from one line; else says where the match stopped. Views point into `line` or into this object.
  bool read(std::string_view line, StampReader& stamps, Entry& entry, Miss& miss);
  /// Accept (and remember) text behind the end of the format, as logs that append fields have it.
  void allow_more() { more_allowed_ = true; }
  [[nodiscard]] bool saw_more() const { return saw_more_; }
  [[nodiscard]] bool tells_latency() const;
  [[nodiscard]] bool tells_client() const;

 private:
  enum class Part : std::uint8_t {
    skip,
    time,
    iso,
    epoch,
    end_epoch,
    request,
    method,
    target,
    path,
    query,
    is_args,
    status,
    latency,
    forwarded,
    address,
    agent,
    session,
    host,
    scheme
  };
  enum class Escapes : std::uint8_t { hex, json };
  struct Slot {
    Part part = Part::skip;
    std::string name;
    std::string behind;     // the literal that ends the value
    std::int64_t unit = 0;  // of numbers, in ns
    bool list = false;      // may hold ", " between values
  };
  static Part nginx_part(const std::string& name, Slot& slot);
  static void apache_part(char letter, const std::string& argument, Slot& slot);
  static void envoy_part(const std::string& command, const std::string& argument, Slot& slot);
  static Result<LogPattern> checked(LogPattern pattern, std::string_view text);
  void add_slot(Slot slot);
  void add_literal(std::string_view text);
  [[nodiscard]] std::size_t end_of(const Slot& slot, std::string_view line, std::size_t at) const;
  static std::size_t width_beside(Part part, std::string_view region);
  std::string put(const Slot& slot, std::string_view value, StampReader& stamps, Entry& entry);
  std::string_view plain(std::string_view value, std::string& scratch) const;

  std::string lead_;
  std::vector<Slot> slots_;
  Escapes escapes_ = Escapes::hex;
  bool stamp_is_end_ = false, quotes_escaped_ = false, more_allowed_ = false, saw_more_ = false;
  // Of the line in work.
  bool has_stamp_ = false;
  std::string_view path_, query_;
  std::string target_scratch_, request_scratch_;
};

struct NamedLogFormat {
  std::string name, text;
  bool json_escapes = false;
};
/// The log_format statements of an nginx.conf, strings put together.
std::vector<NamedLogFormat> log_formats_of_conf(std::string_view conf);

inline constexpr std::string_view kNginxCombined =
    R"($remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent")";
inline constexpr std::string_view kApacheCombined = R"(%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i")";
inline constexpr std::string_view kApacheCommon = R"(%h %l %u %t "%r" %>s %b)";
inline constexpr std::string_view kEnvoyDefault =
    R"([%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%")";

}  // namespace cardstorm
