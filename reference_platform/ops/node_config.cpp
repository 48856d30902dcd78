// node_config: see node_config.hpp.
#include "reference_platform/ops/node_config.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "reference_platform/ops/process.hpp"

namespace platform::ops {
namespace {

namespace json = boost::json;

std::string text(const json::object& o, const char* key) { return std::string(o.at(key).as_string()); }

std::vector<std::string> texts(const json::object& o, const char* key) {
  std::vector<std::string> out;
  for (const auto& item : o.at(key).as_array()) out.emplace_back(item.as_string());
  return out;
}

/// Calls `each` with the parts of "a,b".
template <typename F>
void each_name(const std::string& list, F each) {
  for (std::size_t from = 0; from < list.size();) {
    const auto to = std::min(list.find(',', from), list.size());
    each(list.substr(from, to - from));
    from = to + 1;
  }
}

void read_switches(const json::object& o, domain::Switches& switches) {
  each_name(text(o, "traits"), [&switches](const std::string& name) {
    if (const auto wrong = switches.set_trait(name + "=on")) throw EnvironmentError(*wrong);
  });
  each_name(text(o, "bugs"), [&switches](const std::string& name) {
    if (const auto wrong = switches.set_bug(name)) throw EnvironmentError(*wrong);
  });
}

NodeConfig config_of(const json::object& o) {
  NodeConfig c;
  c.name = text(o, "name");
  c.role = text(o, "role");
  c.variant = text(o, "variant");
  c.database_urls = texts(o, "database_urls");
  c.shadow_urls = texts(o, "shadow_urls");
  c.queue_url = text(o, "queue_url");
  read_switches(o, c.switches);
  c.redis_url = text(o, "redis_url");
  c.partners_url = text(o, "partners_url");
  c.partners_key = text(o, "partners_key");
  c.public_url = text(o, "public_url");
  c.port = o.at("port").to_number<int>();
  c.admin_port = o.at("admin_port").to_number<int>();
  for (const auto& role : o.at("peers").as_object())
    for (const auto& url : role.value().as_array()) c.peers[std::string(role.key())].emplace_back(url.as_string());
  for (const auto& option : o.at("options").as_object())
    c.options[std::string(option.key())] = std::string(option.value().as_string());
  return c;
}

json::object object_of(const NodeConfig& c) {
  json::object peers, options;
  for (const auto& [role, urls] : c.peers) peers[role] = json::array(urls.begin(), urls.end());
  for (const auto& [key, value] : c.options) options[key] = value;
  return {{"name", c.name},
          {"role", c.role},
          {"variant", c.variant},
          {"database_urls", json::array(c.database_urls.begin(), c.database_urls.end())},
          {"shadow_urls", json::array(c.shadow_urls.begin(), c.shadow_urls.end())},
          {"queue_url", c.queue_url},
          {"traits", c.switches.traits_text()},
          {"bugs", c.switches.bugs_text()},
          {"redis_url", c.redis_url},
          {"partners_url", c.partners_url},
          {"partners_key", c.partners_key},
          {"public_url", c.public_url},
          {"port", c.port},
          {"admin_port", c.admin_port},
          {"peers", peers},
          {"options", options}};
}

}  // namespace

NodeConfig read_config(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw EnvironmentError("cannot read " + path);
  try {
    return config_of(json::parse(std::string{std::istreambuf_iterator<char>(in), {}}).as_object());
  } catch (const std::exception& e) {
    throw EnvironmentError(path + " is not a node's configuration: " + e.what());
  }
}

void write_config(const std::string& path, const NodeConfig& config) {
  const std::string out = json::serialize(object_of(config)) + "\n";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool good = fd >= 0 && ::write(fd, out.data(), out.size()) == static_cast<ssize_t>(out.size());
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (!good) throw EnvironmentError("cannot write " + path + ": " + std::strerror(why));
}

}  // namespace platform::ops
