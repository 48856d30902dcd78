// transfer_supplier: logistics of virtual equipment: an item goes to an account; pending, then confirmed or failed.
#include "harness/partners/signed_supplier.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::int64_t kTransferPiecesMax = 1000;

const char* transfer_state(SupplyStatus status) {
  switch (status) {
    case SupplyStatus::accepted:
      return "PENDING";
    case SupplyStatus::success:
      return "CONFIRMED";
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

class TransferSupplier final : public SignedSupplier {
 public:
  TransferSupplier(Supplier& supplier, std::string key) : SignedSupplier(supplier, std::move(key), "transfer_no") {}

  std::vector<Nanos> gaps() const override { return {15s, 30s, 1min, 5min, 30min, 2h}; }

 private:
  Json row(const Supply& supply) const override {
    return Json::object({{"transfer_no", supply.request_no},
                         {"status", transfer_state(supply.status)},
                         {"quantity", supply.quantity},
                         {"delivered", supply.delivered}});
  }

  Answer order(Form form) override {
    SupplyWanted wanted;
    wanted.request_no = form.text("transfer_no");
    wanted.order = form.text("order");
    wanted.product = form.text("item");
    wanted.target_digest = supplier_.digest("account", form.text("account"));
    wanted.notify_url = form.text_or_none("notify_url");
    const Json& pieces = form.json()["quantity"];
    const std::int64_t quantity = pieces.is_null() ? 1 : pieces.integer();  // 0 for what is no whole number
    if (!form.good() || quantity < 1 || quantity > kTransferPiecesMax) return refusal(400, "bad_request");
    wanted.quantity = static_cast<int>(quantity);
    const Ordered ordered = supplier_.order(wanted);
    return ordered.taken == Taken::conflict ? refusal(409, "conflict") : json_answer(200, row(*ordered.supply));
  }
};

}  // namespace

SupplierEntry transfer_supplier() {
  return {"transfer",
          "logistics: virtual equipment goes to an account; JSON with HMAC",
          {},
          {"transfer"},
          SupplierKind::transfer,
          [](Supplier& supplier, Credentials credentials) -> std::unique_ptr<SupplierDialect> {
            return std::make_unique<TransferSupplier>(supplier, std::move(credentials.native_key));
          }};
}

}  // namespace cardstorm::partners
