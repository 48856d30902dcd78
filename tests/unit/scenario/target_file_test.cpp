// target_file: every section of a target file is read as written, and every mistake in it comes with place and remedy,
// all at once.
#include "harness/scenario/target_file.hpp"

#include <gtest/gtest.h>

#include "tests/unit/scenario/workspace.hpp"

namespace cardstorm {
namespace {

Known with_abilities() {
  Known known = some_known();
  known.targets[1].abilities = {"pool", "channels", "nodes"};
  return known;
}

struct Reading {
  TargetFile file;
  std::string mistakes;
};
Reading read(const std::string& text, const std::string& path = "/lab/targets/shop.yaml") {
  Mistakes mistakes;
  const auto tree = parse_yaml(text, path, mistakes);
  Reading out;
  if (tree) out.file = read_target(*tree, with_abilities(), mistakes);
  out.mistakes = text_of(mistakes);
  return out;
}

constexpr const char* kHead = "target: shop\nkind: external\nurl: http://127.0.0.1:8080\njourneys: buyers\n";

TEST(TargetFile, ReadsEverySection) {
  const auto [file, mistakes] =
      read(std::string("target: shop\nkind: external\nurl: https://127.0.0.1:8443\njourneys: buyers\n") +
           R"yaml(environment: production
touch: [pool, channels, nodes]
version: { path: /health, at: /build }
mark: { header: X-Drill }
clients: { header: X-Forwarded-For, pool: 198.18.0.0/15, sources: [127.0.0.2] }
http2: true
unix_socket: run/shop.sock
tracing: { headers: [traceparent, sw8], link: "http://traces/${trace_id}" }
must_not_resolve: [api.bank.example]
preflight: { journey: buy }
guard:
  prometheus: http://127.0.0.1:9090/
  every: 2s
  stop_when:
    - { name: errors, query: "sum(rate(errors[1m])) > 5" }
    - { name: lag, query: "lag > 9", absent: ok }
partners: { url: "http://127.0.0.1:9300", token_file: partners/token, journal: /var/journal }
nodes:
  order: { docker: shop-order-1, socket: /run/user/1000/podman.sock }
  pay: { kubernetes: { context: lab, namespace: shop, selector: "app=pay,tier in (a)", max: 2, kubectl: ./kubectl } }
  web: { command: { kill: [./kill.sh, web], probe: [curl, -fs, "http://127.0.0.1/"], undo: [/opt/start] } }
databases:
  stock: { url: "mysql://drill@127.0.0.1:3306/shop", password_file: ../secrets/db, lock: { table: shop.stock, where: "sku = 'test'" }, slots: 20, limit: 45s }
audit: { database: stock, orders: "SELECT 1", cards: "with x as (select 1) select * from x", rows_max: 5, timeout: 9s }
redis: 127.0.0.1:6379
kafka: "127.0.0.1:9092"
production: [load, "peak <= 50", node_kill on order, audit, orders]
)yaml");
  EXPECT_EQ(mistakes, "");
  const TargetSpec& s = file.spec;
  EXPECT_EQ(s.version_path + " " + s.version_pointer, "/health /build");
  EXPECT_EQ(s.mark_header, "X-Drill");
  EXPECT_EQ(s.client_header + " " + s.client_pool + " " + s.sources.at(0), "X-Forwarded-For 198.18.0.0/15 127.0.0.2");
  EXPECT_TRUE(s.http2 && s.tls_verify);
  EXPECT_EQ(s.unix_socket, "/lab/targets/run/shop.sock") << "relative to the file";
  EXPECT_EQ(s.tracing, (std::vector<std::string>{"traceparent", "sw8"}));
  EXPECT_EQ(s.trace_link, "http://traces/${trace_id}");
  EXPECT_EQ(s.must_not_resolve, std::vector<std::string>{"api.bank.example"});
  EXPECT_EQ(s.preflight_journey, "buy");
  EXPECT_EQ(s.guard_prometheus, "http://127.0.0.1:9090");
  EXPECT_EQ(s.guard_every, 2s);
  ASSERT_EQ(s.guard.size(), 2U);
  EXPECT_TRUE(s.guard[0].absent_is_bad);
  EXPECT_FALSE(s.guard[1].absent_is_bad);
  EXPECT_EQ(s.partners.token_file + " " + s.partners.journal, "/lab/targets/partners/token /var/journal");
  EXPECT_EQ(s.nodes.at("order").kind + " " + s.nodes.at("order").node + " " + s.nodes.at("order").socket,
            "docker shop-order-1 /run/user/1000/podman.sock");
  const NodeSpec& pay = s.nodes.at("pay");
  EXPECT_EQ(pay.kind + " " + pay.context + " " + pay.name_space + " " + pay.selector + " " + pay.kubectl,
            "kubernetes lab shop app=pay,tier in (a) /lab/targets/kubectl");
  EXPECT_EQ(pay.max, 2U);
  const NodeSpec& web = s.nodes.at("web");
  EXPECT_EQ(web.kill, (std::vector<std::string>{"/lab/targets/kill.sh", "web"}));
  EXPECT_EQ(web.probe.at(0) + " " + web.undo.at(0), "curl /opt/start");
  const DatabaseSpec& db = s.databases.at("stock");
  EXPECT_EQ(db.password_file, "/lab/secrets/db");
  EXPECT_EQ(db.lock_table + " " + db.lock_where, "shop.stock sku = 'test'");
  EXPECT_EQ(db.slots, 20U);
  EXPECT_EQ(db.limit, 45s);
  EXPECT_EQ(s.audit.database, "stock");
  EXPECT_EQ(s.audit.rows_max, 5U);
  EXPECT_EQ(s.audit.timeout, 9s);
  EXPECT_EQ(s.redis + " " + s.kafka, "127.0.0.1:6379 127.0.0.1:9092");
  EXPECT_EQ(s.production_allows.size(), 5U);
}

TEST(TargetFile, ReadsTheShortForms) {
  const auto [file, mistakes] = read(std::string(kHead) + "audit: /books\nversion: { header: X-Version }\n");
  EXPECT_EQ(mistakes, "");
  EXPECT_EQ(file.spec.audit.path, "/books");
  EXPECT_EQ(file.spec.version_path, "/") << "a header stands in any answer";
  EXPECT_EQ(file.spec.mark_header, "X-Cardstorm-Mark");
}

struct Bad {
  const char* lines;
  const char* message;
};
class TargetFileMistakes : public testing::TestWithParam<Bad> {};

TEST_P(TargetFileMistakes, AreToldWithPlaceAndRemedy) {
  const std::string mistakes = read(std::string(kHead) + GetParam().lines + "\n").mistakes;
  EXPECT_NE(mistakes.find(GetParam().message), std::string::npos) << GetParam().lines << "\n" << mistakes;
  EXPECT_NE(mistakes.find("/lab/targets/shop.yaml:"), std::string::npos) << mistakes;
  EXPECT_NE(mistakes.find("\n    "), std::string::npos) << "no remedy: " << mistakes;
  EXPECT_EQ(mistakes.find("hunter2"), std::string::npos) << "a password is never repeated: " << mistakes;
}

INSTANTIATE_TEST_SUITE_P(
    Lines, TargetFileMistakes,
    testing::Values(
        Bad{"version: { path: health, at: /v }", "'path' must be a path"},
        Bad{"version: { path: /health }", "a version stands either"},
        Bad{"version: { at: /v, header: X-V }", "a version stands either"},
        Bad{"mark: { header: \"X Mark\" }", "is not the name of a header"},
        Bad{"clients: { pool: 198.18.0.0/15 }", "'header' and 'pool' belong together"},
        Bad{"clients: { header: X-F, pool: everybody }", "is not a block"},
        Bad{"clients: { sources: [eth0] }", "is not an address of this machine"},
        Bad{"tls: { verify: false }", "'tls' has no effect on http://"},
        Bad{"http2: true", "'http2' is spoken over https only"},
        Bad{"tracing: { headers: [b3] }", "tracing header 'b3' is not known"},
        Bad{"tracing: { headers: [sw8], link: http://x }", "does not hold ${trace_id}"},
        Bad{"must_not_resolve: [\"http://bank\"]", "is not a host name"},
        Bad{"preflight: {}", "a preflight needs 'journey'"},
        Bad{"guard: { prometheus: \"http://127.0.0.1:9\" }", "a guard needs 'stop_when'"},
        Bad{"guard: { prometheus: \"http://8.8.8.8\", stop_when: [{ name: a, query: b }] }", "8.8.8.8"},
        Bad{"guard: { prometheus: \"http://127.0.0.1:9\", stop_when: [{ name: a, query: b, absent: maybe }] }",
            "'absent' is 'maybe'"},
        Bad{"guard: { prometheus: \"http://127.0.0.1:9\", stop_when: [{ name: a, query: b }, { name: a, query: c }] }",
            "condition 'a' stands twice"},
        Bad{"partners: { url: \"http://127.0.0.1:9300\" }", "partners needs 'token_file'"},
        Bad{"partners: { url: \"http://u:hunter2@127.0.0.1\", token_file: t }", "holds a user or a password"},
        Bad{"nodes: { order: shop-order-1 }", "it is not said how node 'order'"},
        Bad{"nodes: { order: { docker: a, command: { kill: [x], probe: [y] } } }", "needs one way to be reached"},
        Bad{"nodes: { order: { docker: \"--all\" } }", "is not the name of a container"},
        Bad{"nodes: { order: { docker: \"a/../b\" } }", "is not the name of a container"},
        Bad{"nodes: { order: { kubernetes: { namespace: shop, selector: app=x } } }",
            "a kubernetes node needs 'context'"},
        Bad{"nodes: { order: { kubernetes: { context: c, namespace: shop } } }", "a kubernetes node needs 'selector'"},
        Bad{"nodes: { order: { kubernetes: { context: c, namespace: kube-system, selector: a=b } } }",
            "carry the cluster itself"},
        Bad{"nodes: { order: { kubernetes: { context: c, namespace: shop, selector: \"--all\" } } }",
            "cannot be a selector"},
        Bad{"nodes: { order: { command: { kill: \"pkill -9 order\", probe: [x] } } }", "no shell reads it"},
        Bad{"nodes: { order: { command: { kill: [x] } } }", "a command node needs 'probe'"},
        Bad{"nodes: { order: { command: { kill: [], probe: [x] } } }", "'kill' names no program"},
        Bad{"databases: { db: { url: \"mysql://drill:hunter2@127.0.0.1/shop\" } }", "it holds a password"},
        Bad{"databases: { db: { url: \"postgresql://drill@127.0.0.1/shop?password=hunter2\" } }",
            "it holds a password"},
        Bad{"databases: { db: { url: \"oracle://drill@127.0.0.1/shop\" } }", "its scheme is not"},
        Bad{"databases: { db: { url: \"mysql://127.0.0.1/shop\" } }", "it names no user"},
        Bad{"databases: { db: { url: \"mysql://drill@8.8.8.8/shop\" } }", "8.8.8.8"},
        Bad{"databases: { db: { url: \"mysql://d@127.0.0.1/s\", lock: { table: \"a; drop\", where: x } } }",
            "is not the name of a table"},
        Bad{"databases: { db: { url: \"mysql://d@127.0.0.1/s\", limit: 1s } }", "'limit' is 1s"},
        Bad{"audit: books", "'audit' must be a path on the target"},
        Bad{"audit: { database: db, orders: SELECT 1 }", "'db' is not among 'databases'"},
        Bad{"audit: { path: /a, database: b }", "either a path on the target or a database"},
        Bad{"databases: { db: { url: \"mysql://d@127.0.0.1/s\" } }\naudit: { database: db, orders: \"DELETE FROM "
            "orders\" }",
            "must be one query"},
        Bad{"redis: localhost", "'redis' must be HOST:PORT"},
        Bad{"production: [load]", "has no effect in environment 'lab'"},
        Bad{"environment: production\nproduction: [everything]", "'everything' allows nothing"},
        Bad{"environment: production\nproduction: [load, node_killl on order]", "fault 'node_killl' is not known"},
        Bad{"touch: [pool]", "touch: pool needs a database with 'lock' or 'slots'"},
        Bad{"touch: [nodes]", "touch: nodes needs 'nodes'"},
        Bad{"touch: [channels]", "touch: channels needs 'partners'"},
        Bad{"verison: { at: /v }", "unknown key 'verison'"}));

TEST(TargetFile, TellsAllMistakesAtOnce) {
  const std::string mistakes =
      read(std::string(kHead) + "touch: [nodes, pool]\nredis: x\nversion: {}\nnodes: { a: b }\n").mistakes;
  for (const char* part : {"'redis' must be", "a version stands", "it is not said how node 'a'", "touch: pool needs"})
    EXPECT_NE(mistakes.find(part), std::string::npos) << mistakes;
}

TEST(TargetFile, TellsEveryWrongBlockOfTheAllowList) {
  const std::string mistakes = read(std::string(kHead) + "allow: [abc, 127.0.0.0/8, 127.0.0.0/33]\n").mistakes;
  for (const char* part : {"'abc' is not a numeric address", "'127.0.0.0/33' has a bad prefix length"})
    EXPECT_NE(mistakes.find(part), std::string::npos) << mistakes;
}

TEST(TargetFile, AnAddressHoldsNoPassword) {
  const std::string mistakes =
      read("target: a\nkind: external\nurl: http://me:hunter2@127.0.0.1:8080\njourneys: b\n").mistakes;
  EXPECT_NE(mistakes.find("'url' holds a user or a password"), std::string::npos) << mistakes;
  EXPECT_EQ(mistakes.find("hunter2"), std::string::npos) << "and none is repeated: " << mistakes;
}

TEST(TargetFile, AReferenceTargetHasNoneOfIt) {
  const std::string mistakes =
      read("target: a\nkind: reference\nvariant: hardened\njourneys: b\nhttp2: true\nnodes: { order: { docker: x } }\n")
          .mistakes;
  EXPECT_NE(mistakes.find("has no 'http2'"), std::string::npos) << mistakes;
  EXPECT_NE(mistakes.find("kills its nodes itself"), std::string::npos) << mistakes;
}

TEST(TargetFile, AUnixSocketStandsInForTheAddress) {
  const auto [file, mistakes] =
      read("target: a\nkind: external\nurl: http://shop.invalid\nunix_socket: /run/shop.sock\njourneys: b\n");
  EXPECT_EQ(mistakes, "") << "its host is only a header";
  EXPECT_EQ(file.spec.unix_socket, "/run/shop.sock");
}

}  // namespace
}  // namespace cardstorm
