// reconcile: see reconcile.hpp. A window's bill is compared in one statement per database; only what differs comes
// back. Nothing is called a difference on the bill's word alone: what we have and the bill has not is asked for by its
// number first, and no answer is no finding.
#include "reference_platform/services/reconcile.hpp"

#include <algorithm>
#include <ctime>
#include <map>
#include <stdexcept>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/services/backend.hpp"

namespace platform::services {
namespace {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;
using store::Rows;

constexpr edge::CallOptions kBillCall{200ms, 10000ms}, kAskCall{200ms, 2000ms};
constexpr std::int64_t kOverlapS = 60;         // charges are noted later here than there
constexpr std::size_t kReconcileBatch = 2000;  // bill rows per statement
constexpr int kAskMax = 500;                   // questions per statement
#define LOOK_MAX "100"
constexpr int kPostponedMax = 10;

std::int64_t unix_now() { return static_cast<std::int64_t>(std::time(nullptr)); }

/// The channel did not answer: the window is compared again later.
struct NoAnswer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string numbers_of(const std::vector<BillRow>& rows, std::string BillRow::*member) {
  std::vector<std::string> out;
  for (const BillRow& row : rows) out.push_back(row.*member);
  return pg_array(out);
}

std::string bill_cents(const std::vector<BillRow>& rows, std::int64_t BillRow::*member) {
  std::vector<std::string> out;
  for (const BillRow& row : rows) out.push_back(std::to_string(row.*member));
  return pg_array(out);
}

}  // namespace

std::int64_t Reconciler::ask_for_run() {
  const std::lock_guard lock(mutex_);
  return asked_ = runs_ + (running_ ? 2 : 1);  // one that began before does not count
}

bool Reconciler::step() {
  const auto now = SteadyClock::now();
  {
    const std::lock_guard lock(mutex_);
    const bool due =
        now >= next_ && (!busy_() || now >= next_ + std::chrono::seconds(options_.every_s) * kPostponedMax);
    if (asked_ <= runs_ && !due) return false;
    running_ = true;
  }
  std::string trouble;
  try {
    run();
  } catch (const std::exception& e) {
    trouble = e.what();
    desk_.metrics.add("reconciliation_failed_total");
    desk_.log.event("payment_reconciliation", "", "", "put off: " + trouble);
  }
  next_ = SteadyClock::now() + std::chrono::seconds(options_.every_s);
  const std::lock_guard lock(mutex_);
  ++runs_;
  running_ = false;
  last_run_at_ = unix_now();
  trouble_ = trouble;
  desk_.metrics.add("reconciliation_runs_total");
  desk_.metrics.set("reconciliation_last_run_seconds", static_cast<double>(last_run_at_));
  return false;
}

// One channel that does not answer does not stop the others.
void Reconciler::run() {
  std::string trouble;
  for (const std::string& channel : desk_.channels) {
    try {
      run_channel(channel);
    } catch (const NoAnswer& e) {
      trouble += (trouble.empty() ? "" : ", ") + std::string(e.what());
    }
  }
  show_open();
  if (!trouble.empty()) throw std::runtime_error(trouble);
}

// The mark of how far it came stands in the first database and moves only after all of them were compared.
void Reconciler::run_channel(const std::string& channel) {
  PaymentBook& first = *desk_.books().front();
  const Rows row =
      first.open()->run("SELECT extract(epoch FROM until)::bigint FROM reconciled WHERE channel = $1", {channel});
  std::int64_t from = row.empty() ? first_day(channel) : row.number(0, 0);
  const std::int64_t end = unix_now() - options_.settle_s;
  for (const auto& book : desk_.books()) look_again(*book, channel);
  while (from < end) {
    const std::int64_t to = std::min<std::int64_t>(from + options_.window_s, end);
    compare({channel, from, to});
    first.open()->run(
        "INSERT INTO reconciled(channel, until) VALUES ($1, to_timestamp($2::bigint)) ON CONFLICT (channel) DO UPDATE "
        "SET until = excluded.until",
        {channel, std::to_string(to)});
    from = to;
  }
}

std::int64_t Reconciler::first_day(const std::string& channel) {
  std::int64_t first = unix_now() - options_.window_s;
  for (const auto& book : desk_.books()) {
    first = std::min(first, book->open()
                                    ->run("SELECT coalesce(extract(epoch FROM min(created_at))::bigint, $2::bigint) "
                                          "FROM payments WHERE channel = $1",
                                          {channel, std::to_string(first)})
                                    .number(0, 0) -
                                1);
  }
  return first;
}

void Reconciler::compare(const Window& window) {
  const std::int64_t asked_at = unix_now();
  std::map<PaymentBook*, std::vector<BillRow>> rows;
  for (const auto& book : desk_.books()) rows[book.get()];
  for (BillRow& row : bill_of(window)) {
    PaymentBook* book = desk_.book_of(row.out_trade_no);
    rows[book == nullptr ? desk_.books().front().get() : book].push_back(std::move(row));
  }
  for (const auto& [book, all] : rows) {
    for (std::size_t at = 0; at < all.size(); at += kReconcileBatch) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(at);
      compare_rows(*book, window,
                   {from, from + static_cast<std::ptrdiff_t>(std::min(kReconcileBatch, all.size() - at))}, asked_at);
    }
    find_short(*book, window, all);
    check_refunds(*book, window, all);
  }
}

