// fuzz_requests: a true request of each route, and what a broken or hostile client makes of it. From fixed seeds.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "reference_platform/edge/http.hpp"

namespace platform::services_test {

// what a member of a body is
enum class Kind { text, whole, list };
struct Field {
  std::string name, value;  // as JSON; "" is not in the true request
  Kind kind = Kind::text;
  bool needed = true;
};
// how the caller says who it is; buyer: by name or session
enum class Sign { none, name, buyer, session, partner, form, upstream };

/// One call of api.md. In `path` and values, $name stands for what only the running shop knows.
struct FuzzRoute {
  const char* node;  // whose address
  const char* call;  // as api.md writes it
  const char* path;
  int status;  // what the true request is answered with
  Sign sign = Sign::none;
  std::vector<Field> body = {};
  [[nodiscard]] std::string method() const { return std::string(call).substr(0, std::string(call).find(' ')); }
};

struct FuzzRequest {
  std::string method, path, body;
  edge::Headers headers;
  [[nodiscard]] std::string text() const;
};
struct FuzzCase {
  std::string what;
  FuzzRequest request;
  bool refused = true;     // it has to be
  bool may_close = false;  // no HTTP/1.1 any more: ending the connection is an answer
  bool late = false;       // it says that its time is over
};
/// Puts the caller's name and signature to a request whose rest is ready.
using Signer = std::function<void(const FuzzRoute& route, FuzzRequest& request)>;

FuzzRequest true_request(const FuzzRoute& route, const Signer& sign);
/// Every way of being wrong that has a name: each must be refused. `bytes`: also those that no route gets to see,
/// because the server answers.
std::vector<FuzzCase> wrong_requests(const FuzzRoute& route, const Signer& sign, bool bytes);
/// Random damage: whatever becomes of it, it is answered in the words of api.md.
FuzzCase damaged_request(const FuzzRoute& route, const Signer& sign, std::mt19937& random);

// status 0: the connection was closed
struct FuzzAnswer {
  int status = 0;
  std::string body;
};
FuzzAnswer exchange(int port, const FuzzRequest& request);

}  // namespace platform::services_test
