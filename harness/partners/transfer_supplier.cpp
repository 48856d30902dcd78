// transfer_supplier: logistics of virtual equipment: an item goes to an account; pending, then confirmed or failed.
#include "harness/partners/dialects.hpp"
#include "harness/partners/signature.hpp"

namespace cardstorm::partners {

namespace {

constexpr std::int64_t kPiecesMax = 1000;

const char* text_of(SupplyStatus status) {
  switch (status) {
    case SupplyStatus::accepted: return "PENDING";
    case SupplyStatus::success: return "CONFIRMED";
    case SupplyStatus::partial: return "PARTIAL";
    case SupplyStatus::failed:
    case SupplyStatus::cancelled: return "FAILED";
    case SupplyStatus::revoked: return "REVOKED";
  }
  return "";
}

class TransferSupplier final : public SupplierDialect {
 public:
  TransferSupplier(Supplier& supplier, std::string key) : supplier_(supplier), key_(std::move(key)) {}

  Answer handle(const ServerRequest& request, const std::string& call) override {
    if (call != "order" && call != "revoke") return refusal(404, "no_such_call");
    if (!is_signed(key_, request)) return refusal(401, "bad_sign");
    if (request.method == "POST") return call == "revoke" ? revoke(Form(request.body)) : order(Form(request.body));
    if (call == "revoke") return refusal(404, "no_such_call");
    if (request.method == "GET") return query(query_value(request.query, "transfer_no"));
    return refusal(404, "no_such_call");
  }

  std::string root_call(const std::string& path) const override { return path.substr(path.find('/') + 1); }
  HttpRequest tell(const Supply& supply, const std::string& notify_no) const override {
    const std::string timestamp = timestamp_text();
    Json said = row(supply);
    said.set("order", supply.order).set("notify_no", notify_no);
    const std::string body = said.dump();
    return {"POST", supply.notify_url, body,
            {{"Content-Type", "application/json"}, {"X-Timestamp", timestamp}, {"X-Sign", signature(key_, "POST", path_of_url(supply.notify_url), timestamp, body)}}};
  }
  bool acknowledged(int status, const std::string& body) const override { return status == 200 && body == "success"; }
  std::vector<Nanos> gaps() const override { return {15s, 30s, 1min, 5min, 30min, 2h}; }
  Json card(const std::string& base) const override {
    return Json::object({{"address", base + "/order"}, {"key", "the text of the key file of `partners up`"}, {"contract", "harness/partners/api.md"}});
  }

 private:
  static Json row(const Supply& supply) {
    return Json::object({{"transfer_no", supply.request_no}, {"status", text_of(supply.status)}, {"quantity", supply.quantity}, {"delivered", supply.delivered}});
  }

  Answer order(Form form) {
    SupplyWanted wanted;
    wanted.request_no = form.text("transfer_no");
    wanted.order = form.text("order");
    wanted.product = form.text("item");
    wanted.target_digest = supplier_.digest("account", form.text("account"));
    wanted.notify_url = form.text_or_none("notify_url");
    const std::int64_t quantity = form.json()["quantity"].integer(1);
    if (!form.good() || quantity < 1 || quantity > kPiecesMax) return refusal(400, "bad_request");
    wanted.quantity = static_cast<int>(quantity);
    const Ordered ordered = supplier_.order(wanted);
    return ordered.taken == Taken::conflict ? refusal(409, "conflict") : json_answer(200, row(*ordered.supply));
  }

  Answer revoke(Form form) {
    const std::string transfer_no = form.text("transfer_no");
    if (!form.good()) return refusal(400, "bad_request");
    if (!supplier_.knows(transfer_no)) return refusal(404, "not_found");
    supplier_.revoke(transfer_no);
    const Supply* supply = supplier_.find(transfer_no);
    return supply == nullptr ? refusal(404, "not_found") : json_answer(200, row(*supply));
  }

  Answer query(const std::string& transfer_no) const {
    const Supply* supply = supplier_.find(transfer_no);
    Answer answer = supply == nullptr ? refusal(404, "not_found") : json_answer(200, row(*supply));
    answer.is_query = true;
    return answer;
  }

  Supplier& supplier_;
  std::string key_;
};

}  // namespace

SupplierEntry transfer_supplier() {
  return {"transfer", "logistics: virtual equipment goes to an account; JSON with HMAC", {}, {"transfer"}, Trades::transfer,
          [](Supplier& supplier, Kit kit) -> std::unique_ptr<SupplierDialect> { return std::make_unique<TransferSupplier>(supplier, std::move(kit.house_key)); }};
}

}  // namespace cardstorm::partners
