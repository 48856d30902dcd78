// flags: see flags.hpp.
#include "reference_platform/ops/flags.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "reference_platform/ops/layout.hpp"
#include "reference_platform/ops/switch_table.hpp"

namespace platform::ops {
namespace {

constexpr std::int64_t kOrdersMax = 100'000'000;
constexpr std::int64_t kOptionMax = 86'400'000;  // a day of milliseconds: nothing that is waited for is longer
constexpr std::int64_t kText = -1;

struct NodeOption {
  std::string_view role, name;
  std::int64_t least;
};
constexpr NodeOption kNodeOptions[] = {
#define OPTION(role, name, least) {role, name, least},
#include "reference_platform/ops/options.def"
#undef OPTION
};

std::string known_names(const std::vector<Flag>& flags) {
  std::string out;
  for (const auto& f : flags) out += " " + f.name;
  return out;
}

Flag text(const std::string& name, std::string& target) {
  return {name, true, [name, &target](const std::string& v) -> std::string {
            if (v.empty()) return name + " needs a value that is not empty";
            target = v;
            return "";
          }};
}

Flag yes(const std::string& name, bool& target) {
  return {name, false, [name, &target](const std::string& v) -> std::string {
            if (v != "on" && v != "off") return name + " stands alone, or is =on or =off, not '" + v + "'";
            target = v == "on";
            return "";
          }};
}

Flag whole(const std::string& name, std::int64_t low, std::int64_t high, std::int64_t& target) {
  return {name, true, [=, &target](const std::string& v) -> std::string {
            std::int64_t value = 0;
            const auto [end, wrong] = std::from_chars(v.data(), v.data() + v.size(), value);
            if (wrong != std::errc() || end != v.data() + v.size() || value < low || value > high)
              return name + " takes a whole number from " + std::to_string(low) + " to " + std::to_string(high) +
                     ", not '" + v + "'";
            target = value;
            return "";
          }};
}

std::string take_delay(const std::string& v, double& target) {
  char* end = nullptr;
  const double value = std::strtod(v.c_str(), &end);
  if (v.empty() || *end != '\0' || !(value >= 0 && value <= 3600))
    return "--restart-delay takes seconds from 0 to 3600, not '" + v + "'";
  target = value;
  return "";
}

std::vector<std::string> parts_of(const std::string& list) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= list.size();) {
    const auto to = std::min(list.find(',', from), list.size());
    out.push_back(list.substr(from, to - from));
    from = to + 1;
  }
  return out;
}

/// Every part of "A03=on,A06=off" or "B01,B07"; all that is wrong with them.
template <typename Set>
std::string take_switches(const std::string& list, Set set) {
  std::string wrong;
  for (const auto& part : parts_of(list))
    if (const auto mistake = set(part)) wrong += (wrong.empty() ? "" : "; ") + *mistake;
  return wrong;
}

bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

/// "alpha,beta": an option of every node.
Flag names(const std::string& name, UpOptions& o) {
  return {name, true, [name, &o](const std::string& v) -> std::string {
            for (const auto& part : parts_of(v))
              if (!good_name(part))
                return name + " takes names with commas between them, as in topup,topup2, not '" + v + "'";
            o.node_options[""][name.substr(2)] = v;
            return "";
          }};
}

std::string take_queue(const std::string& v, std::string& target) {
  const bool given =
      (v.starts_with("redis://") || v.starts_with("kafka://")) && v.size() > 8 && v.find(':', 8) != std::string::npos;
  if (v != "redis" && v != "kafka" && v != "none" && !given)
    return "--queue takes redis, kafka, none, redis://HOST:PORT or kafka://HOST:PORT, not '" + v + "'";
  target = v;
  return "";
}

std::string take_otlp(const std::string& v, UpOptions& o) {
  if (!v.starts_with("http://") || v.size() < 8)
    return "--otlp takes the address of a collector, as in http://127.0.0.1:4318, not '" + v + "'";
  o.node_options[""]["otlp_url"] = v.back() == '/' ? v.substr(0, v.size() - 1) : v;
  return "";
}

std::string take_share(const std::string& v, UpOptions& o) {
  char* end = nullptr;
  const double share = std::strtod(v.c_str(), &end);
  if (v.empty() || *end != '\0' || !(share >= 0 && share <= 1))
    return "--span-share takes a share of the traces from 0 to 1, as in 0.1, not '" + v + "'";
  o.node_options[""]["span_share"] = v;
  return "";
}

/// What is wrong with an option of a role that exists, or "". Nodes take what they do not know, and what is no number,
/// for not said.
std::string wrong_option(const std::string& role, const std::string& name, const std::string& value) {
  std::string known;
  for (const NodeOption& option : kNodeOptions) {
    if (!option.role.empty() && option.role != role) continue;
    known += (known.empty() ? "" : ", ") + std::string(option.name);
    if (option.name != name) continue;
    std::int64_t number = 0;
    const auto [end, wrong] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool whole = wrong == std::errc() && end == value.data() + value.size();
    if (option.least == kText || (whole && number >= option.least && number <= kOptionMax)) return "";
    return "it takes a whole number from " + std::to_string(option.least) + " to " + std::to_string(kOptionMax);
  }
  return role + " has no option '" + name + "'; it has " + known;
}

