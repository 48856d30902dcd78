// The partners over real sockets: calls, journals, notifies and the delay that a fault puts on a channel.
#include <sys/resource.h>

#include <csignal>
#include <limits>

#include "harness/partners/partner.hpp"
#include "tests/unit/partners/bank.hpp"

namespace cardstorm {
namespace {

TEST_F(Bank, IsReadyWithoutSignature) {
  open();
  EXPECT_TRUE(raw({"GET", url("/ready"), "", {}, 5s}).body["ready"].boolean());
  EXPECT_TRUE(raw({"GET", url("/channel/beta/ping"), "", {}, 5s}).body["ok"].boolean());
  EXPECT_EQ(call("GET", "/channel/gamma/pay").status, 404);
}

TEST_F(Bank, RefusesWrongSignaturesWithoutEffect) {
  open();
  const std::string
      path = "/channel/alpha/pay",
      body = R"({"out_trade_no":"t1","order":"o1","amount_cents":500,"notify_url":"http://127.0.0.1:1/","buyer":"b"})";
  const std::string now = partners::timestamp_text(), old = std::to_string(std::stol(now) - 301);
  EXPECT_EQ(call("POST", path, body, "another key").status, 401);
  EXPECT_EQ(raw({"POST", url(path), body, {}, 5s}).status, 401);
  EXPECT_EQ(raw({"POST",
                 url(path),
                 body,
                 {{"X-Timestamp", old}, {"X-Sign", partners::signature("key", "POST", path, old, body)}},
                 5s})
                .status,
            401);
  EXPECT_EQ(raw({"POST",
                 url(path),
                 body + " ",
                 {{"X-Timestamp", now}, {"X-Sign", partners::signature("key", "POST", path, now, body)}},
                 5s})
                .status,
            401);
  const Reply reply = raw({"POST",
                           url("/channel/beta/pay"),
                           body,
                           {{"X-Timestamp", now}, {"X-Sign", partners::signature("key", "POST", path, now, body)}},
                           5s});
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.body["code"].string(), "bad_sign");
  // The query is signed too: a signature for one trade does not open another.
  const std::string query = path + "?out_trade_no=t1";
  EXPECT_EQ(raw({"GET",
                 url(path + "?out_trade_no=t2"),
                 "",
                 {{"X-Timestamp", now}, {"X-Sign", partners::signature("key", "GET", query, now, "")}},
                 5s})
                .status,
            401);
  EXPECT_EQ(call("GET", query).status, 404);
  EXPECT_TRUE(lines("alpha", "created").empty());
}

TEST_F(Bank, RefusesMalformedBodies) {
  open();
  for (const std::string body : {"", "[]", "{", R"({"out_trade_no":"t"})",
                                 R"({"out_trade_no":"t","order":"o","amount_cents":0,"notify_url":"u"})",
                                 R"({"out_trade_no":"t","order":"o","amount_cents":-5,"notify_url":"u"})",
                                 R"({"out_trade_no":"t","order":"o","amount_cents":1.5,"notify_url":"u"})",
                                 R"({"out_trade_no":7,"order":"o","amount_cents":5,"notify_url":"u"})"})
    EXPECT_EQ(call("POST", "/channel/alpha/pay", body).status, 400) << body;
  EXPECT_TRUE(lines("alpha", "created").empty());
}

TEST_F(Bank, ChargesOnceForRepeatedCreates) {
  open();
  const Reply first = pay("t1");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(pay("t1").body["trade_no"], first.body["trade_no"]);
  wait_for_status("t1", "SUCCESS");
  EXPECT_EQ(pay("t1").body["status"].string(), "SUCCESS");
  EXPECT_EQ(pay("t1", 501).status, 409);
  EXPECT_EQ(lines("alpha", "created").size(), 1U);
  ASSERT_EQ(lines("alpha", "charged").size(), 1U);
  EXPECT_EQ(lines("alpha", "charged")[0]["amount_cents"].integer(), 500);
  EXPECT_EQ(lines("alpha", "charged")[0]["order"].string(), "o-t1");
}

TEST_F(Bank, ChargesOnceForConcurrentCreates) {
  open();
  std::vector<std::thread> threads;
  std::array<std::string, 8> numbers;
  for (std::string& number : numbers) threads.emplace_back([&] { number = pay("t1").body["trade_no"].string(); });
  for (std::thread& thread : threads) thread.join();
  wait_for_status("t1", "SUCCESS");
  EXPECT_TRUE(std::all_of(numbers.begin(), numbers.end(),
                          [&](const auto& number) { return number == numbers[0] && !number.empty(); }));
  EXPECT_EQ(lines("alpha", "charged").size(), 1U);
}

TEST_F(Bank, ClosesOnlyWhatIsNotPaid) {
  setup.confirm = 1500ms;  // longer than the way to the close takes on any machine
  open();
  pay("t1");
  const std::string body = R"({"out_trade_no":"t1"})";
  EXPECT_EQ(call("POST", "/channel/alpha/close", body).body["status"].string(), "CLOSED");
  EXPECT_EQ(call("POST", "/channel/alpha/close", body).status, 200);
  pay("t2");
  wait_for_status("t2", "SUCCESS");  // t1 would have been charged before it
  EXPECT_EQ(status_of("t1"), "CLOSED");
  EXPECT_EQ(call("POST", "/channel/alpha/close", R"({"out_trade_no":"t2"})").body["code"].string(), "already_paid");
  EXPECT_EQ(call("POST", "/channel/alpha/close", R"({"out_trade_no":"t3"})").status, 404);
  EXPECT_EQ(lines("alpha", "charged").size(), 1U);
  EXPECT_EQ(lines("alpha", "trade_closed").size(), 1U);
}

TEST_F(Bank, RefundsOncePerNumberAndNeverMoreThanCharged) {
  open();
  pay("t1", 500);
  wait_for_status("t1", "SUCCESS");
  EXPECT_EQ(refund("t1", "r1", 200).body["status"].string(), "SUCCESS");
  EXPECT_EQ(refund("t1", "r1", 200).status, 200);
  EXPECT_EQ(refund("t1", "r1", 100).body["code"].string(), "conflict");
  EXPECT_EQ(refund("t1", "r2", 301).body["code"].string(), "exceeds");
  EXPECT_EQ(status_of("t1"), "SUCCESS");
  EXPECT_EQ(refund("t1", "r3", 300).status, 200);
  EXPECT_EQ(status_of("t1"), "REFUNDED");
  EXPECT_EQ(refund("none", "r4", 1).status, 404);
  EXPECT_EQ(lines("alpha", "refunded").size(), 2U);
  const Json rows = call("GET", "/channel/alpha/bill").body["rows"];
  ASSERT_EQ(rows.items().size(), 1U);
  EXPECT_EQ(rows.items()[0]["refunded_cents"].integer(), 500);
  EXPECT_EQ(call("GET", "/channel/alpha/bill?since=1&until=9999999999").body["rows"].items().size(), 1U);
  EXPECT_TRUE(call("GET", "/channel/alpha/bill?since=9999999999").body["rows"].items().empty());
  EXPECT_TRUE(call("GET", "/channel/alpha/bill?until=1").body["rows"].items().empty());
}

TEST_F(Bank, DoesNotRefundWhatIsNotCharged) {
  setup.confirm = 1h;
  open();
  pay("t1", 500);
  EXPECT_EQ(refund("t1", "r1", 500).body["code"].string(), "exceeds");
  EXPECT_TRUE(call("GET", "/channel/alpha/bill").body["rows"].items().empty());
}

TEST_F(Bank, NotifiesSignedAndWithTheChargeInTheJournal) {
  std::size_t charged_then = 0;
  Receiver platform([&](int) {
    charged_then = lines("alpha", "charged").size();
    return ServerResponse{200, "success", "text/plain"};
  });
  open();
  const std::string trade_no = pay("t1", 500, platform.url()).body["trade_no"].string();
  ASSERT_TRUE(platform.wait_for(1));
  const ServerRequest notify = platform.seen()[0];
  EXPECT_EQ(charged_then, 1U);
  EXPECT_TRUE(partners::is_signed("key", notify));
  EXPECT_EQ(notify.path + "?" + notify.query, "/notify/alpha?from=bank");
  const Json body = Json::parse(notify.body).value();
  EXPECT_EQ(body["trade_no"].string(), trade_no);
  EXPECT_EQ(body["out_trade_no"].string(), "t1");
  EXPECT_EQ(body["amount_cents"].integer(), 500);
  EXPECT_EQ(body["status"].string(), "SUCCESS");
}

TEST_F(Bank, RepeatsANotifyUntilTheBodyIsExactlySuccess) {
  Receiver platform([](int nth) {
    if (nth == 1) return ServerResponse{500, "success"};
    if (nth == 2) return ServerResponse{200, "SUCCESS"};
    if (nth == 3) return ServerResponse{200, "success\n"};
    if (nth == 4) return ServerResponse{302, "success"};
    return ServerResponse{200, "success"};
  });
  setup.time_scale = 30'000;
  open();
  pay("t1", 500, platform.url());
  pay("t2", 500, "http://127.0.0.1:1/none");  // nobody listens there
  ASSERT_TRUE(platform.wait_for(5));
  ASSERT_TRUE(eventually([&] {
    const auto all = lines("alpha", "notify");
    return std::any_of(all.begin(), all.end(), [](const Json& line) { return line["acknowledged"].boolean(); }) &&
           std::any_of(all.begin(), all.end(), [](const Json& line) { return line["order"].string() == "o-t2"; });
  }));
  bank.reset();
  std::vector<Json> mine, other;
  for (const Json& line : lines("alpha", "notify")) (line["order"].string() == "o-t1" ? mine : other).push_back(line);
  ASSERT_EQ(mine.size(), 5U);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    EXPECT_EQ(mine[i]["attempt"].integer(), static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(mine[i]["acknowledged"].boolean(), i == 4);
  }
  EXPECT_EQ(mine[0]["status"].integer(), 500);
  ASSERT_FALSE(other.empty());
  EXPECT_EQ(other[0]["status"].integer(), 0);
  const auto seen = platform.seen();
  for (const ServerRequest& notify : seen)
    EXPECT_EQ(notify.body, seen[0].body);  // the same notify_no over all attempts
}

TEST_F(Bank, SendsTwoCopiesAtTheSameTimeWhenAsked) {
  setup.duplicate_share = 1;
  Receiver platform;
  platform.keep_back();  // no answer until both are here
  open();
  pay("t1", 500, platform.url());
  EXPECT_TRUE(platform.wait_for(2));
  platform.release();
  ASSERT_TRUE(eventually([&] { return lines("alpha", "notify").size() == 2; }));
  EXPECT_EQ(lines("alpha", "notify")[1]["attempt"].integer(), 1);
}

TEST_F(Bank, NotifiesNobodyOutsideTheAllowList) {
  Receiver platform;
  setup.allow = AllowList::parse({"127.0.0.2"}).value();
  open();
  pay("t1", 500, platform.url());
  ASSERT_TRUE(eventually([&] { return lines("alpha", "notify").size() >= 2; }));
  EXPECT_TRUE(platform.seen().empty());
}

TEST_F(Bank, ControlNeedsTheToken) {
  open();
  EXPECT_EQ(control(R"({"delay_ms":100,"lease_ms":1000})", "wrong").status, 401);
  EXPECT_EQ(raw({"GET", url("/control/state"), "", {}, 5s}).status, 401);
  EXPECT_EQ(control(R"({"delay_ms":100})").status, 400);  // no lease
  EXPECT_EQ(control(R"({"delay_ms":-1,"lease_ms":1000})").status, 400);
  EXPECT_EQ(control("x").status, 400);
  EXPECT_EQ(raw({"POST", url("/control/channel/gamma/delay"), R"({"delay_ms":0})", {{"X-Control-Token", "token"}}, 5s})
                .status,
            404);
}

TEST_F(Bank, DelaysOneChannelsAnswersAndEndsWithZero) {
  open();
  ASSERT_EQ(control(R"({"delay_ms":300,"lease_ms":60000})").body["delay_ms"].integer(), 300);
  EXPECT_GE(raw({"GET", url("/channel/alpha/ping"), "", {}, 5s}).took, 300ms);
  // From here on a delayed answer would not come in time at all, however slow this machine is.
  ASSERT_EQ(control(R"({"delay_ms":60000,"lease_ms":60000})").body["delay_ms"].integer(), 60000);
  EXPECT_TRUE(raw({"GET", url("/channel/beta/ping"), "", {}, 5s}).body["ok"].boolean());
  EXPECT_EQ(control(R"({"delay_ms":0})").body["delay_ms"].integer(), 0);
  EXPECT_TRUE(raw({"GET", url("/channel/alpha/ping"), "", {}, 5s}).body["ok"].boolean());
}

TEST_F(Bank, EndsADelayByItselfWhenItsLeaseIsNotRenewed) {
  open();
  const Nanos begun = monotonic_now();
  control(R"({"delay_ms":60000,"lease_ms":150})");
  // Held until the lease is over, not for a minute.
  EXPECT_TRUE(raw({"GET", url("/channel/alpha/ping"), "", {}, 5s}).body["ok"].boolean());
  EXPECT_GE(monotonic_now() - begun, 150ms);
  EXPECT_TRUE(raw({"GET", url("/channel/alpha/ping"), "", {}, 5s}).body["ok"].boolean());
  const Json state = raw({"GET", url("/control/state"), "", {{"X-Control-Token", "token"}}, 5s}).body;
  EXPECT_EQ(state["channels"].items()[0]["delay_ms"].integer(), 0);
}

TEST_F(Bank, KeepsADelayWhoseLeaseIsRenewed) {
  open();
  const Nanos begun = monotonic_now();
  control(R"({"delay_ms":60000,"lease_ms":100})");
  control(R"({"delay_ms":60000,"lease_ms":700})");
  EXPECT_TRUE(raw({"GET", url("/channel/alpha/ping"), "", {}, 5s}).body["ok"].boolean());
  EXPECT_GE(monotonic_now() - begun, 700ms);
}

TEST_F(Bank, NeverHoldsAChargeBack) {
  Receiver platform;
  open();
  control(R"({"delay_ms":60000,"lease_ms":60000})");
  std::thread buyer([&] { pay("t1", 500, platform.url()); });
  EXPECT_TRUE(eventually([&] { return !lines("alpha", "charged").empty(); }));  // the bank has the money
  EXPECT_TRUE(platform.seen().empty());                                         // and has told nobody
  control(R"({"delay_ms":0})");
  buyer.join();
  EXPECT_TRUE(platform.wait_for(1));
}

TEST_F(Bank, TopsUpOncePerRequestNumber) {
  Receiver platform;
  open();
  const auto order = [&](const std::string& phone) {
    return call("POST", "/topup/order",
                Json::object({{"request_no", "q1"},
                              {"order", "o1"},
                              {"phone", phone},
                              {"amount_cents", 3000},
                              {"notify_url", platform.url()}})
                    .dump());
  };
  EXPECT_EQ(order("13800000000").body["status"].string(), "ACCEPTED");
  EXPECT_EQ(order("13800000000").body["status"].string(), "ACCEPTED");
  EXPECT_EQ(order("13900000000").status, 409);
  ASSERT_TRUE(platform.wait_for(1));
  EXPECT_TRUE(partners::is_signed("key", platform.seen()[0]));
  EXPECT_EQ(call("GET", "/topup/order?request_no=q1").body["status"].string(), "SUCCESS");
  EXPECT_EQ(call("GET", "/topup/order?request_no=q2").status, 404);
  EXPECT_EQ(lines("topup", "topup_accepted").size(), 1U);
  EXPECT_EQ(lines("topup", "topup_done").size(), 1U);
  EXPECT_EQ(book_text("topup").find("13800000000"), std::string::npos);
}

TEST_F(Bank, WritesEachLineBeforeItsAnswer) {
  open();
  for (int i = 0; i < 50; ++i) {
    pay("t" + std::to_string(i));
    ASSERT_EQ(lines("alpha", "created").size(), static_cast<std::size_t>(i) + 1);
  }
}

TEST_F(Bank, BeginsAndEndsItsJournals) {
  open();
  pay("t1");
  bank.reset();
  for (const std::string book : {"alpha", "beta", "topup"}) {
    const auto all = split(trim(book_text(book)), '\n');
    const Json first = Json::parse(all.front()).value(), last = Json::parse(all.back()).value();
    EXPECT_EQ(first["journal"].string(), book);
    EXPECT_EQ(first["version"].integer(), 1);
    EXPECT_EQ(last["kind"].string(), "closed");
    EXPECT_GE(last["mono_ns"].integer(), first["mono_ns"].integer());
  }
}

TEST_F(Bank, DoesNotContinueForeignJournals) {
  open();
  bank.reset();
  const auto again = start_partners(setup);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::unavailable);
}

