// run.json keeps every member, and what it says of an early end becomes one sentence.
#include "harness/judge/run_info.hpp"

#include <gtest/gtest.h>

#include "tests/support/every_field.hpp"

namespace cardstorm {
namespace {

TEST(RunInfo, AllIsWrittenAndReadBack) {
  RunInfo info;
  every_field::fill(info);
  every_field::expect_every_field_is_kept(info, json_of_run_info, run_info_of_json);
}

TEST(RunInfo, StandsInTheOrderThatRecordsHave) {
  RunInfo info;
  info.start = Nanos(7);
  info.target = "shop";
  info.command = "cardstorm run";
  info.aborted = EarlyStop{"guard", "guard errors: 3", "", 2};
  info.errors = {"disk full"};
  EXPECT_EQ(json_of_run_info(info).dump(),
            R"({"schema":"cardstorm.run/1","start_mono_ns":7,"wall":"","target":"shop","target_version":"",)"
            R"("target_facts":null,"environment":"lab","partners":true,"seed":1,"command":"cardstorm run",)"
            R"("drained":false,"interrupted":false,"assumed_restart_s":-1,"aborted":{"by":"guard",)"
            R"("rule":"guard errors: 3","value":"","at_s":2},"errors":["disk full"]})");
}

TEST(RunInfo, WithoutSchemaOrStartThereIsNone) {
  EXPECT_EQ(run_info_of_json(Json::object({{"schema", "other"}})).error().what,
            "schema is 'other', wanted cardstorm.run/1");
  EXPECT_EQ(run_info_of_json(Json::object({{"schema", "cardstorm.run/1"}})).error().what, "start_mono_ns is missing");
  const auto least = run_info_of_json(Json::object({{"schema", "cardstorm.run/1"}, {"start_mono_ns", 5}}));
  ASSERT_TRUE(least);
  EXPECT_EQ(least->start, Nanos(5));
  EXPECT_TRUE(least->partners);
  EXPECT_FALSE(least->drained);
  EXPECT_EQ(least->trace_link(), "");
}

TEST(EarlyStop, SaysWhatWasFoundAndWhen) {
  EXPECT_EQ(text_of(EarlyStop{"scenario", "good_share >= 0.5 over 10s", "0.31", 12.34}),
            "good_share >= 0.5 over 10s, found 0.31 at 12.3 s");
  EXPECT_EQ(text_of(EarlyStop{"guard", "errors: 3", "", 2}), "errors: 3 at 2.0 s");
}

}  // namespace
}  // namespace cardstorm
