// The traits of the fragile shop that show in its books and in its database: A05 to A08, A11, A14, A15; each beside its
// cure.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <latch>
#include <memory>
#include <thread>

#include "reference_platform/services/shop_window.hpp"
#include "reference_platform/store/schema.hpp"
#include "tests/unit/platform/fragile_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

TEST_F(FragileTraits, A05FindsAnOrderByReadingThemAll) {
  execute(
      "INSERT INTO orders(order_no, buyer, sku, class, quantity, amount_cents, status, paid_via, paid_cents) "
      "SELECT 'old' || n, 'old' || n % 1000, 'steam-50', 'game_card', 1, 5000, 'delivered', 'alpha', 5000 FROM "
      "generate_series(1, 30000) n");
  execute("ANALYZE orders");
  const auto plan = [&](const std::string& sql) { return text("EXPLAIN (ANALYZE, FORMAT JSON) " + sql); };
  const std::string by_number = "SELECT status FROM orders WHERE order_no = 'old7'",
                    by_buyer = "SELECT id FROM orders WHERE buyer = 'old7' AND id < 9000000 ORDER BY id DESC LIMIT 20";
  const auto all_pages = [&](const std::string& url) {
    std::vector<std::string> seen;
    for (std::string next = "size=7"; !next.empty();) {
      const auto page = as_buyer(url, "old7", "GET", "/orders?" + next);
      EXPECT_EQ(page.status, 200) << page.body;
      for (const auto& o : page.json["orders"].items()) seen.push_back(o["order_no"].text());
      next = page.json["next"].text();
    }
    return seen;
  };
  const auto pages = all_pages(shop({Trait::A05}).url);
  for (const auto& sql : {by_number, by_buyer + " OFFSET 20"})
    EXPECT_NE(plan(sql).find("Seq Scan"), std::string::npos) << sql;
  EXPECT_NE(plan(by_number).find("\"Rows Removed by Filter\": 29999"), std::string::npos) << plan(by_number);

  EXPECT_EQ(all_pages(shop({}).url), pages);
  EXPECT_EQ(pages.size(), 30U);
  for (const auto& sql : {by_number, by_buyer}) {
    EXPECT_EQ(plan(sql).find("Seq Scan"), std::string::npos) << plan(sql);
  }
}

// 10 million rows are what this becomes in a year: the work of one look is told by the database itself, at two sizes of
// the table.
TEST_F(FragileTraits, A05IndexesAreMadeAndDroppedOnceByShopsThatStartTogether) {
  for (int round = 0; round < 10; ++round) {
    const std::string sql = store::fragile_order_indexes(round % 2 == 0);
    std::vector<std::unique_ptr<store::Connection>> sessions(6);
    for (auto& session : sessions) (session = store::connect(database_urls_[0]))->script("SELECT 1");
    std::latch together(6);
    std::vector<std::string> mistakes(6);
    std::vector<std::thread> shops;
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      shops.emplace_back([&, i] {
        together.arrive_and_wait();
        try {
          sessions[i]->script(sql.c_str());
        } catch (const store::SqlError& e) {
          mistakes[i] = e.what();
        }
      });
    }
    for (auto& s : shops) s.join();
    for (const auto& mistake : mistakes) EXPECT_EQ(mistake, "") << "round " << round;
    EXPECT_EQ(number("SELECT count(*) FROM pg_indexes WHERE indexname IN ('orders_order_no', 'orders_buyer')"),
              round % 2 == 0 ? 2 : 0);
  }
}

