// Notifies that are not what they should be: refused with the code of api.md, and nothing changes. The reader is
// fuzzed.
#include <random>

#include "reference_platform/services/payment_notify.hpp"
#include "tests/unit/platform/money_fixture.hpp"

namespace platform::services_test {
namespace {

using namespace std::chrono_literals;

edge::Request signed_request(const std::string& body, const std::string& key = kKey, long skew_s = 0) {
  edge::Request r;
  r.method = "POST";
  r.path = "/notify/alpha";
  r.body = body;
  const std::string stamp = std::to_string(std::time(nullptr) + skew_s);
  r.headers = {{"x-timestamp", stamp}, {"x-sign", services::partner_sign(key, "POST", r.path, stamp, body)}};
  return r;
}

const std::string kGood =
    R"({"channel":"alpha","trade_no":"t1","out_trade_no":"H0abc-alpha","order":"H0abc","amount_cents":500,"status":"SUCCESS","notify_no":"n1"})";

std::string with(const std::string& from, const std::string& to) {
  std::string out = kGood;
  out.replace(out.find(from), from.size(), to);
  return out;
}

TEST(NotifyReader, TakesATrueNotifyHoweverItIsSpelled) {
  const std::string spaced =
      R"( { "amount_cents" : 500, "status":"SUCCESS", "order":"H0abc", "out_trade_no":"H0abc-alph\u0061", "trade_no":"t1","channel":"alpha","more":[1,{"x":null}] } )";
  for (const auto& body : {kGood, spaced}) {
    const auto read = services::read_channel_notify(kKey, "alpha", signed_request(body), {});
    ASSERT_TRUE(read.charge) << read.code;
    EXPECT_EQ(read.charge->out_trade_no, "H0abc-alpha");
    EXPECT_EQ(read.charge->amount_cents, 500);
  }
}

TEST(NotifyReader, RefusesEachWrongNotifyWithItsCode) {
  struct Case {
    std::string body;
    int status;
    std::string code;
  };
  const std::vector<Case> cases = {
      {"", 400, "bad_json"},
      {"{", 400, "bad_json"},
      {"[" + kGood + "]", 400, "bad_json"},
      {kGood + kGood, 400, "bad_json"},
      {with("500", "1e3"), 400, "bad_amount"},
      {with("500", "500.0"), 400, "bad_amount"},
      {with("500", "\"500\""), 400, "bad_amount"},
      {with("500", "-500"), 400, "bad_amount"},
      {with("500", "0"), 400, "bad_amount"},
      {with("500", "9223372036854775807"), 400, "bad_amount"},
      {with("500", "92233720368547758080"), 400, "bad_json"},
      {with("500", "null"), 400, "bad_amount"},
      {with("\"alpha\"", "\"beta\""), 400, "wrong_merchant"},
      {with("\"alpha\"", "\"nobody\""), 400, "wrong_merchant"},
      {with("SUCCESS", "CLOSED"), 400, "bad_status"},
      {with("SUCCESS", "success"), 400, "bad_status"},
      {with("\"t1\"", "\"\""), 400, "bad_number"},
      {with("\"t1\"", "\"t\\u0000\""), 400, "bad_number"},
      {with("\"t1\"", "\"t\\udc00\""), 400, "bad_json"},
      {with("\"t1\"", "\"t'; DROP TABLE payments; --\""), 400, "bad_number"},
      {with("\"t1\"", "\"" + std::string(65, 'x') + "\""), 400, "bad_number"},
      {with("\"t1\"", "7"), 400, "bad_number"},
      {with("\"H0abc\"", "\"H0 abc\""), 400, "bad_number"},
      {with("\"H0abc-alpha\"", "\"other\""), 404, "unknown_payment"},
      {with("\"H0abc-alpha\"", "\"HGabc-alpha\""), 404, "unknown_payment"},
      {with("\"H0abc-alpha\"", "null"), 404, "unknown_payment"},
      {with("\"n1\"", "\"" + std::string(20000, 'x') + "\""), 413, "too_large"},
      {with("\"n1\"", std::string(40, '[') + std::string(40, ']')), 400, "bad_json"},
  };
  for (const Case& c : cases) {
    const auto read = services::read_channel_notify(kKey, "alpha", signed_request(c.body), {});
    EXPECT_FALSE(read.charge) << c.body.substr(0, 200);
    EXPECT_EQ(read.status, c.status) << c.body.substr(0, 200);
    EXPECT_EQ(read.code, c.code) << c.body.substr(0, 200);
  }
  for (const auto& request :
       {signed_request(kGood, "no key"), signed_request(kGood, kKey, -400), signed_request(kGood, kKey, 400)}) {
    EXPECT_STREQ(services::read_channel_notify(kKey, "alpha", request, {}).code, "bad_sign");
  }
}

// 20 000 mutations of true notifies, signed as they are: nothing crashes, and what is taken keeps the reader's promise.
TEST(NotifyReader, SurvivesAnythingAndTakesOnlyWhatIsWellFormed) {
  std::mt19937_64 random(20260801);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::vector<std::string> pieces = {"\"",
                                           "\\",
                                           "{",
                                           "}",
                                           "[",
                                           ",",
                                           ":",
                                           "\\u0000",
                                           "\xff",
                                           "\xc3",
                                           "null",
                                           "-",
                                           "1e999",
                                           "99999999999999999999",
                                           "\"amount_cents\":1",
                                           "H0abc-alpha",
                                           std::string(300, '['),
                                           std::string("\0", 1)};
  int taken = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string body = kGood;
    for (std::size_t n = 0, times = below(4) + 1; n < times; ++n) {
      const std::size_t at = below(body.size() + 1);
      switch (below(4)) {
        case 0:
          body.insert(at, pieces[below(pieces.size())]);
          break;
        case 1:
          body.erase(at, below(12));
          break;
        case 2:
          if (at < body.size()) body[at] = static_cast<char>(below(256));
          break;
        default:
          body.insert(at, body.substr(below(body.size() + 1), below(40)));
          break;
      }
    }
    const auto read = services::read_channel_notify(kKey, "alpha", signed_request(body), {});
    EXPECT_EQ(read.charge.has_value(), read.status == 200);
    if (!read.charge) continue;
    ++taken;
    EXPECT_GT(read.charge->amount_cents, 0);
    EXPECT_TRUE(store::place_of(read.charge->out_trade_no));
    for (const auto& number : {read.charge->out_trade_no, read.charge->trade_no}) {
      EXPECT_FALSE(number.empty());
      EXPECT_EQ(number.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_."),
                std::string::npos)
          << body;
    }
  }
  EXPECT_GT(taken, 100);  // the mutations are not all nonsense
}

TEST_F(MoneyTest, ChangesNothingForAHostileNotify) {
  start_payment();
  const std::string mine = wish("alpha", 500, "waiting"), other = paid("alpha", 500),
                    far = wish("beta", 500, "waiting", kDatabases - 1);
  const std::string good = notify_body(mine, "alpha", 500, "t1");
  const auto state = [&] {
    return text("SELECT json_agg(row(order_no, channel, state, trade_no) ORDER BY id)::text FROM payments") + " " +
           std::to_string(number("SELECT count(*) FROM charges")) + " " +
           std::to_string(number("SELECT count(*) FROM outbox")) + " " +
           std::to_string(number("SELECT count(*) FROM refunds"));
  };
  const std::string before = state();
  const auto refused = [&](const edge::CallResult& r, int status, const std::string& code) {
    EXPECT_EQ(r.status, status) << r.body;
    EXPECT_EQ(domain::Json::parse(r.body).value_or(domain::Json())["error"].text(), code);
  };
  refused(tell("alpha", good, "no key"), 401, "bad_sign");
  refused(tell("alpha", notify_body(mine, "alpha", 1, "t1")), 400, "wrong_amount");
  refused(tell("alpha", notify_body(mine, "alpha", 501, "t1")), 400, "wrong_amount");
  refused(tell("beta", good), 400, "wrong_merchant");
  refused(tell("beta", notify_body(mine, "beta", 500, "t1")), 404, "unknown_payment");  // never asked for there
  refused(tell("alpha", notify_body(number_in(0), "alpha", 500, "t1")), 404, "unknown_payment");
  refused(tell("alpha", notify_body(mine, "alpha", 500, "T-" + other)), 400, "wrong_order");  // another order's trade
  std::string foreign = good;
  foreign.replace(foreign.find("\"order\":\"" + mine), 9 + mine.size(), "\"order\":\"" + far);
  refused(tell("alpha", foreign), 400, "wrong_order");
  refused(tell("nobody", good), 404, "not_found");
  refused(tell("alpha", "\xff\xfe" + good), 400, "bad_encoding");
  refused(tell("alpha", std::string(30000, ' ') + good), 413, "too_large");
  refused(tell("alpha", "{"), 400, "bad_json");
  EXPECT_EQ(tell("alpha", std::string(2 << 20, 'x')).status, 413);
  // Signed for the other channel's address, sent here.
  const std::string stamp = std::to_string(std::time(nullptr));
  refused(edge::call(
              "POST", url_ + "/notify/alpha", good,
              {{"X-Timestamp", stamp}, {"X-Sign", services::partner_sign(kKey, "POST", "/notify/beta", stamp, good)}},
              {1s, 3s}),
          401, "bad_sign");
  EXPECT_EQ(state(), before);
  EXPECT_EQ(tell("alpha", good).body, "success");
  EXPECT_EQ(tell("alpha", good).body, "success");
  EXPECT_EQ(count("paid"), 1);
}

}  // namespace
}  // namespace platform::services_test
