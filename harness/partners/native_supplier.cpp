// native_supplier: our own words for a phone top-up or a membership: accepted is not done (partners/api.md).
#include "harness/partners/dialects.hpp"
#include "harness/partners/signature.hpp"

namespace cardstorm::partners {

namespace {

const char* text_of(SupplyStatus status) {
  switch (status) {
    case SupplyStatus::accepted: return "ACCEPTED";
    case SupplyStatus::success: return "SUCCESS";
    case SupplyStatus::partial: return "PARTIAL";
    case SupplyStatus::failed:
    case SupplyStatus::cancelled: return "FAILED";
    case SupplyStatus::revoked: return "REVOKED";
  }
  return "";
}

class NativeSupplier final : public SupplierDialect {
 public:
  NativeSupplier(Supplier& supplier, std::string key) : supplier_(supplier), key_(std::move(key)) {}

  Answer handle(const ServerRequest& request, const std::string& call) override {
    if (call != "order" && call != "revoke") return refusal(404, "no_such_call");
    if (!is_signed(key_, request)) return refusal(401, "bad_sign");
    if (request.method == "POST") return call == "revoke" ? revoke(Form(request.body)) : order(Form(request.body));
    if (call == "revoke") return refusal(404, "no_such_call");
    if (request.method == "GET") return query(query_value(request.query, "request_no"));
    return refusal(404, "no_such_call");
  }

  std::string root_call(const std::string& path) const override { return path.substr(path.find('/') + 1); }
  HttpRequest tell(const Supply& supply, const std::string& notify_no) const override {
    const std::string timestamp = timestamp_text();
    const std::string body = Json::object({{"request_no", supply.request_no}, {"order", supply.order}, {"status", text_of(supply.status)},
                                           {"delivered_cents", delivered_cents(supply)}, {"notify_no", notify_no}}).dump();
    return {"POST", supply.notify_url, body,
            {{"Content-Type", "application/json"}, {"X-Timestamp", timestamp}, {"X-Sign", signature(key_, "POST", path_of_url(supply.notify_url), timestamp, body)}}};
  }
  bool acknowledged(int status, const std::string& body) const override { return status == 200 && body == "success"; }
  std::vector<Nanos> gaps() const override { return {15s, 15s, 30s, 3min, 10min, 20min, 30min, 30min, 30min, 60min, 3h, 3h, 3h, 6h, 6h}; }
  Json card(const std::string& base) const override {
    return Json::object({{"address", base + "/order"}, {"key", "the text of the key file of `partners up`"}, {"contract", "harness/partners/api.md"}});
  }

 private:
  Answer order(Form form) {
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

  static Json row(const Supply& supply) {
    return Json::object({{"request_no", supply.request_no}, {"status", text_of(supply.status)}, {"delivered_cents", delivered_cents(supply)}});
  }

  Answer revoke(Form form) {
    const std::string request_no = form.text("request_no");
    if (!form.good()) return refusal(400, "bad_request");
    if (!supplier_.knows(request_no)) return refusal(404, "not_found");
    supplier_.revoke(request_no);
    const Supply* supply = supplier_.find(request_no);
    return supply == nullptr ? refusal(404, "not_found") : json_answer(200, row(*supply));
  }

  Answer query(const std::string& request_no) const {
    const Supply* supply = supplier_.find(request_no);
    Answer answer = supply == nullptr ? refusal(404, "not_found") : json_answer(200, row(*supply));
    answer.is_query = true;
    return answer;
  }

  Supplier& supplier_;
  std::string key_;
};

}  // namespace

SupplierEntry native_supplier() {
  return {"native", "phone top-ups in JSON with HMAC", {}, {"topup"}, Trades::topup,
          [](Supplier& supplier, Kit kit) -> std::unique_ptr<SupplierDialect> { return std::make_unique<NativeSupplier>(supplier, std::move(kit.house_key)); }};
}

}  // namespace cardstorm::partners
