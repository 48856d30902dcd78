// ci_templates: the commands in the templates for GitLab, GitHub and Jenkins are the same, and they work: run here by a
// shell as a pipeline would, with a stand-in for docker that starts a real web server.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "harness/core/text.hpp"
#include "tests/integration/command.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/real_docker.hpp"

namespace cardstorm {
namespace {

const std::string kTemplates = testing_paths::source_dir() + "/scenarios/ci/";

/// The commands between the two marks, without their indentation.
std::string commands_of(const std::string& file) {
  const auto text = read_file(kTemplates + file);
  if (!text) return "";
  std::string out;
  bool inside = false;
  for (const std::string& line : split(*text, '\n')) {
    const std::string plain(trim(line));
    if (plain == "# cardstorm: end") inside = false;
    if (inside) out += plain + "\n";
    if (plain == "# cardstorm: begin") inside = true;
  }
  return out;
}

TEST(CiTemplates, SayTheSameInEveryLanguage) {
  const std::string commands = commands_of("gitlab-ci.yml");
  EXPECT_NE(commands.find("doctor --target"), std::string::npos);
  EXPECT_NE(commands.find("--baseline"), std::string::npos);
  EXPECT_EQ(commands, commands_of("github-actions.yml"));
  EXPECT_EQ(commands, commands_of("Jenkinsfile"));
}

/// A page takes its time, as a shop's does: what the machine adds is small beside it, so that two runs of one build can
/// be told from a worse one.
constexpr const char* kPages = R"(import http.server, sys, time

class Pages(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *rest):
        super().__init__(*rest, directory="site")

    def do_GET(self):
        time.sleep(0.3)
        super().do_GET()

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

server = Server(("127.0.0.1", 0), Pages)
sys.stdout.write(f"port {server.server_address[1]}\n")
sys.stdout.flush()
server.serve_forever()
)";

/// `docker compose` for one server on a free port; the port goes into the target file as compose would fix it. Instead
/// of a container it starts a process.
constexpr const char* kStandIn = R"sh(#!/bin/sh
set -eu
case "$*" in
*' up '*)
  rm -f server.out
  python3 pages.py > server.out 2> server.log &
  echo $! > server.pid
  until grep -qs port server.out; do sleep 0.05; done
  port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' server.out)
  sed "s/PORT/$port/" target.in > target.yaml ;;
*down*) kill "$(cat server.pid)" ;;
esac
)sh";

/// The same by a real Docker, for Debian has no plugin `compose`: what is started and ended is a container.
constexpr const char* kContainers = R"sh(#!/bin/sh
set -eu
docker() { env PATH=/usr/local/bin:/usr/bin:/bin docker -H 'HOST' "$@"; }
case "$*" in
*' up '*)
  docker run -d --name pipeline --network host -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -v "$PWD:/shop:ro" -w /shop \
    cardstorm-test /usr/bin/python3 pages.py
  until docker logs pipeline | grep -q port; do sleep 0.05; done
  port=$(docker logs pipeline | sed -n 's/.*port \([0-9]*\).*/\1/p')
  sed "s/PORT/$port/" target.in > target.yaml ;;
*down*) docker rm -f pipeline ;;
esac
)sh";

/// A pipeline's working folder: a platform, a target, a scenario.
class Pipeline {
 public:
  /// `docker`: the program of that name that the pipeline finds.
  explicit Pipeline(const std::string& docker = kStandIn) {
    for (const char* name : {"bin", "site"}) std::filesystem::create_directories(folder_.at(name));
    write("site/index.html", "hello");
    write("pages.py", kPages);
    write("bin/docker", docker);
    ::chmod(folder_.at("bin/docker").c_str(), 0755);
    write("target.in",
          "target: pipeline-shop\nwhy: A platform that a pipeline has started.\nkind: external\nurl: "
          "http://127.0.0.1:PORT\njourneys: external-example\n");
    write("gate.yaml",
          "scenario: gate\nwhy: Pages by GET, quickly.\ntarget: target.yaml\ntraffic: { base_rate: 10, late_max: 5s "
          "}\ntiming: { steady: 14s, gap: 1s, drain: 5s }\n"
          "levels: [ { for: 14s, gap: 1s } ]\nchecks: none\nexpect: { success_rate: \">= 0.99\" }\n");
  }
  ~Pipeline() { (void)shell("docker compose -f x down"); }

