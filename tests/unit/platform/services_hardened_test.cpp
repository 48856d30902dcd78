// The hardened services together: sells everything, and keeps its promises when requests repeat, notifies repeat or get
// lost, a channel hangs, a pool is held, and processes are killed.
#include "reference_platform/ops/node_config.hpp"
#include "tests/unit/platform/durations.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

TEST_F(Hardened, SellsEveryClassOfGoods) {
  configure();
  start_here();
  const std::vector<std::pair<std::string, std::string>> cases = {{"steam-50", "alpha"},
                                                                  {"qcoin-10", "wallet"},
                                                                  {"video-month", "beta"},
                                                                  {"phone-30", "alpha"},
                                                                  {"sword-rare", "wallet"}};
  for (const auto& [sku, channel] : cases) {
    const std::string no = order("b1", sku, 1, sku == "phone-30" ? "13800000000" : "");
    EXPECT_EQ(pay("b1", no, channel).status, 200);
    EXPECT_TRUE(reaches("b1", no, "delivered")) << sku << " " << show("b1", no).body;
    const auto shown = show("b1", no);
    const bool cards = sku == "steam-50" || sku == "qcoin-10";
    EXPECT_EQ(shown.json["cards"].items().size(), cards ? 1U : 0U) << shown.body;
    EXPECT_EQ(shown.json["receipt"].text().empty(), cards);
    EXPECT_EQ(partners_->charges(no), channel == "wallet" ? 0 : 1);
    EXPECT_EQ(partners_->topups(no), sku == "phone-30" ? 1 : 0);
  }
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/wallet").json["balance_cents"].integer(), 10'000'000 - 1000 - 8800);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods").json["goods"].items().size(), 5U);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods/steam-50").json["wholesale"].items().size(), 2U);
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/goods/none").json["error"].text(), "unknown_sku");
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/audit/orders").json["rows"].items().size(), 5U);
  EXPECT_EQ(as_buyer(url_, "b2", "GET", "/orders/none").status, 404);
}

TEST_F(Hardened, GivesTheSameAnswerForTheSameKeyHoweverOftenAndAtOnce) {
  configure();
  start_here();
  std::vector<std::thread> buyers;
  std::mutex mutex;
  std::set<std::string> numbers;
  for (int i = 0; i < 12; ++i) {
    buyers.emplace_back([&] {
      Answer a;
      wait_until(
          [&] { return (a = create("b1", "steam-50", 2, "same")).status != 503; });  // 503 is no outcome: come again
      const std::lock_guard lock(mutex);
      EXPECT_EQ(a.status, 201) << a.body;
      numbers.insert(a.json["order_no"].text());
    });
  }
  for (auto& b : buyers) b.join();
  EXPECT_EQ(numbers.size(), 1U);
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL"), 2);
  EXPECT_EQ(create("b1", "steam-50", 3, "same").json["error"].text(), "key_reused");
  EXPECT_NE(create("b2", "steam-50", 2, "same").json["order_no"].text(), *numbers.begin());
}

TEST_F(Hardened, NeverHandsOutACardTwiceAndSellsExactlyWhatIsThere) {
  execute("DELETE FROM cards WHERE sku = 'steam-50' AND id % 100000000 > 100");  // 100 are left
  configure();
  start_here();
  std::atomic<int> sold{0}, refused{0};
  std::vector<std::thread> buyers;
  for (int i = 0; i < 12; ++i) {
    buyers.emplace_back([&, i] {
      const std::string name = "b" + std::to_string(i);
      for (int n = 0; n < 6; ++n) {
        // What nobody knows yet (202, 429, 503) is asked for again under its key, as a buyer does: sold out must be
        // true.
        Answer a;
        wait_until(
            [&] { return (a = create(name, "steam-50", 2, std::to_string(n))).status == 201 || a.status == 409; });
        if (a.status == 409) {
          EXPECT_EQ(a.json["error"].text(), "sold_out");
          ++refused;
          continue;
        }
        ASSERT_EQ(a.status, 201) << a.body;
        ++sold;
        EXPECT_EQ(pay(name, a.json["order_no"].text(), "wallet").status, 200);
      }
    });
  }
  for (auto& b : buyers) b.join();
  EXPECT_EQ(sold, 50);
  EXPECT_EQ(refused, 22);
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM orders WHERE status = 'delivered'") == 50; }));
  EXPECT_EQ(number("SELECT count(*) FROM deliveries"), 100);
  EXPECT_EQ(number("SELECT count(*) FROM (SELECT 1 FROM deliveries GROUP BY order_no HAVING count(*) <> 2) d"), 0);
}

