// curl_transfer: see curl_transfer.hpp.
#include "harness/net/curl_transfer.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <tuple>

#include "harness/core/text.hpp"
#include "harness/net/http_parser.hpp"

namespace cardstorm::curl {
namespace {

constexpr std::size_t kStreamsMax = 100;    // of one HTTP/2 connection, as most servers permit
constexpr std::size_t kGoodbyesMax = 1000;  // remembered

std::string numeric_text(const curl_sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* raw = nullptr;
  if (address.family == AF_INET) raw = &reinterpret_cast<const sockaddr_in*>(&address.addr)->sin_addr;
  if (address.family == AF_INET6) raw = &reinterpret_cast<const sockaddr_in6*>(&address.addr)->sin6_addr;
  if (raw == nullptr || inet_ntop(address.family, raw, text.data(), text.size()) == nullptr) return "";
  return text.data();
}

/// The authorities that this system trusts, where the distribution that libcurl was built for has none: those of Red
/// Hat's and its kin (CentOS, Alibaba Cloud Linux), SUSE's, Alpine's. Null: libcurl's own place serves, or there are
/// none at all.
const char* authorities() {
  static const char* const kFound = [] {
    const char* const debian = "/etc/ssl/certs/ca-certificates.crt";
    if (::access(debian, R_OK) == 0) return static_cast<const char*>(nullptr);
    for (const char* place : {"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"})
      if (::access(place, R_OK) == 0) return place;
    return static_cast<const char*>(nullptr);
  }();
  return kFound;
}

/// The number after `label` in a text of libcurl's.
std::optional<std::int64_t> number_after(std::string_view text, std::string_view label) {
  const auto at = text.find(label);
  if (at == std::string_view::npos) return std::nullopt;
  std::int64_t number = 0;
  const char* const from = text.data() + at + label.size();
  if (std::from_chars(from, text.data() + text.size(), number).ec != std::errc{}) return std::nullopt;
  return number;
}

}  // namespace

void init() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (done != CURLE_OK) std::abort();
}

struct Transfer::Told {
  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int close_socket(void* wire, curl_socket_t socket);
  static int before_request(void* self, char* to, char* from, int to_port, int from_port);
  static int listen_in(CURL* easy, curl_infotype kind, char* text, std::size_t size, void* self);
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* self);
};

Transfer::Transfer(Wire& wire) : easy_(curl_easy_init()), wire_(wire) {
  static_assert(std::tuple_size_v<decltype(error_)> >= CURL_ERROR_SIZE);
  if (easy_ == nullptr) std::abort();  // out of memory
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_.data());
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");  // a proxy from the environment would be dialled instead of the target
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &Told::open_socket);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETFUNCTION, &Told::close_socket);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETDATA, &wire_);  // a connection outlives the transfer that made it
  curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &Told::before_request);
  curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);  // what the plan says is sent
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Told::take_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Told::take_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, wire_.limits.tls_verify ? 1L : 0L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, wire_.limits.tls_verify ? 2L : 0L);
  if (!wire_.limits.tls_ca.empty())
    curl_easy_setopt(easy_, CURLOPT_CAINFO, wire_.limits.tls_ca.c_str());
  else if (const char* found = authorities(); found != nullptr)
    curl_easy_setopt(easy_, CURLOPT_CAINFO, found);
  if (!wire_.limits.http2) return;
  curl_easy_setopt(easy_, CURLOPT_PIPEWAIT, 1L);  // rather share a connection than make one
  curl_easy_setopt(easy_, CURLOPT_DEBUGFUNCTION, &Told::listen_in);
  curl_easy_setopt(easy_, CURLOPT_DEBUGDATA, this);
  curl_easy_setopt(easy_, CURLOPT_VERBOSE, 1L);
}

Transfer::~Transfer() {
  curl_slist_free_all(headers_);
  curl_easy_cleanup(easy_);
}

Transfer& Transfer::of(void* easy) {
  char* self = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
  return *reinterpret_cast<Transfer*>(self);
}

