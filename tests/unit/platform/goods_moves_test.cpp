// Stock in two databases: goods go where an order needs them, and a crash between any two steps loses and doubles
// nothing.
#include "tests/unit/platform/goods_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;
using services::Moves;

class GoodsMoves : public Goods {
 protected:
  void SetUp() override {
    Goods::SetUp();
    if (kDatabases < 2) GTEST_SKIP() << "needs two databases";
    moves_ = std::make_unique<Moves>(*shards_, switches_, log_, metrics_);
    whole_ = number("SELECT count(DISTINCT secret) FROM cards WHERE sku = 'steam-50'");
  }
  /// Free cards of a database.
  std::int64_t free_in(int database) {
    return shards_->at(database)
        .take()
        ->run("SELECT count(*) FROM cards WHERE sku = 'steam-50' AND order_no IS NULL AND NOT sold")
        .number(0, 0);
  }
  /// Every card is somewhere, once.
  void expect_whole() {
    EXPECT_EQ(number("SELECT count(*) FROM cards WHERE sku = 'steam-50'"), whole_);
    std::set<std::string> seen;
    for (int d = 0; d < 2; ++d) {
      const auto rows = shards_->at(d).take()->run("SELECT secret FROM cards WHERE sku = 'steam-50'");
      for (int i = 0; i < rows.size(); ++i)
        EXPECT_TRUE(seen.insert(std::string(rows.text(i, 0))).second) << rows.text(i, 0) << " is there twice";
    }
    EXPECT_EQ(number("SELECT count(*) FROM card_moves WHERE state = 'taken'"), 0);
  }
  Moves::Move one(const std::string& sku = "steam-50") { return {services::random_id(), sku, 0, 1, false}; }

  domain::Switches switches_;
  services::BusinessLog log_{"test"};
  services::Metrics metrics_;
  std::unique_ptr<Moves> moves_;
  std::int64_t whole_ = 0;
};

TEST_F(GoodsMoves, BringsCardsWhereTheyAreWanted) {
  const auto before = free_in(1);
  EXPECT_EQ(moves_->move("steam-50", 30, 1, false, 2s), 30);
  EXPECT_EQ(free_in(1), before + 30);
  expect_whole();
  EXPECT_EQ(moves_->move("steam-50", 30, 0, false, 2s), 30);
  EXPECT_EQ(free_in(1), before);
  expect_whole();
}

TEST_F(GoodsMoves, BringsWhatThereIsAndSaysNoneWhenThereIsNone) {
  shards_->at(0).take()->run(
      "UPDATE cards SET sold = true, order_no = 'x' WHERE sku = 'steam-50' AND id > (SELECT min(id) + 9 FROM cards "
      "WHERE sku = 'steam-50')");
  const auto left = free_in(0);
  EXPECT_EQ(moves_->move("steam-50", 500, 1, false, 2s), left);
  EXPECT_EQ(moves_->move("steam-50", 500, 1, false, 2s), 0);
  EXPECT_EQ(moves_->move("no-such-sku", 1, 1, false, 2s), 0);
  EXPECT_EQ(moves_->move("video-month", 1, 1, false, 2s), 0);  // not counted: nothing to move
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE sku = 'steam-50'"), whole_);
}

// Two took one each of the last two: both would have them if the other let go. Nobody may hear that there are none.
TEST_F(GoodsMoves, WhatAnotherHoldsAtThisMomentIsNotSoldOut) {
  execute("UPDATE cards SET sold = true, order_no = 'x' WHERE sku = 'steam-50'");
  shards_->at(0).take()->run(
      "UPDATE cards SET sold = false, order_no = NULL WHERE (part, id) IN (SELECT part, id FROM cards WHERE sku = "
      "'steam-50' ORDER BY id LIMIT 2)");
  auto other = shards_->at(0).take();
  other->begin();
  other->run("SELECT 1 FROM cards WHERE sku = 'steam-50' AND order_no IS NULL ORDER BY id LIMIT 1 FOR UPDATE");
  const std::string no = store::order_number({0, false}, services::random_id());
  const auto reserve = [&](int quantity) {
    const auto row =
        shards_->at(0).take()->run("SELECT inventory_reserve($1, 'steam-50', $2)", {no, std::to_string(quantity)});
    return row.null(0, 0) ? std::string("held") : std::string(row.text(0, 0));
  };
  EXPECT_EQ(reserve(2), "held");
  EXPECT_EQ(reserve(3), "f");  // there are no three, whoever holds them
  EXPECT_EQ(moves_->move("steam-50", 2, 1, false, 100ms), 1);
  EXPECT_EQ(moves_->move("steam-50", 2, 1, false, 100ms), -1);
  other->rollback();
  EXPECT_EQ(moves_->move("steam-50", 2, 1, false, 100ms), 1);
  EXPECT_EQ(moves_->move("steam-50", 2, 0, false, 100ms), 2);
  EXPECT_EQ(reserve(2), "t");
}

