// Journeys of foreign shops in YAML: every key is read, every mistake has its place, and no key or password stands in a
// plan.
#include <gtest/gtest.h>

#include "harness/scenario/data_file.hpp"
#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

const char* kShop = R"yaml(mix: buyers
why: A test.
journeys:
  - journey: buy
    flow: buy
    weight: 1
    skew: 0.5
    patience: 2s
    refresh: 3
    resubmit: 0.25
    data: { file: accounts.csv, pick: random }
    skus: [red]
    steps:
      - step: login
        method: POST
        path: /login.php
        form: { user: "${data.user}", password: "${data.pass}", t: "${now_ms}" }
        expect: { status: [200, 302], body_has: "欢迎" }
        extract: { sid: { cookie: PHPSESSID }, next: { header: Location }, token: { regex: 'name="token" value="([^"]+)"' }, id: { json: /a/b }, plain: /c }
        redirects: 3
      - step: order
        method: POST
        path: /buy.php?sid=${sid}
        body: '{"sku":"${sku}"}'
        cookies: false
        sign: { kind: md5_sorted_key, file: shop.key, into: sig }
        expect: { all: [ { at: /total, is: "== ${id}" }, { at: /items, is: exists }, { at: /no, is: "matches ^[0-9]+$" }, { at: /n, is: ">= 1" } ] }
        sold_out: { status: [200], has: "库存不足" }
        pending: { status: [200, 202], every: 300ms, at: /state, values: [排队中, queued] }
        fact: { is: order, order: "${id}", amount_from: "${plain}", amount_unit: yuan }
      - step: cards
        path: /order.php?no=${id}
        poll: { every: 1s, regex: 'state=(\w+)', until: [done] }
        sign: { kind: hmac_sha256, key: "${data.pass}" }
        fact: { is: cards, order: "${id}", regex: "card=(\\w+)" }
      - { step: leave, path: /bye }
)yaml";

class Journeys : public Workspace {
 protected:
  Journeys() {
    put("journeys/buyers.yaml", kShop);
    put("journeys/accounts.csv", "user,pass\nann,geheim1\n\"bob, jr\",\"ge\"\"heim2\"\n");
    put("journeys/shop.key", "  the-key\n");
    put("small.yaml",
        "scenario: small\nwhy: A test.\ntarget: lab\ntraffic: { base_rate: 5 }\ntiming: { steady: 5s }\nslo: { "
        "samples_min: 10 }\n");
    put("targets/lab.yaml", "target: lab\nkind: external\nurl: http://127.0.0.1:1\njourneys: buyers\n");
  }
};

TEST_F(Journeys, ReadEveryKey) {
  const Plan plan = good().plan;
  ASSERT_EQ(plan.journeys.size(), 1u);
  const Journey& j = plan.journeys[0];
  EXPECT_EQ(j.skew, 0.5);
  EXPECT_EQ(j.patience, Nanos(2s));
  EXPECT_EQ(j.refresh, 3u);
  EXPECT_EQ(j.resubmit, 0.25);
  EXPECT_TRUE(j.data_random);
  EXPECT_EQ(j.data_columns, (std::vector<std::string>{"user", "pass"}));
  ASSERT_EQ(j.data_rows.size(), 2u);
  EXPECT_EQ(j.data_rows[1], (std::vector<std::string>{"bob, jr", "ge\"heim2"}));
  const Step& login = j.steps[0];
  EXPECT_EQ(login.form.size(), 3u);
  EXPECT_EQ(login.redirects, 3u);
  EXPECT_EQ(login.expect.body_has, "欢迎");
  ASSERT_EQ(login.extract.size(), 5u);
  EXPECT_EQ(login.extract[0].from, Extract::From::cookie);
  EXPECT_EQ(login.extract[1].from, Extract::From::header);
  EXPECT_EQ(login.extract[2].from, Extract::From::regex);
  EXPECT_EQ(login.extract[3].from, Extract::From::json);
  EXPECT_EQ(login.extract[4].pointer, "/c");
  const Step& order = j.steps[1];
  EXPECT_FALSE(order.cookies);
  ASSERT_EQ(order.expect.all.size(), 4u);
  EXPECT_EQ(order.expect.all[0].relation + order.expect.all[0].value, "==${id}");
  EXPECT_EQ(order.expect.all[2].value, "^[0-9]+$");
  EXPECT_EQ(order.sold_out_has, "库存不足");
  ASSERT_TRUE(order.pending);
  EXPECT_EQ(order.pending->status, (std::vector<int>{200, 202}));
  EXPECT_EQ(order.pending->every, Nanos(300ms));
  EXPECT_EQ(order.pending->pointer, "/state");
  EXPECT_EQ(order.pending->values, (std::vector<std::string>{"排队中", "queued"}));
  EXPECT_FALSE(login.pending);
  EXPECT_TRUE(order.amount_yuan);
  EXPECT_EQ(order.sign->into, "sig");
  EXPECT_EQ(j.steps[2].poll->regex, "state=(\\w+)");
  EXPECT_EQ(j.steps[2].sign->into, "Signature");
  EXPECT_TRUE(j.steps[2].sign->in_header);
}