curl_socket_t Transfer::Told::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string text = numeric_text(*address);
  // A socket file is named by us alone, and lies on this machine: no block of addresses speaks about it.
  if (address->family != AF_UNIX && !transfer.wire_.allow.holds(text)) {
    transfer.refused_address_ = text.empty() ? "of an unknown family" : text;
    return CURL_SOCKET_BAD;
  }
  transfer.dialled_ = true;
  if (!std::exchange(transfer.opening_, true)) ++transfer.wire_.opening;
  transfer.wire_.pace.take();
  const curl_socket_t made = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (made != CURL_SOCKET_BAD) ++transfer.wire_.open;
  return made;
}

int Transfer::Told::close_socket(void* wire_of_all, curl_socket_t socket) {
  auto& wire = *static_cast<Wire*>(wire_of_all);
  if (--wire.open == 0) wire.streams = 0;  // who answers next may be another
  return close(socket);
}

/// curl would repeat by itself what broke on a kept connection; for a payment that is a second effect that nobody
/// counts. Only what the server said it did not take goes onto another connection.
int Transfer::Told::before_request(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.begun_ && !transfer.not_taken()) return CURL_PREREQFUNC_ABORT;
  transfer.begin();
  return CURL_PREREQFUNC_OK;
}

void Transfer::begin() {
  begun_ = true;
  stop_counting();
  counted_ = true;
  ++wire_.begun;
  if (!wire_.limits.http2) return;
  // More requests than connections: they are shared. A second connection though the first one stands: they cannot be.
  if (wire_.begun > wire_.open)
    wire_.streams = kStreamsMax;
  else if (wire_.streams == 0 && wire_.open > 1)
    wire_.streams = 1;
  stream_ = 0;
  onto_ = connection_;
}

void Transfer::stop_counting() {
  if (std::exchange(opening_, false)) --wire_.opening;
  if (std::exchange(counted_, false)) --wire_.begun;
}

/// A server's goodbye (GOAWAY) names the last stream that it took: every nginx says it after 1,000 requests. A later
/// stream had no effect, for certain.
bool Transfer::not_taken() const {
  const auto goodbye = wire_.goodbyes.find(onto_);
  return goodbye != wire_.goodbyes.end() && stream_ > goodbye->second;
}

/// Goodbyes and the numbers of connections and streams stand nowhere in libcurl's interface but in what it tells a
/// listener. From words that we do not know nothing follows: the request then counts as sent.
int Transfer::Told::listen_in(CURL*, curl_infotype kind, char* text, std::size_t size, void* self) {
  if (kind != CURLINFO_TEXT) return 0;
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view words(text, size);
  if (words.starts_with("Connected to ")) transfer.connection_ = number_after(words, "(#").value_or(-1);
  if (words.starts_with("Re-using ")) transfer.connection_ = number_after(words, " #").value_or(-1);
  if (const auto stream = number_after(words, "Using Stream ID: ")) transfer.stream_ = *stream;
  if (words.find(" GOAWAY, ") == std::string_view::npos || transfer.onto_ < 0) return 0;
  auto& goodbyes = transfer.wire_.goodbyes;
  if (const auto last = number_after(words, "last_stream=")) goodbyes[transfer.onto_] = *last;
  if (goodbyes.size() > kGoodbyesMax) goodbyes.erase(goodbyes.begin());
  return 0;
}

std::size_t Transfer::Told::take_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t length = size * count;
  const std::size_t room = transfer.wire_.limits.body_max - transfer.response_.body.size();
  transfer.response_.body.append(data, std::min(length, room));
  if (length <= room) return length;
  transfer.too_large_ = true;
  return 0;  // ends the transfer
}

std::size_t Transfer::Told::take_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line(data, size * count);
  transfer.head_bytes_ += line.size();
  if (transfer.head_bytes_ > kHttpHeadMax) {
    transfer.too_large_ = true;
    return 0;
  }
  auto& headers = transfer.response_.headers;
  if (line.starts_with("HTTP/")) {
    headers.clear();  // an interim answer (1xx) came before
    const auto blank = line.find(' ');
    transfer.refusal_ = blank + 1 < line.size() && (line[blank + 1] == '4' || line[blank + 1] == '5');
    transfer.wire_.streams = line.starts_with("HTTP/2") ? kStreamsMax : 1;
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    const bool all = transfer.request_.want_headers || transfer.refusal_;
    if (all || lower(line.substr(0, colon)) == "set-cookie")
      headers.emplace_back(lower(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1))));
  }
  return line.size();
}

