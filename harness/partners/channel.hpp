// channel: one payment channel's charge book: trades, charges, refunds and the notifies about them. Which words they
// are said in is its dialect's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/partners/partner.hpp"

namespace cardstorm::partners {

enum class TradeStatus { wait, success, closed, refunded };
enum class RefundStatus { pending, success, failed };

struct Trade {
  std::string trade_no, out_trade_no, order, notify_url, return_url, subject, attach, buyer, type;
  std::int64_t amount = 0, refunded = 0, reserved = 0;  // cents; reserved: by refunds that are pending
  TradeStatus status = TradeStatus::wait;
  std::int64_t created_at = 0, paid_at = 0, closed_at = 0;  // unix seconds
  Nanos created{0};                                         // CLOCK_MONOTONIC
};

struct Refund {
  std::string refund_no, refund_id, out_trade_no, notify_url;
  std::int64_t amount = 0, created_at = 0, done_at = 0;
  RefundStatus status = RefundStatus::pending;
};

/// What a platform asks for with a create call.
struct Wanted {
  std::string out_trade_no, notify_url, return_url = {}, subject = {}, attach = {}, buyer = {}, type = {};
  std::int64_t amount = 0;
  std::string order = {};  // empty: from the member that the behaviour names
};
/// notify_url: where the refund is told, if anywhere; always_pending: it is only accepted now, and done later;
/// per_trade: another trade may have a refund of the same number.
struct RefundWanted {
  std::string out_trade_no, refund_no;
  std::int64_t amount = 0;
  std::string notify_url = {};
  bool always_pending = false, per_trade = false;
};
/// By which a refund whose number is its trade's own is found.
inline std::string refund_key(const std::string& out_trade_no, const std::string& refund_no) {
  return out_trade_no + '\n' + refund_no;
}

/// How the book took a call.
enum class BookResult { ok, conflict, not_found, already_paid, closed, exceeds, too_early };
// await: for the answer
struct Created {
  BookResult result = BookResult::ok;
  const Trade* trade = nullptr;
  std::string await = {};
};
struct Refunded {
  BookResult result = BookResult::ok;
  const Refund* refund = nullptr;
  bool fresh = false;
};

/// How somebody else forges a notify.
enum class Forgery { none, bad_signature, wrong_amount, wrong_merchant, foreign_order };
inline constexpr Forgery kForgeries[] = {Forgery::bad_signature, Forgery::wrong_amount, Forgery::wrong_merchant,
                                         Forgery::foreign_order};
const char* text_of(Forgery forgery);

/// What a notify tells.
struct ChannelEvent {
  enum class Kind { paid, refunded, refund_failed, closed };
  Kind kind = Kind::paid;
  Trade trade;
  std::optional<Refund> refund;
  std::string notify_no, url;
  std::int64_t at = 0;  // unix seconds
  Forgery forgery = Forgery::none;
  /// The amount that the notify names: another one when that is the forgery.
  [[nodiscard]] std::int64_t amount_told() const {
    return forgery != Forgery::wrong_amount ? trade.amount : trade.amount == 1 ? 2 : 1;
  }
};

/// The words of one kind of channel. Called on the server's thread.
class ChannelDialect {
 public:
  virtual ~ChannelDialect() = default;
  /// A call below the channel's address; `call` is the rest of the path, without the first slash. Checks who is asking.
  virtual Answer handle(const ServerRequest& request, const std::string& call) = 0;
  /// The call that a path without the partner's name stands for.
  [[nodiscard]] virtual std::string root_call(const std::string& path) const { return path; }
  /// One attempt to tell `event` to `event.url`, signed now.
  [[nodiscard]] virtual HttpRequest tell(const ChannelEvent& event) const = 0;
  /// Whether this kind of channel notifies of such events at all.
  [[nodiscard]] virtual bool tells(ChannelEvent::Kind kind) const = 0;
  [[nodiscard]] virtual bool acknowledged(int status, const std::string& body) const = 0;
  [[nodiscard]] virtual std::vector<Nanos> gaps() const = 0;
  /// What a shop's admin enters, for a channel that is reached at `base`.
  [[nodiscard]] virtual Json card(const std::string& base) const = 0;
};

class Channel final : public Partner {
 public:
  using Partner::Partner;

  void speak(ChannelDialect& dialect) { dialect_ = &dialect; }

  /// Books a trade, or finds the one of that number; conflict when that one is for another amount or order.
  Created create(const Wanted& wanted);
  /// nullptr when there is none.
  [[nodiscard]] const Trade* trade_of(const std::string& out_trade_no) const;
  [[nodiscard]] const Trade* trade_numbered(const std::string& trade_no) const;
  /// ok for what is closed already; too_early before the trade is `age_min` old (scaled).
  BookResult close(const std::string& out_trade_no, Nanos age_min = Nanos{0});
  /// Refunds once per refund number. The same number with other content is a conflict; a failed one may be tried again.
  Refunded refund(const RefundWanted& wanted);
  [[nodiscard]] const Refund* refund_of(const std::string& key) const;
  /// Whatever was charged, in the order of creation: the bill.
  [[nodiscard]] std::vector<const Trade*> charged_trades() const;
  /// Refunds that gave money back, in the order of asking.
  [[nodiscard]] std::vector<const Refund*> done_refunds() const;
  [[nodiscard]] Json state() const;

 private:
  struct Early {
    bool told = false;
    Loop::Task answer;
  };

  void charge(const std::string& out_trade_no);
  void start_refund(const std::string& key, bool pending);
  void settle(const std::string& key, RefundStatus status);
  void notify(ChannelEvent event);
  void deliver(Notice notice);
  void forge(const std::string& out_trade_no);
  void await(const std::string& what, Loop::Task task) override;
  void told(const std::string& out_trade_no);
  void overtaken(std::uint64_t ticket);

  ChannelDialect* dialect_ = nullptr;
  std::unordered_map<std::string, Trade> trades_;               // by out_trade_no
  std::unordered_map<std::string, std::string> out_trade_nos_;  // by trade_no
  std::vector<std::string> trade_order_, refund_order_;
  std::unordered_map<std::string, Refund> refunds_;  // by refund_no, or by refund_key()
  std::unordered_map<std::string, Early> early_;     // by out_trade_no
  std::uint64_t charged_ = 0, events_ = 0;
  std::optional<Notice> behind_;  // waits for the next message to overtake it
  std::uint64_t behind_ticket_ = 0;
};

}  // namespace cardstorm::partners