TEST_F(FragileTraits, A05ReadsMoreTheMoreOrdersThereAre) {
  const auto add = [&](int from, int to) {
    execute(
        "INSERT INTO orders(order_no, buyer, sku, class, quantity, amount_cents, status, paid_via, paid_cents) SELECT "
        "'old' || n, 'old' || n % 1000, 'steam-50', 'game_card', 1, 5000, "
        "'delivered', 'alpha', 5000 FROM generate_series(" +
        std::to_string(from) + ", " + std::to_string(to) + ") n");
    execute("VACUUM ANALYZE orders");
  };
  const auto rows_per_look = [&](const std::vector<Trait>& on) {
    shop(on);  // makes or drops the indexes
    quit();
    const std::int64_t before = rows_read("orders");
    const std::string url = shop(on).url;
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(as_buyer(url, "old7", "GET", "/orders/old7").status, 200);
      EXPECT_EQ(as_buyer(url, "old7", "GET", "/orders").status, 200);
    }
    quit();
    return (rows_read("orders") - before) / 10;
  };
  add(1, 3000);
  const auto few = rows_per_look({Trait::A05}), few_indexed = rows_per_look({});
  add(3001, 24000);
  const auto many = rows_per_look({Trait::A05}), many_indexed = rows_per_look({});
  EXPECT_GE(few, 3000);
  EXPECT_GE(many, 24000);
  EXPECT_LE(few_indexed, 50);
  EXPECT_LE(many_indexed, 50);  // what is shown, not what there is
}

TEST_F(FragileTraits, A06EveryLookIsThreeQueries) {
  const Shop& bare = shop({Trait::A06});
  const Shop& cured = shop({});
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(get(bare.url, "/goods/steam-50", 5s), 200);
    ASSERT_EQ(get(cured.url, "/goods/steam-50", 5s), 200);
  }
  EXPECT_EQ(metric(bare, "shop_goods_queries_total"), 300);
  EXPECT_LT(metric(cured, "shop_goods_queries_total"), 100);
  for (const Shop* s : {&bare, &cured}) s->service.pool->hold(20s);
  EXPECT_EQ(get(bare.url, "/goods", 10s), 503);
  EXPECT_EQ(get(cured.url, "/goods", 10s), 200);  // the last known
}

TEST(ShopWindow, AllReloadAtOnceWithoutSingleFlight) {
  const auto loads_of = [](bool single_flight) {
    services::ShopWindow window(10s, single_flight);
    std::atomic<int> loads{0};
    std::vector<std::thread> visitors;
    for (int i = 0; i < 8; ++i) {
      visitors.emplace_back([&] {
        window.get([&] {
          ++loads;
          if (!single_flight) wait_until([&] { return loads == 8; });  // as slow as the database then is
          return services::ShopWindow::Goods();
        });
      });
    }
    for (auto& v : visitors) v.join();
    return loads.load();
  };
  EXPECT_EQ(loads_of(false), 8);
  EXPECT_EQ(loads_of(true), 1);
}