TEST_F(Journeys, KeepKeysAndPasswordsOutOfThePlanAndComeBackWhole) {
  const Plan plan = good().plan;
  const std::string text = json_of_plan(plan).dump(1);
  for (const char* secret : {"geheim", "ge\\\"heim", "the-key", "\"ann\"", "bob, jr"})
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  const auto again = plan_of_json(*Json::parse(text));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(json_of_plan(*again).dump(1), text);
  const Journey& j = again->journeys[0];
  EXPECT_EQ(j.data_count, 2u);
  EXPECT_EQ(j.data_sha256.size(), 64u);
  EXPECT_EQ(j.steps[0].form, plan.journeys[0].steps[0].form);
  EXPECT_EQ(j.steps[1].sign->key_file, plan.journeys[0].steps[1].sign->key_file);
  ASSERT_TRUE(j.steps[1].pending);
  EXPECT_EQ(j.steps[1].pending->every, Nanos(300ms));
  EXPECT_EQ(j.steps[1].pending->values, plan.journeys[0].steps[1].pending->values);
  EXPECT_EQ(text.find("pending"), text.rfind("pending")) << "said only by the step that has it";
  EXPECT_EQ(j.steps[0].extract[2].from, Extract::From::regex);
}

TEST_F(Journeys, TellEachMistakeAtItsPlace) {
  const struct {
    const char *from, *to, *message;
  } cases[]{
      {"{ cookie: PHPSESSID }", "{ cooky: PHPSESSID }", "journeys/buyers.yaml:19:27: source 'cooky' is not known"},
      {"{ header: Location }", "{ header: Location, cookie: a }", "must name one source"},
      {"value=\"([^\"]+)\"' }", "value=([' }", "is not a regular expression"},
      {"{ json: /a/b }", "{ json: a/b }", "'a/b' is not a JSON Pointer"},
      {"plain: /c", "now_s: /c", "'now_s' is always defined"},
      {"plain: /c", "data.x: /c", "'data.x' cannot be a name"},
      {"\"== ${id}\"", "\"~ 5\"", "says no relation"},
      {"\"== ${id}\"", "\"== ${nothing}\"", "'${nothing}' is not defined"},
      {"matches ^[0-9]+$", "matches ([0-9]", "is not a regular expression"},
      {"matches ^[0-9]+$", "matches (a)\\\\1", "back-reference \\1"},
      {"value=\"([^\"]+)\"' }", "value=(?=a)' }",
       "journeys/buyers.yaml:19:92: 'name=\"token\" value=(?=a)' is not a regular expression that can be used: "
       "look-around "
       "(?=\n"},
      {"\">= 1\"", "\">=\"", "'>=' needs a value"},
      {"${data.user}", "${data.name}", "'${data.name}' is not defined"},
      {"kind: md5_sorted_key", "kind: sha1", "signature 'sha1' is not known"},
      {"file: shop.key", "key: \"in the clear\"", "a key does not stand in the clear"},
      {"file: shop.key", "file: nowhere.key", "nowhere.key"},
      {"file: shop.key, ", "", "a signature needs one key"},
      {"key: \"${data.pass}\"", "key: \"${data.pass}\", header: false", "covers the whole body"},
      {"body: '{\"sku\":\"${sku}\"}'", "body: '{}'\n        form: { a: b }", "a 'body' or a 'form'"},
      {"refresh: 3", "refresh: -1", "outside 0 to 20"},
      {"    patience: 2s\n", "", "'refresh' without 'patience'"},
      {"resubmit: 0.25", "resubmit: 2", "outside 0 to 1"},
      {"pick: random", "pick: odd", "pick 'odd' is not known"},
      {"file: accounts.csv", "file: nobody.csv", "nobody.csv"},
      {"amount_unit: yuan", "amount_unit: dollar", "amount_unit 'dollar' is not known"},
      {"amount_from: \"${plain}\"", "amount_from: \"${plain}\", amount: /a", "say the same thing twice"},
      {"regex: 'state=(\\w+)'", "regex: 'state=(\\w+)', at: /a", "keep one of them"},
      {"has: \"库存不足\"", "at: /a", "'at' and 'value' go together"},
      {"redirects: 3", "redirects: 99", "outside 0 to 20"},
      {"path: /bye", "path: /bye, poll: { at: /s, until: [x] }, pending: { status: [202] }",
       "buyers.yaml:36:75: a step has 'poll' or 'pending', not both"},
      {"path: /bye", "path: /bye, pending: { every: 1s }", "'status'"},
      {"path: /bye", "path: /bye, pending: { status: [] }", "no answer could be pending"},
      {"path: /bye", "path: /bye, pending: { status: [503] }", "outside 200 to 499"},
      {"path: /bye", "path: /bye, pending: { status: [200] }", "status 200 is both expected and pending"},
      {"path: /bye", "path: /bye, sold_out: { status: [409] }, pending: { status: [409] }",
       "status 409 is both sold out and pending"},
      {"path: /bye", "path: /bye, pending: { status: [202], every: 1h }", "'every'"},
      {", at: /state, values: [排队中, queued]", ", at: /state", "'at' and 'values' go together"},
      {"at: /state", "at: state", "'state' is not a JSON Pointer"},
      {"at: /state, values", "to: /state, values", "unknown key 'to' in 'pending'"},
      {"path: /bye", "path: \"x${trace_path}\"", "is not a path on the target"},
      {"path: /bye", "path: /bye, body: \"${trace_path}\"", "'${trace_path}' is not defined"},
  };
  for (const auto& c : cases) {
    edit("journeys/buyers.yaml", kShop, c.from, c.to);
    const std::string text = bad_text();
    EXPECT_NE(text.find(c.message), std::string::npos) << c.to << "\n" << text;
  }
}