TEST_F(GoodsMoves, MovesAShareOfTheCounterOfCountedGoods) {
  execute("UPDATE goods SET unlimited = false, stock = 10 WHERE sku = 'sword-rare'");
  EXPECT_EQ(moves_->move("sword-rare", 4, 1, false, 2s), 4);
  EXPECT_EQ(text("SELECT stock FROM goods WHERE sku = 'sword-rare'"), "6, 14");
  EXPECT_EQ(moves_->move("sword-rare", 40, 1, false, 2s), 6);
  EXPECT_EQ(text("SELECT stock FROM goods WHERE sku = 'sword-rare'"), "0, 20");
}

TEST_F(GoodsMoves, TakesBackWhatWentOutWhenTheMoverDied) {
  const auto before = free_in(0);
  const auto m = one();
  ASSERT_EQ(moves_->out(m, 25), 25);
  EXPECT_EQ(free_in(0), before - 25);
  moves_->tidy(0ms);
  EXPECT_EQ(free_in(0), before);
  expect_whole();
}

TEST_F(GoodsMoves, FinishesWhatCameInWhenTheMoverDied) {
  const auto before = free_in(1);
  const auto m = one();
  ASSERT_EQ(moves_->out(m, 25), 25);
  ASSERT_TRUE(moves_->in(m));
  moves_->tidy(0ms);
  EXPECT_EQ(free_in(1), before + 25);
  expect_whole();
}

TEST_F(GoodsMoves, LeavesYoungMovesAlone) {
  const auto m = one();
  ASSERT_EQ(moves_->out(m, 5), 5);
  moves_->tidy(1h);
  EXPECT_TRUE(moves_->in(m));
  moves_->done(m);
  expect_whole();
}

TEST_F(GoodsMoves, EachStepMayComeTwice) {
  const auto m = one();
  ASSERT_EQ(moves_->out(m, 25), 25);
  EXPECT_EQ(moves_->out(m, 25), -1);
  EXPECT_TRUE(moves_->in(m));
  EXPECT_TRUE(moves_->in(m));
  moves_->done(m);
  moves_->done(m);
  EXPECT_FALSE(moves_->undo(m, 25));
  expect_whole();
}

// The janitor is through between the steps of a mover that is only slow, not dead.
TEST_F(GoodsMoves, AMoverThatComesTooLateMovesNothing) {
  const auto m = one();
  ASSERT_EQ(moves_->out(m, 25), 25);
  ASSERT_TRUE(moves_->undo(m, 25));
  EXPECT_FALSE(moves_->in(m));
  expect_whole();
}

TEST_F(GoodsMoves, UndoingWhatNeverBeganGivesNothingAndBarsIt) {
  const auto m = one();
  EXPECT_FALSE(moves_->undo(m, 25));
  EXPECT_EQ(moves_->out(m, 25), -1);
  expect_whole();
}

TEST_F(GoodsMoves, ManyAtOnceLoseNothing) {
  std::vector<std::thread> movers;
  for (int i = 0; i < 6; ++i) {
    movers.emplace_back([&, i] {
      for (int n = 0; n < 8; ++n) moves_->move("steam-50", 40, (i + n) % 2, false, 2s);
    });
  }
  std::thread janitor([&] {
    for (int n = 0; n < 30; ++n) Moves(*shards_, switches_, log_, metrics_).tidy(0ms);
  });
  for (auto& t : movers) t.join();
  janitor.join();
  moves_->tidy(0ms);
  expect_whole();
}