TEST_F(FragileTraits, A07HandsOutOneCardTwice) {
  const auto rush = [&](const std::string& url, const std::string& sku) {
    std::vector<std::thread> buyers;
    {
      const auto busy =
          store::connect(database_urls_[0]);  // two have looked for 40 of the first 72 before either may mark them
      busy->script("BEGIN; LOCK TABLE cards IN EXCLUSIVE MODE");
      for (int i = 0; i < 6; ++i) {
        buyers.emplace_back([&, i] {
          const std::string name = sku + std::to_string(i);
          for (int n = 0; n < 3; ++n) pay(url, name, order(url, name, sku, 40), "wallet");
        });
      }
      EXPECT_TRUE(wait_until([&] {
        return number(
                   "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                   "current_database()") >= 2;
      }));
    }
    for (auto& b : buyers) b.join();
    EXPECT_TRUE(wait_until([&] { return number("SELECT count(*) FROM orders WHERE status <> 'delivered'") == 0; }));
    return number(
        "SELECT count(*) - count(DISTINCT card_id) FROM shop_deliveries d JOIN cards c ON c.id = d.card_id WHERE c.sku "
        "= '" +
        sku + "'");
  };
  EXPECT_GT(rush(shop({Trait::A02, Trait::A07}).url, "steam-50"), 0);  // A02: no limit cuts the wait for the lock short
  quit();
  EXPECT_EQ(rush(shop({Trait::A02}).url, "qcoin-10"), 0);
}

TEST_F(FragileTraits, A07SellsWhatIsNotThere) {
  const auto sold = [&](const std::string& url, const std::string& sku) {
    execute("UPDATE goods SET stock = 1 WHERE sku = '" + sku + "'");
    int orders = 0;
    for (const char* buyer : {"b1", "b2"})
      orders += as_buyer(url, buyer, "POST", "/orders", R"({"sku":")" + sku + R"(","quantity":1})", sku).status == 201
                    ? 1
                    : 0;
    return orders;
  };
  EXPECT_EQ(sold(shop({Trait::A07}).url, "steam-50"), 2);  // compared when ordering, taken after payment
  quit();
  EXPECT_EQ(sold(shop({}).url, "qcoin-10"), 1);
}

TEST_F(FragileTraits, A07OffGivesUnpaidPiecesBack) {
  const std::string url = shop({}, {{"unpaid_close_s", "0"}}).url;
  const std::string no = order(url, "b1", "steam-50", 3);
  EXPECT_TRUE(reaches(url, "b1", no, "closed"));
  EXPECT_EQ(number("SELECT stock FROM goods WHERE sku = 'steam-50'"), 2000);
  EXPECT_EQ(pay(url, "b1", no, "wallet").status, 409);
}

TEST_F(FragileTraits, A08DeliversTwiceForTwoCopiesOfANotify) {
  const auto delivered = [&](const std::string& url, const std::string& sku) {
    const std::string no = order(url, "b1", sku);
    std::vector<std::thread> copies;
    {
      const auto busy = store::connect(database_urls_[0]);  // both have read the order before either may write to it
      busy->script(("BEGIN; SELECT 1 FROM orders WHERE order_no = '" + no + "' FOR UPDATE").c_str());
      const std::int64_t cents = sku == "steam-50" ? 5000 : 1000;
      for (int i = 0; i < 2; ++i)
        copies.emplace_back([=] { EXPECT_EQ(tell(url, no, "t-" + no, cents, 20s).body, "success"); });
      EXPECT_TRUE(wait_until([&] {
        return number(
                   "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                   "current_database()") == 2;
      }));
    }
    for (auto& c : copies) c.join();
    EXPECT_TRUE(reaches(url, "b1", no, "delivered"));
    return number("SELECT count(*) FROM shop_deliveries WHERE order_no = '" + no + "'");
  };
  EXPECT_EQ(delivered(shop({Trait::A02, Trait::A08}).url, "steam-50"),
            2);  // A02: no limit cuts the wait for the lock short
  quit();
  EXPECT_EQ(delivered(shop({Trait::A02}).url, "qcoin-10"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM shop_inbox"), 1);
}

TEST_F(FragileTraits, A08AnswersTheChannelOnlyAfterDelivery) {
  const std::string inside = shop({Trait::A08}).url, cured = shop({}).url;
  const std::string one = order(inside, "b1", "steam-50"), other = order(cured, "b1", "steam-50");
  {
    const auto locked = lock("cards");
    EXPECT_EQ(tell(inside, one, "t1", 5000, 500ms).status, 0);
    EXPECT_EQ(tell(cured, other, "t2", 5000, 5s).body, "success");  // nothing can be delivered before the lock is gone
    EXPECT_EQ(status_of(other), "paid");
  }
  EXPECT_TRUE(reaches(cured, "b1", other, "delivered"));
}

TEST_F(FragileTraits, A08OffRefusesWhatIsNotOursAndGivesBackWhatNobodyWants) {
  Stub channel([](const edge::Request&) { return services::json_answer(200, R"({"status":"SUCCESS"})"); });
  auto c = with({});
  c.partners_url = channel.url();
  const std::string url = run(c).url, no = order(url, "b1", "steam-50");
  EXPECT_EQ(tell(url, "F0000", "t0", 5000, 5s).status, 400);
  EXPECT_EQ(tell(url, no, "t1", 5000, 5s).body, "success");
  EXPECT_EQ(tell(url, no, "t1", 5000, 5s).body, "success");  // the same charge
  EXPECT_EQ(tell(url, no, "t2", 5000, 5s).body, "success");  // another one: surplus
  EXPECT_TRUE(wait_until([&] { return channel.asked("POST /channel/alpha/refund").size() == 1; }));
  EXPECT_TRUE(reaches(url, "b1", no, "delivered"));
  EXPECT_EQ(number("SELECT count(*) FROM shop_deliveries"), 1);
  quit();
  c.switches.set(Trait::A08, true);
  const std::string naive = run(c).url, twice = order(naive, "b1", "steam-50");
  EXPECT_EQ(tell(naive, twice, "t3", 5000, 5s).body, "success");
  EXPECT_EQ(tell(naive, twice, "t4", 5000, 5s).body, "success");
  EXPECT_TRUE(reaches(naive, "b1", twice, "delivered"));
  quit();  // all work is over
  EXPECT_EQ(channel.asked("POST /channel/alpha/refund").size(), 1U)
      << "the second charge is kept, and nobody knows of it";
}

TEST_F(FragileTraits, A11ACrashLosesWhatWaitsInMemory) {
  const auto after_a_crash = [&](const std::vector<Trait>& on) {
    auto c = with(on, {{"job_lease_ms", "300"}});
    c.name = on.empty() ? "cured" : "dual-write";
    std::string paid;
    {
      auto node = spawn(c);
      EXPECT_TRUE(wait_until([&] { return get(c.public_url, "/goods", 1s) == 200; }));
      const auto locked = lock("cards");  // deliveries have to wait
      paid = order(c.public_url, "b1", "steam-50");
      EXPECT_EQ(pay(c.public_url, "b1", paid, "wallet").json["status"].text(), "paid");
      node.signal(9);  // before the lock is gone, and with it what the delivery waits for
      EXPECT_TRUE(node.wait(5s));
    }
    c.port = free_port();
    c.public_url = "http://127.0.0.1:" + std::to_string(c.port);
    const Shop& again = run(c);
    const std::string later = order(again.url, "b2", "steam-50");
    pay(again.url, "b2", later, "wallet");
    EXPECT_TRUE(reaches(again.url, "b2", later, "delivered"));
    if (on.empty()) reaches(again.url, "b1", paid, "delivered");
    quit();
    return status_of(paid);
  };
  EXPECT_EQ(after_a_crash({Trait::A11}), "paid");  // and nobody knows
  EXPECT_EQ(after_a_crash({}), "delivered");
}

TEST_F(FragileTraits, A14AddsUpAllOrdersAgainAndAgain) {
  const Shop& cured = shop({}, {{"report_ms", "10"}});
  const Shop& reporting = shop({Trait::A14}, {{"report_ms", "10"}});
  EXPECT_TRUE(wait_until([&] { return metric(reporting, "shop_reports_total") >= 5; }));
  EXPECT_EQ(metric(cured, "shop_reports_total"), 0);
}

TEST_F(FragileTraits, A14EachReportReadsAllOrdersThereEverWere) {
  execute(
      "INSERT INTO orders(order_no, buyer, sku, class, quantity, amount_cents, status) SELECT 'old' || n, 'b', "
      "'steam-50', 'game_card', 1, 5000, 'delivered' FROM generate_series(1, 5000) n");
  execute("VACUUM ANALYZE orders");
  const auto read_by = [&](const std::vector<Trait>& on) {
    shop(on);
    quit();
    const std::int64_t before = rows_read("orders");
    const Shop& s = shop(on, {{"report_ms", "10"}});
    if (!on.empty()) {
      EXPECT_TRUE(wait_until([&] { return metric(s, "shop_reports_total") >= 5; }));
    }
    EXPECT_EQ(as_buyer(s.url, "b", "GET", "/orders/old7").status, 200);
    quit();
    return rows_read("orders") - before;
  };
  EXPECT_GE(read_by({Trait::A14}), 5 * 5000);
  EXPECT_LE(read_by({}), 100);
}

// The log's disk takes nothing for a while: a pipe that is full.
TEST_F(FragileTraits, A14BuyersWaitForTheDiskOfTheLog) {
  const std::string pipe = std::filesystem::temp_directory_path() / ("cardstorm-log-" + std::to_string(::getpid()));
  for (const bool on : {true, false}) {
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const int disk = ::open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    auto c = on ? with({Trait::A14}) : with({});
    c.name = on ? "flushing" : "writing";
    auto node = spawn(c, pipe);
    EXPECT_TRUE(wait_until([&] { return get(c.public_url, "/goods", 1s) == 200; }));
    const std::string kilobyte(1024, 'x');
    while (::write(disk, kilobyte.data(), kilobyte.size()) > 0) {
    }
    while (::write(disk, kilobyte.data(), 1) > 0) {
    }
    const auto order = [&](std::chrono::milliseconds limit) {
      return edge::call("POST", c.public_url + "/orders", R"({"sku":"video-month","quantity":1})", {{"X-Buyer", "b1"}},
                        {limit, limit})
          .status;
    };
    for (int i = 0; i < 2; ++i) EXPECT_EQ(order(on ? 700ms : 10s), on ? 0 : 201);
    EXPECT_EQ(get(c.public_url, "/goods", 5s), 200);  // who is not worth a line goes by
    node.signal(9);
    node.wait(5s);
    ::close(disk);
    std::filesystem::remove(pipe);
  }
}

TEST_F(FragileTraits, A15OneSupplierFailsAndOnlyItsGoodsStandStill) {
  Stub suppliers([](const edge::Request& r) {
    if (r.path == "/topup/order") return services::error_answer(400, "closed");
    return services::json_answer(200, R"({"status":"SUCCESS"})");
  });
  const auto buys = [&](const std::vector<Trait>& on, const std::string& names) {
    auto c = with(on, {{"suppliers", names}});
    c.partners_url = suppliers.url();
    const std::string url = run(c).url;
    const std::string topup = order(url, "b1", "phone-30", 1, "13800000000");
    const auto before = suppliers.asked("POST").size();
    EXPECT_EQ(pay(url, "b1", topup, "wallet").status, 200);
    EXPECT_TRUE(wait_until([&] { return suppliers.asked("POST").size() > before; }));
    for (int i = 0; i < 5; ++i) {  // everything else is fine, which is why nobody looks
      const std::string card = order(url, "b2", "qcoin-10");
      pay(url, "b2", card, "wallet");
      EXPECT_TRUE(reaches(url, "b2", card, "delivered"));
    }
    return topup;
  };
  const std::string stuck = buys({Trait::A15}, "topup,topup2");
  quit();
  EXPECT_EQ(status_of(stuck), "delivering");
  EXPECT_TRUE(suppliers.asked("POST /supplier/topup2/").empty());
  const std::string saved = buys({}, "members,topup,topup2");
  EXPECT_TRUE(wait_until([&] { return status_of(saved) == "delivered"; }));
  quit();
  const std::string given_back = buys({}, "topup");
  EXPECT_TRUE(wait_until([&] { return status_of(given_back) == "refunded"; }));
  EXPECT_EQ(number("SELECT balance_cents FROM wallets WHERE wallet = 'b1'"), 10'000'000 - 2 * 3000);
  EXPECT_EQ(status_of(stuck), "delivering");
}

}  // namespace
}  // namespace platform::services_test
