// cardstorm-platform: the reference platform's one binary: `up` is its supervisor, `node` one of its nodes, `traits`
// says what can be wrong with it.
#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/ops/flags.hpp"
#include "reference_platform/ops/node_config.hpp"
#include "reference_platform/ops/signals.hpp"
#include "reference_platform/ops/supervisor.hpp"
#include "reference_platform/ops/switch_table.hpp"
#include "reference_platform/ops/version.hpp"
#include "reference_platform/services/roles.hpp"
#include "reference_platform/store/history.hpp"
#include "reference_platform/store/schema.hpp"

namespace {

using namespace platform;

constexpr const char* kHelp = R"(cardstorm-platform: a card-trading platform in two variants, to be broken by cardstorm.

  cardstorm-platform up fragile|hardened [flags]
      Starts a private PostgreSQL and Redis and all nodes of the variant. When everything is ready it prints one line of JSON with the
      addresses, then watches its nodes and starts those again that die. It ends, and everything with it, on Ctrl-C, SIGTERM,
      POST control_url/stop, and at the end of its standard input.

      --foreground             do not end with standard input; use it in a terminal
      --port N                 the shop's address (default: a free port, in the line that is printed)
      --control-port N         the operator's address: GET / is a page (default: a free port)
      --dir D                  logs go to D/logs (default: a temporary folder, gone at the end)
      --keep                   keep the temporary folder with the stores' data
      --partners URL           the payment channels and the suppliers, from `cardstorm partners up`
      --partners-key-file F    the key that signs calls to them
      --channels LIST          which of their payment channels to use, as in alpha,beta
      --suppliers LIST         which of their suppliers to buy from, as in topup,topup2,members,truck (default: topup)
      --mint DIR               card stock from `cardstorm mint` (default: a small built-in catalogue)
      --orders N               as many old, delivered orders are there from the start (10 million take a minute or two)

    What is wrong with it (see `cardstorm-platform traits`; lists with commas, and flags may stand several times):
      --trait A03=on|off       a weakness; all=off makes fragile as good as its structure allows
      --bug B07                a planted bug, in hardened

    What it stands on:
      --databases 1|2          hardened: orders and cards in one database or dealt over two
      --queue WHAT             hardened: how orders come in: none, redis (Redis Streams), kafka (a private broker), or the address of
                               one that runs: redis://HOST:PORT, kafka://HOST:PORT
      --shadow                 hardened: marked traffic (X-Cardstorm-Mark) works on shadow tables and never touches the real ones
      --postgres URL           use this database; everything goes into schemas of its own, dropped at the end
      --redis URL              use this Redis
      --otlp URL               send spans to this collector too, as in http://127.0.0.1:4318; D/logs/NODE.spans.jsonl holds them anyway
      --span-share X           the share of the traces that is kept, 0 to 1 (default 0.1; errors and slow ones always are)
      --restart-delay SECONDS  how long fragile's human operator takes to start a dead node again (default 20)
      --set ROLE.OPTION=VALUE  an option of all nodes of a role, as in order.unpaid_close_s=60

  cardstorm-platform traits [--json]
      Lists the weaknesses and planted bugs: what each does, what one sees of it, where it is on and where it can be switched.

  cardstorm-platform node NAME --config FILE
      Runs one node; `up` does this.

  cardstorm-platform --version

Try:  cardstorm-platform up hardened --foreground        then:  curl URL/goods
Exit: 0 ended in order, 2 wrong usage, 4 something is missing or broke, 130 stopped before it was ready.
)";

/// Nodes run the very file that the supervisor runs, also when it was replaced on the disk meanwhile.
constexpr const char* kOwnProgram = "/proc/self/exe";

using ops::Args;

std::string schema_of(const ops::UpOptions& o, int number) {
  if (o.variant == "fragile")
    return store::fragile_schema() + store::fragile_order_indexes(!o.switches.on(domain::Trait::A05));
  return store::hardened_schema(number, o.databases);
}

