// mariadb: a private MariaDB for tests. User `cardstorm` (all rights, password `s3cr-et`) and the empty database
// `shop`.
//   test::MariaDb server;  ASSERT_EQ(server.error(), "");  ... server.url(), server.password_file()
#pragma once

#include "tests/support/private_server.hpp"

namespace cardstorm::test {

class MariaDb {
 public:
  /// `more`: further options of the server, such as "--max-connections=8".
  explicit MariaDb(const std::vector<std::string>& more = {}) {
    folder_.write("password", std::string(kPassword) + "\n");
    folder_.write("init.sql", std::string("CREATE DATABASE shop CHARACTER SET utf8mb4;\n") +
                                  "CREATE USER 'cardstorm'@'%' IDENTIFIED BY '" + kPassword + "';\n" +
                                  "GRANT ALL PRIVILEGES ON *.* TO 'cardstorm'@'%' WITH GRANT OPTION;\n");
    const std::vector<std::string> common{"--no-defaults", "--datadir=" + folder_.path() + "/data",
                                          "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=24M"};
    std::vector<std::string> install{"/usr/bin/mariadb-install-db"};
    install.insert(install.end(), common.begin(), common.end());
    for (const char* option : {"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"})
      install.emplace_back(option);
    if (!PrivateFolder::ended_well(folder_.spawn(install, "install.log"), std::chrono::seconds(60))) {
      error_ = "mariadb-install-db: " + folder_.read("install.log");
      return;
    }
    std::vector<std::string> server{"/usr/sbin/mariadbd"};
    server.insert(server.end(), common.begin(), common.end());
    for (const std::string& option :
         {"--socket=" + socket(), "--port=" + std::to_string(port()), std::string("--bind-address=127.0.0.1"),
          "--pid-file=" + folder_.path() + "/pid", std::string("--skip-name-resolve"), std::string("--skip-log-bin"),
          std::string("--innodb-flush-log-at-trx-commit=0"), std::string("--performance-schema=OFF"),
          "--tmpdir=" + folder_.path(), "--init-file=" + folder_.path() + "/init.sql"})
      server.push_back(option);
    server.insert(server.end(), more.begin(), more.end());
    pid_ = folder_.spawn(server, "server.log");
    if (!await_server(pid_, std::chrono::seconds(60), [this] { return greets(port()); }))
      error_ = "mariadbd: " + folder_.read("server.log");
  }
  MariaDb(const MariaDb&) = delete;
  MariaDb& operator=(const MariaDb&) = delete;
  ~MariaDb() { PrivateFolder::end(pid_, SIGKILL, std::chrono::seconds(10)); }  // the data goes with the folder

  [[nodiscard]] const std::string& error() const { return error_; }  // "" when it serves
  [[nodiscard]] int port() const { return port_.number(); }
  [[nodiscard]] std::string socket() const { return folder_.path() + "/s"; }
  [[nodiscard]] std::string url(const std::string& database = "shop") const {
    return "mysql://cardstorm@127.0.0.1:" + std::to_string(port()) + "/" + database;
  }
  [[nodiscard]] static std::string user() { return "cardstorm"; }
  [[nodiscard]] static std::string password() { return kPassword; }
  [[nodiscard]] std::string password_file() const { return folder_.path() + "/password"; }

 private:
  static constexpr const char* kPassword = "s3cr-et";
  PrivateFolder folder_;
  HeldPort port_;
  pid_t pid_ = -1;
  std::string error_;
};

}  // namespace cardstorm::test
