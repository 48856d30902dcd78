// cardstorm-platform: the reference platform's one binary: `up` is its supervisor, `node` one of its nodes.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/ops/layout.hpp"
#include "reference_platform/ops/node_config.hpp"
#include "reference_platform/ops/signals.hpp"
#include "reference_platform/ops/supervisor.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/store/schema.hpp"

namespace {

using namespace platform;

constexpr const char* kHelp = R"(cardstorm-platform: a card-trading platform in two variants, to be broken by cardstorm.

  cardstorm-platform up fragile|hardened [flags]
      Starts a private PostgreSQL and Redis and all nodes of the variant. When everything is ready it prints one line of JSON with the
      addresses, then watches its nodes and starts those again that die. It ends, and everything with it, on Ctrl-C, SIGTERM,
      POST control_url/stop, and at the end of its standard input.

      --foreground             do not end with standard input; use it in a terminal
      --dir D                  logs go to D/logs (default: a temporary folder, gone at the end)
      --keep                   keep the temporary folder with the stores' data
      --partners URL           the payment channels and the supplier, from `cardstorm partners up`
      --partners-key-file F    the key that signs calls to them
      --mint DIR               card stock from `cardstorm mint` (default: a small built-in catalogue)
      --restart-delay SECONDS  how long fragile's human operator takes to start a dead node again (default 20)
      --postgres URL           use this database; everything goes into a schema of its own, dropped at the end
      --redis URL              use this Redis

  cardstorm-platform node NAME --config FILE
      Runs one node; `up` does this.

  cardstorm-platform --version

Try:  cardstorm-platform up hardened --foreground        then:  curl URL/goods
Exit: 0 ended in order, 2 wrong usage, 4 something is missing or broke, 130 stopped before it was ready.
)";

/// Nodes run the very file that the supervisor runs, also when it was replaced on the disk meanwhile.
constexpr const char* kOwnProgram = "/proc/self/exe";

struct Usage : std::runtime_error { using std::runtime_error::runtime_error; };

using Args = std::vector<std::string>;

/// Reads "--name value" and "--name" flags. Every name it does not know is an error that lists those it knows.
void read_flags(const Args& args, const std::map<std::string, std::function<void(const std::string&)>>& with_value,
                const std::map<std::string, bool*>& plain) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (const auto p = plain.find(args[i]); p != plain.end()) {
      *p->second = true;
      continue;
    }
    const auto f = with_value.find(args[i]);
    if (f == with_value.end()) {
      std::string known;
      for (const auto& k : with_value) known += " " + k.first;
      for (const auto& k : plain) known += " " + k.first;
      throw Usage("unknown argument '" + args[i] + "'; known are:" + known);
    }
    if (i + 1 == args.size()) throw Usage(args[i] + " needs a value");
    f->second(args[++i]);
  }
}

std::function<void(const std::string&)> into(std::string& target) {
  return [&target](const std::string& value) { target = value; };
}

double seconds_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0 && value <= 3600))
    throw Usage("--restart-delay takes seconds from 0 to 3600, not '" + text + "'");
  return value;
}

std::string schema_of(const std::string& variant, int number, int databases) {
  return variant == "fragile" ? store::fragile_schema() : store::hardened_schema(number, databases);
}

std::string audit_views_of(const std::string& variant, const std::vector<std::string>& other_schemas) {
  return variant == "fragile" ? "" : store::audit_views(other_schemas);
}

void load(store::Connection& db, const std::string& variant, const std::string& mint_dir, int number, int databases) {
  if (variant == "fragile") return domain::load_catalogue(db, mint_dir);
  domain::load_catalogue(db, mint_dir, domain::Share{number, databases});
}

int up(const Args& args) {
  if (args.empty() || ops::layout(args[0]).empty())
    throw Usage("wanted: up fragile|hardened" + (args.empty() ? "" : ", not '" + args[0] + "'"));
  ops::UpOptions o;
  o.variant = args[0];
  read_flags(Args(args.begin() + 1, args.end()),
             {{"--dir", into(o.dir)},
              {"--partners", into(o.partners_url)},
              {"--partners-key-file", into(o.partners_key_file)},
              {"--mint", into(o.mint_dir)},
              {"--restart-delay", [&o](const std::string& v) { o.restart_delay_s = seconds_of(v); }},
              {"--postgres", into(o.postgres_url)},
              {"--redis", into(o.redis_url)}},
             {{"--keep", &o.keep}, {"--foreground", &o.foreground}});
  return ops::run_supervisor(o, {kOwnProgram, &schema_of, &audit_views_of, &load});
}

int node(const Args& args) {
  if (args.empty() || args[0].rfind("--", 0) == 0) throw Usage("wanted: node NAME --config FILE");
  std::string file, supervisor_fd;
  read_flags(Args(args.begin() + 1, args.end()), {{"--config", into(file)}, {"--supervisor-fd", into(supervisor_fd)}}, {});
  if (file.empty()) throw Usage("wanted: node NAME --config FILE");
  auto config = ops::read_config(file);
  if (config.name != args[0]) throw Usage(file + " is the configuration of " + config.name + ", not of " + args[0]);
  if (!supervisor_fd.empty()) config.options["supervisor_fd"] = supervisor_fd;
  const auto* role = services::find_role(config.variant, config.role);
  if (role == nullptr) throw Usage("the " + config.variant + " variant has no role '" + config.role + "'");
  return ops::run_node(config, role->make(config));
}

int dispatch(const Args& args) {
  const std::string verb = args.empty() ? "" : args[0];
  const Args rest(args.begin() + (args.empty() ? 0 : 1), args.end());
  if (verb == "--help" || verb == "-h" || verb == "help") return std::fputs(kHelp, stdout) < 0 ? 4 : 0;
  if (verb == "--version") return std::puts("cardstorm-platform " CARDSTORM_VERSION) < 0 ? 4 : 0;
  if (verb == "up") return up(rest);
  if (verb == "node") return node(rest);
  throw Usage(verb.empty() ? "wanted: up or node" : "unknown verb '" + verb + "'; wanted: up or node");
}

}  // namespace

int main(int argc, char** argv) {
  ops::block_stop_signals();
  try {
    return dispatch(Args(argv + 1, argv + argc));
  } catch (const Usage& e) {
    std::fprintf(stderr, "cardstorm-platform: %s (see cardstorm-platform --help)\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "cardstorm-platform: %s\n", e.what());
    return 4;
  }
}