TEST_F(Bank, LeavesNoJournalsWhenThePortIsTaken) {
  const auto other = serve(0, [](const ServerRequest&, const HttpServer::Reply&) {});
  setup.port = (*other)->port();
  const auto started = start_partners(setup);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::unavailable);
  EXPECT_TRUE(fs::is_empty(setup.journal_dir));
}

TEST_F(Bank, BillsWithinLimitsThatAreNumbers) {
  open();
  pay("t1");
  wait_for_status("t1", "SUCCESS");
  const auto bill = [&](const std::string& query) { return call("GET", "/channel/alpha/bill" + query); };
  EXPECT_EQ(bill("?since=0&until=9999999999").body["rows"].items().size(), 1U);
  EXPECT_EQ(bill("?until=1").body["rows"].items().size(), 0U);
  for (const char* query : {"?since=abc", "?until=abc", "?since=-5", "?until=1.5", "?since=99999999999999999999"})
    EXPECT_EQ(bill(query).status, 400) << query;
}

TEST_F(Bank, RefusesBadSetups) {
  for (const double scale : {0.0, 1e-300, std::numeric_limits<double>::infinity()}) {
    setup.time_scale = scale;
    EXPECT_EQ(start_partners(setup).error().code, Errc::invalid) << scale;
  }
  setup.time_scale = 1;
  setup.key = "";
  EXPECT_EQ(start_partners(setup).error().code, Errc::invalid);
  EXPECT_TRUE(fs::is_empty(setup.journal_dir));
}

