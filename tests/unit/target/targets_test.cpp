// targets: reference with a stand-in supervisor that keeps the contract, external with a small server, channels by
// wire.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "harness/core/files.hpp"
#include "harness/target/channels.hpp"
#include "harness/target/target.hpp"
#include "tests/contract/fake_platform.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/net/raw_server.hpp"

namespace cardstorm {
namespace {

using test::FakePlatform;

std::unique_ptr<Target> make(const std::string& kind, const TargetSpec& spec, const TargetSetup& setup) {
  for (const auto& entry : target_registry())
    if (entry.name == kind) return entry.make(spec, setup);
  return nullptr;
}

class Reference : public ::testing::Test {
 protected:
  Reference() {
    spec_.name = "hardened";
    spec_.kind = "reference";
    spec_.variant = "hardened";
    spec_.touch = {"pool", "channels", "nodes"};
    spec_.nodes["order"].node = "shop";
    spec_.options = {{"restart_delay", "7"}};
    setup_.run_dir = dir_.path() + "/run";
    setup_.binary_dir = dir_.path();
    setup_.channels_url = platform_.url();
    setup_.channels_token = FakePlatform::kToken;
    setup_.channels_key_file = "/k";
  }
  /// `body` stands for `cardstorm-platform`.
  void supervisor(const std::string& body) {
    const std::string path = dir_.path() + "/cardstorm-platform";
    ASSERT_TRUE(write_file(path, "#!/bin/sh\nprintf '%s' \"$*\" > " + dir_.path() + "/args\n" + body));
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  }
  std::string ready_line() const {
    return "echo '{\"url\":\"" + platform_.url() + "/shop\",\"control_url\":\"" + platform_.url() +
           "\",\"audit_url\":\"" + platform_.url() + "\",\"auditor_url\":\"\",\"dir\":\"" + dir_.path() +
           "/stores\",\"version\":\"9.9\",\"restart_delay_s\":7}'\n";
  }
  std::unique_ptr<Target> target() { return make("reference", spec_, setup_); }

  FakePlatform platform_;
  test::TempDir dir_;
  TargetSpec spec_;
  TargetSetup setup_;
};

TEST_F(Reference, StartsTheSupervisorAndEndsItByItsLifeline) {
  supervisor(ready_line() + "mkdir -p " + dir_.path() + "/stores/logs; echo hello > " + dir_.path() +
             "/stores/logs/shop.log\n" + "cat > /dev/null\necho orderly > " + dir_.path() + "/ended\n");
  auto target = this->target();
  const auto started = target->start(10s);
  ASSERT_TRUE(started) << started.error().what;
  EXPECT_EQ(*read_file(dir_.path() + "/args"),
            "up hardened --partners " + platform_.url() +
                " --partners-key-file /k --suppliers topup,topup2,members,truck --restart-delay=7");
  EXPECT_EQ(target->url(), platform_.url() + "/shop");
  EXPECT_EQ(target->version(), "9.9");
  EXPECT_EQ(target->assumed_restart_s(), 7);
  EXPECT_EQ(target->resolve("order"), "shop");
  const pid_t pid = target->supervisor_pid();
  EXPECT_GT(pid, 0);
  EXPECT_FALSE(target->supervisor_mark().empty());
  ASSERT_TRUE(test::eventually([&] {  // the shell opens the file first and writes then
    const auto log = read_file(dir_.path() + "/stores/logs/shop.log");
    return log && *log == "hello\n";
  }));
  EXPECT_TRUE(target->stop());
  EXPECT_TRUE(target->stop()) << "twice is fine";
  EXPECT_EQ(*read_file(dir_.path() + "/ended"), "orderly\n");
  EXPECT_FALSE(identify(pid)) << "ended and reaped";
  EXPECT_EQ(*read_file(setup_.run_dir + "/logs/target/shop.log"), "hello\n");
}

TEST_F(Reference, RepeatsTheSupervisorsLastWordsWhenItFails) {
  supervisor("echo 'initdb is missing: install postgresql-15' >&2\nexit 4\n");
  auto target = this->target();
  const auto started = target->start(10s);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::unavailable);
  EXPECT_NE(started.error().what.find("initdb is missing"), std::string::npos) << started.error().what;
  EXPECT_EQ(target->supervisor_pid(), 0);
}

TEST_F(Reference, LeavesNothingWhenItIsNeverReady) {
  supervisor("echo $$ > " + dir_.path() + "/pid\nexec cat\n");
  const auto started = this->target()->start(2s);  // long enough for its first line
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::timeout);
  EXPECT_FALSE(identify(static_cast<pid_t>(std::atoi(read_file(dir_.path() + "/pid")->c_str()))));
}

TEST_F(Reference, RefusesAnAddressOutsideTheAllowList) {
  supervisor(
      "echo '{\"url\":\"http://8.8.8.8/\",\"control_url\":\"http://8.8.8.8/\",\"audit_url\":\"http://8.8.8.8/\"}'\ncat "
      "> /dev/null\n");
  const auto started = this->target()->start(10s);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::refused);
}

