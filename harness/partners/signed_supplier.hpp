// signed_supplier: what suppliers that speak our own words have in common (partners/api.md): JSON signed with HMAC, an
// order, its state, its taking back.
#pragma once

#include <string>

#include "harness/partners/dialects.hpp"

namespace cardstorm::partners {

class SignedSupplier : public SupplierDialect {
 public:
  /// `number`: how the field with the shop's own number is called; it lives as long as this.
  SignedSupplier(Supplier& supplier, std::string key, const char* number)
      : supplier_(supplier), key_(std::move(key)), number_(number) {}

  Answer handle(const ServerRequest& request, const std::string& call) final;
  [[nodiscard]] std::string root_call(const std::string& path) const final { return path.substr(path.find('/') + 1); }
  [[nodiscard]] HttpRequest tell(const Supply& supply, const std::string& notify_no) const final;
  [[nodiscard]] bool acknowledged(int status, const std::string& body) const final {
    return status == 200 && body == "success";
  }
  [[nodiscard]] Json card(const std::string& base) const final;

 protected:
  virtual Answer order(Form form) = 0;
  /// The state of an order, its number included.
  [[nodiscard]] virtual Json row(const Supply& supply) const = 0;

  Supplier& supplier_;

 private:
  Answer revoke(Form form);
  [[nodiscard]] Answer query(const std::string& number) const;

  const std::string key_;
  const char* const number_;
};

}  // namespace cardstorm::partners
