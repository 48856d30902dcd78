// platform: what the reference platform's hardening costs and gains, as ratios of runs in turn: orders against the
// database's own TPC-B, claims, bulk orders, the order table of ten million rows, start, memory, and what is left of it
// when its nodes die all the time.
#include <algorithm>
#include <filesystem>

#include "harness/bench/bench.hpp"
#include "harness/bench/bench_platform.hpp"
#include "harness/bench/order_tables.hpp"
#include "harness/bench/shop_load.hpp"
#include "harness/bench/soak.hpp"
#include "harness/core/text.hpp"
#include "harness/stats/stats.hpp"

namespace cardstorm {
namespace {

class PlatformBench {
 public:
  explicit PlatformBench(const BenchSetup& setup)
      : setup_(setup),
        rounds_(setup.full ? 5 : 3),
        length_(setup.full ? 20s : 10s),
        orders_(10'000'000),
        grown_(setup.full ? 10'000'000 : 1'000'000) {}

  struct Part {
    const char* name;
    Status (PlatformBench::*run)();
  };
  static const std::vector<Part>& parts() {
    static const std::vector<Part> all{{"orders", &PlatformBench::orders_beside_tpcb},
                                       {"claims", &PlatformBench::claims},
                                       {"tables", &PlatformBench::order_table},
                                       {"bulk", &PlatformBench::bulk},
                                       {"history", &PlatformBench::history},
                                       {"kafka", &PlatformBench::kafka_start},
                                       {"soak", &PlatformBench::soaks}};
    return all;
  }

  Result<BenchReport> run() {
    report_.bench = "platform";
    pgbench_ = find_pgbench(setup_.peer_dirs);
    if (pgbench_.empty()) report_.absent.emplace_back("pgbench");
    for (const Part& part : parts()) {
      if (!setup_.part.empty() && setup_.part != part.name) continue;
      if (Status s = (this->*part.run)(); !s) return s.error();
    }
    return std::move(report_);
  }

 private:
  std::string folder() { return setup_.work_dir + "/platform-" + std::to_string(++platforms_); }
  void row(const std::string& what, const std::string& of, double value, const std::string& unit) {
    report_.rows.push_back(
        Json::object({{"what", what}, {"of", of}, {"value", fixed(value, value < 10 ? 3 : 1)}, {"unit", unit}}));
  }

  void goal(const std::string& name, std::optional<double> value, const std::string& relation, double bound) {
    report_.goals.push_back({name, value, relation, bound});
  }
  void ratio(const std::string& name, double value) { report_.ratios.emplace_back(name, value); }

  Result<ShopSeen> load(const BenchPlatform& platform, const std::string& prefix) {
    ShopLoad l;
    l.url = platform.url();
    l.sku = kLabSku;
    l.buyers = kBuyers;
    l.length = length_;
    l.prefix = prefix;
    return load_shop(l, setup_.stop);
  }

  /// One hardened platform, one database server: orders, then TPC-B, in turn.
  Status orders_beside_tpcb() {
    setup_.say("starting the hardened platform");
    auto platform = BenchPlatform::start(setup_, folder(), {});
    if (!platform) return std::move(platform).error();
    row("start of the whole platform", "hardened", platform->start_s(), "s");
    std::vector<double> ratios, rates;
    OrderTables tables(setup_, pgbench_, platform->database_url());
    for (int round = 1; round <= rounds_; ++round) {
      setup_.say("orders beside TPC-B, round " + std::to_string(round) + " of " + std::to_string(rounds_));
      const auto cpu_before = platform->cpu_seconds();
      const auto seen = load(*platform, "r" + std::to_string(round));
      if (!seen) return seen.error();
      const auto cpu_after = platform->cpu_seconds();
      const double rate = static_cast<double>(seen->delivered) / seen->seconds;
      rates.push_back(rate);
      row("orders paid and delivered", "hardened, round " + std::to_string(round), rate, "1/s");
      for (const auto& [answer, n] : seen->answers)
        report_.notes.push_back("round " + std::to_string(round) + ": " + answer + " x " + std::to_string(n));
      if (seen->delivered > 0) add_cpu(cpu_before, cpu_after, seen->delivered);
      if (pgbench_.empty()) continue;
      const auto tps = tables.tpcb(static_cast<int>(seconds(length_)));
      if (!tps) return tps.error();
      row("TPC-B", "pgbench, 16 clients, round " + std::to_string(round), *tps, "tps");
      ratios.push_back(rate / *tps);
    }
    for (const auto& [part, us] : cpu_us_) row("CPU per order", part, median(us) / 1000, "ms");
    const double nodes_mb = platform->nodes_mb();
    row("resident memory of all nodes", "hardened", nodes_mb, "MB");
    if (!ratios.empty()) ratio("orders a second / TPC-B tps", median(ratios));
    goal("orders a second / TPC-B tps", ratios.empty() ? std::nullopt : std::optional<double>(median(ratios)),
         ">=", 0.10);
    goal("start of the whole platform, s", platform->start_s(), "<=", 4);
    goal("resident memory of all nodes, MB", nodes_mb, "<=", 300);
    report_.notes.push_back("orders come from " + std::to_string(kBuyers) +
                            " buyers in a closed loop, paid in turn at two channels and from the wallet; generator, "
                            "partners, platform and database share this machine's cores");
    report_.notes.emplace_back("memory is the proportional set size: shared pages count once");
    return platform->stop();
  }