TEST_F(Reference, OffersOnlyWhatMayBeTouched) {
  supervisor(ready_line() + "cat > /dev/null\n");
  spec_.touch = {"pool"};
  auto target = this->target();
  EXPECT_EQ(target->pool(), nullptr) << "not before the start";
  ASSERT_TRUE(target->start(10s));
  EXPECT_NE(target->pool(), nullptr);
  EXPECT_EQ(target->nodes(), nullptr);
  EXPECT_EQ(target->channels(), nullptr);
}

TEST_F(Reference, HoldsThePoolOfAnAliasAndTellsHowToUndoIt) {
  supervisor(ready_line() + "cat > /dev/null\n");
  auto target = this->target();
  ASSERT_TRUE(target->start(10s));
  EXPECT_EQ(target->pool()->state("order")->held, 0);
  ASSERT_TRUE(target->pool()->hold("order", 10s));
  EXPECT_EQ(target->pool()->state("order")->held, 8);
  EXPECT_EQ(json_of(*target->pool()->undo("order")).dump(),
            R"({"kind":"http","method":"POST","url":")" + platform_.url() +
                R"(/admin/pool/hold","headers":{"Content-Type":"application/json"},"body":"{\"lease_ms\":0}",)"
                R"("verify":{"url":")" +
                platform_.url() + R"(/admin/pool","pointer":"/held","equals":0}})");
  ASSERT_TRUE(target->pool()->release("order"));
  EXPECT_FALSE(platform_.held());
  EXPECT_EQ(target->pool()->state("nobody").error().code, Errc::not_found);
  EXPECT_FALSE(target->pool()->undo("nobody"));
}

TEST_F(Reference, NodesCarryTheirIdentity) {
  supervisor(ready_line() + "cat > /dev/null\n");
  auto target = this->target();
  ASSERT_TRUE(target->start(10s));
  const auto nodes = target->nodes()->nodes();
  ASSERT_TRUE(nodes);
  ASSERT_EQ(nodes->size(), 1u);
  EXPECT_EQ((*nodes)[0].name, "shop");
  EXPECT_TRUE(alive({(*nodes)[0].pid, (*nodes)[0].start_time}));
}

TEST_F(Reference, SaysThatNeitherAuditWorks) {
  spec_.audit.path = "/nothing";  // and there is no database
  supervisor(ready_line() + "cat > /dev/null\n");
  auto target = this->target();
  ASSERT_TRUE(target->start(10s));
  const auto rows = target->audit();
  ASSERT_FALSE(rows);
  EXPECT_NE(rows.error().what.find("API: "), std::string::npos);
  EXPECT_NE(rows.error().what.find("SQL: "), std::string::npos);
}

TEST(External, IsReadyWhenItAnswersAnythingAtAll) {
  FakePlatform platform;
  TargetSpec spec;
  spec.url = platform.url();  // answers 404
  auto target = make("external", spec, {});
  EXPECT_TRUE(target->start(5s));
  EXPECT_EQ(target->url(), platform.url());
  EXPECT_EQ(target->pool(), nullptr);
  EXPECT_EQ(target->nodes(), nullptr);
  EXPECT_EQ(target->channels(), nullptr);
  EXPECT_FALSE(target->audit());
  EXPECT_TRUE(target->stop());
}

TEST(External, OffersWhatItsFileDescribesAndMayBeTouched) {
  FakePlatform platform;
  const test::TempDir dir;
  test::FakeEngine engine(dir.path() + "/engine.sock");
  TargetSpec spec;
  spec.url = spec.partners.url = platform.url();
  spec.partners.token_file = dir.path() + "/token";
  spec.nodes["order"].kind = "docker";
  spec.nodes["order"].node = "shop-order-1";
  spec.nodes["order"].socket = dir.path() + "/engine.sock";
  spec.databases["stock"].url = "mysql://drill@127.0.0.1:1/shop";
  spec.databases["stock"].slots = 5;
  auto shy = make("external", spec, {});
  ASSERT_TRUE(shy->start(5s));
  EXPECT_TRUE(shy->nodes() == nullptr && shy->pool() == nullptr && shy->channels() == nullptr)
      << "what is not listed is not touched";

  spec.touch = {"pool", "channels", "nodes"};
  auto target = make("external", spec, {});
  const auto without_token = target->start(5s);
  ASSERT_FALSE(without_token);
  EXPECT_NE(without_token.error().remedy.find("token_file"), std::string::npos);
  ASSERT_TRUE(write_file(spec.partners.token_file, std::string(FakePlatform::kToken) + "\n"));
  ASSERT_TRUE(target->start(5s));
  EXPECT_EQ(target->resolve("order"), "order");
  EXPECT_EQ(target->resolve("shop-order-1"), "order");
  EXPECT_EQ(target->resolve("stock"), "stock");
  const auto nodes = target->nodes()->nodes();
  ASSERT_TRUE(nodes) << nodes.error().what;
  ASSERT_EQ(nodes->size(), 1U);
  EXPECT_EQ((*nodes)[0].name, "order");
  EXPECT_TRUE((*nodes)[0].ready);
  ASSERT_TRUE(target->channels()->delay("alpha", 5s, 2s));
  EXPECT_TRUE(platform.delayed());
  ASSERT_TRUE(target->channels()->clear("alpha"));
  EXPECT_NE(target->pool(), nullptr);
  EXPECT_EQ(target->facts().dump().find(FakePlatform::kToken), std::string::npos) << "no secrets";
}

