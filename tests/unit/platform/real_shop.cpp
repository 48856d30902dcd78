// real_shop: see real_shop.hpp.
#include "tests/unit/platform/real_shop.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/support/paths.hpp"

namespace platform::services_test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

std::string content(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

Answer answer_of(const edge::CallResult& r) {
  Answer out{r.status, domain::Json(), r.body};
  if (auto json = domain::Json::parse(r.body)) out.json = std::move(*json);
  return out;
}

}  // namespace

RealShop::RealShop(const std::string& variant, const std::vector<std::string>& arguments) {
  std::string pattern = (fs::temp_directory_path() / "cardstorm-real-XXXXXX").string();
  dir_ = ::mkdtemp(pattern.data());
  std::ofstream(dir_ + "/key") << kKey << "\n";
  ops::Command command;
  command.program = testing_paths::binary_dir() + "/cardstorm-platform";
  command.argv = {"cardstorm-platform", "up",     variant,      "--foreground",  "--dir",
                  dir_ + "/shop",       "--keep", "--partners", partners_.url(), "--partners-key-file",
                  dir_ + "/key"};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.log = dir_ + "/said";
  command.death_signal = SIGTERM;
  process_ = ops::Process::spawn(command);
  const bool up =
      wait_until([&] { return content(command.log).find("{\"url\"") != std::string::npos || process_.ended(); }, 60s);
  const std::string said = content(command.log);
  const auto line = said.find("{\"url\"");
  if (!up || line == std::string::npos) throw std::runtime_error("the platform does not come up: " + said);
  facts_ = domain::Json::parse(said.substr(line, said.find('\n', line) - line)).value_or(domain::Json());
  url_ = fact("url");
}

RealShop::~RealShop() {
  process_.signal(SIGTERM);
  process_.wait(20s);
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
}

Answer RealShop::ask(const std::string& buyer, const std::string& method, const std::string& path,
                     const std::string& body, const edge::Headers& headers) const {
  edge::Headers all = headers;
  if (!buyer.empty()) all.emplace_back("X-Buyer", buyer);
  const auto call = [&] { return answer_of(edge::call(method, url_ + path, body, all, {1s, 10s})); };
  return method == "POST" && path == "/orders" ? until_known(call) : call();
}

bool RealShop::reaches(const std::string& buyer, const std::string& no, const std::string& status,
                       std::chrono::milliseconds limit) const {
  return wait_until([&] { return ask(buyer, "GET", "/orders/" + no).json["status"].text() == status; }, limit);
}

std::vector<RealShop::Node> RealShop::nodes() const {
  std::vector<Node> out;
  const auto list = control("GET", "/nodes");
  for (const auto& n : list.json["nodes"].items())
    out.push_back({n["name"].text(), n["role"].text(), n["url"].text(), n["admin_url"].text(),
                   static_cast<pid_t>(n["pid"].integer())});
  return out;
}

RealShop::Node RealShop::node(const std::string& name) const {
  for (const Node& n : nodes())
    if (n.name == name) return n;
  return {};
}

pid_t RealShop::child(const std::string& name) const {
  if (!fs::exists("/proc/thread-self/children")) return node(name).pid;  // this kernel does not say
  const std::string wanted = std::string("node") + '\0' + name + '\0';
  std::error_code ignored;
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(process_.pid()) + "/task", ignored)) {
    std::ifstream in(task.path() / "children");
    for (pid_t pid = 0; in >> pid;)
      if (content("/proc/" + std::to_string(pid) + "/cmdline").find(wanted) != std::string::npos) return pid;
  }
  return 0;
}

Answer RealShop::control(const std::string& method, const std::string& path, const std::string& body) const {
  return answer_of(edge::call(method, fact("control_url") + path, body, {}, {1s, 40s}));
}

std::map<std::string, std::string> RealShop::files(const std::string& ending) const {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::directory_iterator(dir_ + "/shop/logs"))
    if (entry.path().string().ends_with(ending)) out[entry.path().filename().string()] = content(entry.path());
  return out;
}

std::map<std::string, std::string> RealShop::metrics() const {
  std::map<std::string, std::string> out;
  for (const Node& n : nodes()) out[n.name] = edge::call("GET", n.admin_url + "/metrics", "", {}, {1s, 5s}).body;
  return out;
}

}  // namespace platform::services_test