  void add_cpu(const std::map<std::string, double>& before, const std::map<std::string, double>& after,
               std::uint64_t orders) {
    for (const auto& [part, cpu] : after) {
      const auto it = before.find(part);
      cpu_us_[part].push_back((cpu - (it == before.end() ? 0 : it->second)) / static_cast<double>(orders) * 1e6);
    }
  }

  Status claims() {
    if (pgbench_.empty()) return ok();
    auto platform = BenchPlatform::start(setup_, folder(), {});  // for its database server
    if (!platform) return std::move(platform).error();
    OrderTables tables(setup_, pgbench_, platform->database_url());
    std::vector<double> naive, locked;
    double sold_twice = 0;
    for (int round = 1; round <= rounds_; ++round) {
      setup_.say("card claims, round " + std::to_string(round));
      for (const bool is_naive : {true, false}) {
        const auto c = tables.claims(is_naive, 3);
        if (!c) return c.error();
        (is_naive ? naive : locked).push_back(c->per_s);
        if (!is_naive) sold_twice += static_cast<double>(c->twice);
        row("card claims", is_naive ? "look, then mark" : "SKIP LOCKED", c->per_s, "1/s");
        row("cards sold twice", is_naive ? "look, then mark" : "SKIP LOCKED", static_cast<double>(c->twice),
            "of " + std::to_string(c->sold));
      }
    }
    ratio("card claims a second, SKIP LOCKED / look, then mark", median(locked) / median(naive));
    goal("cards sold twice with SKIP LOCKED", sold_twice, "<=", 0);
    return ok();
  }

  Status order_table() {
    using Way = OrderTables::Way;
    auto platform = BenchPlatform::start(setup_, folder(), {});
    if (!platform) return std::move(platform).error();
    OrderTables tables(setup_, pgbench_, platform->database_url());
    std::map<Way, OrderTables::Table> seen;
    for (const auto& [way, name] : {std::pair{Way::unindexed, "no index"},
                                    {Way::indexed, "indexed"},
                                    {Way::sharded, "16 partitions in two databases"}}) {
      setup_.say(std::to_string(orders_) + " orders, " + name);
      const auto t = tables.table(way, orders_);
      if (!t) return t.error();
      seen[way] = *t;
      row("one order by its number at 10 M rows", name, t->lookup_ms, "ms");
      row("a buyer's last ten at 10 M rows", name, t->buyer_ms, "ms");
      row("inserts at 10 M rows", name, t->inserts_per_s, "1/s");
    }
    const double cliff = seen[Way::unindexed].lookup_ms / seen[Way::indexed].lookup_ms;
    ratio("lookup at 10 M rows, no index / indexed", cliff);
    goal("lookup at 10 M rows, no index / indexed", cliff, ">=", 100);
    ratio("lookup at 10 M rows, no index / sharded", seen[Way::unindexed].lookup_ms / seen[Way::sharded].lookup_ms);
    ratio("inserts at 10 M rows, sharded / indexed",
          seen[Way::sharded].inserts_per_s / seen[Way::indexed].inserts_per_s);
    return ok();
  }

  /// Small buyers beside some that order 500 at a time: how long do the small ones wait?
  Status bulk() {
    std::map<std::string, std::vector<double>> waits;
    for (int round = 1; round <= rounds_; ++round)
      for (const char* variant : {"fragile", "hardened"}) {
        setup_.say(std::string("bulk orders, ") + variant + ", round " + std::to_string(round));
        auto platform = BenchPlatform::start(setup_, folder(), {.variant = variant, .args = {}, .cards = 300000});
        if (!platform) return std::move(platform).error();
        ShopLoad l;
        l.url = platform->url();
        l.sku = kLabSku;
        l.buyers = 24;
        l.bulk_buyers = 4;
        l.length = length_;
        const auto seen = load_shop(l, setup_.stop);
        if (!seen) return seen.error();
        const Wait p99 = wait_quantile(*seen, 0.99);
        waits[variant].push_back(p99.seconds);
        row("waiting beside bulk orders, p99", variant, p99.seconds, p99.at_least ? "s at least" : "s");
        row("small orders without goods", variant, static_cast<double>(seen->gave_up_s.size()),
            "of " + std::to_string(seen->gave_up_s.size() + seen->wait_s.size()));
        row("small orders delivered beside bulk orders", variant, static_cast<double>(seen->delivered) / seen->seconds,
            "1/s");
        if (Status s = platform->stop(); !s) return s;
      }
    ratio("waiting beside bulk orders, p99, hardened / fragile", median(waits["hardened"]) / median(waits["fragile"]));
    return ok();
  }

