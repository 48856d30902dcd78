// isolation: see isolation.hpp.
#include "tests/unit/platform/isolation.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "reference_platform/domain/json.hpp"
#include "tests/support/paths.hpp"

namespace platform::services_test {

using namespace std::chrono_literals;
using domain::JsonObject;

namespace {

/// `kLong`: what comes at all has come by then, on a crowded machine too. `kMoment`: what does not need the part that
/// is away would be done by then.
constexpr std::chrono::milliseconds kLong{60000}, kMoment{400};

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) {
    const auto from = cell.find_first_not_of(' '), to = cell.find_last_not_of(' ');
    out.push_back(from == std::string::npos ? "" : cell.substr(from, to - from + 1));
  }
  return out;
}

}  // namespace

std::vector<IsolationRow> read_isolation_matrix() {
  std::ifstream in(testing_paths::source_dir() + "/reference_platform/README.md");
  std::vector<std::string> columns;
  std::vector<IsolationRow> out;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("| away |")) {
      columns = cells_of(line);
      continue;
    }
    if (columns.empty() || line.starts_with("|---")) continue;
    if (!line.starts_with("|")) break;
    const auto cells = cells_of(line);
    if (cells.size() != columns.size()) throw std::runtime_error("the isolation matrix: " + line);
    IsolationRow row{cells[0], {}};
    for (std::size_t i = 1; i < cells.size(); ++i) {
      if (cells[i] != "yes" && cells[i] != "later" && cells[i] != "no")
        throw std::runtime_error("the isolation matrix: '" + cells[i] + "' in " + line);
      row.cells[columns[i]] = cells[i];
    }
    for (const auto& column : kIsolationColumns)
      if (!row.cells.contains(column)) throw std::runtime_error("the isolation matrix lacks " + column);
    out.push_back(std::move(row));
  }
  if (out.empty()) throw std::runtime_error("reference_platform/README.md has no isolation matrix");
  return out;
}

void IsolationWalk::before() {
  ASSERT_TRUE(wait_until([&] {
    return ask_("GET", "/goods/steam-50", "", "").status == 200 && ask_("GET", "/goods", "", "").status == 200;
  }));
  Answer a;
  ASSERT_TRUE(wait_until([&] { return (a = create("video-month", "before")).status == 201; })) << a.body;
  old_ = a.json["order_no"].text();
  ASSERT_EQ(pay(old_, "alpha").status, 200);
  ASSERT_TRUE(delivered(old_, kLong));
}

void IsolationWalk::during(const IsolationRow& row) {
  const auto expect = [&row](const char* column, bool works, const std::string& said) {
    EXPECT_EQ(works, row.cells.at(column) != "no") << row.away << " away: " << column << " " << said;
  };
  const auto look = [&](const char* column, const std::string& path) {
    const auto a = ask_("GET", path, "", "");
    expect(column, a.status == 200, a.body);
    EXPECT_TRUE(a.status == 200 || a.status == 0 || a.status >= 429)
        << column << ": a refusal that means come again, not " << a.status << " " << a.body;
  };
  look("browse", "/goods");
  look("browse", "/goods/steam-50");
  look("look", "/orders/" + old_);
  look("list", "/orders");

  const auto card = create("steam-50", "card"), channel = create("qcoin-10", "channel"),
             topup = create("phone-30", "topup");
  for (const auto* made : {&card, &channel, &topup}) expect("order", made->status == 201, made->body);
  card_ = card.json["order_no"].text();
  channel_ = channel.json["order_no"].text();
  topup_ = topup.json["order_no"].text();
  expect("pay (wallet)", pay(card_.empty() ? old_ : card_, "wallet").status == 200, "");
  expect("pay (channel)", pay(channel_.empty() ? old_ : channel_, "alpha").status == 200, "");
  if (!topup_.empty()) {
    EXPECT_EQ(pay(topup_, "wallet").status, 200);
  }

  const auto in_time = [&row](const char* column, const std::function<bool(std::chrono::milliseconds)>& done) {
    if (row.cells.at(column) == "yes") {
      EXPECT_TRUE(done(kLong)) << row.away << " away: " << column;
    }
    if (row.cells.at(column) == "later") {
      EXPECT_FALSE(done(kMoment)) << row.away << " away: " << column << " is done already";
    }
  };
  in_time("pay (channel)", [&](auto limit) { return charged(channel_, limit); });
  in_time("cards", [&](auto limit) { return delivered(card_, limit); });
  in_time("top-ups", [&](auto limit) { return delivered(topup_, limit); });
  EXPECT_EQ(callback(), row.cells.at("callback") == "yes") << row.away << " away: a callback";
}

void IsolationWalk::after(const IsolationRow& row) {
  EXPECT_TRUE(wait_until([&] { return callback(); }, kLong)) << "a callback after " << row.away;
  for (auto* no : {&card_, &channel_, &topup_}) {
    if (!no->empty()) {
      EXPECT_TRUE(delivered(*no, kLong)) << *no << " after " << row.away << ": "
                                         << ask_("GET", "/orders/" + *no, "", "").body;
    }
  }
  if (!channel_.empty()) {
    EXPECT_EQ(partners_.charges(channel_), 1);
  }
  if (!topup_.empty()) {
    EXPECT_EQ(partners_.topups(topup_), 1);
  }
  // What was refused is refused no more.
  EXPECT_TRUE(wait_until(
      [&] { return ask_("GET", "/goods/steam-50", "", "").status == 200 && create("steam-50", "after").status == 201; },
      kLong))
      << row.away;
}

Answer IsolationWalk::create(const std::string& sku, const std::string& key) {
  return ask_("POST", "/orders", R"({"sku":")" + sku + R"(","quantity":1,"phone":"13800000000"})", "i-" + key);
}

Answer IsolationWalk::pay(const std::string& no, const std::string& channel) {
  return ask_("POST", "/orders/" + no + "/pay", R"({"channel":")" + channel + "\"}", "p-" + no);
}

bool IsolationWalk::delivered(const std::string& no, std::chrono::milliseconds limit) {
  return wait_until([&] { return ask_("GET", "/orders/" + no, "", "").json["status"].text() == "delivered"; }, limit);
}

bool IsolationWalk::charged(const std::string& no, std::chrono::milliseconds limit) {
  return wait_until([&] { return partners_.charges(no) == 1; }, limit);
}

/// The channel says once more that the old order is paid.
bool IsolationWalk::callback() {
  for (const auto& t : partners_.trades())
    if (t.order == old_) return partners_.say_again(t) == 200;
  return false;
}

}  // namespace platform::services_test
