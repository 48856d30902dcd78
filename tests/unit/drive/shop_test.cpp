// What buyers of shops that nobody here wrote need: pages without JSON, cookies, forms, signatures, impatience, walls.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"
#include "harness/drive/answer.hpp"
#include "harness/drive/cookies.hpp"
#include "harness/drive/front_wall.hpp"
#include "harness/net/crypto.hpp"
#include "harness/pattern/pattern.hpp"
#include "harness/plan/trace_id.hpp"
#include "tests/support/event_text.hpp"
#include "tests/unit/drive/bench_run.hpp"

namespace cardstorm {
namespace {

using test::BenchRun;
using test::FakeReply;
using test::get;
using test::journey;
using test::post;

constexpr Nanos kNow = std::chrono::seconds(1'800'000'000);  // wall clock at load start in these tests

test::FakeHttpClient::Behaviour replies(std::vector<FakeReply> list) {
  return [list, n = std::size_t{0}](const HttpRequest&, Nanos) mutable { return list[std::min(n++, list.size() - 1)]; };
}
FakeReply page(std::string body, int status = 200, Nanos after = 1ms) {
  return FakeReply::json(std::move(body), status, after);
}

void buy_once(BenchRun& run) {
  run.times = {1s};
  run.clients.wall_at_zero = kNow;
  run.run();
}

std::string header_of(const HttpRequest& request, const std::string& name) {
  for (const auto& [n, value] : request.headers)
    if (n == name) return value;
  return "";
}

Step taking(Step s, std::vector<Extract> what) {
  s.extract = std::move(what);
  return s;
}

// ---- values out of answers

TEST(Shop, TakesValuesFromHeadersCookiesPagesAndJson) {
  Step first = taking(get("/"), {{"next", "Location", Extract::From::header},
                                 {"session", "PHPSESSID", Extract::From::cookie},
                                 {"token", "name=\"token\" value=\"([^\"]+)\"", Extract::From::regex}});
  first.expect.status = {302};
  Step second = taking(get("/x?s=${session}&t=${token}"), {{"id", "/a/0", Extract::From::json}});
  Step third = get("/y");
  third.headers = {{"X-All", "${next} ${id}"}};
  BenchRun run(journey({first, second, third}), replies({page("<input name=\"token\" value=\"t&1\">", 302)
                                                             .with("location", "/next")
                                                             .with("set-cookie", "PHPSESSID=abc; path=/; HttpOnly"),
                                                         page(R"({"a":[17]})")}));
  buy_once(run);
  ASSERT_EQ(run.client.sent().size(), 3u);
  EXPECT_EQ(run.client.sent()[1].request.url, "http://127.0.0.1:1/x?s=abc&t=t%261");
  EXPECT_EQ(header_of(run.client.sent()[2].request, "X-All"), "/next 17");
  EXPECT_TRUE(run.client.sent()[0].request.want_headers);
  EXPECT_FALSE(run.client.sent()[1].request.want_headers);
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
}

TEST(Shop, EndsAStepThatMissesAValueWithOneCause) {
  const std::vector<Extract> wanted{{"a", "Location", Extract::From::header},
                                    {"a", "SID", Extract::From::cookie},
                                    {"a", "x=(\\d+)", Extract::From::regex},
                                    {"a", "/a/b", Extract::From::json}};
  for (const Extract& e : wanted)
    for (const char* body : {"", "no json", "{}", R"({"a":1})", R"({"a":null})", "[]", "99999999999999999999999999",
                             R"({"a":{"b":null}})"}) {
      BenchRun reading(journey({taking(get("/"), {e}), get("/${a}")}), replies({page(body)})),
          writing(journey({taking(post("/"), {e}), get("/${a}")}), replies({page(body)}));
      buy_once(reading);
      buy_once(writing);
      EXPECT_EQ(reading.step(0, 0).cause, Cause::bad_body) << body;
      EXPECT_EQ(reading.trade(0).outcome, TradeOutcome::failed) << body;
      EXPECT_EQ(writing.trade(0).outcome, TradeOutcome::unknown) << body;
      EXPECT_EQ(reading.client.sent_count(), 1u);
    }
}

TEST(Shop, DoesNotHangOrOverflowOnPatternsOverLongPages) {
  const std::string long_page(1 << 20, 'a');
  for (const char* pattern : {"(.*)*b", "x(.|\n)*y|(a|aa)+$"}) {
    BenchRun run(journey({taking(get("/"), {{"v", pattern, Extract::From::regex}})}),
                 replies({page(long_page.substr(0, 20'000))}));
    buy_once(run);
    EXPECT_EQ(run.history.all<TradeEnded>().size(), 1u);
  }
  const auto found = Pattern::compile("token=\"([^\"]+)\"");
  EXPECT_EQ(found->first(long_page.substr(0, 200'000) + "token=\"deep\""), "deep");
  EXPECT_FALSE(found->first(long_page + "token=\"too deep\""));
}

// ---- cookies

TEST(Shop, SendsCookiesBackUntilTheyAreDeleted) {
  Step none = get("/d");
  none.cookies = false;
  BenchRun run(journey({get("/a"), get("/b"), get("/c"), none}),
               replies({page("").with("set-cookie", "SID=1; path=/").with("set-cookie", "lang=zh"),
                        page("").with("set-cookie", "SID=2").with("set-cookie", "lang=; Max-Age=0"), page("")}));
  buy_once(run);
  EXPECT_EQ(header_of(run.client.sent()[0].request, "Cookie"), "");
  EXPECT_EQ(header_of(run.client.sent()[1].request, "Cookie"), "SID=1; lang=zh");
  EXPECT_EQ(header_of(run.client.sent()[2].request, "Cookie"), "SID=2");
  EXPECT_EQ(header_of(run.client.sent()[3].request, "Cookie"), "");
}

TEST(Cookies, KeepWhatIsOneAndForgetWhatIsOver) {
  CookieJar jar;
  for (const char* text : {"", ";", "=x", "novalue", "a=1; Max-Age=60", "b=2; expires=Thu, 01-Jan-1970 00:00:00 GMT",
                           "c=3; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "d=4; Max-Age=-1", "e=x=y", " f = 6 ; Secure"})
    jar.take(text, kNow);
  EXPECT_EQ(jar.header(), "a=1; c=3; e=x=y; f=6");
  jar.take("a=; Max-Age=999999999999999999999", kNow);
  EXPECT_EQ(*jar.find("a"), "");
  jar.take(std::string("g=") + std::string(5000, 'x'), kNow);
  EXPECT_EQ(jar.find("g"), nullptr);
  for (int i = 0; i < 200; ++i) jar.take("n" + std::to_string(i) + "=1", kNow);
  EXPECT_EQ(split(jar.header(), ';').size(), CookieJar::kCookiesMax);
}

// ---- forms and signatures

TEST(Shop, SendsFormsEncodedAndSignsThemTheWayShopsWantIt) {
  Step pay = post("/submit.php", "");
  pay.form = {{"pid", "1001"}, {"name", "卡 密&1"}, {"money", "1.00"}, {"empty", ""}, {"sign_type", "MD5"}};
  pay.sign = Signing{"md5_sorted", "${data.key}", "sign", false, ""};
  Journey j = journey({pay});
  j.data_columns = {"key"};
  j.data_rows = {{"SECRET"}};
  BenchRun run(j, replies({page("{}")}));
  buy_once(run);
  const HttpRequest& sent = run.client.sent()[0].request;
  EXPECT_EQ(header_of(sent, "Content-Type"), "application/x-www-form-urlencoded");
  const std::string wanted = md5_hex("money=1.00&name=卡 密&1&pid=1001SECRET");
  EXPECT_EQ(sent.body, "pid=1001&name=" + url_encode("卡 密&1") + "&money=1.00&empty=&sign_type=MD5&sign=" + wanted);
  for (const Event& e : run.history.events()) EXPECT_EQ(test::text_of(e).find("SECRET"), std::string::npos);
  EXPECT_EQ(json_of_plan(run.plan).dump().find("SECRET"), std::string::npos) << "rows stand in no plan";
}

TEST(Shop, SignsJsonQueriesAndWholeRequests) {
  Step json = post("/a", R"({"b":"2","a":1,"list":[1]})");
  json.sign = Signing{"md5_sorted_key", "", "sign", false, "k"};
  Step query = get("/q?b=2&a=%31");
  query.sign = json.sign;
  Step whole = post("/api/v1/orders?x=1", R"({"sku":"${sku}"})");
  whole.sign = Signing{"hmac_sha256", "", "Signature", true, "k"};
  BenchRun run(journey({json, query, whole}), replies({page("{}")}));
  run.clients.keys = {{"k", "secret"}};
  buy_once(run);
  ASSERT_EQ(run.client.sent().size(), 3u);
  const std::string sign = md5_hex("a=1&b=2&key=secret");
  EXPECT_EQ(Json::parse(run.client.sent()[0].request.body)->at_pointer("/sign")->string(), sign);
  EXPECT_EQ(run.client.sent()[1].request.url, "http://127.0.0.1:1/q?b=2&a=%31&sign=" + sign);
  const HttpRequest& sent = run.client.sent()[2].request;
  EXPECT_EQ(header_of(sent, "Timestamp"), "1800000001");
  EXPECT_EQ(header_of(sent, "Signature"),
            hmac_sha256_hex("secret", "POST\n/api/v1/orders\n1800000001\n" + md5_hex(R"({"sku":"game-1"})")));
}

TEST(Shop, SignsAResendAnewAndSendsNothingWithoutAKey) {
  Step order = post("/o", "{}");
  order.sign = Signing{"hmac_sha256", "", "Signature", true, "k"};
  order.headers = {{"X-Time", "${now_ms}"}, {"X-Random", "${random_hex8}"}};
  BenchRun run(journey({order}), replies({FakeReply::reset(), page("{}")}));
  run.clients.keys = {{"k", "secret"}};
  buy_once(run);
  ASSERT_EQ(run.client.sent().size(), 2u);
  EXPECT_NE(header_of(run.client.sent()[0].request, "Timestamp"), header_of(run.client.sent()[1].request, "Timestamp"));
  EXPECT_NE(header_of(run.client.sent()[0].request, "X-Time"), header_of(run.client.sent()[1].request, "X-Time"));
  EXPECT_EQ(header_of(run.client.sent()[0].request, "X-Random"), header_of(run.client.sent()[1].request, "X-Random"));
  EXPECT_EQ(header_of(run.client.sent()[0].request, "X-Random").size(), 8u);
  BenchRun keyless(journey({order}), replies({page("{}")}));
  buy_once(keyless);
  EXPECT_EQ(keyless.client.sent_count(), 0u);
  EXPECT_EQ(keyless.step(0, 0).cause, Cause::bad_body);
}

// ---- expectations and facts of pages

TEST(Shop, HoldsAnswersToBusinessAssertions) {
  Step order = post("/o");
  order.expect.all = {{"/total", "==", "${quantity}00"},
                      {"/items", "exists", ""},
                      {"/no", "matches", "^[0-9]+$"},
                      {"/total", "<", "1e3"}};
  for (const auto& [body, good] :
       std::vector<std::pair<std::string, bool>>{{R"({"total":100,"items":[],"no":"17"})", true},
                                                 {R"({"total":"100.0","items":0,"no":17})", true},
                                                 {R"({"total":101,"items":[],"no":"17"})", false},
                                                 {R"({"total":100,"no":"17"})", false},
                                                 {R"({"total":100,"items":[],"no":"17x"})", false},
                                                 {"<html>", false},
                                                 {R"({"total":1e999,"items":[],"no":"1"})", false}}) {
    BenchRun run(journey({order}), replies({page(body)}));
    buy_once(run);
    EXPECT_EQ(run.trade(0).outcome, good ? TradeOutcome::ok : TradeOutcome::unknown) << body;
    EXPECT_EQ(run.trade(0).cause, good ? Cause::none : Cause::bad_body) << body;
  }
}

TEST(Shop, ReadsOrdersCardsAndStatesFromPages) {
  const std::string a = Mint("bench key").secret({1, 5}), b = Mint("bench key").secret({1, 6});
  Step order = taking(post("/buy", ""), {{"no", "订单号:(\\w+)", Extract::From::regex},
                                         {"money", "合计 ¥([0-9.]+)", Extract::From::regex}});
  order.expect.body_has = "下单成功";
  order.fact = Fact::order;
  order.order = "${no}";
  order.amount_from = "${money}";
  order.amount_yuan = true;
  Step cards = get("/order/${no}");
  cards.poll = Poll{500ms, "", {"done"}, {"closed"}, "data-state=\"(\\w+)\""};
  cards.fact = Fact::cards;
  cards.order = "${no}";
  cards.cards_regex = "<li class=\"card\">([^<]+)</li>";
  BenchRun run(
      journey({order, cards}),
      replies({page("<p>下单成功 订单号:E77 合计 ¥12.5</p>"), page("<p data-state=\"paid\">"), page("down", 502),
               page("<p data-state=\"done\"><li class=\"card\">" + a + "</li><li class=\"card\">" + b + "</li>")}));
  run.quantity = 2;
  buy_once(run);
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
  ASSERT_EQ(run.history.all<OrderSeen>().size(), 1u);
  EXPECT_EQ(run.history.all<OrderSeen>()[0].order, "E77");
  EXPECT_EQ(run.history.all<OrderSeen>()[0].amount_cents, 1250);
  ASSERT_EQ(run.history.all<CardSeen>().size(), 2u);
  EXPECT_EQ(run.history.all<CardSeen>()[1].index, 6u);
  EXPECT_EQ(run.step(0, 1).requests, 3);
  BenchRun refused(journey({order}), replies({page("<p>库存不足</p>")}));
  buy_once(refused);
  EXPECT_EQ(refused.trade(0).cause, Cause::bad_body);
  order.sold_out_status = {200};
  order.sold_out_has = "库存不足";
  BenchRun sold(journey({order}), replies({page("<p>库存不足</p>")}));
  buy_once(sold);
  EXPECT_EQ(sold.trade(0).cause, Cause::sold_out);
}

TEST(Amounts, AreExactOrNotAtAll) {
  const std::vector<std::tuple<std::string, bool, std::optional<std::int64_t>>> cases{
      {"12.50", true, 1250},
      {"12.5", true, 1250},
      {"12", true, 1200},
      {"0.01", true, 1},
      {"12.500", true, 1250},
      {"12.505", true, {}},
      {"1250", false, 1250},
      {"1250.00", false, 1250},
      {"12.5", false, {}},
      {"-3.20", true, -320},
      {"", true, {}},
      {".", true, {}},
      {"5.", true, {}},
      {".5", true, {}},
      {"1e5", false, {}},
      {"99999999999999999999", false, {}},
      {"9999999999999.99", true, 999999999999999},
      {"0x10", false, {}},
      {"--1", false, {}},
      {"1,000", false, {}}};
  for (const auto& [text, yuan, cents] : cases) EXPECT_EQ(cents_of(std::string_view(text), yuan), cents) << text;
  EXPECT_EQ(cents_of(Json(19.99), true), 1999);
  EXPECT_EQ(cents_of(Json(1e300), true), std::nullopt);
  EXPECT_EQ(cents_of(Json(990), false), 990);
  EXPECT_EQ(cents_of(Json(990.5), false), std::nullopt);
  EXPECT_EQ(cents_of(Json(true), false), std::nullopt);
  EXPECT_EQ(cents_of(Json("9.90"), true), 990);
}

// ---- buyers

TEST(Shop, RefreshesAHangingPageAndTakesTheFirstGoodAnswer) {
  Journey j = journey({get("/a"), get("/b")});
  j.patience = 2s;
  j.refresh = 2;
  BenchRun run(j, replies({FakeReply::never(), page("{}", 200, 2500ms), page("{}", 200, 10ms), page("{}")}));
  buy_once(run);
  const StepEnded e = run.step(0, 0);
  EXPECT_EQ(e.outcome, Outcome::ok);
  EXPECT_EQ(e.requests, 3);
  EXPECT_EQ(e.resends, 0);
  EXPECT_EQ(e.sent, Nanos(1s));
  EXPECT_EQ(e.done, Nanos(5010ms));
  EXPECT_EQ(run.step(0, 1).outcome, Outcome::ok);
  EXPECT_EQ(run.step(0, 1).requests, 1) << "answers to the page before are no answers to this one";
}

TEST(Shop, LeavesWhenImpatientAndDoesNotRefreshWhatHasAnEffect) {
  Journey leaving = journey({get("/a")});
  leaving.patience = 2s;
  BenchRun gone(leaving, replies({FakeReply::never()}));
  buy_once(gone);
  EXPECT_EQ(gone.trade(0).at, Nanos(3s));
  EXPECT_EQ(gone.step(0, 0).cause, Cause::timeout);
  EXPECT_EQ(gone.client.sent_count(), 1u);
  Journey buying = journey({post("/a")});
  buying.patience = 2s;
  buying.refresh = 5;
  buying.steps[0].resend = false;
  BenchRun waiting(buying, replies({FakeReply::never()}));
  buy_once(waiting);
  EXPECT_EQ(waiting.client.sent_count(), 1u);
  EXPECT_EQ(waiting.trade(0).at, Nanos(6s));
}

TEST(Shop, PressesTwiceWithTheSameKey) {
  Step order = post("/o");
  order.headers = {{"Idempotency-Key", "${key}"}};
  Journey j = journey({get("/a"), order});
  j.resubmit = 1;
  BenchRun run(j, replies({page("{}"), page("{}", 503, 5ms), page("{}", 200, 9ms)}));
  buy_once(run);
  ASSERT_EQ(run.client.sent().size(), 3u);
  EXPECT_EQ(run.client.sent()[1].at, run.client.sent()[2].at);
  EXPECT_EQ(run.client.sent()[1].request.headers, run.client.sent()[2].request.headers);
  EXPECT_EQ(run.step(0, 1).requests, 2);
  EXPECT_EQ(run.step(0, 1).resends, 0);
  EXPECT_EQ(run.trade(0).outcome, TradeOutcome::ok);
  BenchRun broken(j, replies({page("{}"), FakeReply::reset(), FakeReply::refused()}));
  buy_once(broken);
  EXPECT_EQ(broken.trade(0).outcome, TradeOutcome::unknown) << "one of the two may have had its effect";
  j.resubmit = 0.3;
  BenchRun some(j, replies({page("{}")}));
  some.every(10ms, 1000);
  some.client.forget_requests();
  some.run();
  EXPECT_NEAR(static_cast<double>(some.client.sent_count()), 2300, 60);
}

TEST(Shop, GivesEachTradeItsRowInTurn) {
  Journey j = journey({get("/u/${data.user}")});
  j.data_columns = {"user", "secret"};
  j.data_rows = {{"ann", "1"}, {"bob", "2"}, {"cid", "3"}};
  BenchRun run(j, replies({page("{}")}));
  run.every(1s, 4);
  run.run();
  std::vector<std::string> urls;
  for (const auto& sent : run.client.sent()) urls.push_back(sent.request.url.substr(18));
  EXPECT_EQ(urls, (std::vector<std::string>{"/u/ann", "/u/bob", "/u/cid", "/u/ann"}));
}

TEST(Shop, ReplaysARecordedPathAsItIsButNeverAsAnotherHost) {
  const auto url_of = [](const std::string& recorded) {
    BenchRun run(journey({get("${trace_path}")}), replies({page("{}")}));
    run.trace_path = recorded;
    buy_once(run);
    return run.client.sent().empty() ? "none" : run.client.sent()[0].request.url;
  };
  EXPECT_EQ(url_of("/goods/%E5%8D%A1?page=2&x=a+b"), "http://127.0.0.1:1/goods/%E5%8D%A1?page=2&x=a+b");
  EXPECT_EQ(url_of("@evil.example/"), "http://127.0.0.1:1/@evil.example/");
  EXPECT_EQ(url_of("/a b\r\nX: 1#frag"), "http://127.0.0.1:1/a%20b%0D%0AX:%201");
  EXPECT_EQ(url_of(""), "none");
}

// ---- how buyers look to the platform

TEST(Shop, SendsMarkAddressSourceAndTraceAsTheTargetSays) {
  BenchRun run(journey({get("/a"), get("/b")}), replies({page("{}")}));
  run.clients.mark_header = "X-Stress";
  run.clients.client_header = "X-Forwarded-For";
  run.clients.client_pool = *AddressPool::parse("10.7.0.0/16");
  run.clients.sources = {"127.0.0.2", "127.0.0.3"};
  run.clients.traceparent = run.clients.sw8 = true;
  run.every(1s, 2);
  run.run();
  const auto& first = run.client.sent()[0].request;
  EXPECT_EQ(header_of(first, "X-Stress"), "drill");
  EXPECT_EQ(header_of(first, "X-Cardstorm-Mark"), "");
  EXPECT_TRUE(header_of(first, "X-Forwarded-For").starts_with("10.7."));
  for (const auto& sent : run.client.sent())
    EXPECT_EQ(header_of(sent.request, "X-Forwarded-For"), header_of(first, "X-Forwarded-For"))
        << "one buyer, one address";
  EXPECT_EQ(first.source, "127.0.0.2");
  EXPECT_EQ(run.client.sent().back().request.source, "127.0.0.3");
  const std::string trace = trace_id_of(1, 0, 0);
  EXPECT_EQ(header_of(first, "traceparent"), "00-" + trace + "-" + span_id_of(1, 0, 0, 0) + "-01");
  const auto sw8 = split(header_of(first, "sw8"), '-');
  ASSERT_EQ(sw8.size(), 8u);
  EXPECT_EQ(sw8[0], "1");
  EXPECT_EQ(sw8[1], base64(trace));
  EXPECT_EQ(sw8[3], "0");
  EXPECT_EQ(sw8[4], base64("cardstorm"));
  EXPECT_EQ(sw8[7], base64("127.0.0.1:1"));
}

TEST(Clients, TakeAddressesFromTheirBlock) {
  EXPECT_EQ(AddressPool::parse("10.1.2.3/30")->address(0), "10.1.2.1");
  EXPECT_EQ(AddressPool::parse("10.1.2.3/30")->address(3), "10.1.2.2");
  EXPECT_EQ(AddressPool::parse("10.1.2.3")->address(99), "10.1.2.3");
  EXPECT_EQ(AddressPool::parse("2001:db8::/64")->address(255), "2001:db8::ff");
  EXPECT_FALSE(AddressPool::parse("0.0.0.0/0")->address(~0ULL).empty());
  for (const char* wrong : {"", "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "10.0.0/8"})
    EXPECT_FALSE(AddressPool::parse(wrong)) << wrong;
}

// ---- walls

TEST(Walls, AreToldApartFromThePlatform) {
  const std::vector<std::pair<FakeReply, Cause>> cases{
      {page("<html>challenge", 403).with("cf-mitigated", "challenge"), Cause::front_wall},
      {page("<html>请完成滑动验证", 200), Cause::front_wall},
      {page("<html>Captcha required", 403), Cause::front_wall},
      {page("<a href=https://errors.aliyun.com/x>", 405), Cause::front_wall},
      {page("error code: 1015", 429).with("server", "cloudflare"), Cause::front_wall},
      {page(R"({"error":"captcha_required"})", 403), Cause::http_4xx},  // the platform's own word
      {page("busy", 503).with("server", "cloudflare").with("cf-ray", "7d"), Cause::http_5xx},  // passed on by the wall
      {page("slow down", 429), Cause::http_429},
      {page("forbidden", 403), Cause::http_4xx}};
  for (const auto& [reply, cause] : cases) {
    Step order = post("/o");
    order.expect.pointer = "/order_no";
    order.resend = false;
    BenchRun run(journey({order}), replies({reply}));
    buy_once(run);
    EXPECT_EQ(run.trade(0).cause, cause) << reply.body;
    if (cause == Cause::front_wall) {
      EXPECT_EQ(run.trade(0).outcome, TradeOutcome::failed);
    }
  }
}

TEST(Walls, AreSeenWhereAStepWantsNoMoreThanWhatItExtracts) {
  const auto cause_of = [](const char* body, bool effect) {
    Step order = effect ? post("/o") : get("/o");
    order.resend = false;
    order.extract = {{"id", "/order_no"}};
    BenchRun run(journey({order}), replies({page(body, 200)}));
    buy_once(run);
    EXPECT_EQ(run.trade(0).outcome,
              std::string_view(body).starts_with("<html>请") || !effect ? TradeOutcome::failed : TradeOutcome::unknown)
        << body;
    return run.trade(0).cause;
  };
  for (const bool effect : {false, true}) {
    EXPECT_EQ(cause_of("<html>请完成滑动验证", effect), Cause::front_wall);
    EXPECT_EQ(cause_of("<html>sorry", effect), Cause::bad_body);
  }
}

TEST(Walls, AreKnownByTheScenariosRulesAlone) {
  BenchRun run(journey({get("/a")}), replies({page("blocked by gate 7", 200)}));
  run.plan.front_walls = {{{200, 418}, "", "", "gate 7"}, {{403}, "X-Gate", "no", ""}};
  buy_once(run);
  EXPECT_EQ(run.trade(0).cause, Cause::front_wall);
  EXPECT_TRUE(
      matches_wall(run.plan.front_walls, {403, "", Cause::none, Outcome::ok, "", {}, {}, {{"x-gate", "NO entry"}}}));
  EXPECT_FALSE(matches_wall(run.plan.front_walls, {403, "", Cause::none, Outcome::ok, "", {}, {}, {}}));
  BenchRun polled(journey({[] {
                            Step s = get("/a");
                            s.poll = Poll{500ms, "/s", {"ok"}, {}};
                            return s;
                          }()},
                          5s),
                  replies({page("<p>验证码", 403)}));
  buy_once(polled);
  EXPECT_EQ(polled.trade(0).cause, Cause::front_wall) << "a poll that saw nothing but the wall";
}

TEST(Shop, PassesOnWhatTheTransportFound) {
  for (const Cause cause : {Cause::redirect, Cause::address, Cause::dns, Cause::tls, Cause::too_large}) {
    Step s = get("/a");
    s.redirects = 3;
    BenchRun run(journey({s}), replies({{1ms, 302, "", cause, Outcome::failed, {}}}));
    buy_once(run);
    EXPECT_EQ(run.trade(0).cause, cause);
    EXPECT_EQ(run.client.sent()[0].request.redirects_max, 3);
    EXPECT_EQ(run.client.sent_count(), 1u);
  }
}

// ---- anything may come back

FakeReply any_reply(Rng& rng) {
  static const std::vector<std::string> kPieces{"{",
                                                "}",
                                                "[",
                                                "]",
                                                "\"",
                                                ":",
                                                ",",
                                                "/a",
                                                "order_no",
                                                "amount",
                                                "status",
                                                "done",
                                                "cards",
                                                "null",
                                                "true",
                                                "1e999",
                                                "-0",
                                                "99999999999999999999",
                                                "\\u0000",
                                                std::string(1, '\0'),
                                                "\xff\xfe",
                                                "<html>",
                                                "captcha",
                                                "name=\"token\" value=\"",
                                                "\r\n",
                                                "验证码",
                                                R"({"order_no":"7","amount":5,"status":"done","cards":["x"]})"};
  static const std::vector<int> kStatuses{0,   100, 200, 200, 200, 200, 201, 202, 202, 204, 301, 302,  304,
                                          400, 403, 404, 409, 429, 500, 502, 503, 599, 999, -1,  70000};
  FakeReply out;
  out.after = Nanos(static_cast<std::int64_t>(rng.below(3'000'000'000)));
  if (rng.below(10) == 0) out.after = Nanos::max();
  out.status = kStatuses[rng.below(kStatuses.size())];
  out.body.clear();
  for (std::uint64_t n = rng.below(12); n-- > 0;) out.body += kPieces[rng.below(kPieces.size())];
  if (rng.below(3) == 0) out.body = kPieces.back();
  for (std::uint64_t n = rng.below(4); n-- > 0;)
    out.headers.emplace_back(
        std::vector<std::string>{"set-cookie", "location", "cf-mitigated", "server", ""}[rng.below(5)],
        std::vector<std::string>{"a=b; Max-Age=x", "=", ";;;", "http://[", "SID=1; expires=never",
                                 std::string(9000, 'x'), "\x01\x7f"}[rng.below(7)]);
  if (rng.below(5) == 0) {
    out.cause = static_cast<Cause>(rng.below(static_cast<std::uint64_t>(Cause::front_wall) + 1));
    out.outcome = static_cast<Outcome>(rng.below(3));
  }
  return out;
}

TEST(Fuzz, WhateverComesBackEveryTradeEndsOnceAndTheSumsHold) {
  Step page_step = taking(get("/p?c=${c}"), {{"token", "name=\"token\" value=\"([^\"]+)\"", Extract::From::regex}});
  Step order = taking(post("/o", R"({"t":"x"})"),
                      {{"no", "/order_no", Extract::From::json}, {"sid", "a", Extract::From::cookie}});
  order.expect.all = {{"/amount", ">=", "1"}};
  order.sold_out_status = {409, 200};
  order.sold_out_pointer = "/status";
  order.sold_out_value = "null";
  order.pending = Pending{{202, 409}, 100ms};
  order.fact = Fact::order;
  order.order = "${no}";
  order.amount_pointer = "/amount";
  Step poll = get("/o/${no}");
  poll.poll = Poll{100ms, "/status", {"done"}, {"true"}};
  poll.fact = Fact::cards;
  poll.order = "${no}";
  poll.cards_pointer = "/cards";
  Step signed_step = post("/s", "");
  signed_step.form = {{"no", "${no}"}};
  signed_step.sign = Signing{"md5_sorted", "${no}", "sign", false, ""};
  signed_step.redirects = 2;
  page_step.path = "/p";
  page_step.extract.clear();
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Journey j = journey({page_step, order, poll, signed_step}, 12s);
    j.patience = 700ms;
    j.refresh = seed % 3 == 0 ? 0 : 3;
    j.resubmit = 0.5;
    Rng rng(seed, "fuzz");
    BenchRun run(j, [&rng](const HttpRequest&, Nanos) { return any_reply(rng); });
    run.plan.seed = seed;
    run.plan.in_flight_max = 40;
    run.every(20ms, 100);
    run.client.forget_requests();
    run.run();  // checks the sums
    for (const StepEnded& e : run.history.all<StepEnded>()) {
      EXPECT_EQ(e.outcome == Outcome::ok, e.cause == Cause::none);
      EXPECT_GE(e.done, e.sent);
    }
    for (const TradeEnded& e : run.history.all<TradeEnded>())
      EXPECT_EQ(e.outcome == TradeOutcome::ok, e.cause == Cause::none);
  }
}

}  // namespace
}  // namespace cardstorm