TEST_F(Journeys, CountTheMistakesOfADataFileByItsLines) {
  const auto told = [&](const std::string& csv) {
    put("journeys/accounts.csv", csv);
    return bad_text();
  };
  EXPECT_NE(told("user,pass\na,b\nonly\nc,d,e\n").find("accounts.csv:3:1: 1 fields, the first line names 2"),
            std::string::npos);
  EXPECT_NE(told("user,pass\na,b\nonly\nc,d,e\n").find("accounts.csv:4:1: 3 fields"), std::string::npos);
  EXPECT_NE(told("user,pass\n\"a\nb\",x\ny\n").find("accounts.csv:4:1"), std::string::npos)
      << "a quoted line end counts";
  EXPECT_NE(told("user,user,pass\n1,2,3\n").find("column 'user' stands twice"), std::string::npos);
  EXPECT_NE(told("user,pa ss\n1,2\n").find("cannot be the name of a column"), std::string::npos);
  EXPECT_NE(told("").find("is empty"), std::string::npos);
  EXPECT_NE(told("user,pass\n\n").find("has no rows"), std::string::npos);
  EXPECT_NE(told("user,pass\na,\"b\n").find("a quote is not closed"), std::string::npos);
  std::string many = "user,pass\n";
  for (int i = 0; i < 100'001; ++i) many += "a,b\n";
  EXPECT_NE(told(many).find("accounts.csv:100002:1: more than 100000 rows"), std::string::npos);
}

}  // namespace
}  // namespace cardstorm
