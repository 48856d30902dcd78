// supplier: see partners/api.md for the calls.
#include "harness/partners/supplier.hpp"

#include <utility>

#include "harness/net/crypto.hpp"

namespace cardstorm::partners {

Answer Supplier::handle(const ServerRequest& request) {
  if (request.method == "POST") return order(Form(request.body));
  if (request.method == "GET") return query(query_value(request.query, "request_no"));
  return refusal(404, "no_such_call");
}

Answer Supplier::order(Form form) {
  const std::string request_no = form.text("request_no");
  Topup wanted{form.text("order"), hmac_sha256_hex(key_, "phone/" + form.text("phone")).substr(0, 16), form.text("notify_url"),
               form.cents("amount_cents"), false};
  if (!form.good()) return refusal(400, "bad_request");
  const auto [at, is_new] = topups_.try_emplace(request_no, wanted);
  const Topup& topup = at->second;
  if (is_new) {
    write("topup_accepted", request_no, topup);
    desk_.loop.after(desk_.confirm, [this, request_no] { top_up(request_no); });
  } else if (topup.order != wanted.order || topup.phone_digest != wanted.phone_digest || topup.amount != wanted.amount) {
    return refusal(409, "conflict");
  }
  return {200, Json::object({{"request_no", request_no}, {"status", "ACCEPTED"}})};
}

Answer Supplier::query(const std::string& request_no) const {
  const auto at = topups_.find(request_no);
  if (at == topups_.end()) return refusal(404, "not_found");
  return {200, Json::object({{"request_no", request_no}, {"status", at->second.done ? "SUCCESS" : "ACCEPTED"}})};
}

void Supplier::top_up(const std::string& request_no) {
  Topup& topup = topups_.at(request_no);
  topup.done = true;
  write("topup_done", request_no, topup);
  desk_.journals.when_durable([this, request_no](bool durable) {
    if (!durable) return;
    const Topup& done = topups_.at(request_no);
    const Json body = Json::object({{"request_no", request_no}, {"order", done.order}, {"status", "SUCCESS"}, {"notify_no", "n-" + desk_.epoch + "-" + request_no}});
    desk_.notifier.send({Book::topup, "topup_notify", "request_no", request_no, done.order, done.notify_url, body.dump(), {}});
  });
}

void Supplier::write(const char* kind, const std::string& request_no, const Topup& topup) {
  desk_.journals.append(Book::topup, kind,
                        {{"request_no", request_no}, {"order", topup.order}, {"phone_digest", topup.phone_digest}, {"amount_cents", topup.amount}});
}

void Supplier::reply(Answer answer, HttpServer::Reply to) {
  const Nanos time = answer_time(desk_.answer, Book::topup, desk_.seed, answers_++);
  desk_.journals.when_durable([this, time, answer = std::move(answer), to = std::move(to)](bool durable) {
    const Answer& said = durable ? answer : refusal(503, "journal");
    desk_.loop.after(time, [to, response = ServerResponse{said.status, said.body.dump()}] { to(response); });
  });
}

}  // namespace cardstorm::partners