TEST_F(Bank, SaysNothingThatItCouldNotWriteDown) {
  // A limit on the size of a file stands for a full disk: a line is torn in the middle.
  setup.confirm = 1h;
  open();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<std::string> promised;
  Reply reply{};
  for (int i = 0; i < 30; ++i) {
    reply = pay("t" + std::to_string(i));
    if (reply.status == 200) promised.push_back("t" + std::to_string(i));
  }
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(raw({"GET", url("/ready"), "", {}, 5s}).status, 503);
  EXPECT_NE(bank->problem().find("alpha"), std::string::npos);
  bank.reset();
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);

  // Everything promised is in whole lines; at most the last line is torn.
  const auto created = lines("alpha", "created");
  ASSERT_FALSE(promised.empty());
  for (const std::string& out_trade_no : promised)
    EXPECT_TRUE(std::any_of(created.begin(), created.end(),
                            [&](const Json& line) { return line["out_trade_no"].string() == out_trade_no; }));
  const auto all = split(book_text("alpha"), '\n');
  for (std::size_t i = 0; i + 1 < all.size(); ++i) EXPECT_TRUE(Json::parse(all[i])) << all[i];
  EXPECT_FALSE(Json::parse(all.back()));
}

TEST_F(Bank, TakesItsAnswerTime) {
  setup.answer = 100ms;
  open();
  EXPECT_GE(raw({"GET", url("/channel/alpha/ping"), "", {}, 5s}).took, 50ms);
}

