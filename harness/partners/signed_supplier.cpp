// signed_supplier: see signed_supplier.hpp.
#include "harness/partners/signed_supplier.hpp"

#include "harness/partners/signature.hpp"

namespace cardstorm::partners {

Answer SignedSupplier::handle(const ServerRequest& request, const std::string& call) {
  if (call != "order" && call != "revoke") return refusal(404, "no_such_call");
  if (!is_signed(key_, request)) return refusal(401, "bad_sign");
  if (request.method == "POST") return call == "revoke" ? revoke(Form(request.body)) : order(Form(request.body));
  if (request.method == "GET" && call == "order") return query(query_value(request.query, number_));
  return refusal(404, "no_such_call");
}

HttpRequest SignedSupplier::tell(const Supply& supply, const std::string& notify_no) const {
  const std::string timestamp = timestamp_text();
  Json said = row(supply);
  said.set("order", supply.order).set("notify_no", notify_no);
  const std::string body = said.dump();
  return {"POST",
          supply.notify_url,
          body,
          {{"Content-Type", "application/json"},
           {"X-Timestamp", timestamp},
           {"X-Sign", signature(key_, "POST", path_of_url(supply.notify_url), timestamp, body)}}};
}

Json SignedSupplier::card(const std::string& base) const {
  return Json::object({{"address", base + "/order"},
                       {"key", "the text of the key file of `partners up`"},
                       {"contract", "harness/partners/api.md"}});
}

Answer SignedSupplier::revoke(Form form) {
  const std::string number = form.text(number_);
  if (!form.good()) return refusal(400, "bad_request");
  // Queries may not find it yet, but what was taken back is never answered with a "not found".
  const Supply* supply = supplier_.known(number);
  if (supply == nullptr) return refusal(404, "not_found");
  supplier_.revoke(number);
  return json_answer(200, row(*supply));
}

Answer SignedSupplier::query(const std::string& number) const {
  const Supply* supply = supplier_.find(number);
  Answer answer = supply == nullptr ? refusal(404, "not_found") : json_answer(200, row(*supply));
  answer.is_query = true;
  return answer;
}

}  // namespace cardstorm::partners
