// native_supplier: our own words for a phone top-up or a membership: accepted is not done (partners/api.md).
#include "harness/partners/signed_supplier.hpp"

namespace cardstorm::partners {

namespace {

const char* native_state(SupplyStatus status) {
  switch (status) {
    case SupplyStatus::accepted:
      return "ACCEPTED";
    case SupplyStatus::success:
      return "SUCCESS";
    case SupplyStatus::partial:
      return "PARTIAL";
    case SupplyStatus::failed:
    case SupplyStatus::cancelled:
      return "FAILED";
    case SupplyStatus::revoked:
      return "REVOKED";
  }
  return "";
}

class NativeSupplier final : public SignedSupplier {
 public:
  NativeSupplier(Supplier& supplier, std::string key) : SignedSupplier(supplier, std::move(key), "request_no") {}

  std::vector<Nanos> gaps() const override {
    return {15s, 15s, 30s, 3min, 10min, 20min, 30min, 30min, 30min, 60min, 3h, 3h, 3h, 6h, 6h};
  }

 private:
  Answer order(Form form) override {
    SupplyWanted wanted;
    wanted.request_no = form.text("request_no");
    wanted.order = form.text("order");
    wanted.target_digest = supplier_.digest("phone", form.text("phone"));
    wanted.notify_url = form.text("notify_url");
    wanted.amount = form.cents("amount_cents");
    if (!form.good()) return refusal(400, "bad_request");
    if (supplier_.order(wanted).taken == Taken::conflict) return refusal(409, "conflict");
    return json_answer(200, Json::object({{"request_no", wanted.request_no}, {"status", "ACCEPTED"}}));
  }

  Json row(const Supply& supply) const override {
    return Json::object({{"request_no", supply.request_no},
                         {"status", native_state(supply.status)},
                         {"delivered_cents", delivered_cents(supply)}});
  }
};

}  // namespace

SupplierEntry native_supplier() {
  return {"native",
          "phone top-ups in JSON with HMAC",
          {},
          {"topup"},
          SupplierKind::topup,
          [](Supplier& supplier, Credentials credentials) -> std::unique_ptr<SupplierDialect> {
            return std::make_unique<NativeSupplier>(supplier, std::move(credentials.native_key));
          }};
}

}  // namespace cardstorm::partners