TEST(AnswerTime, IsSpreadTheSameWayForTheSameSeed) {
  Nanos least = 1h, most{0};
  int other = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const Nanos time = partners::answer_time(40ms, "alpha", 1, i);
    EXPECT_EQ(time, partners::answer_time(40ms, "alpha", 1, i));
    other += time != partners::answer_time(40ms, "alpha", 2, i) ? 1 : 0;
    least = std::min(least, time);
    most = std::max(most, time);
  }
  EXPECT_GE(least, 20ms);
  EXPECT_LT(least, 21ms);
  EXPECT_LE(most, 60ms);
  EXPECT_GT(most, 59ms);
  EXPECT_GT(other, 990);
}

TEST_F(Bank, ServesManyTradesAtOnce) {
  Receiver platform;
  setup.duplicate_share = 0.1;
  open();
  MonotonicClock clock;
  const auto client = make_http_client(clock, setup.allow, {});
  int created = 0;
  for (int i = 0; i < 500; ++i) {
    const std::string path = "/channel/beta/pay", now = partners::timestamp_text();
    const std::string body = Json::object({{"out_trade_no", i == 499 ? "t0" : "t" + std::to_string(i)},
                                           {"order", i == 499 ? "o0" : "o" + std::to_string(i)},
                                           {"amount_cents", 5},
                                           {"notify_url", platform.url()}})
                                 .dump();
    client->submit({"POST",
                    url(path),
                    body,
                    {{"X-Timestamp", now}, {"X-Sign", partners::signature("key", "POST", path, now, body)}},
                    30s},
                   [&](const HttpResponse& response) { created += response.status == 200 ? 1 : 0; });
  }
  while (client->in_flight() > 0) client->drive(clock.now() + 5s);
  EXPECT_EQ(created, 500);
  EXPECT_TRUE(platform.wait_for(500, 30s));  // 499 messages and about 50 second copies
  EXPECT_TRUE(wait_for_lines("beta", "charged", 499));
  bank.reset();
  EXPECT_EQ(lines("beta", "charged").size(), 499U);
}

}  // namespace
}  // namespace cardstorm
