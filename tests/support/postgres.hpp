// postgres: a private PostgreSQL for tests. Superuser `cardstorm` (password `s3cr-et`, asked for over TCP), database
// `postgres`.
#pragma once

#include <algorithm>

#include "tests/support/private_server.hpp"

namespace cardstorm::test {

class Postgres {
 public:
  /// `more`: further settings, such as "max_connections=12".
  explicit Postgres(const std::vector<std::string>& more = {}) {
    folder_.write("password", std::string(kPassword) + "\n");
    const std::string programs = newest();
    const std::string data = folder_.path() + "/data";
    const std::vector<std::string> init{programs + "/initdb",
                                        "-A",
                                        "scram-sha-256",
                                        "--pwfile=" + folder_.path() + "/password",
                                        "--locale=C",
                                        "-E",
                                        "UTF8",
                                        "-N",
                                        "-U",
                                        "cardstorm",
                                        "-D",
                                        data};
    if (!PrivateFolder::ended_well(folder_.spawn(init, "install.log"), std::chrono::seconds(60))) {
      error_ = "initdb: " + folder_.read("install.log");
      return;
    }
    std::vector<std::string> server{programs + "/postgres", "-D", data};
    std::vector<std::string> settings{"listen_addresses=127.0.0.1",
                                      "port=" + std::to_string(port()),
                                      "unix_socket_directories=",
                                      "fsync=off",
                                      "autovacuum=off",
                                      "shared_buffers=16MB",
                                      "max_wal_size=64MB"};
    settings.insert(settings.end(), more.begin(), more.end());
    for (const std::string& setting : settings) {
      server.emplace_back("-c");
      server.push_back(setting);
    }
    pid_ = folder_.spawn(server, "server.log", SIGQUIT);
    const auto ready = [this] { return folder_.read("data/postmaster.pid").find("\nready") != std::string::npos; };
    if (!await_server(pid_, std::chrono::seconds(60), ready)) error_ = "postgres: " + folder_.read("server.log");
  }
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;
  ~Postgres() { PrivateFolder::end(pid_, SIGQUIT, std::chrono::seconds(10)); }

  [[nodiscard]] const std::string& error() const { return error_; }  // "" when it serves
  [[nodiscard]] int port() const { return port_.number(); }
  [[nodiscard]] std::string url(const std::string& database = "postgres") const {
    return "postgresql://cardstorm@127.0.0.1:" + std::to_string(port()) + "/" + database;
  }
  [[nodiscard]] static std::string user() { return "cardstorm"; }
  [[nodiscard]] static std::string password() { return kPassword; }
  [[nodiscard]] std::string password_file() const { return folder_.path() + "/password"; }

 private:
  static constexpr const char* kPassword = "s3cr-et";
  static std::string newest() {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored))
      if (std::filesystem::exists(entry.path() / "bin/initdb")) found.push_back((entry.path() / "bin").string());
    return found.empty() ? "/usr/bin" : *std::max_element(found.begin(), found.end());
  }
  PrivateFolder folder_;
  HeldPort port_;
  pid_t pid_ = -1;
  std::string error_;
};

}  // namespace cardstorm::test
