// client: calls to other nodes and partners by libcurl's easy interface. One handle per thread keeps the connections.
#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>
#include <new>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/edge/wire.hpp"

namespace platform::edge {
namespace {

constexpr std::size_t kAnswerMax = 16U << 20;
constexpr long kKeepIdleSeconds = 20;  // shorter than servers keep a connection: a close must not race with our request

struct Handle {
  CURL* curl;
  Handle() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    curl = curl_easy_init();
    if (curl == nullptr) throw std::bad_alloc();
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { curl_easy_cleanup(curl); }
};

struct HeaderList {
  curl_slist* head = nullptr;
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(head); }
  void add(const std::string& line) {
    if (curl_slist* next = curl_slist_append(head, line.c_str())) head = next;
  }
};

struct Exchange {
  CURL* curl;
  bool safe;  // may be sent twice
  bool refused_retry = false;
  std::string* body;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& body = *static_cast<Exchange*>(user)->body;
  if (body.size() + size * count > kAnswerMax) return 0;
  body.append(data, size * count);
  return size * count;
}

// When a kept connection breaks before the first byte of an answer, libcurl sends the request again on a new one, a
// POST too. That is right as long as nothing was sent; after that the other side may have acted, and only our caller
// may decide.
curl_socket_t on_open(void* user, curlsocktype, curl_sockaddr* address) {
  auto& x = *static_cast<Exchange*>(user);
  long sent = 0;
  curl_easy_getinfo(x.curl, CURLINFO_REQUEST_SIZE, &sent);
  if (sent > 0 && !x.safe) {
    x.refused_retry = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

long milliseconds_of(std::chrono::milliseconds t) { return t.count() > 0 ? static_cast<long>(t.count()) : 0L; }

/// The caller's headers and what of the ambient context they do not say themselves.
void add_headers(HeaderList& lines, const Headers& headers, const Outgoing& outgoing, bool has_body) {
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty() && !has_header(headers, name)) lines.add(std::string(name) + ": " + value);
  };
  lines.add("Expect:");
  if (has_body) add("Content-Type", "application/json");
  add("traceparent", outgoing.context.traceparent());
  add("X-Cardstorm-Mark", outgoing.context.mark);
  if (outgoing.limited) add("X-Deadline-Ms", std::to_string(outgoing.limit.count()));
  for (const auto& [name, value] : headers) lines.add(value.empty() ? name + ";" : name + ": " + value);
}

CallResult perform(const std::string& method, const std::string& url, const std::string& body, const Headers& headers,
                   const CallOptions& options, const Outgoing& outgoing) {
  thread_local Handle handle;
  CURL* c = handle.curl;
  curl_easy_reset(c);  // options only: the connections stay

  CallResult result;
  Exchange exchange{c, method == "GET" || method == "HEAD", false, &result.body};
  HeaderList lines;
  add_headers(lines, headers, outgoing, !body.empty());

  char error[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  if (method == "HEAD") {
    curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
  } else if (method == "POST" || !body.empty()) {
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.c_str());
  }
  curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method.c_str());
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, lines.head);
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, kKeepIdleSeconds);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, milliseconds_of(options.connect));
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, milliseconds_of(outgoing.limit));
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, &on_open);
  curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, &exchange);

  const CURLcode code = curl_easy_perform(c);
  long status = 0, request_bytes = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &request_bytes);
  result.sent = request_bytes > 0 || exchange.refused_retry;
  if (code == CURLE_OK) {
    result.status = static_cast<int>(status);
    const char* type = nullptr;
    curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
    if (type != nullptr) result.content_type = type;
    return result;
  }
  result.body.clear();  // a part of an answer is no answer
  if (exchange.refused_retry)
    result.error = "the kept connection broke after the request was sent";
  else
    result.error = error[0] != '\0' ? error : curl_easy_strerror(code);
  // The buffer and the sockets' function belong to this call; a connection that broke is not kept by libcurl.
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, nullptr);
  return result;
}

}  // namespace

CallResult call(const std::string& method, const std::string& url, const std::string& body, const Headers& headers,
                const CallOptions& options) {
  const Outgoing outgoing = outgoing_context(options);
  const auto began = std::chrono::steady_clock::now();
  CallResult result = perform(method, url, body, headers, options, outgoing);
  if (Observer* o = observer()) {
    o->on_call({"", method, url, result.status, began, std::chrono::steady_clock::now() - began, outgoing.context,
                outgoing.parent_span});
  }
  return result;
}

}  // namespace platform::edge