std::optional<std::string> Transfer::prepare(HttpRequest request) {
  request_ = std::move(request);
  response_ = HttpResponse{};
  too_large_ = dialled_ = begun_ = refusal_ = false;
  head_bytes_ = 0;
  connection_ = onto_ = -1;
  stream_ = 0;
  refused_address_.clear();
  error_[0] = '\0';
  if (!is_token(request_.method)) return "bad method '" + request_.method + "'";
  if (!set_headers()) return "a header has a bad name, or a line break in its value";
  set_method();
  set_way();
  if (curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str()) != CURLE_OK) return "bad url";
  limit_time(request_.timeout);
  return std::nullopt;
}

void Transfer::set_way() {
  const auto version = wire_.limits.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(version));
  const std::string& path = request_.unix_socket.empty() ? wire_.limits.unix_socket : request_.unix_socket;
  curl_easy_setopt(easy_, CURLOPT_UNIX_SOCKET_PATH, path.empty() ? nullptr : path.c_str());
  const std::string from = "host!" + request_.source;
  curl_easy_setopt(easy_, CURLOPT_INTERFACE, request_.source.empty() ? nullptr : from.c_str());
}

void Transfer::limit_time(Nanos left) {
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(rounded)));  // 0 would mean: for ever
}

void Transfer::set_method() {
  curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);  // takes back what the last use set
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, nullptr);
  if (request_.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request_.method == "POST" || !request_.body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.c_str());  // not copied: request_ outlives the transfer
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    if (request_.method != "POST") curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  } else if (request_.method != "GET") {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

bool Transfer::set_headers() {
  curl_slist_free_all(headers_);
  headers_ = curl_slist_append(nullptr, "Expect:");  // never wait for "100 Continue": that is a second of think time
  bool typed = request_.body.empty();
  std::string line;
  for (const auto& [name, value] : request_.headers) {
    if (!is_token(name) || has_line_break(value)) return false;
    line = value.empty() ? name + ";" : name + ": " + value;  // curl: "Name:" would delete it, "Name;" sends it empty
    headers_ = curl_slist_append(headers_, line.c_str());
    typed = typed || lower(name) == "content-type";
  }
  if (!typed) headers_ = curl_slist_append(headers_, "Content-Type: application/json");
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  return true;
}

Cause Transfer::cause_of(int code, bool request_left) const {
  if (!dialled_ && !refused_address_.empty()) return Cause::address;
  if (too_large_ || (code == CURLE_OUT_OF_MEMORY && request_left))
    return Cause::too_large;  // so curl calls a line above 100 KB
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Cause::timeout;
    case CURLE_COULDNT_RESOLVE_HOST:
      return Cause::dns;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
      return Cause::tls;
    case CURLE_WRITE_ERROR:  // what came cannot be taken apart
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL:  // something that is not HTTP/1 came back (or an ftp:// url: nothing left then)
      return request_left ? Cause::bad_body : Cause::refused;
    // Broken chunks and broken connections share this code; only the words tell them apart.
    case CURLE_RECV_ERROR:
      return !request_left                                                             ? Cause::refused
             : std::string_view(error_.data()).find("chunk") != std::string_view::npos ? Cause::bad_body
                                                                                       : Cause::reset;
    default:
      return request_left ? Cause::reset : Cause::refused;
  }
}

HttpResponse Transfer::conclude(int code) {
  stop_counting();
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  if (code != CURLE_OK) {
    // Counts over curl's own repeat on a stale connection too: whatever left once may have had its effect.
    long request_bytes = 0;
    curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &request_bytes);
    response_.cause = cause_of(code, request_bytes > 0);
    response_.outcome = request_bytes > 0 ? Outcome::unknown : Outcome::failed;
    response_.error = error_[0] != '\0' ? error_.data() : curl_easy_strerror(static_cast<CURLcode>(code));
    if (too_large_)
      response_.error = head_bytes_ > kHttpHeadMax
                            ? "the headers are larger than " + std::to_string(kHttpHeadMax) + " bytes"
                            : "the answer is larger than " + std::to_string(wire_.limits.body_max) + " bytes";
    if (code == CURLE_ABORTED_BY_CALLBACK) response_.error = "the kept connection broke under the request";
    if (response_.cause == Cause::address)
      response_.error = "address " + refused_address_ + " is outside the allow-list";
  }
  return std::move(response_);
}

}  // namespace cardstorm::curl
