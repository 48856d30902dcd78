// real_shop: the platform as its operator starts it: the program itself with all its processes, beside partners in this
// process.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {

class RealShop {
 public:
  /// `cardstorm-platform up ...`; throws std::runtime_error with its last words when it does not come up within 60 s.
  RealShop(const std::string& variant, const std::vector<std::string>& arguments);
  RealShop(const RealShop&) = delete;
  RealShop& operator=(const RealShop&) = delete;
  ~RealShop();

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::string fact(const char* name) const { return facts_[name].text(); }
  [[nodiscard]] domain::Json facts() const { return facts_; }
  FakePartners& partners() { return partners_; }
  /// One call with these headers more; X-Buyer as given. An order (give it an Idempotency-Key) until its outcome is
  /// known.
  [[nodiscard]] Answer ask(const std::string& buyer, const std::string& method, const std::string& path,
                           const std::string& body = "", const edge::Headers& headers = {}) const;
  /// Until GET /orders/{no} says so.
  [[nodiscard]] bool reaches(const std::string& buyer, const std::string& no, const std::string& status,
                             std::chrono::milliseconds limit = std::chrono::seconds(15)) const;

  struct Node {
    std::string name, role, url, admin_url;
    pid_t pid = 0;
  };
  [[nodiscard]] std::vector<Node> nodes() const;
  [[nodiscard]] Node node(const std::string& name) const;
  /// Its process as the kernel knows it, which is sooner than the supervisor tells; 0: there is none.
  [[nodiscard]] pid_t child(const std::string& name) const;
  [[nodiscard]] Answer control(const std::string& method, const std::string& path, const std::string& body = "") const;
  /// What all files of its logs folder hold, by name.
  [[nodiscard]] std::map<std::string, std::string> files(const std::string& ending) const;
  /// /metrics of every node, by name.
  [[nodiscard]] std::map<std::string, std::string> metrics() const;

 private:
  FakePartners partners_;
  std::string dir_, url_;
  domain::Json facts_;
  ops::Process process_;
};

}  // namespace platform::services_test