// Between the look at home and the look elsewhere another order's move brought them: nobody found them, and nobody may
// hear that there are none.
TEST_F(GoodsMoves, WhatCameHomeWhileTheOtherDatabaseWasAskedIsNotSoldOut) {
  execute("UPDATE cards SET sold = true WHERE sku = 'steam-50'");
  std::atomic<bool> brings{true};
  const auto inventory = edge::serve({}, [&](const edge::Request&) {
    if (brings.exchange(false))
      shards_->at(0).take()->run(
          "UPDATE cards SET sold = false WHERE sku = 'steam-50' AND id = (SELECT min(id) FROM cards WHERE sku = "
          "'steam-50')");
    return services::json_answer(200, R"({"moved":0})");
  });
  auto config = goods_config("order", {}, switches_);
  config.peers["inventory"] = {"http://127.0.0.1:" + std::to_string(inventory->port())};
  const std::string url = start(config), buyer = buyer_in(0);
  const auto buy = [&](const char* key) {
    return as_buyer(url, buyer, "POST", "/orders", R"({"sku":"steam-50","quantity":1})", key);
  };
  const auto lucky = buy("first"), late = buy("second");
  EXPECT_EQ(lucky.status, 201) << lucky.body;
  EXPECT_EQ(late.json["error"].text(), "sold_out") << late.body;
}

TEST_F(GoodsMoves, TheNodeAnswersAndRefusesWhatIsMalformed) {
  const std::string url = start(goods_config("inventory", {}, switches_));
  const auto post = [&](const std::string& body) { return as_buyer(url, "x", "POST", "/internal/move", body); };
  EXPECT_EQ(post(R"({"sku":"steam-50","quantity":3,"to":1,"shadow":false})").json["moved"].integer(), 3);
  for (const char* bad :
       {"", "{", "[]", "{}", R"({"sku":"steam-50","quantity":3})", R"({"sku":"steam-50","quantity":0,"to":1})",
        R"({"sku":"steam-50","quantity":-1,"to":1})", R"({"sku":"steam-50","quantity":99999999,"to":1})",
        R"({"sku":"steam-50","quantity":1,"to":2})", R"({"sku":"steam-50","quantity":1,"to":-1})",
        R"({"sku":7,"quantity":1,"to":1})", R"({"sku":"steam-50","quantity":1.5,"to":1})",
        R"({"sku":"steam-50","quantity":1,"to":"1"})"})
    EXPECT_EQ(post(bad).status, 400) << bad;
  for (const char* bad : {"", "7", R"({"orders":7})", R"({"orders":[{"order_no":"X","quantity":1}]})",
                          R"({"orders":[{"order_no":"H0abc","quantity":0}]})", R"({"orders":[7]})"})
    EXPECT_EQ(as_buyer(url, "x", "POST", "/internal/claim", bad).status, 400) << bad;
  EXPECT_EQ(as_buyer(url, "x", "GET", "/internal/other").status, 404);
  expect_whole();
}

TEST_F(GoodsMoves, B27GivesWhatWasNeverTakenAndPutsInWhatWasTakenBack) {
  switches_.set(domain::Bug::B27, true);
  execute("UPDATE goods SET unlimited = false, stock = 10 WHERE sku = 'sword-rare'");
  EXPECT_TRUE(moves_->undo(one("sword-rare"), 4));  // empty undoing
  EXPECT_EQ(number("SELECT sum(stock) FROM goods WHERE sku = 'sword-rare'"), 24);
  const auto m = one();
  ASSERT_EQ(moves_->out(m, 25), 25);
  shards_->at(1).take()->run("SELECT inventory_move_refuse($1)", {m.id});
  EXPECT_TRUE(moves_->in(m));  // late doing
  moves_->tidy(0ms);
  EXPECT_EQ(number("SELECT count(*) FROM cards WHERE sku = 'steam-50'"), whole_ + 25);
}

}  // namespace
}  // namespace platform::services_test
