// supplier_native: top-ups and memberships (native) and transfers of equipment (transfer): JSON, signed like everything
// between the partners and us. They differ in the name of the number and in their words.
#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/supplier.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;

constexpr edge::CallOptions kNativeCall{200ms, 1500ms};

struct Words {
  const char *number, *accepted, *done, *partial, *failed;
};
constexpr Words kNative{"request_no", "ACCEPTED", "SUCCESS", "PARTIAL", "FAILED"},
    kTransfer{"transfer_no", "PENDING", "CONFIRMED", "PARTIAL", "FAILED"};

/// What a body says. A part that does not say how much it is is not understood.
SupplyAnswer said(const Words& words, const Json& json) {
  SupplyAnswer a;
  const std::string& status = json["status"].text();
  a.delivered = static_cast<int>(json["delivered"].integer());
  a.delivered_cents = json["delivered_cents"].integer(-1);
  const bool says_how_much = json["delivered_cents"].is_integer() || json["delivered"].is_integer();
  if (status == words.accepted)
    a.what = Supplied::accepted;
  else if (status == words.done)
    a.what = Supplied::done;
  else if (status == words.partial && says_how_much)
    a.what = Supplied::partial;
  else if (status == words.failed)
    a.what = Supplied::failed;
  else if (status == "REVOKED")
    a.what = Supplied::revoked;
  return a;
}

class NativeSupplier final : public SupplierClient {
 public:
  NativeSupplier(const SupplierSetup& setup, const Words& words)
      : words_(words), partner_{setup.url, setup.key}, path_("/supplier/" + setup.name) {}

  SupplyAnswer order(const SupplyRequest& r) override {
    JsonObject body;
    body.add(words_.number, r.request_no)
        .add("order", r.order_no)
        .add("notify_url", r.notify_url)
        .add("quantity", r.quantity);
    if (&words_ == &kTransfer)
      body.add("item", r.sku).add("account", r.target);
    else
      body.add("phone", r.target).add("amount_cents", r.amount_cents);
    const auto answer = partner_call(partner_, "POST", path_ + "/order", body.done(), "", kNativeCall);
    SupplyAnswer a = read(answer);
    // Before anything is looked up: a form that is wrong, or a signature. Another content under this number says
    // nothing of what happened to it.
    if (answer.status == 400 || answer.status == 401) a.what = Supplied::refused;
    if (a.what == Supplied::absent) a.what = Supplied::unknown;
    return a;
  }
  SupplyAnswer query(const SupplyRequest& r) override {
    return read(
        partner_call(partner_, "GET", path_ + "/order?" + words_.number + "=" + r.request_no, "", "", kNativeCall));
  }
  SupplyAnswer revoke(const SupplyRequest& r) override {
    return read(partner_call(partner_, "POST", path_ + "/revoke", JsonObject().add(words_.number, r.request_no).done(),
                             "", kNativeCall));
  }
  bool alive() override {
    const auto answer =
        partner_call(partner_, "GET", path_ + "/order?" + words_.number + "=nobody", "", "", kNativeCall);
    return answer.status == 404 || answer.status == 200;
  }
  std::optional<SupplyAnswer> told(const std::string& body) const override {
    const auto json = Json::parse(body);
    if (!json) return std::nullopt;
    return said(words_, *json);
  }

 private:
  SupplyAnswer read(const edge::CallResult& answer) const {
    SupplyAnswer a;
    const auto json = Json::parse(answer.body);
    if (answer.status == 200 && json)
      a = said(words_, *json);
    else if (answer.status == 404)
      a.what = Supplied::absent;
    else if (answer.status == 0 && !answer.sent)
      a.what = Supplied::unsent;
    a.alive = answer.status > 0 && answer.status < 500;
    a.why = answer.status == 0 ? answer.error : std::to_string(answer.status);
    return a;
  }

  const Words& words_;
  PartnerKey partner_;
  std::string path_;
};

}  // namespace

std::unique_ptr<SupplierClient> make_native_supplier(const SupplierSetup& setup) {
  return std::make_unique<NativeSupplier>(setup, kNative);
}
std::unique_ptr<SupplierClient> make_transfer_supplier(const SupplierSetup& setup) {
  return std::make_unique<NativeSupplier>(setup, kTransfer);
}

}  // namespace platform::services
