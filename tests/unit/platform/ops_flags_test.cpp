// flags: the command line of `up`, its mistakes, and the table of switches.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "reference_platform/ops/flags.hpp"
#include "reference_platform/ops/layout.hpp"
#include "reference_platform/ops/switch_table.hpp"
#include "tests/support/paths.hpp"

namespace platform::ops {
namespace {

using domain::Bug;
using domain::Trait;

std::string mistakes_of(const Args& args) {
  try {
    read_up(args);
    return "";
  } catch (const Usage& e) {
    return e.what();
  }
}

TEST(Flags, ReachTheOptions) {
  const auto o = read_up({"hardened",         "--foreground", "--trait", "A06=on,A10=on", "--trait=A10=off",
                          "--bug=B07",        "--bug",        "B01,B29", "--queue",       "kafka://h:1",
                          "--shadow",         "--databases",  "2",       "--suppliers",   "topup,topup2",
                          "--channels=alpha", "--orders",     "100000",  "--set",         "order.unpaid_close_s=60",
                          "--restart-delay",  "1.5"});
  EXPECT_TRUE(o.foreground && o.shadow && !o.keep);
  EXPECT_EQ(o.switches.traits_text(), "A06");
  EXPECT_EQ(o.switches.bugs_text(), "B01,B07,B29");
  EXPECT_EQ(o.queue, "kafka://h:1");
  EXPECT_EQ(o.databases, 2);
  EXPECT_EQ(o.orders, 100000);
  EXPECT_EQ(o.restart_delay_s, 1.5);
  EXPECT_EQ(o.node_options.at("").at("suppliers"), "topup,topup2");
  EXPECT_EQ(o.node_options.at("").at("channels"), "alpha");
  EXPECT_EQ(o.node_options.at("order").at("unpaid_close_s"), "60");
}

TEST(Flags, ChooseTheAddressesOfBuyersAndOperator) {
  const auto o = read_up({"fragile", "--port", "8080", "--control-port=8081"});
  EXPECT_EQ(o.port, 8080);
  EXPECT_EQ(o.control_port, 8081);
  EXPECT_NE(mistakes_of({"fragile", "--port", "8080", "--control-port", "8080"}).find("must differ"),
            std::string::npos);
}

TEST(Flags, HaveTheVariantsUsualValues) {
  const auto fragile = read_up({"fragile"}), hardened = read_up({"hardened"});
  EXPECT_EQ(fragile.switches.traits_text(), domain::Switches::usual("fragile").traits_text());
  EXPECT_EQ(hardened.switches.traits_text(), "");
  EXPECT_EQ(fragile.databases, 1);
  EXPECT_EQ(fragile.queue, "none");
  EXPECT_EQ(hardened.databases, usual_databases("hardened"));
  EXPECT_EQ(hardened.queue, usual_queue("hardened"));
  EXPECT_EQ(read_up({"fragile", "--trait", "all=off", "--trait", "A07=on"}).switches.traits_text(), "A07");
}

TEST(Flags, TellAllMistakesAtOnce) {
  const std::string all = mistakes_of({"hardened",
                                       "--trait",
                                       "A77=on",
                                       "--bug",
                                       "B99,B98",
                                       "--queue",
                                       "rabbit",
                                       "--databases",
                                       "3",
                                       "--orders",
                                       "x",
                                       "--nonsense",
                                       "--set",
                                       "gate.x",
                                       "--set",
                                       "shop.x=1",
                                       "--restart-delay",
                                       "-1",
                                       "--suppliers",
                                       "a b",
                                       "--port",
                                       "70000",
                                       "--shadow=maybe",
                                       "--mint"});
  for (const char* part : {"A77", "B99", "B98", "rabbit", "--databases takes", "--orders takes", "--nonsense", "gate.x",
                           "no role 'shop'", "--restart-delay", "a b", "--port takes", "maybe", "--mint needs"})
    EXPECT_NE(all.find(part), std::string::npos) << part << " in:\n" << all;
}

TEST(Flags, RefuseAnOptionThatWouldHaveNoEffect) {
  for (const auto& [said, part] : std::map<std::string, std::string>{
           {"order.unpaid_close",
            "order has no option 'unpaid_close'; it has drain_s, unpaid_close_s, coupon_settle_s"},
           {"order.limit_per_s", "no option"},
           {"order.unpaid_close_s", "whole number from 1"}})
    for (const char* value : {"=abc", "=", "=-1", "=1.5", "=99999999999999999999"})
      EXPECT_NE(mistakes_of({"hardened", "--set", said + value}).find(std::string(value) == "=" ? "--set takes" : part),
                std::string::npos)
          << said << value;
  EXPECT_EQ(mistakes_of({"hardened", "--set", "delivery.upstream=up=hmac,as=sharedstock", "--set",
                         "payment.reconcile_settle_s=0", "--set", "catalog.drain_s=1"}),
            "");
}

// Every option that a role reads as a number is in the table, and no more than those.
TEST(Flags, KnowTheOptionsThatTheNodesRead) {
  std::set<std::string> read, listed;
  const auto collect = [](const std::string& text, const std::regex& pattern, std::set<std::string>& names) {
    for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) names.insert((*at)[1]);
  };
  const auto text_of = [](const std::filesystem::path& file) {
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  for (const char* folder : {"services", "ops"})
    for (const auto& entry :
         std::filesystem::directory_iterator(testing_paths::source_dir() + "/reference_platform/" + folder))
      if (entry.path().extension() == ".cpp")
        collect(text_of(entry.path()), std::regex(R"re(option\(\s*config, "([a-z0-9_]+)", )re"), read);
  collect(text_of(testing_paths::source_dir() + "/reference_platform/ops/options.def"),
          std::regex(R"re(OPTION\("[a-z]*", "([a-z0-9_]+)", [01]\))re"), listed);
  read.erase("supervisor_fd");  // what `up` itself tells its nodes
  EXPECT_GT(listed.size(), 10U);
  EXPECT_EQ(read, listed);
}

TEST(Flags, KeepEachVariantToWhatItCanDo) {
  EXPECT_NE(mistakes_of({"hardened", "--trait", "A01=on"}).find("A06, A09, A10"), std::string::npos);
  EXPECT_EQ(mistakes_of({"hardened", "--trait", "all=off"}), "");
  for (const Args& args : {Args{"fragile", "--bug", "B01"}, Args{"fragile", "--queue", "redis"},
                           Args{"fragile", "--shadow"}, Args{"fragile", "--databases=2"}})
    EXPECT_NE(mistakes_of(args).find("is for hardened"), std::string::npos) << args[1];
  for (const Args& args : {Args{}, Args{"other"}, Args{"--keep"}})
    EXPECT_NE(mistakes_of(args).find("wanted: up fragile|hardened"), std::string::npos);
}

TEST(SwitchTable, ListsEverySwitchForPeopleAndPrograms) {
  const std::string table = switch_table(), json = switch_json();
  for (const auto& t : domain::trait_entries())
    for (const char* text : {t.id, t.mechanism, t.symptom, t.hardened}) {
      EXPECT_NE(table.find(text), std::string::npos) << text;
      EXPECT_NE(json.find(text), std::string::npos) << text;
    }
  for (const auto& b : domain::bug_entries()) {
    EXPECT_NE(table.find(b.what), std::string::npos) << b.id;
    EXPECT_NE(json.find(b.bites), std::string::npos) << b.id;
  }
}

}  // namespace
}  // namespace platform::ops
