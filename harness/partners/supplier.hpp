// supplier: the phone top-up supplier: accepted is not done, and one request number tops up once.
#pragma once

#include <string>
#include <unordered_map>

#include "harness/partners/channel.hpp"

namespace cardstorm::partners {

class Supplier {
 public:
  /// `key` only digests phone numbers: they never stand in the clear.
  Supplier(Desk desk, std::string key) : desk_(desk), key_(std::move(key)) {}

  /// A signed call to /topup/order.
  Answer handle(const ServerRequest& request);
  /// Sends `answer` when the journals hold everything before it, after the supplier's answer time.
  void reply(Answer answer, HttpServer::Reply to);
  [[nodiscard]] std::size_t requests() const { return topups_.size(); }

 private:
  struct Topup { std::string order, phone_digest, notify_url; std::int64_t amount = 0; bool done = false; };

  Answer order(Form form);
  [[nodiscard]] Answer query(const std::string& request_no) const;
  void top_up(const std::string& request_no);
  void write(const char* kind, const std::string& request_no, const Topup& topup);

  Desk desk_;
  std::string key_;
  std::unordered_map<std::string, Topup> topups_;   // by request_no
  std::uint64_t answers_ = 0;
};

}  // namespace cardstorm::partners