std::vector<BillRow> Reconciler::bill_of(const Window& window) {
  const auto answer = channel_bill(desk_.partner, window.channel, std::max<std::int64_t>(window.from - kOverlapS, 0),
                                   window.to, kBillCall);
  const auto json = Json::parse(answer.body);
  if (answer.status != 200 || !json || !(*json)["rows"].is_array()) throw NoAnswer(window.channel + " gives no bill");
  std::vector<BillRow> out;
  for (const Json& row : (*json)["rows"].items()) {
    out.push_back({row["out_trade_no"].text(), row["trade_no"].text(), row["amount_cents"].integer(),
                   row["refunded_cents"].integer()});
  }
  return out;
}

// A refund that ended after the bill was asked for counts as open: the bill may or may not have it.
void Reconciler::compare_rows(PaymentBook& book, const Window& window, const std::vector<BillRow>& rows,
                              std::int64_t asked_at) {
  const Rows found = book.open()->run(
      "SELECT b.n, p.id IS NOT NULL, coalesce(c.amount_cents, p.amount_cents, 0), c.trade_no IS NOT NULL, "
      "coalesce(p.amount_cents, 0) = b.amount, "
      "       p.state IN ('new','sent','waiting') AND p.created_at > now() - $6 * interval '1 s', r.open, r.done "
      "FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY AS b(out_trade_no, trade_no, "
      "amount, refunded, n) "
      "LEFT JOIN payments p ON p.out_trade_no = b.out_trade_no AND p.channel = $1 "
      "LEFT JOIN charges c ON c.channel = $1 AND c.trade_no = b.trade_no "
      "CROSS JOIN LATERAL (SELECT coalesce(sum(amount_cents) FILTER (WHERE state = 'done' AND done_at < "
      "to_timestamp($7::bigint)), 0) AS done, "
      "    count(*) FILTER (WHERE state IN ('new','accepted') OR done_at >= to_timestamp($7::bigint)) AS open "
      "  FROM refunds WHERE out_trade_no = b.out_trade_no AND channel = $1) r "
      "WHERE p.id IS NULL OR c.trade_no IS NULL OR c.amount_cents <> b.amount OR (r.open = 0 AND r.done <> b.refunded) "
      "ORDER BY b.n",
      {window.channel, numbers_of(rows, &BillRow::out_trade_no), numbers_of(rows, &BillRow::trade_no),
       bill_cents(rows, &BillRow::amount_cents), bill_cents(rows, &BillRow::refunded_cents),
       std::to_string(options_.settle_s), std::to_string(asked_at)});
  const auto yes = [&](int i, int column) { return found.text(i, column) == "t"; };
  for (int i = 0; i < found.size(); ++i) {
    const BillRow& row = rows[static_cast<std::size_t>(found.number(i, 0) - 1)];
    const std::int64_t ours = found.number(i, 2);
    if (!yes(i, 1)) {
      keep(book, {window.channel, row.out_trade_no, row.trade_no, "long", "charge", 0, row.amount_cents, false,
                  "no such payment"});
    } else if (yes(i, 3) ? ours != row.amount_cents : !yes(i, 4)) {
      keep(book, {window.channel, row.out_trade_no, row.trade_no, "amount", "charge", ours, row.amount_cents, false,
                  yes(i, 3) ? "" : "not credited"});
    } else if (!yes(i, 3)) {
      if (!yes(i, 5)) keep(book, cure_long(book, window.channel, row));  // else its notify is on its way
    } else if (found.number(i, 6) == 0 && found.number(i, 7) != row.refunded_cents) {
      keep(book, {window.channel, row.out_trade_no, row.trade_no, "amount", "refund", found.number(i, 7),
                  row.refunded_cents, false, ""});
    }
  }
}

