// observe: contexts, metric names, spans and business lines as outsiders read them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "reference_platform/domain/json.hpp"
#include "reference_platform/edge/http.hpp"
#include "reference_platform/observe/append.hpp"
#include "reference_platform/observe/context.hpp"
#include "reference_platform/observe/log.hpp"
#include "reference_platform/observe/metrics.hpp"
#include "reference_platform/observe/spans.hpp"
#include "tests/unit/platform/wait_until.hpp"

namespace platform::observe {
namespace {

namespace fs = std::filesystem;

constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Context, ReadsAndWritesATraceparent) {
  const Context c = Context::of(kParent, "drill-7");
  EXPECT_EQ(c.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(c.span_id, "00f067aa0ba902b7");
  EXPECT_EQ(c.traceparent(), kParent);
  EXPECT_FALSE(Context::of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02", "").sampled);
  EXPECT_EQ(
      Context::of("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-is-yet-to-come", "").traceparent(),
      kParent);
  EXPECT_EQ(c.mark, "drill-7");
}

TEST(Context, TakesAMalformedTraceparentAsNone) {
  for (const char* bad : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                          "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
                          "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e473!-00f067aa0ba902b7-01"}) {
    EXPECT_EQ(Context::of(bad, "m").trace_id, "") << bad;
    EXPECT_EQ(Context::of(bad, "m").mark, "m");
  }
}

TEST(Context, IsSetForAScopeAndPerThread) {
  const Scope outer(Context::of(kParent, "a"));
  {
    const Scope inner(Context::fresh("b"));
    EXPECT_EQ(current().mark, "b");
    std::thread([] { EXPECT_EQ(current().mark, ""); }).join();
  }
  EXPECT_EQ(current().mark, "a");
}

TEST(Metrics, WritesCountersGaugesAndHistogramsByTheirFullName) {
  Metrics m;
  m.add("orders_total{outcome=\"created\",class=\"topup\"}");
  m.add("orders_total{outcome=\"created\",class=\"topup\"}", 2);
  m.set("breaker_state{target=\"alpha\"}", 1);
  m.observe("stage_seconds{stage=\"pay\"}", 0.03);
  const std::string text = m.text();
  EXPECT_NE(text.find("orders_total{class=\"topup\",outcome=\"created\"} 3"), std::string::npos) << text;
  EXPECT_NE(text.find("breaker_state{target=\"alpha\"} 1"), std::string::npos) << text;
  EXPECT_NE(text.find("stage_seconds_bucket{stage=\"pay\",le=\"0.05\"} 1"), std::string::npos) << text;
  EXPECT_NE(text.find("stage_seconds_bucket{stage=\"pay\",le=\"0.025\"} 0"), std::string::npos) << text;
}

TEST(Metrics, KeepsABoundOnTheNumberOfSeries) {
  Metrics m;
  for (int i = 0; i < 5000; ++i) m.add("x_total{a=\"" + std::to_string(i) + "\"}");
  const std::string text = m.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'),
            2000 + 1);  // the series and their family's TYPE; nobody has explained it
}

TEST(Metrics, HasTheBucketsOfTheConventions) {
  Metrics m;
  m.observe("http_server_request_duration_seconds", 0.2);
  m.observe("db_client_operation_duration_seconds", 0.2);
  const std::string text = m.text();
  for (const char* bound :
       {"0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5", "7.5", "10", "+Inf"})
    EXPECT_NE(text.find("http_server_request_duration_seconds_bucket{le=\"" + std::string(bound) + "\"}"),
              std::string::npos)
        << bound;
  for (const char* bound : {"0.001", "0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "10", "+Inf"})
    EXPECT_NE(text.find("db_client_operation_duration_seconds_bucket{le=\"" + std::string(bound) + "\"}"),
              std::string::npos)
        << bound;
  EXPECT_EQ(text.find("db_client_operation_duration_seconds_bucket{le=\"0.25\"}"), std::string::npos);
}

TEST(Metrics, ExplainsItselfAndWhatItUses) {
  Metrics m;
  m.add("orders_total");
  measure_process(m);
  const std::string text = m.text();
  EXPECT_NE(text.find("# HELP orders_total "), std::string::npos) << text;
  EXPECT_NE(text.find("# TYPE process_cpu_seconds_total counter"), std::string::npos);
  const auto at = text.find("\nprocess_resident_memory_bytes ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_GT(std::strtod(text.c_str() + at + 31, nullptr), 1e6);
}

TEST(Metrics, NamesRoutesAndStatementsWithoutWhatTheyAreAbout) {
  EXPECT_EQ(route_of("/orders/H7abc/pay"), "/orders/{id}/pay");
  EXPECT_EQ(route_of("/goods/steam-50"), "/goods/{id}");
  EXPECT_EQ(route_of("/notify/alpha"), "/notify/{channel}");
  EXPECT_EQ(route_of("/whatever/somebody/asks/for"), "/{id}/{id}/{id}/{id}");
  EXPECT_EQ(target_of("/channel/alpha/pay"), "/channel/alpha/pay");
  EXPECT_EQ(target_of("/channel/alpha/refunds/H7abc01-r1"), "/channel/alpha/refunds/{id}");
  EXPECT_EQ(route_of("/"), "/");
  EXPECT_EQ(route_of("/api/v1/upstream/orders/12345678"), "/api/v1/upstream/orders/{id}");
  EXPECT_EQ(summary_of("SELECT 1 FROM goods WHERE a = $1"), "SELECT goods");
  EXPECT_EQ(summary_of("WITH picked AS (SELECT id FROM orders FOR UPDATE OF o SKIP LOCKED) UPDATE orders o SET a = 1"),
            "UPDATE orders");
  EXPECT_EQ(summary_of("SELECT a FROM orders FOR NO KEY UPDATE"), "SELECT orders");
  EXPECT_EQ(summary_of("WITH taken AS (DELETE FROM outbox RETURNING a), done AS (UPDATE orders SET b = 'UPDATE x') "
                       "SELECT * FROM done"),
            "DELETE outbox UPDATE orders");
  EXPECT_EQ(summary_of("INSERT INTO goods VALUES (1) ON CONFLICT (sku) DO UPDATE SET a = 1"), "INSERT goods");
  EXPECT_EQ(summary_of("SELECT extract(epoch FROM now() - min(at)) FROM outbox"), "SELECT outbox");
  EXPECT_EQ(summary_of("SELECT order_create(a) FROM unnest($1::text[]) AS o(a)"), "SELECT order_create");
  EXPECT_EQ(summary_of("INSERT INTO outbox(topic) VALUES ('x')"), "INSERT outbox");
}

class Spans : public ::testing::Test {
 protected:
  void SetUp() override {
    file_ = (fs::temp_directory_path() / ("cardstorm-spans-" + std::to_string(::getpid()) + ".jsonl")).string();
  }
  void TearDown() override {
    stop_spans();
    fs::remove(file_);
  }
  void start(double share) { start_spans({"order", "order-2", file_, "", share, std::chrono::minutes(1)}); }
  /// All spans in the file.
  std::vector<domain::Json> written() {
    stop_spans();
    std::ifstream in(file_);
    std::vector<domain::Json> out;
    for (std::string line; std::getline(in, line);) {
      const auto json = domain::Json::parse(line);
      EXPECT_TRUE(json.has_value()) << line;
      if (!json) continue;
      for (const auto& resource : (*json)["resourceSpans"].items())
        for (const auto& scope : resource["scopeSpans"].items())
          for (const auto& span : scope["spans"].items()) out.push_back(span);
    }
    return out;
  }
  std::string file_;
};

TEST_F(Spans, AreChildrenOfWhatCameInAndParentsOfWhatGoesOut) {
  start(1);
  {
    Span server("POST /orders", SpanKind::server, Context::of(kParent, "drill"));
    server.attribute("http.response.status_code", 201);
    const Span client("call", SpanKind::client, current());
    EXPECT_EQ(current().span_id, client.context().span_id);
  }
  const auto spans = written();
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(spans[0]["name"].text(), "call");  // ends first
  EXPECT_EQ(spans[0]["parentSpanId"].text(), spans[1]["spanId"].text());
  EXPECT_EQ(spans[1]["parentSpanId"].text(), "00f067aa0ba902b7");
  for (const auto& s : spans) EXPECT_EQ(s["traceId"].text(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(spans[1]["attributes"].items()[0]["value"]["intValue"].text(), "201");
}

TEST_F(Spans, KeepErrorsWhateverTheShare) {
  start(0);
  {
    const Span good("good", SpanKind::internal, Context{});
    Span bad("bad", SpanKind::internal, Context{});
    bad.fail("timeout");
  }
  const auto spans = written();
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0]["name"].text(), "bad");
  EXPECT_EQ(spans[0]["status"]["message"].text(), "timeout");
}

TEST_F(Spans, PassTheDecisionOnInTheFlagAndHonourTheCallers) {
  start(0.5);
  const std::string in = "00-00000001aaaaaaaaaaaaaaaaaaaaaaaa-00f067aa0ba902b7-",
                    out = "00-f0000001aaaaaaaaaaaaaaaaaaaaaaaa-00f067aa0ba902b7-";
  const auto flag = [](const std::string& parent) {
    return Span("hop", SpanKind::server, Context::of(parent, "")).context().traceparent().substr(53);
  };
  EXPECT_EQ(flag(in + "01"), "01");
  EXPECT_EQ(flag(in + "00"), "00") << "who began it does not want it";
  EXPECT_EQ(flag(out + "01"), "00") << "not of the share: nobody further on keeps it";
  EXPECT_EQ(written().size(), 1U);
}

TEST_F(Spans, WorkOfABatchIsAChildOfItsMessageAndLinksWhatCausedIt) {
  start(1);
  const Context message = Context::of(kParent, "drill"), cause = Context::fresh();
  record_work("process paid", SpanKind::consumer, message, std::chrono::steady_clock::now(),
              {{"cardstorm.order_no", "H1", false}}, cause);
  record_work("of no trace", SpanKind::consumer, Context{}, std::chrono::steady_clock::now(), {});
  const auto spans = written();
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0]["parentSpanId"].text(), message.span_id);
  EXPECT_EQ(spans[0]["kind"].integer(), 5);
  EXPECT_EQ(spans[0]["links"].items().at(0)["traceId"].text(), cause.trace_id);
}

TEST_F(Spans, KeepTheSameTracesAtEveryNode) {
  start(0.5);
  int kept = 0;
  for (int i = 0; i < 400; ++i) {
    const Context request = Context::fresh();
    const Span one("one", SpanKind::server, request);
    const Span two("two", SpanKind::client, request);
  }
  const auto spans = written();
  std::map<std::string, int> traces;
  for (const auto& s : spans) ++traces[s["traceId"].text()];
  for (const auto& [id, n] : traces) {
    EXPECT_EQ(n, 2) << id;
    ++kept;
  }
  EXPECT_GT(kept, 120);
  EXPECT_LT(kept, 280);
}

// /dev/full takes no byte; port 1 no connection; the collector refuses.
TEST_F(Spans, ThatAreNotWrittenOrNotTakenAreCountedEachOne) {
  const auto collector = edge::serve({}, [](const edge::Request&) {
    return edge::Response{500, "", "application/json", {}};
  });
  const std::vector<SpanOptions> lost = {
      {"order", "order-2", "/dev/full", "", 1, std::chrono::minutes(1)},
      {"order", "order-2", "", "http://127.0.0.1:1", 1, std::chrono::minutes(1)},
      {"order", "order-2", file_, "http://127.0.0.1:" + std::to_string(collector->port()), 1, std::chrono::minutes(1)}};
  for (const SpanOptions& options : lost) {
    start_spans(options);
    for (int i = 0; i < 3; ++i) Span("lost", SpanKind::server, Context::fresh());
    EXPECT_TRUE(wait_until([] { return spans_dropped() == 3; }))
        << options.file << options.endpoint << ": " << spans_dropped();
    stop_spans();
  }
}

TEST(Append, LeavesNoHalfLineWhereTheDiskIsFull) {
  const std::string name = (fs::temp_directory_path() / ("cardstorm-append-" + std::to_string(::getpid()))).string();
  const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);  // not O_APPEND, as a shell's 2>file
  ASSERT_GE(fd, 0);
  EXPECT_TRUE(append(fd, "first\n"));
  const auto before = ::signal(SIGXFSZ, SIG_IGN);
  rlimit usual{};
  ::getrlimit(RLIMIT_FSIZE, &usual);
  const rlimit small{10, usual.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const bool there = append(fd, "second\nthird\n");
  ::setrlimit(RLIMIT_FSIZE, &usual);
  ::signal(SIGXFSZ, before);
  EXPECT_FALSE(there);
  EXPECT_TRUE(append(fd, "fourth\n"));
  ::close(fd);
  std::ifstream in(name);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "first\nfourth\n");
  fs::remove(name);
}

TEST(BusinessLog, CountsTheLinesThatAFullDiskDoesNotTake) {
  flush_log();
  const auto before = log_dropped();
  const int screen = ::dup(2), full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ::dup2(full, 2);
  for (int i = 0; i < 3; ++i) BusinessLog("order-1").event("order_paid", "H7", "", "alpha");
  flush_log();
  ::dup2(screen, 2);
  ::close(screen);
  ::close(full);
  EXPECT_EQ(log_dropped() - before, 3U);
}

TEST(BusinessLog, SortsEventsByScenario) {
  EXPECT_EQ(scenario_of("order_created"), "order");
  EXPECT_EQ(scenario_of("payment_unknown"), "pay");
  EXPECT_EQ(scenario_of("refund_wanted"), "refund");
  EXPECT_EQ(scenario_of("order_delivered"), "delivery");
  EXPECT_EQ(scenario_of("claim"), "stock");
  EXPECT_EQ(scenario_of("topup_unknown"), "supplier");
  EXPECT_EQ(scenario_of("supply_done"), "supplier");
  EXPECT_EQ(scenario_of("stock_claim"), "stock");
  EXPECT_EQ(scenario_of("intake_fallback"), "order");
  EXPECT_EQ(scenario_of("started"), "platform");
}

TEST(BusinessLog, WritesOneJsonLineWithItsTrace) {
  testing::internal::CaptureStderr();
  {
    const Scope scope(Context::of(kParent, "m"));
    BusinessLog("order-1").event("order_paid", "H7\"x", "m", "alpha");
  }
  flush_log();
  const std::string line = testing::internal::GetCapturedStderr();
  const auto json = domain::Json::parse(line);
  ASSERT_TRUE(json) << line;
  EXPECT_EQ((*json)["scenario"].text(), "pay");
  EXPECT_EQ((*json)["order_no"].text(), "H7\"x");
  EXPECT_EQ((*json)["trace_id"].text(), "4bf92f3577b34da6a3ce929d0e0e4736");
}

}  // namespace
}  // namespace platform::observe