  Said shell(const std::string& commands, const std::string& baseline = "") {
    write("script.sh", "cd '" + folder_.at("") + "'\n" + commands);
    ProcessSpec spec;
    spec.program = "/bin/sh";
    spec.args = {folder_.at("script.sh")};
    const char* path = std::getenv("PATH");
    spec.env = {{"PATH", folder_.at("bin") + ":" + (path == nullptr ? "/usr/bin:/bin" : path)},
                {"CARDSTORM", binary_dir() + "/cardstorm"},
                {"CARDSTORM_ROOT", testing_paths::source_dir()},
                {"COMPOSE", "compose.yaml"},
                {"TARGET", "target.yaml"},
                {"SCENARIO", "gate.yaml"},
                {"BASELINE", baseline}};
    spec.stderr_path = folder_.at("stderr");
    Said said;
    const auto code = run_program(spec, 2min, [&](const std::string& line) { said.out += line + "\n"; });
    said.code = code ? *code : -1;
    if (const auto err = read_file(folder_.at("stderr"))) said.err = *err;
    return said;
  }
  void write(const std::string& name, const std::string& text) { ASSERT_TRUE(write_file(folder_.at(name), text)); }
  [[nodiscard]] std::string at(const std::string& name) const { return folder_.at(name); }

 private:
  TestFolder folder_;
};

TEST(CiTemplates, CommandsStartReplayComparePublishAndGate) {
  Pipeline pipeline;
  const std::string commands = commands_of("gitlab-ci.yml");
  const Said first = pipeline.shell(commands);
  ASSERT_EQ(first.code, 0) << first.out << first.err;
  EXPECT_TRUE(std::filesystem::exists(pipeline.at("cardstorm-run/junit.xml")));
  (void)pipeline.shell("docker compose -f x down");

  std::filesystem::rename(pipeline.at("cardstorm-run"), pipeline.at("good"));
  // The same build again is no worse. A machine that stands still for a third of a second makes it so, once, not three
  // times.
  Said second;
  for (int tries = 0; tries < 3; ++tries) {
    std::filesystem::remove_all(pipeline.at("cardstorm-run"));
    second = pipeline.shell(commands, "good");
    if (second.code == 0) break;
    (void)pipeline.shell("docker compose -f x down");
  }
  EXPECT_EQ(second.code, 0) << second.out << second.err;
  EXPECT_TRUE(std::filesystem::exists(pipeline.at("cardstorm-run/compare.xml")));
  (void)pipeline.shell("docker compose -f x down");

  // The next build serves something that cannot be read: every page is a 404, and the gate closes.
  std::filesystem::remove_all(pipeline.at("cardstorm-run"));
  std::filesystem::remove_all(pipeline.at("site"));
  const Said third = pipeline.shell(commands, "good");
  EXPECT_EQ(third.code, 1) << third.out << third.err;
}

TEST(CiTemplates, CommandsWorkOnContainers) {
  const test::RealDocker engine;
  if (!engine.absent().empty()) GTEST_SKIP() << engine.absent();
  std::string docker = kContainers;
  docker.replace(docker.find("HOST"), 4, engine.host());
  Pipeline pipeline(docker);
  const Said said = pipeline.shell(commands_of("github-actions.yml"));
  EXPECT_EQ(said.code, 0) << said.out << said.err;
  EXPECT_TRUE(std::filesystem::exists(pipeline.at("cardstorm-run/junit.xml")));
  EXPECT_NE(engine.docker({"ps", "--format", "{{.Names}} {{.Status}}"}).out.find("pipeline Up"), std::string::npos);
}

}  // namespace
}  // namespace cardstorm
