// kafka: see kafka.hpp. One Java process with a small heap; started by class path, so that no shell script of the
// distribution is needed.
#include "reference_platform/ops/kafka.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

namespace platform::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kHowToGet =
    ": run `./cardstorm build --kafka`, which installs Java 17 and fetches Apache Kafka with Maven, or give --queue "
    "kafka://HOST:PORT of a broker that runs";
constexpr auto kFormatLimit = 60s;

fs::path libs_folder() {
  const char* given = std::getenv("CARDSTORM_KAFKA_LIBS");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  std::error_code ignored;
  const fs::path folder = given != nullptr && *given != '\0'
                              ? fs::path(given)
                              : fs::read_symlink("/proc/self/exe", ignored).parent_path() / "../../kafka/libs";
  for (const auto& e : fs::directory_iterator(folder, ignored))
    if (e.path().filename().string().starts_with("kafka_") && e.path().extension() == ".jar")
      return fs::weakly_canonical(folder, ignored);
  throw EnvironmentError("no Apache Kafka in " + fs::weakly_canonical(folder, ignored).string() + kHowToGet);
}

fs::path java_program() {
  for (const char* path : {"/usr/lib/jvm/java-17-openjdk-amd64/bin/java", "/usr/lib/jvm/java-17-openjdk-arm64/bin/java",
                           "/usr/lib/jvm/default-java/bin/java", "/usr/bin/java"})
    if (::access(path, X_OK) == 0) return path;
  throw EnvironmentError(std::string("no Java on this machine") + kHowToGet);
}

/// 16 random bytes as Kafka spells them: URL-safe base64 without padding.
std::string cluster_id() {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::string out;
  for (int i = 0; i < 21; ++i) out += kLetters[random() % 62];
  return out + "A";  // the last letter carries two bits only
}

std::string settings(const std::string& data, int port, int controller_port) {
  const std::string broker = "127.0.0.1:" + std::to_string(port),
                    controller = "127.0.0.1:" + std::to_string(controller_port);
  return "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@" + controller + "\n" +
         "listeners=PLAINTEXT://" + broker + ",CONTROLLER://" + controller + "\nadvertised.listeners=PLAINTEXT://" +
         broker + "\n" +
         "controller.listener.names=CONTROLLER\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:"
         "PLAINTEXT\n" +
         "log.dirs=" + data + "\n" +
         "num.network.threads=2\nnum.io.threads=2\nlog.cleaner.enable=false\nlog.segment.bytes=16777216\n" +
         "num.partitions=4\nauto.create.topics.enable=true\n" +
         "offsets.topic.num.partitions=4\noffsets.topic.replication.factor=1\ntransaction.state.log.num.partitions="
         "2\n" +
         "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\ngroup.initial.rebalance.delay."
         "ms=0\n" +
         "group.min.session.timeout.ms=1000\n" +
         "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=500\n";  // a broker that was killed waits for
                                                                                // the end of its own old session
}

Command java(const StorePlace& place, const fs::path& program, const fs::path& libs, const std::string& log,
             std::vector<std::string> rest) {
  Command c;
  c.program = program;
  c.argv = {"java",
            "-Xms64m",
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
            "-XX:-UsePerfData",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Djava.awt.headless=true",
            "-cp",
            libs.string() + "/*"};
  c.argv.insert(c.argv.end(), rest.begin(), rest.end());
  c.directory = place.folder;
  c.log = place.logs + "/" + log + ".log";
  c.account = place.account;
  c.environment = std::vector<std::string>{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=" + place.folder};
  return c;
}

void format(const Command& c, const std::function<void()>& between) {
  Process p = Process::spawn(c);
  const auto until = std::chrono::steady_clock::now() + kFormatLimit;
  while (!p.wait(50ms)) {
    if (between) between();
    if (std::chrono::steady_clock::now() > until)
      throw EnvironmentError("formatting Kafka's storage did not end within 60 s");
  }
  if (!p.good()) throw EnvironmentError("formatting Kafka's storage ended with " + p.how() + ": " + log_tail(c.log));
}

/// The broker listens last, when it can serve.
bool listens(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool yes = fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
  if (fd >= 0) ::close(fd);
  return yes;
}

}  // namespace

Store make_kafka(const StorePlace& place, const std::function<void()>& between) {
  const fs::path libs = libs_folder(), program = java_program();
  const std::string folder = store_subfolder(place, "kafka"), file = folder + "/server.properties";
  const int port = place.ports->take(), controller = place.ports->take();
  std::ofstream(file) << settings(folder + "/data", port, controller);
  if (place.account && ::chown(file.c_str(), place.account->uid, place.account->gid) != 0)
    throw EnvironmentError("cannot give " + file + " to " + place.account->name + ": " + std::strerror(errno));
  format(
      java(place, program, libs, "kafka-format", {"kafka.tools.StorageTool", "format", "-t", cluster_id(), "-c", file}),
      between);
  Store s;
  s.name = "kafka";
  s.url = "kafka://127.0.0.1:" + std::to_string(port);
  s.command = java(place, program, libs, s.name, {"kafka.Kafka", file});
  s.stop_signals = {SIGTERM};
  s.answers = [port] { return listens(port); };
  return s;
}

}  // namespace platform::ops
