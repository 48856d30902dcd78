// channel: one payment channel: trades, charges, refunds, and the delay that a fault puts on its answers (never on its charges).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/core/json.hpp"
#include "harness/net/http_server.hpp"
#include "harness/partners/journal.hpp"
#include "harness/partners/loop.hpp"
#include "harness/partners/notifier.hpp"

namespace cardstorm::partners {

/// What a call is answered with, before it is delayed.
struct Answer { int status = 200; Json body = Json::object(); };
inline Answer refusal(int status, const char* code) { return {status, Json::object({{"code", code}})}; }

/// The members of a request's JSON body, checked. Anything wrong makes `good` false.
class Form {
 public:
  explicit Form(const std::string& body);
  /// A text of 1 to 512 bytes.
  std::string text(const char* name);
  /// A positive whole number of at most 10^12.
  std::int64_t cents(const char* name);
  [[nodiscard]] bool good() const { return good_; }

 private:
  Json json_;
  bool good_ = true;
};

/// The value of `name` in a query string, decoded; "" when absent.
std::string query_value(const std::string& query, std::string_view name);

/// What every partner needs from the house.
struct Desk {
  Loop& loop;
  Journals& journals;
  Notifier& notifier;
  std::uint64_t seed;
  Nanos answer, confirm;
  std::string epoch;   // in every number that we give out: a platform may keep its database over several of our lives
};

/// How long the `index`-th answer on `book` takes: `mean` spread by +-50 %, the same for one seed. Pure.
Nanos answer_time(Nanos mean, Book book, std::uint64_t seed, std::uint64_t index);

class Channel {
 public:
  Channel(Book book, Desk desk) : book_(book), desk_(desk), name_(kBooks[static_cast<std::size_t>(book)]) {}

  /// A signed call below /channel/NAME/: `call` is the rest of the path.
  Answer handle(const ServerRequest& request, const std::string& call);
  /// Sends `answer` when the journals hold everything before it, after the channel's answer time and its delay.
  void reply(Answer answer, HttpServer::Reply to);
  /// Delays answers and notifies until `lease` is over; delay 0 ends it and lets go what is held.
  void set_delay(Nanos delay, Nanos lease);
  [[nodiscard]] Json state() const;

 private:
  enum class Status { wait, success, closed, refunded };
  struct Trade { std::string trade_no, out_trade_no, order, notify_url; std::int64_t amount = 0, refunded = 0; Status status = Status::wait; };
  struct Refund { std::string out_trade_no; std::int64_t amount = 0; };

  Answer pay(Form form);
  Answer query(const std::string& out_trade_no) const;
  Answer close(Form form);
  Answer refund(Form form);
  [[nodiscard]] Answer bill() const;
  void charge(const std::string& out_trade_no);
  void notify(const Trade& trade);
  void hold(Loop::Task task);
  void let_go(std::uint64_t ticket);
  [[nodiscard]] Nanos delay_now() const;
  [[nodiscard]] static const char* text_of(Status status);

  Book book_;
  Desk desk_;
  std::string name_;
  std::unordered_map<std::string, Trade> trades_;     // by out_trade_no
  std::vector<std::string> trade_order_;              // the bill's order
  std::unordered_map<std::string, Refund> refunds_;   // by refund_no
  std::uint64_t answers_ = 0, charged_ = 0;
  Nanos delay_{0}, lease_end_{0};                     // CLOCK_MONOTONIC
  std::uint64_t ticket_ = 0;
  std::map<std::uint64_t, Loop::Task> held_;
};

}  // namespace cardstorm::partners