TEST_F(Hardened, CreditsOnceWhenANotifyComesManyTimesAtOnce) {
  configure();
  start_here();
  partners_->notify_copies = 6;
  std::vector<std::string> numbers;
  for (int i = 0; i < 8; ++i) {
    numbers.push_back(order("b1", "qcoin-10", 5));
    EXPECT_EQ(pay("b1", numbers.back(), i % 2 == 0 ? "alpha" : "beta").status, 200);
  }
  for (const auto& no : numbers) EXPECT_TRUE(reaches("b1", no, "delivered"));
  EXPECT_EQ(number("SELECT count(*) FROM deliveries"), 40);
  EXPECT_EQ(number("SELECT count(*) FROM charges"), 8);
  EXPECT_EQ(number("SELECT count(*) FROM refunds"), 0);
}

TEST_F(Hardened, FindsAPaymentWhoseNotifyWasLost) {
  partners_->notifies = false;
  configure();
  start_here();
  const std::string no = order("b1", "steam-50");
  pay("b1", no, "alpha");
  EXPECT_TRUE(reaches("b1", no, "delivered"));
}

TEST_F(Hardened, MovesMoneyInTheWalletExactlyOnceUnderRepeats) {
  configure();
  start_here();
  const std::string no = order("b1", "video-month");
  std::vector<std::thread> buyers;
  for (int i = 0; i < 10; ++i) buyers.emplace_back([&] { EXPECT_EQ(pay("b1", no, "wallet").status, 200); });
  for (auto& b : buyers) b.join();
  EXPECT_TRUE(reaches("b1", no, "delivered"));
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/wallet").json["balance_cents"].integer(), 10'000'000 - 2500);
  buyers.clear();
  for (int i = 0; i < 10; ++i)
    buyers.emplace_back([&] { EXPECT_EQ(post("b1", "/orders/" + no + "/refund", "{}", "r").status, 200); });
  for (auto& b : buyers) b.join();
  EXPECT_EQ(show("b1", no).json["status"].text(), "refunded");
  EXPECT_TRUE(show("b1", no).json["receipt"].text().empty());
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/wallet").json["balance_cents"].integer(), 10'000'000);
  EXPECT_EQ(number("SELECT sum(delta_cents) FROM ledger"), 0);  // both sides of every entry
  EXPECT_EQ(number("SELECT count(*) FROM audit_ledger"), 2);
  execute("UPDATE wallets SET balance_cents = 10 WHERE wallet = 'b1'");
  EXPECT_EQ(pay("b1", order("b1", "video-month"), "wallet").status, 402);
}

TEST_F(Hardened, RefundsAtTheChannelOnceAndOnlyWhatMayBe) {
  configure();
  start_here();
  const std::string membership = order("b1", "video-month"), card = order("b1", "steam-50");
  for (const auto& no : {membership, card}) {
    pay("b1", no, "beta");
    ASSERT_TRUE(reaches("b1", no, "delivered"));
  }
  EXPECT_EQ(post("b1", "/orders/" + membership + "/refund", "{}", "r").status, 200);
  EXPECT_TRUE(reaches("b1", membership, "refunded"));
  EXPECT_EQ(partners_->kept_cents(membership), 0);
  EXPECT_EQ(post("b1", "/orders/" + card + "/refund", "{}", "r").json["error"].text(), "not_refundable");
  EXPECT_EQ(number("SELECT sum(refunded_cents) FROM audit_orders"), 2500);
}

TEST_F(Hardened, KeepsSellingByTheOtherChannelWhileOneHangsAndChargesNobodyTwice) {
  configure();
  start_here();
  partners_->delay("alpha", 2500ms);
  std::vector<std::string> numbers;
  Durations payments;
  for (int i = 0; i < 40; ++i) {
    numbers.push_back(order("b1", "video-month"));
    payments.measure([&] { EXPECT_EQ(pay("b1", numbers.back(), i % 2 == 0 ? "alpha" : "beta").status, 200); });
  }
  EXPECT_LT(payments.nine_of_ten(), 2500ms) << "half of them asked for alpha, and waited for it";
  for (const auto& no : numbers) EXPECT_TRUE(reaches("b1", no, "delivered", 15s)) << no;
  for (const auto& no : numbers) EXPECT_EQ(partners_->charges(no), 1) << no;
  EXPECT_GT(number("SELECT count(*) FROM orders WHERE paid_via = 'beta'"), 20);  // some that wanted alpha
  partners_->delay("alpha", 0ms);
}