std::string audit_views_of(const ops::UpOptions& o, const std::vector<std::string>& other_schemas) {
  return o.variant == "fragile" ? "" : store::audit_views(other_schemas);
}

void load(store::Connection& db, const ops::UpOptions& o, int number, bool shadow) {
  if (o.variant == "fragile") return domain::load_catalogue(db, o.mint_dir);
  domain::load_catalogue(db, o.mint_dir, domain::Share{number, o.databases});
  if (shadow) db.script("UPDATE cards SET secret = 'SHADOW-' || secret");  // a drill must not see what buyers pay for
}

void seed(store::Connection& db, const ops::UpOptions& o, int number) {
  if (o.variant == "fragile") return store::seed_fragile_orders(db, o.orders);
  store::seed_hardened_orders(db, o.orders, number, o.databases);
}

int up(const Args& args) {
  return ops::run_supervisor(ops::read_up(args), {kOwnProgram, &schema_of, &audit_views_of, &load, &seed});
}

int traits(const Args& args) {
  bool as_json = false;
  ops::complain(ops::read_flags(args, {{"--json", false, [&as_json](const std::string&) {
                                          as_json = true;
                                          return std::string();
                                        }}}));
  return std::fputs((as_json ? ops::switch_json() : ops::switch_table()).c_str(), stdout) < 0 ? 4 : 0;
}

int node(const Args& args) {
  if (args.empty() || args[0].starts_with("--")) throw ops::Usage("wanted: node NAME --config FILE");
  std::string file, supervisor_fd;
  const auto into = [](std::string& target) {
    return [&target](const std::string& value) {
      target = value;
      return std::string();
    };
  };
  ops::complain(ops::read_flags(Args(args.begin() + 1, args.end()),
                                {{"--config", true, into(file)}, {"--supervisor-fd", true, into(supervisor_fd)}}));
  if (file.empty()) throw ops::Usage("wanted: node NAME --config FILE");
  auto config = ops::read_config(file);
  if (config.name != args[0])
    throw ops::Usage(file + " is the configuration of " + config.name + ", not of " + args[0]);
  if (!supervisor_fd.empty()) config.options["supervisor_fd"] = supervisor_fd;
  const auto* role = services::find_role(config.variant, config.role);
  if (role == nullptr) throw ops::Usage("the " + config.variant + " variant has no role '" + config.role + "'");
  return ops::run_node(config, role->make(config));
}

/// One line per mistake, so that none hides behind another.
int wrong_usage(const std::string& mistakes) {
  for (std::size_t from = 0; from < mistakes.size();) {
    const auto to = std::min(mistakes.find('\n', from), mistakes.size());
    std::fprintf(stderr, "cardstorm-platform: %s (see cardstorm-platform --help)\n",
                 mistakes.substr(from, to - from).c_str());
    from = to + 1;
  }
  return 2;
}

int dispatch(const Args& args) {
  const std::string verb = args.empty() ? "" : args[0];
  const Args rest(args.begin() + (args.empty() ? 0 : 1), args.end());
  const bool asks =
      std::any_of(args.begin(), args.end(), [](const std::string& word) { return word == "--help" || word == "-h"; });
  if (asks || verb == "help") return std::fputs(kHelp, stdout) < 0 ? 4 : 0;
  if (verb == "--version") return std::printf("cardstorm-platform %s\n", ops::build_version()) < 0 ? 4 : 0;
  if (verb == "up") return up(rest);
  if (verb == "traits") return traits(rest);
  if (verb == "node") return node(rest);
  throw ops::Usage(verb.empty() ? "wanted: up, traits or node"
                                : "unknown verb '" + verb + "'; wanted: up, traits or node");
}

}  // namespace

int main(int argc, char** argv) {
  ops::block_stop_signals();
  try {
    return dispatch(Args(argv + 1, argv + argc));
  } catch (const ops::Usage& e) {
    return wrong_usage(e.what());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "cardstorm-platform: %s\n", e.what());
    return 4;
  }
}