std::string take_set(const std::string& v, UpOptions& o) {
  const auto dot = v.find('.'), equals = v.find('=');
  if (dot == std::string::npos || equals == std::string::npos || equals < dot + 2 || equals + 1 == v.size())
    return "--set takes ROLE.OPTION=VALUE, as in order.unpaid_close_s=60, not '" + v + "'";
  const std::string role = v.substr(0, dot);
  const auto roles = layout(o.variant);
  if (!roles.empty() &&
      std::none_of(roles.begin(), roles.end(), [&role](const Instance& i) { return i.role == role; })) {
    std::string known;
    for (const auto& i : roles)
      if (known.find(i.role) == std::string::npos) known += (known.empty() ? "" : ", ") + i.role;
    return "--set " + v + ": " + o.variant + " has no role '" + role + "'; it has " + known;
  }
  const std::string name = v.substr(dot + 1, equals - dot - 1), value = v.substr(equals + 1);
  if (const std::string wrong = roles.empty() ? "" : wrong_option(role, name, value); !wrong.empty())
    return "--set " + v + ": " + wrong;
  o.node_options[role][name] = value;
  return "";
}

/// What only one variant can do.
void check_variant(const UpOptions& o, const Args& given, std::vector<std::string>& mistakes) {
  const auto has = [&given](const std::string& flag) {
    return std::any_of(given.begin(), given.end(),
                       [&flag](const std::string& a) { return a == flag || a.starts_with(flag + "="); });
  };
  if (o.variant == "fragile") {
    for (const char* flag : {"--bug", "--queue", "--shadow"})
      if (has(flag))
        mistakes.push_back(
            std::string(flag) +
            " is for hardened: fragile has weaknesses of its own (--trait), no queue and no shadow tables");
    if (o.databases == 2) mistakes.emplace_back("--databases 2 is for hardened: fragile has one");
    return;
  }
  for (const auto& t : domain::trait_entries())
    if (o.switches.on(t.trait) && !hardened_honours(t.trait))
      mistakes.push_back("hardened cannot have " + std::string(t.id) + " (" + t.name + "): it can have " +
                         honoured_traits() + "; the others are in fragile, where each can be switched");
}

}  // namespace

std::vector<std::string> read_flags(const Args& args, const std::vector<Flag>& flags) {
  std::vector<std::string> mistakes;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const auto equals = args[i].starts_with("--") ? args[i].find('=') : std::string::npos;
    const std::string name = args[i].substr(0, equals);
    const auto f = std::find_if(flags.begin(), flags.end(), [&name](const Flag& known) { return known.name == name; });
    if (f == flags.end()) {
      mistakes.push_back("unknown argument '" + args[i] + "'; known are:" + known_names(flags));
      continue;
    }
    std::string value = "on";
    if (equals != std::string::npos) {
      value = args[i].substr(equals + 1);
    } else if (f->value) {
      if (i + 1 == args.size() || args[i + 1].starts_with("--")) {
        mistakes.push_back(name + " needs a value");
        continue;
      }
      value = args[++i];
    }
    if (std::string wrong = f->take(value); !wrong.empty()) mistakes.push_back(std::move(wrong));
  }
  return mistakes;
}

void complain(const std::vector<std::string>& mistakes) {
  if (mistakes.empty()) return;
  std::string all;
  for (const auto& m : mistakes) all += (all.empty() ? "" : "\n") + m;
  throw Usage(all);
}

UpOptions read_up(const Args& args) {
  UpOptions o;
  std::vector<std::string> mistakes;
  const bool named = !args.empty() && !args[0].starts_with("--");
  if (named) o.variant = args[0];
  if (layout(o.variant).empty())
    mistakes.push_back("wanted: up fragile|hardened" + (named ? ", not '" + o.variant + "'" : std::string()));
  o.switches = domain::Switches::usual(o.variant);
  std::int64_t databases = 0, port = 0, control_port = 0;
  const Args rest(args.begin() + (named ? 1 : 0), args.end());
  auto wrong = read_flags(
      rest, {yes("--foreground", o.foreground),
             text("--dir", o.dir),
             yes("--keep", o.keep),
             whole("--port", 1, 65535, port),
             whole("--control-port", 1, 65535, control_port),
             text("--partners", o.partners_url),
             text("--partners-key-file", o.partners_key_file),
             text("--mint", o.mint_dir),
             {"--restart-delay", true, [&o](const std::string& v) { return take_delay(v, o.restart_delay_s); }},
             text("--postgres", o.postgres_url),
             text("--redis", o.redis_url),
             {"--trait", true,
              [&o](const std::string& v) {
                return take_switches(v, [&o](const std::string& s) { return o.switches.set_trait(s); });
              }},
             {"--bug", true,
              [&o](const std::string& v) {
                return take_switches(v, [&o](const std::string& s) { return o.switches.set_bug(s); });
              }},
             {"--queue", true, [&o](const std::string& v) { return take_queue(v, o.queue); }},
             yes("--shadow", o.shadow),
             whole("--databases", 1, 2, databases),
             names("--suppliers", o),
             names("--channels", o),
             {"--otlp", true, [&o](const std::string& v) { return take_otlp(v, o); }},
             {"--span-share", true, [&o](const std::string& v) { return take_share(v, o); }},
             whole("--orders", 0, kOrdersMax, o.orders),
             {"--set", true, [&o](const std::string& v) { return take_set(v, o); }}});
  mistakes.insert(mistakes.end(), wrong.begin(), wrong.end());
  o.databases = databases > 0 ? static_cast<int>(databases) : usual_databases(o.variant);
  o.port = static_cast<int>(port);
  o.control_port = static_cast<int>(control_port);
  if (port != 0 && port == control_port) mistakes.emplace_back("--port and --control-port must differ");
  if (o.queue.empty()) o.queue = usual_queue(o.variant);
  if (!layout(o.variant).empty()) check_variant(o, rest, mistakes);
  complain(mistakes);
  return o;
}

}  // namespace platform::ops