TEST_F(Hardened, TakesAnUnpaidPaymentToTheOtherChannelOnlyAfterItIsClosed) {
  configure();
  start_here({"payment"});
  const std::string no = order("b1", "video-month");
  pay("b1", no, "alpha");
  // As a payment node leaves it that died after the channel had closed the trade.
  execute("UPDATE payments SET state = 'sent', sent_at = now() - interval '9 s', next_at = now()");
  partners_->buyers_pay = false;
  services::PayOrder call{"alpha", no + "-alpha", no, "b1", "", url_ + "/notify/alpha", 2500};
  ASSERT_EQ(services::channel_pay({partners_->url(), kKey}, call, {1s, 2s}).status, 200);
  ASSERT_EQ(services::channel_close({partners_->url(), kKey}, "alpha", no + "-alpha", "", {1s, 2s}).status, 200);
  partners_->buyers_pay = true;
  start(node("payment"));
  EXPECT_TRUE(reaches("b1", no, "delivered"));
  EXPECT_EQ(text("SELECT string_agg(channel || ' ' || state, ', ' ORDER BY channel) FROM payments"),
            "alpha closed, beta paid");
  EXPECT_EQ(partners_->charges(no), 1);
}

TEST_F(Hardened, PaysBackMoneyThatComesForAClosedOrder) {
  configure();
  start_here();
  const std::string no = order("b1", "video-month");
  pay("b1", no, "alpha");
  execute("UPDATE orders SET status = 'closed'");
  EXPECT_TRUE(wait_until([&] { return partners_->charges(no) == 1 && partners_->kept_cents(no) == 0; }));
  EXPECT_EQ(show("b1", no).json["status"].text(), "closed");
}

TEST_F(Hardened, PaysBackWhatCannotBeDelivered) {
  configure();
  start_here({"delivery"});
  const std::string no = order("b1", "steam-50", 3);
  pay("b1", no, "wallet");
  execute("UPDATE cards SET order_no = NULL");  // the reservation is gone
  start(node("delivery"));
  EXPECT_TRUE(reaches("b1", no, "refunded"));
  EXPECT_EQ(as_buyer(url_, "b1", "GET", "/wallet").json["balance_cents"].integer(), 10'000'000);
  EXPECT_EQ(number("SELECT count(*) FROM deliveries"), 0);
}

TEST_F(Hardened, GivesBackTheCardsOfAnOrderThatNobodyPays) {
  configure({{"unpaid_close_s", "3600"}});
  start_here();
  const std::string no = order("b1", "steam-50", 10);
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL"), 10);
  execute("UPDATE orders SET created_at = now() - interval '2 hours'");
  EXPECT_TRUE(reaches("b1", no, "closed"));
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE order_no IS NOT NULL"), 0);
  EXPECT_EQ(pay("b1", no, "alpha").json["error"].text(), "not_payable");
}

TEST_F(Hardened, RefusesForgedNotifies) {
  configure();
  start_here();
  partners_->buyers_pay = false;
  const std::string no = order("b1", "steam-50");
  pay("b1", no, "alpha");
  ASSERT_TRUE(wait_until([&] { return partners_->creates("alpha") == 1; }));
  const auto notify = [&](const std::string& key, const std::string& out_trade_no, int amount) {
    const std::string body = R"({"channel":"alpha","trade_no":"x","out_trade_no":")" + out_trade_no + R"(","order":")" +
                             no + R"(","amount_cents":)" + std::to_string(amount) +
                             R"(,"status":"SUCCESS","notify_no":"n"})";
    return services::partner_call({url_, key}, "POST", "/notify/alpha", body, "", {1s, 3s});
  };
  EXPECT_EQ(notify("wrong", no + "-alpha", 5000).status, 401);
  EXPECT_EQ(notify(kKey, no + "-alpha", 1).status, 400);
  EXPECT_EQ(notify(kKey, "other", 5000).status, 404);
  EXPECT_EQ(number("SELECT count(*) FROM charges"), 0);
  EXPECT_EQ(notify(kKey, no + "-alpha", 5000).body, "success");
  EXPECT_TRUE(reaches("b1", no, "delivered"));
}

