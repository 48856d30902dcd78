// log: the way of README's "Your own platform", walked on the PHP shop: its nginx log becomes a recording, reads are
// replayed at 1.5 times without any knowledge of the shop, then whole purchases, which are audited.
#include "tests/foreign/site.hpp"

namespace cardstorm::test {
namespace {

/// The shop after a quarter of a minute of buyers, with its log imported by the log_format that its nginx.conf names.
class PhpLog : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(site_.ready());
    ASSERT_EQ(site_.run("php-control")["verdict"].string(), "pass") << site_.said();
    const std::string dir = site_.shop().fact("dir");
    const Said imported = run_command(
        site_.folder(), {"trace", "import", dir + "/logs/access_timed.log", "--nginx-conf", dir + "/nginx.conf",
                         "--name", "combined_timed", "--out", site_.at("my.csv"), "--json"});
    ASSERT_EQ(imported.code, 0) << imported.err;
    ASSERT_TRUE(write_file(site_.at("my-replay.yaml"), *read_file(kScenarios + "replay.yaml")));
  }
  /// `verb` on the copied scenario, with the whole of the recording.
  Said replay(const std::string& verb, const std::string& routes, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{verb,       site_.at("my-replay.yaml"),
                                   "--target", site_.target_file(),
                                   "--set",    "traffic.trace=" + site_.at("my.csv"),
                                   "--set",    "traffic.from=null",
                                   "--set",    "traffic.length=null",
                                   "--set",    "traffic.routes=" + routes,
                                   "--set",    "traffic.late_max=5s"};
    words.insert(words.end(), more.begin(), more.end());
    return run_command(site_.folder(), std::move(words), 3min);
  }
  /// Runs it, recording into the folder `out`: it has found nothing bad.
  Json good_run(const std::string& routes, const std::string& out, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--out", site_.at(out), "--json"});
    Said said;
    Json card = site_.punctual(out, [&] { return said = replay("run", routes, more); });
    EXPECT_EQ(said.code, 0) << said.out << said.err;
    return card;
  }
  Site site_;
};

TEST_F(PhpLog, IsReplayedReadsFirstAndThenAsWholePurchases) {
  const Said looked = replay("plan", "reads");
  ASSERT_EQ(looked.code, 0) << looked.err;
  EXPECT_NE(looked.out.find("clone, 1.50 times"), std::string::npos) << looked.out;
  EXPECT_NE(looked.out.find("write, left out"), std::string::npos) << looked.out;
  EXPECT_NE(looked.out.find("POST /order.php"), std::string::npos) << looked.out;
  EXPECT_NE(looked.out.find("read, scrubbed, left out"), std::string::npos) << looked.out;

  const std::size_t posts = site_.asked_for("POST /order.php");
  const Json card = good_run("reads", "reads");
  EXPECT_EQ(site_.asked_for("POST /order.php"), posts) << "a read-only replay buys nothing";
  EXPECT_GE(card["success_rate"].number(), 0.99) << card["traffic"].dump();

  good_run("php-shop", "whole",
           {"--set", "checks=[money_conserved, paid_then_credited, one_credit_per_charge, card_unique, card_genuine]",
            "--mint", site_.at("mint")});
  EXPECT_GT(site_.asked_for("POST /order.php"), posts + 5);
}

}  // namespace
}  // namespace cardstorm::test