// The bill is as good as a notify: an open payment is credited, what nobody waits for goes back.
Reconciler::Difference Reconciler::cure_long(PaymentBook& book, const std::string& channel, const BillRow& row) {
  const Credit credit =
      desk_.credit(*book.open(), {channel, row.out_trade_no, row.trade_no, "", row.amount_cents}, "bill");
  const bool cured = credit == Credit::credited || credit == Credit::surplus || credit == Credit::repeated;
  return {channel, row.out_trade_no, row.trade_no, "long", "charge", 0, row.amount_cents, cured, name_of(credit)};
}

void Reconciler::find_short(PaymentBook& book, const Window& window, const std::vector<BillRow>& rows) {
  const std::string from = std::to_string(window.from), to = std::to_string(window.to),
                    billed = numbers_of(rows, &BillRow::trade_no);
  std::string at = "-infinity", trade_no;  // how far it came
  for (int asked = kAskMax; asked == kAskMax;) {
    const Rows ours = book.open()->run(
        "SELECT c.out_trade_no, c.trade_no, c.amount_cents, c.at FROM charges c LEFT JOIN unnest($4::text[]) AS "
        "b(trade_no) ON b.trade_no = c.trade_no "
        "WHERE c.channel = $1 AND c.at >= to_timestamp($2::bigint) AND c.at < to_timestamp($3::bigint) AND b.trade_no "
        "IS NULL AND (c.at, c.trade_no) > ($5::timestamptz, $6) "
        "ORDER BY c.at, c.trade_no LIMIT $7",
        {window.channel, from, to, billed, at, trade_no, std::to_string(kAskMax)});
    asked = ours.size();
    for (int i = 0; i < asked; ++i) {
      const std::string number(ours.text(i, 0));
      trade_no = ours.text(i, 1);
      at = ours.text(i, 3);
      const Word word = ask(window.channel, number);
      if (!word.charged)
        keep(book, {window.channel, number, trade_no, "short", "charge", ours.number(i, 2), 0, false,
                    word.known ? "not charged there" : "not known there"});
      else if (word.amount_cents != ours.number(i, 2))
        keep(book,
             {window.channel, number, trade_no, "amount", "charge", ours.number(i, 2), word.amount_cents, false, ""});
    }
  }
}

// Refunds of charges that are too old for this bill.
void Reconciler::check_refunds(PaymentBook& book, const Window& window, const std::vector<BillRow>& rows) {
  const std::string from = std::to_string(window.from), to = std::to_string(window.to),
                    billed = numbers_of(rows, &BillRow::out_trade_no);
  std::string number;  // how far it came
  for (int asked = kAskMax; asked == kAskMax;) {
    const Rows ours = book.open()->run(
        "SELECT r.out_trade_no, (SELECT sum(amount_cents) FROM refunds d WHERE d.out_trade_no = r.out_trade_no AND "
        "d.channel = $1 AND d.state = 'done'), "
        "       (SELECT count(*) FROM refunds d WHERE d.out_trade_no = r.out_trade_no AND d.channel = $1 AND d.state "
        "IN ('new','accepted')) "
        "FROM (SELECT DISTINCT out_trade_no FROM refunds WHERE channel = $1 AND state = 'done' AND done_at >= "
        "to_timestamp($2::bigint) AND done_at < to_timestamp($3::bigint) "
        "      AND out_trade_no <> ALL ($4::text[]) AND out_trade_no > $5 ORDER BY out_trade_no LIMIT $6) r ORDER BY "
        "r.out_trade_no",
        {window.channel, from, to, billed, number, std::to_string(kAskMax)});
    asked = ours.size();
    for (int i = 0; i < asked; ++i) {
      number = ours.text(i, 0);
      const Word word = ask(window.channel, number);
      if (ours.number(i, 2) == 0 && word.refunded_cents != ours.number(i, 1))
        keep(book, {window.channel, number, "", "amount", "refund", ours.number(i, 1), word.refunded_cents, false, ""});
    }
  }
}

// What was open is asked for once more: bills come late, people put things right.
void Reconciler::look_again(PaymentBook& book, const std::string& channel) {
  const Rows open = book.open()->run(
      "SELECT r.id, r.out_trade_no, r.kind, r.book, c.amount_cents, (SELECT coalesce(sum(amount_cents), 0) FROM "
      "refunds WHERE out_trade_no = r.out_trade_no AND channel = $1 AND state = 'done') "
      "FROM reconciliations r LEFT JOIN charges c ON c.channel = $1 AND c.trade_no = r.trade_no WHERE r.state = 'open' "
      "AND r.channel = $1 AND r.kind <> 'long' "
      "ORDER BY r.checked_at LIMIT " LOOK_MAX,
      {channel});
  for (int i = 0; i < open.size(); ++i) {
    const Word word = ask(channel, std::string(open.text(i, 1)));
    const bool agreed = open.text(i, 3) == "refund"
                            ? word.refunded_cents == open.number(i, 5)
                            : word.charged && !open.null(i, 4) && word.amount_cents == open.number(i, 4);
    book.open()->run(
        "UPDATE reconciliations SET checked_at = now(), state = $2, note = CASE WHEN $2 = 'cured' THEN 'agreed later' "
        "ELSE note END WHERE id = $1",
        {std::string(open.text(i, 0)), agreed ? "cured" : "open"});
  }
}