TEST(External, ReadsItsVersionWhereTheFileSays) {
  testing::RawServer server([](testing::RawPeer& peer) {
    (void)peer.read_request();
    peer.send_text(
        "HTTP/1.1 200 OK\r\nX-Build: 7.1\r\nContent-Length: 25\r\nConnection: "
        "close\r\n\r\n{\"app\":{\"version\":\"4.2\"}}");
  });
  TargetSpec spec;
  spec.url = server.url("");
  const auto version = [&] {
    auto target = make("external", spec, {});
    EXPECT_TRUE(target->start(5s));
    return target->version();
  };
  EXPECT_EQ(version(), "unknown");
  spec.version_path = "/health";
  spec.version_pointer = "/app/version";
  EXPECT_EQ(version(), "4.2");
  spec.version_pointer = "/app/absent";
  EXPECT_EQ(version(), "unknown");
  spec.version_header = "X-Build";
  EXPECT_EQ(version(), "7.1");
}

TEST(External, IsReachedByAUnixSocket) {
  const test::TempDir dir;
  test::FakeEngine engine(dir.path() + "/shop.sock");  // answers 404 to us, which is an answer
  TargetSpec spec;
  spec.url = "http://shop.invalid";
  spec.unix_socket = dir.path() + "/shop.sock";
  spec.audit.path = "/audit";
  const auto target = make("external", spec, {});
  EXPECT_TRUE(target->start(5s));
  const auto books = target->audit();
  ASSERT_FALSE(books);
  EXPECT_EQ(books.error().code, Errc::invalid)
      << "the engine's 404: the audit goes the same way: " << books.error().what;
  spec.unix_socket = dir.path() + "/gone.sock";
  const auto gone = make("external", spec, {})->start(200ms);
  EXPECT_NE(gone.error().what.find("gone.sock does not answer"), std::string::npos) << gone.error().what;
  EXPECT_NE(gone.error().remedy.find("unix_socket:"), std::string::npos) << gone.error().remedy;
}

TEST(External, RefusesARedirectOutOfTheAllowList) {
  for (const auto& [location, code] :
       {std::pair{"http://192.0.2.7/shop", Errc::refused}, std::pair{"http://127.0.0.1:9/shop", Errc::internal},
        std::pair{"/shop", Errc::internal}}) {
    testing::RawServer server([where = std::string(location)](testing::RawPeer& peer) {
      (void)peer.read_request();
      peer.send_text("HTTP/1.1 302 Found\r\nLocation: " + where + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    TargetSpec spec;
    spec.url = server.url("");
    const auto started = make("external", spec, {})->start(5s);
    EXPECT_EQ(!started, code == Errc::refused) << location;
    if (started) continue;
    EXPECT_EQ(started.error().code, Errc::refused);
    EXPECT_NE(started.error().what.find("192.0.2.7"), std::string::npos) << started.error().what;
  }
}

TEST(External, SaysWhenNobodyAnswersOrItMayNotAsk) {
  TargetSpec spec;
  spec.url = "http://127.0.0.1:1";
  EXPECT_EQ(make("external", spec, {})->start(200ms).error().code, Errc::unavailable);
  spec.url = "http://8.8.8.8/";
  EXPECT_EQ(make("external", spec, {})->start(200ms).error().code, Errc::refused);
  spec.allow = {"not an address"};
  EXPECT_EQ(make("external", spec, {})->start(200ms).error().code, Errc::invalid);
}

TEST(Channels, DelayIsSeenByAskingTheChannel) {
  FakePlatform platform;
  const auto channels = make_channel_control(platform.url(), FakePlatform::kToken, test::loopback());
  EXPECT_TRUE(channels->probe("alpha", 2s));
  ASSERT_TRUE(channels->delay("alpha", 60s, 60s));
  const auto late = channels->probe("alpha", 100ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::timeout);
  ASSERT_TRUE(channels->clear("alpha"));
  EXPECT_TRUE(channels->probe("alpha", 2s)) << "with the delay it would not answer for a minute";
  EXPECT_FALSE(channels->delay("gamma", 5s, 2s));
}

TEST(Channels, TheTokenIsNeverPartOfAnError) {
  FakePlatform platform;
  const auto channels = make_channel_control(platform.url(), "wrong-but-secret", test::loopback());
  const auto refused = channels->delay("alpha", 5s, 2s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what.find("secret"), std::string::npos) << refused.error().what;
}

}  // namespace
}  // namespace cardstorm