  /// The same load on little and on much history.
  Status history() {
    std::vector<double> few, many;
    for (int round = 1; round <= (setup_.full ? 3 : 2); ++round)
      for (const std::int64_t orders : {std::int64_t{100'000}, grown_}) {
        setup_.say("orders on top of " + std::to_string(orders) + ", round " + std::to_string(round));
        auto platform = BenchPlatform::start(setup_, folder(),
                                             {.variant = "hardened", .args = {"--orders", std::to_string(orders)}});
        if (!platform) return std::move(platform).error();
        const auto seen = load(*platform, "h");
        if (!seen) return seen.error();
        const double rate = static_cast<double>(seen->delivered) / seen->seconds;
        (orders == grown_ ? many : few).push_back(rate);
        row("orders paid and delivered", "hardened, on " + std::to_string(orders), rate, "1/s");
        if (Status s = platform->stop(); !s) return s;
      }
    const std::string name = "orders a second, on " + std::to_string(grown_) + " / on 100000";
    ratio(name, median(many) / median(few));
    goal(name, median(many) / median(few), ">=", 0.8);
    if (!setup_.full) report_.notes.emplace_back("on ten million orders it is measured with --full");
    return ok();
  }

  Status kafka_start() {
    setup_.say("starting with Kafka");
    auto platform = BenchPlatform::start(setup_, folder(), {.variant = "hardened", .args = {"--queue", "kafka"}});
    if (!platform) {
      if (platform.error().code == Errc::cancelled) return std::move(platform).error();
      report_.absent.push_back("Kafka (" + platform.error().what + ")");
      goal("start with Kafka, s", std::nullopt, "<=", 20);
      return ok();
    }
    row("start of the whole platform", "hardened with Kafka", platform->start_s(), "s");
    goal("start with Kafka, s", platform->start_s(), "<=", 20);
    return platform->stop();
  }

  /// A minute when asked for by name, ten with --full; the fragile platform needs no more than one to show what it is.
  Status soaks() {
    if (!setup_.full && setup_.part.empty()) return ok();
    for (const std::string variant : {"hardened", "fragile"}) {
      const bool hardened = variant == "hardened", long_one = hardened && setup_.full;
      setup_.say("a random node is killed every 2 s, " + variant + (long_one ? ", ten minutes" : ", one minute"));
      std::error_code error;
      SoakOptions o;
      o.self = std::filesystem::read_symlink("/proc/self/exe", error).string();
      o.root = setup_.root;
      o.target = variant;
      o.out = folder();
      if (!hardened) o.restart_delay_s = 0.2;  // its own operator takes 20 s: a shop that is closed breaks nothing
      o.quick = !long_one;
      const auto seen = soak(o, setup_.stop);
      if (!seen) return seen.error();
      row("nodes killed", variant, seen->kills, long_one ? "in ten minutes" : "in a minute");
      row("trades good while they were", variant, seen->success_rate * 100, "% of " + std::to_string(seen->planned));
      row("checks broken", variant, static_cast<double>(seen->broken.size()), join(seen->broken, " "));
      row("checks unknown", variant, static_cast<double>(seen->unknown.size()), join(seen->unknown, " "));
      if (hardened)
        goal("checks broken or unknown after kill -9 every 2 s, hardened",
             static_cast<double>(seen->broken.size() + seen->unknown.size()), "<=", 0);
      else
        goal("checks broken after kill -9 every 2 s, fragile", static_cast<double>(seen->broken.size()), ">=", 1);
    }
    if (!setup_.full) report_.notes.emplace_back("ten minutes of it are measured with --full");
    return ok();
  }

  static constexpr int kBuyers = 240;
  const BenchSetup& setup_;
  const int rounds_;
  const Nanos length_;
  const std::int64_t orders_, grown_;
  BenchReport report_;
  std::string pgbench_;
  int platforms_ = 0;
  std::map<std::string, std::vector<double>> cpu_us_;
};

Result<BenchReport> run_platform(const BenchSetup& setup) { return PlatformBench(setup).run(); }

}  // namespace

BenchEntry bench_platform() {
  BenchEntry entry{"platform",
                   "the reference platform: orders against TPC-B, claims, ten million rows, bulk orders, history, "
                   "start, memory, kill -9",
                   run_platform};
  for (const auto& part : PlatformBench::parts()) entry.parts.emplace_back(part.name);
  return entry;
}

}  // namespace cardstorm