Reconciler::Word Reconciler::ask(const std::string& channel, const std::string& out_trade_no) {
  const auto answer = channel_query(desk_.partner, channel, out_trade_no, "", kAskCall);
  const auto json = Json::parse(answer.body);
  if (answer.status == 404) return {};
  if (answer.status != 200 || !json) throw NoAnswer(channel + " does not answer");
  const std::string status = (*json)["status"].text();
  return {true, status == "SUCCESS" || status == "REFUNDED", (*json)["amount_cents"].integer(),
          (*json)["refunded_cents"].integer()};
}

void Reconciler::keep(PaymentBook& book, const Difference& d) {
  book.open()->run(
      "INSERT INTO reconciliations(channel, out_trade_no, trade_no, kind, book, ours_cents, theirs_cents, state, note) "
      "VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) "
      "ON CONFLICT (channel, out_trade_no, trade_no, kind, book) DO UPDATE SET ours_cents = excluded.ours_cents, "
      "theirs_cents = excluded.theirs_cents, state = excluded.state, "
      "  note = excluded.note, checked_at = now()",
      {d.channel, d.out_trade_no, d.trade_no, d.kind, d.book, std::to_string(d.ours_cents),
       std::to_string(d.theirs_cents), d.cured ? "cured" : "open", d.note});
  desk_.metrics.add("reconciliation_differences_total{channel=\"" + d.channel + "\",kind=\"" + d.kind + "\",state=\"" +
                    (d.cured ? "cured" : "open") + "\"}");
  desk_.log.event("payment_reconciliation", d.out_trade_no, "",
                  std::string(d.kind) + (d.cured ? " cured " : " open ") + d.note);
}

void Reconciler::show_open() {
  std::map<std::string, std::int64_t> open;
  for (const std::string& channel : desk_.channels) {
    for (const char* kind : {"long", "short", "amount"})
      open["reconciliation_open{channel=\"" + channel + "\",kind=\"" + kind + "\"}"] = 0;
  }
  std::int64_t stuck = 0;
  for (const auto& book : desk_.books()) {
    const Rows rows =
        book->open()->run("SELECT channel, kind, count(*) FROM reconciliations WHERE state = 'open' GROUP BY 1, 2");
    for (int i = 0; i < rows.size(); ++i) {
      open["reconciliation_open{channel=\"" + std::string(rows.text(i, 0)) + "\",kind=\"" +
           std::string(rows.text(i, 1)) + "\"}"] += rows.number(i, 2);
    }
    stuck += book->open()->run("SELECT count(*) FROM refunds WHERE state = 'stuck'").number(0, 0);
  }
  for (const auto& [name, count] : open) desk_.metrics.set(name, static_cast<double>(count));
  desk_.metrics.set("refunds_stuck", static_cast<double>(stuck));
}

std::string Reconciler::report() {
  JsonObject told;
  {
    const std::lock_guard lock(mutex_);  // before the rows: a run that is counted is in them
    told.add("runs", runs_).add("last_run_at", last_run_at_).add("trouble", trouble_);
  }
  std::vector<std::string> differences, stuck, until;
  for (const auto& book : desk_.books()) {
    auto db = book->open();
    const auto add = [&db](const char* sql, std::vector<std::string>& out) {
      const Rows rows = db->run(sql);
      for (int i = 0; i < rows.size(); ++i) out.emplace_back(rows.text(i, 0));
    };
    add("SELECT row_to_json(r) FROM (SELECT channel, kind, book, out_trade_no, trade_no, ours_cents, theirs_cents, "
        "state, note, found_at, checked_at FROM reconciliations "
        "ORDER BY state DESC, checked_at DESC LIMIT 500) r",
        differences);
    add("SELECT row_to_json(r) FROM (SELECT refund_no, order_no, channel, amount_cents, reason, trouble, created_at "
        "FROM refunds WHERE state = 'stuck' ORDER BY created_at LIMIT 500) r",
        stuck);
    add("SELECT row_to_json(r) FROM (SELECT channel, until FROM reconciled ORDER BY 1) r", until);
  }
  return told.raw("channels", domain::json_array(until))
      .raw("differences", domain::json_array(differences))
      .raw("stuck_refunds", domain::json_array(stuck))
      .done();
}

#undef LOOK_MAX

}  // namespace platform::services
