// What an operator sees: the nodes' own words put together, and a page that asks nobody else.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/ops/overview.hpp"

namespace platform::ops {
namespace {

namespace json = boost::json;

constexpr char kMetrics[] =
    "# TYPE http_server_request_duration_seconds histogram\n"
    "http_server_request_duration_seconds_bucket{http_route=\"/goods\",http_response_status_code=\"200\",le=\"0.01\"} "
    "3\n"
    "http_server_request_duration_seconds_bucket{http_route=\"/goods\",http_response_status_code=\"200\",le=\"+Inf\"} "
    "5\n"
    "http_server_request_duration_seconds_count{http_route=\"/goods\",http_response_status_code=\"200\"} 5\n"
    "http_server_request_duration_seconds_bucket{http_route=\"/orders\",http_response_status_code=\"200\",le=\"0.01\"} "
    "1\n"
    "http_server_request_duration_seconds_bucket{http_route=\"/orders\",http_response_status_code=\"200\",le=\"+Inf\"} "
    "1\n"
    "http_server_request_duration_seconds_count{http_route=\"/orders\",http_response_status_code=\"200\"} 1\n"
    "http_server_request_duration_seconds_count{http_route=\"/orders\",http_response_status_code=\"429\"} 2\n"
    "breaker_state{target=\"alpha\"} 1\n"
    "outbox_oldest_age_seconds{place=\"database0\"} 0.25\n"
    "broken\n";

json::object first_node(const edge::Handler& says) {
  const auto node = edge::serve({}, says);
  const std::string text = overview_json(
      "hardened", {{"gateway", "gateway", "http://127.0.0.1:" + std::to_string(node->port()), true, 7, 1}});
  return json::parse(text).at("nodes").at(0).as_object();
}

TEST(Overview, PutsTogetherWhatANodeSays) {
  const auto n = first_node([](const edge::Request& r) {
    if (r.path == "/ready")
      return edge::Response{503, R"({"ready":false,"reason":"no database answers"})", "application/json", {}};
    if (r.path == "/admin/pool")
      return edge::Response{200, R"({"max":4,"idle":1,"held":0,"used":3,"waiting":2})", "application/json", {}};
    return edge::Response{200, kMetrics, "text/plain", {}};
  });
  EXPECT_FALSE(n.at("ready").as_bool());
  EXPECT_EQ(n.at("reason").as_string(), "no database answers");
  EXPECT_EQ(n.at("pool").at("waiting").as_int64(), 2);
  EXPECT_EQ(json::serialize(n.at("served")), R"({"buckets":[[1E-2,4],[null,6]],"status":{"200":6,"429":2}})");
  EXPECT_EQ(json::serialize(n.at("metrics")),
            R"({"breaker_state{target=\"alpha\"}":1,"outbox_oldest_age_seconds{place=\"database0\"}":2.5E-1})");
}

TEST(Overview, SaysSoWhenANodeDoesNotAnswer) {
  const auto silent = first_node([](const edge::Request&) { return edge::Response{500, "", "text/plain", {}}; });
  EXPECT_EQ(silent.at("reason").as_string(), "does not answer");
  EXPECT_TRUE(silent.at("pool").is_null());
  EXPECT_TRUE(silent.at("served").is_null());
  const auto down = json::parse(overview_json("fragile", {{"shop", "shop", "http://127.0.0.1:1", false, 0, 3}}))
                        .at("nodes")
                        .at(0)
                        .as_object();
  EXPECT_FALSE(down.at("alive").as_bool());
  EXPECT_EQ(down.at("restarts").as_int64(), 3);
}

TEST(Overview, ThePageAsksForNothingButTheOverview) {
  const std::string& page = operator_page();
  EXPECT_NE(page.find("fetch('overview'"), std::string::npos);
  for (const char* from : {"src=", "@import", "url(", "https://", "innerHTML"})
    EXPECT_EQ(page.find(from), std::string::npos) << from;
  EXPECT_EQ(page.find("http://"), page.find("http://www.w3.org/2000/svg"));  // a name, not an address
  for (const char* text : {"节点", "支付渠道与供应商", "熔断", "breaker open"})
    EXPECT_NE(page.find(text), std::string::npos) << text;
}

}  // namespace
}  // namespace platform::ops
