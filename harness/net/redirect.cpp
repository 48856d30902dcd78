// redirect: the rules of RFC 9110 15.4, as browsers apply them.
#include "harness/net/redirect.hpp"

#include <algorithm>

#include "harness/core/text.hpp"
#include "harness/net/http_url.hpp"

namespace cardstorm {
namespace {

bool redirects(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

bool same_host(const std::string& a, const std::string& b) {
  const auto x = split_url(a), y = split_url(b);
  return x && y && x->tls == y->tls && x->port == y->port && lower(x->host) == lower(y->host);
}

void drop(HttpRequest& request, const std::vector<std::string>& names) {
  std::erase_if(request.headers, [&](const auto& header) {
    return std::find(names.begin(), names.end(), lower(header.first)) != names.end();
  });
}

void refuse(HttpResponse& answer, std::string why) {
  answer.cause = Cause::redirect;
  answer.outcome = Outcome::unknown;  // what redirected may have acted before
  answer.error = std::move(why);
}

}  // namespace

RedirectTrail::RedirectTrail(HttpRequest request, Nanos now)
    : request_(std::move(request)),
      wanted_headers_(request_.want_headers),
      deadline_(now + request_.timeout),
      left_(request_.redirects_max),
      seen_{request_.method + " " + request_.url} {
  request_.want_headers = true;
  request_.redirects_max = 0;
}

RedirectTrail::Turn RedirectTrail::take(HttpResponse& answer, Nanos now) {
  const auto location =
      std::find_if(answer.headers.begin(), answer.headers.end(), [](const auto& h) { return h.first == "location"; });
  if (answer.cause != Cause::none || !redirects(answer.status) || location == answer.headers.end()) {
    finish(answer);
    return Turn::deliver;
  }
  const auto next = resolve_location(request_.url, location->second);
  const bool to_get =
      answer.status == 303 ? request_.method != "HEAD" : answer.status < 303 && request_.method == "POST";
  const std::string step = (to_get ? "GET" : request_.method) + " " + next.value_or("");
  if (!next)
    refuse(answer, "redirected to '" + location->second.substr(0, 200) + "', which is not http");
  else if (left_ == 0)
    refuse(answer, "more redirects than the step allows, the last to '" + next->substr(0, 200) + "'");
  else if (now >= deadline_)
    answer.cause = Cause::timeout, answer.outcome = Outcome::unknown,
    answer.error = "no time left to follow a redirect";
  // A shop may send a buyer back with a cookie: only the third time round is a loop.
  else if (std::count(seen_.begin(), seen_.end(), step) >= 2)
    refuse(answer, "redirects in a loop over '" + next->substr(0, 200) + "'");
  if (answer.cause != Cause::none) {
    finish(answer);
    return Turn::deliver;
  }
  --left_;
  seen_.push_back(step);
  keep_cookies(answer);
  if (to_get) become_get();
  if (!same_host(request_.url, *next)) leave_host();
  request_.url = *next;
  request_.timeout = deadline_ - now;
  return Turn::follow;
}

void RedirectTrail::finish(HttpResponse& answer) {
  // An earlier answer of the trail proves that something was reached: nothing is surely without effect any more.
  if (seen_.size() > 1 && answer.outcome == Outcome::failed) answer.outcome = Outcome::unknown;
  if (!wanted_headers_ && answer.status < 400)
    std::erase_if(answer.headers, [](const auto& header) { return header.first != "set-cookie"; });
  // Those of the way first: a later one of the same name counts.
  for (auto& [name, value] : answer.headers)
    if (name == "set-cookie") set_cookies_.push_back(std::move(value));
  std::erase_if(answer.headers, [](const auto& header) { return header.first == "set-cookie"; });
  for (auto& cookie : set_cookies_) answer.headers.emplace_back("set-cookie", std::move(cookie));
}

void RedirectTrail::become_get() {
  request_.method = "GET";
  request_.body.clear();
  drop(request_, {"content-type", "content-length", "content-encoding", "transfer-encoding"});
}

void RedirectTrail::leave_host() { drop(request_, {"authorization", "cookie", "host"}); }

void RedirectTrail::keep_cookies(const HttpResponse& answer) {
  for (const auto& [name, value] : answer.headers) {
    if (name != "set-cookie") continue;
    set_cookies_.push_back(value);
    const std::string pair(trim(std::string_view(value).substr(0, value.find(';'))));
    const std::string key = pair.substr(0, pair.find('=') + 1);
    if (key.empty()) continue;
    auto cookie = std::find_if(request_.headers.begin(), request_.headers.end(),
                               [](const auto& h) { return lower(h.first) == "cookie"; });
    if (cookie == request_.headers.end()) cookie = request_.headers.insert(cookie, {"Cookie", ""});
    std::vector<std::string> kept;
    for (const std::string& one : split(cookie->second, ';'))
      if (const std::string text(trim(one)); !text.empty() && !text.starts_with(key)) kept.push_back(text);
    kept.push_back(pair);
    cookie->second = join(kept, "; ");
  }
}

}  // namespace cardstorm
