// address: reads the address of a database, and quotes names and texts for statements.
#include <algorithm>
#include <charconv>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/db/db.hpp"

namespace cardstorm {
namespace {

constexpr const char* kForm = "write postgresql://USER@HOST:PORT/DATABASE or mysql://USER@HOST:PORT/DATABASE";

/// Like url_decode, but a '+' is a plus: this is an address, not a form.
std::string decode(const std::string& text) {
  std::string plain;
  for (const char c : text) plain += c == '+' ? std::string("%2B") : std::string(1, c);
  return url_decode(plain);
}

/// The address without what may be a password, for messages.
std::string shown(const std::string& url) {
  const auto scheme = url.find("://"), at = url.rfind('@');
  if (scheme == std::string::npos || at == std::string::npos || at < scheme) return url;
  const auto colon = url.find(':', scheme + 3);
  return colon < at ? url.substr(0, colon) + url.substr(at) : url;
}

Status read_port(const std::string& text, int* port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *port);
  if (error != std::errc() || end != text.data() + text.size() || *port < 1 || *port > 65535)
    return Error{Errc::invalid, "'" + text + "' is not a port"};
  return ok();
}

Status read_host(const std::string& text, DbAddress* out) {
  std::string port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string::npos) return Error{Errc::invalid, "'[' without ']'"};
    out->host = text.substr(1, close - 1);
    if (close + 1 < text.size() && text[close + 1] != ':')
      return Error{Errc::invalid, "something stands between ']' and the port"};
    if (close + 2 < text.size()) port = text.substr(close + 2);
  } else {
    const auto colon = text.find(':');
    out->host = text.substr(0, colon);
    if (colon != std::string::npos) port = text.substr(colon + 1);
  }
  if (out->host.empty()) return Error{Errc::invalid, "no host"};
  return port.empty() ? ok() : read_port(port, &out->port);
}

Status read_options(const std::string& text, DbAddress* out) {
  for (const std::string& pair : split(text, '&')) {
    if (pair.rfind("options=", 0) == 0 && out->kind == "postgresql") {
      out->startup = decode(pair.substr(8));
      continue;
    }
    // Our sessions never encrypt by GSS: what allows that needs no field.
    if ((pair == "gssencmode=disable" || pair == "gssencmode=prefer") && out->kind == "postgresql") continue;
    if (pair.rfind("sslmode=", 0) != 0)
      return Error{Errc::invalid, "unknown option '" + pair.substr(0, pair.find('=')) + "'",
                   "known are sslmode and, for PostgreSQL, options and gssencmode=disable"};
    out->tls = pair.substr(8);
    const bool mysql = out->kind == "mysql";
    const std::vector<std::string> known =
        mysql ? std::vector<std::string>{"disable", "require"}
              : std::vector<std::string>{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"};
    if (std::find(known.begin(), known.end(), out->tls) == known.end())
      return Error{Errc::invalid, "unknown sslmode '" + out->tls + "'", "one of: " + join(known, ", ")};
  }
  return ok();
}

Status read_parts(const std::string& url, DbAddress* out) {
  const auto scheme = url.find("://");
  const std::string kind = scheme == std::string::npos ? "" : url.substr(0, scheme);
  if (kind == "postgresql" || kind == "postgres")
    *out = {.kind = "postgresql",
            .host = "",
            .user = "",
            .database = "",
            .password = "",
            .port = 5432,
            .tls = "",
            .startup = ""};
  else if (kind == "mysql" || kind == "mariadb")
    *out = {.kind = "mysql",
            .host = "",
            .user = "",
            .database = "",
            .password = "",
            .port = 3306,
            .tls = "",
            .startup = ""};
  else
    return Error{Errc::invalid, "it does not begin with postgresql:// or mysql://"};
  std::string rest = url.substr(scheme + 3);
  if (const auto mark = rest.find('?'); mark != std::string::npos) {
    if (auto read = read_options(rest.substr(mark + 1), out); !read) return read;
    rest.resize(mark);
  }
  const auto slash = rest.find('/', rest.rfind('@') == std::string::npos ? 0 : rest.rfind('@'));
  if (slash == std::string::npos || slash + 1 == rest.size()) return Error{Errc::invalid, "no database after the host"};
  out->database = decode(rest.substr(slash + 1));
  rest.resize(slash);
  const auto at = rest.rfind('@');
  if (at == std::string::npos || at == 0) return Error{Errc::invalid, "no user before the host"};
  const std::string who = rest.substr(0, at);
  const auto colon = who.find(':');
  out->user = decode(who.substr(0, colon));
  if (colon != std::string::npos) out->password = decode(who.substr(colon + 1));
  if (out->user.empty()) return Error{Errc::invalid, "no user before the host"};
  return read_host(rest.substr(at + 1), out);
}

}  // namespace

Result<DbAddress> parse_db_url(const std::string& url, const std::string& password_file) {
  DbAddress out;
  if (auto read = read_parts(url, &out); !read) {
    const Error& error = read.error();
    return Error{Errc::invalid, "'" + shown(url) + "' is not the address of a database: " + error.what,
                 error.remedy.empty() ? kForm : error.remedy};
  }
  if (password_file.empty()) return out;
  const auto text = read_file(password_file);
  if (!text)
    return Error{Errc::invalid, text.error().what, "write the password of '" + out.user + "' into that file, one line"};
  out.password = split(*text, '\n').front();
  if (!out.password.empty() && out.password.back() == '\r') out.password.pop_back();
  if (out.password.empty())
    return Error{Errc::invalid, password_file + ": the first line is empty",
                 "write the password of '" + out.user + "' into it, or take password_file out"};
  return out;
}

std::string quote_name(const std::string& kind, const std::string& name) {
  const char mark = kind == "mysql" ? '`' : '"';
  std::string out;
  for (const std::string& part : split(name, '.')) {
    if (!out.empty()) out += '.';
    out += mark;
    for (const char c : part) out += c == mark ? std::string(2, c) : std::string(1, c);
    out += mark;
  }
  return out;
}

std::string quote_text(const std::string& kind, const std::string& text) {
  // A backslash means itself in standard SQL, and an escape in MySQL and in PostgreSQL's E'' form, which is the same
  // under any setting.
  std::string out = kind == "mysql" ? "'" : "E'";
  for (const char c : text) out += c == '\'' ? std::string("''") : c == '\\' ? std::string("\\\\") : std::string(1, c);
  return out + "'";
}

}  // namespace cardstorm