TEST_F(Hardened, AbsorbsAHeldPoolOfOneOrderInstance) {
  configure();
  start_here({"order-1"});
  auto process = spawn(node("order-1"));
  const std::string admin = "http://127.0.0.1:" + std::to_string(node("order-1").admin_port);
  ASSERT_TRUE(wait_until([&] { return edge::call("GET", admin + "/ready", "", {}, {100ms, 500ms}).status == 200; }));
  ASSERT_EQ(edge::call("POST", admin + "/admin/pool/hold", R"({"lease_ms":600000})", {}, {100ms, 500ms}).status, 200);
  ASSERT_TRUE(wait_until([&] { return edge::call("GET", admin + "/ready", "", {}, {100ms, 500ms}).status == 503; }));
  for (int i = 0; i < 30; ++i) EXPECT_EQ(pay("b1", order("b1", "video-month"), "wallet").status, 200);
  EXPECT_EQ(edge::call("GET", admin + "/ready", "", {}, {1s, 5s}).status, 503) << "all were served while it was held";
  process.signal(9);
}

// The whole back end as processes of its own, each killed at any time: nothing is lost, nothing happens twice.
TEST_F(Hardened, LosesNothingAndDoublesNothingWhenItsProcessesAreKilled) {
  configure();
  start(node("gateway"));
  std::map<std::string, ops::Process> processes;
  for (const auto& n : nodes_) {
    if (n.name != "gateway") processes[n.name] = spawn(n);
  }
  for (const auto& n : nodes_) {
    if (n.name == "gateway") continue;
    ASSERT_TRUE(wait_until(
        [&] {
          return edge::call("GET", "http://127.0.0.1:" + std::to_string(n.admin_port) + "/ready", "", {},
                            {100ms, 500ms})
                     .status == 200;
        },
        20s))
        << n.name;
  }
  std::atomic<bool> quit{false};
  std::atomic<int> created{0};
  std::mutex mutex;
  std::vector<std::string> numbers;
  std::vector<std::thread> buyers;
  for (int i = 0; i < 4; ++i) {
    buyers.emplace_back([&, i] {
      const std::string name = "b" + std::to_string(i);
      const std::vector<std::string> skus = {"steam-50", "video-month", "phone-30"},
                                     channels = {"alpha", "wallet", "beta"};
      for (int n = 0; !quit && n < 150; ++n) {
        const std::string sku = skus[static_cast<std::size_t>(n) % 3], key = std::to_string(n);
        Answer a;
        EXPECT_TRUE(wait_until([&] {
          return (a = create(name, sku, sku == "steam-50" ? 3 : 1, key, sku == "phone-30" ? "13800000000" : ""))
                     .status == 201;
        })) << a.body;
        const std::string no = a.json["order_no"].text();
        const std::string channel = channels[static_cast<std::size_t>(n / 3) % 3];
        EXPECT_TRUE(wait_until([&] { return pay(name, no, channel).status == 200; })) << no;
        const std::lock_guard lock(mutex);
        numbers.push_back(no);
        ++created;
      }
    });
  }
  const std::vector<std::string> victims = {"order-1", "payment", "delivery", "inventory",
                                            "order-2", "payment", "delivery", "order-1"};
  for (const auto& name : victims) {
    const int before = created;
    wait_until([&] { return created > before + 8; }, 5s);
    processes[name].signal(9);
    processes[name].wait(5s);
    processes[name] = spawn(node(name));
    // The next one dies when this one is back: the promise is one failure at a time.
    ASSERT_TRUE(wait_until(
        [&] {
          return edge::call("GET", "http://127.0.0.1:" + std::to_string(node(name).admin_port) + "/ready", "", {},
                            {100ms, 500ms})
                     .status == 200;
        },
        20s));
  }
  quit = true;
  for (auto& b : buyers) b.join();
  EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM orders WHERE status <> 'delivered'") == 0; }, 40s))
      << text("SELECT string_agg(status || ' ' || class, ', ') FROM orders WHERE status <> 'delivered'");
  EXPECT_EQ(number("SELECT count(*) FROM orders"), created.load());
  for (const auto& no : numbers) {
    EXPECT_LE(partners_->charges(no), 1) << no;
    EXPECT_LE(partners_->topups(no), 1) << no;
  }
  EXPECT_EQ(number("SELECT coalesce(sum(paid_cents - amount_cents), 0) FROM orders"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM deliveries"),
            number("SELECT coalesce(sum(quantity), 0) FROM orders WHERE class = 'game_card'"));
  EXPECT_EQ(number("SELECT sum(delta_cents) FROM ledger"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM wallets w WHERE balance_cents <> opening_cents + (SELECT "
                   "coalesce(sum(delta_cents), 0) FROM ledger l WHERE l.account = w.wallet)"),
            0);
  EXPECT_TRUE(wait_until(
      [&] { return number("SELECT count(*) FROM outbox") == 0; }));  // "started" may be read after "delivered"
  for (auto& [name, p] : processes) p.signal(9);
}

}  // namespace
}  // namespace platform::services_test
