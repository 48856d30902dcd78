// wallet_exact (M16): opening balance plus entries is the balance, the chain of balance_after is unbroken, no balance
// is below zero, every balance that a buyer read is one that the chain once had, and each order paid from the wallet
// has its debit.
#include <algorithm>

#include "harness/core/text.hpp"
#include "harness/judge/orders.hpp"

namespace cardstorm {
namespace {

constexpr const char* kWalletExact = "wallet_exact";

class WalletExact final : public Check {
 public:
  void observe(const Event& event) override {
    if (const auto* w = std::get_if<WalletSeen>(&event))
      reads_.push_back(*w);
    else if (const auto* p = std::get_if<PaySeen>(&event); p != nullptr && p->channel == "wallet")
      paid_at_[p->order] = p->at;
  }

  Finding conclude(const Evidence& e) override {
    FindingBuilder v(kWalletExact);
    for (const auto& r : reads_)
      if (r.balance_cents < 0)
        v.violation("", "wallet " + r.wallet + " read as " + money_text(r.balance_cents), r.at, -r.balance_cents);
    if (e.audit == nullptr) {
      v.examined(reads_.size());
      v.missing("the final audit");
    } else {
      judge_audit(e, v);
    }
    return v.finish("every balance is the sum of its entries, at every read", "no wallet was used");
  }

 private:
  struct Book {
    const AuditWallet* wallet = nullptr;
    std::vector<const AuditLedger*> entries;
    std::set<std::int64_t> values;
  };

  void judge_audit(const Evidence& e, FindingBuilder& v) const {
    std::map<std::string, Book> books;
    for (const auto& w : e.audit->wallets) books[w.wallet].wallet = &w;
    for (const auto& row : e.audit->ledger) books[row.wallet].entries.push_back(&row);
    for (auto& [name, book] : books) {
      std::stable_sort(book.entries.begin(), book.entries.end(),
                       [](const auto* a, const auto* b) { return a->seq < b->seq; });
      if (!book.entries.empty()) v.examined();
      if (book.wallet == nullptr)
        v.violation(book.entries.front()->order, "entries of wallet " + name + ", which does not exist", e.end, 0);
      else
        judge_chain(book, e, v);
    }
    judge_reads(books, v);
    judge_orders(e, v);
  }

  /// The opening may be an entry of its own or the state before the first.
  static std::int64_t before_first(const Book& b) {
    if (b.entries.empty()) return b.wallet->opening_cents;
    const auto& first = *b.entries.front();
    const bool opens = first.order.empty() && first.delta_cents == b.wallet->opening_cents &&
                       first.balance_after_cents == b.wallet->opening_cents;
    return opens ? 0 : b.wallet->opening_cents;
  }

  void judge_chain(Book& b, const Evidence& e, FindingBuilder& v) const {
    std::int64_t balance = before_first(b), sum = balance;
    b.values.insert(b.wallet->opening_cents);
    for (const auto* row : b.entries) {
      const Nanos at = time_of_order(row->order, e);
      if (row->balance_after_cents != balance + row->delta_cents)
        v.violation(row->order,
                    "wallet " + row->wallet + ": entry " + std::to_string(row->seq) + " leaves " +
                        money_text(row->balance_after_cents) + ", " + money_text(balance) + " and " +
                        money_text(row->delta_cents) + " make " + money_text(balance + row->delta_cents),
                    at, gap(row->balance_after_cents, balance + row->delta_cents));
      if (row->balance_after_cents < 0)
        v.violation(row->order, "wallet " + row->wallet + " below zero", at, -row->balance_after_cents);
      balance = row->balance_after_cents;  // go on from what was written: one break is one violation
      sum += row->delta_cents;
      b.values.insert(balance);
    }
    if (sum != b.wallet->balance_cents)
      v.violation("",
                  "wallet " + b.wallet->wallet + " holds " + money_text(b.wallet->balance_cents) +
                      ", its entries make " + money_text(sum),
                  e.end, gap(sum, b.wallet->balance_cents));
  }

  void judge_reads(const std::map<std::string, Book>& books, FindingBuilder& v) const {
    for (const auto& r : reads_) {
      const auto it = books.find(r.wallet);
      if (it == books.end() || it->second.wallet == nullptr) {
        v.open_case("", "wallet " + r.wallet + " was read, and the audit does not know it");
        continue;
      }
      v.examined();
      if (r.balance_cents >= 0 && !it->second.values.contains(r.balance_cents))
        v.violation("", "wallet " + r.wallet + " read as " + money_text(r.balance_cents) + ", which it never held",
                    r.at, 0);
    }
  }

  void judge_orders(const Evidence& e, FindingBuilder& v) const {
    std::map<std::string, std::int64_t> debits;
    for (const auto& row : e.audit->ledger)
      if (row.delta_cents < 0) debits[row.order] -= row.delta_cents;
    for (const auto& o : e.audit->orders) {
      if (o.paid_via != "wallet" || o.paid_cents == 0) continue;
      v.examined();
      if (debits[o.order] < o.paid_cents)
        v.violation(o.order,
                    "booked as paid " + money_text(o.paid_cents) + " from the wallet, which gave " +
                        money_text(debits[o.order]),
                    time_of_order(o.order, e), o.paid_cents - debits[o.order]);
    }
  }

  [[nodiscard]] Nanos time_of_order(const std::string& order, const Evidence& e) const {
    const auto it = paid_at_.find(order);
    return it == paid_at_.end() ? e.end : it->second;
  }
  static std::int64_t gap(std::int64_t a, std::int64_t b) { return a < b ? b - a : a - b; }

  std::vector<WalletSeen> reads_;
  std::map<std::string, Nanos> paid_at_;
};

}  // namespace

std::unique_ptr<Check> make_wallet_exact() { return std::make_unique<WalletExact>(); }

}  // namespace cardstorm
