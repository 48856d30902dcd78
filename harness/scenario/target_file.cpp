// target_file: field by field; abilities and options against the registry.
#include "harness/scenario/target_file.hpp"

#include <algorithm>

#include "harness/core/text.hpp"
#include "harness/scenario/production.hpp"
#include "harness/scenario/target_sections.hpp"

namespace cardstorm {
namespace {

const std::vector<std::string> kAbilities{"pool", "channels", "nodes"};
const std::vector<std::string> kVariants{"fragile", "hardened"};
const std::vector<std::string> kEnvironments{"lab", "staging", "production"};
constexpr Nanos kLongestTimeout = std::chrono::hours(24);

std::vector<std::string> names_of(const std::vector<KnownTarget>& targets) {
  if (targets.empty()) return {"reference", "external"};
  std::vector<std::string> out;
  for (const KnownTarget& target : targets) out.push_back(target.name);
  return out;
}

/// A text that must be one of `known`.
bool one_of(Fields& fields, std::string_view key, std::string& out, const std::vector<std::string>& known,
            Mistakes& mistakes) {
  if (!fields.text(key, out)) return false;
  if (std::count(known.begin(), known.end(), out) > 0) return true;
  add_mistake(mistakes, fields.get(key)->at, std::string(key) + " '" + out + "' is not known",
              remedy_among(out, known));
  return false;
}

/// What a map of plain words and values holds.
template <class Take>
void each_pair(Fields& fields, std::string_view key, Mistakes& mistakes, Take&& take) {
  const Yaml* node = fields.get(key);
  if (node == nullptr) return;
  if (node->kind != Yaml::Kind::map)
    return add_mistake(mistakes, node->at, "'" + std::string(key) + "' must be a map",
                       "write " + std::string(key) + ": { name: value }");
  for (const YamlMember& member : node->members) take(member);
}

void read_touch(Fields& fields, TargetSpec& spec, const KnownTarget* kind, Mistakes& mistakes) {
  if (!fields.texts("touch", spec.touch)) return;
  const Place& at = fields.get("touch")->at;
  for (const std::string& ability : spec.touch) {
    if (std::count(kAbilities.begin(), kAbilities.end(), ability) == 0)
      add_mistake(mistakes, at, "ability '" + ability + "' is not known", remedy_among(ability, kAbilities));
    else if (kind != nullptr && std::count(kind->abilities.begin(), kind->abilities.end(), ability) == 0)
      add_mistake(mistakes, at, "a target of kind '" + spec.kind + "' cannot offer '" + ability + "'",
                  kind->abilities.empty() ? "remove it" : "it can offer: " + join(kind->abilities, ", "));
  }
}

void read_options(Fields& fields, TargetSpec& spec, const KnownTarget* kind, Mistakes& mistakes) {
  std::vector<std::string> known;
  if (kind != nullptr)
    for (const FaultParam& option : kind->options) known.push_back(option.name);
  each_pair(fields, "options", mistakes, [&](const YamlMember& member) {
    if (kind == nullptr) {
      text_of_node(member.value, member.key, spec.options[member.key], mistakes);
      return;
    }
    const auto option = std::find_if(kind->options.begin(), kind->options.end(),
                                     [&](const FaultParam& p) { return p.name == member.key; });
    if (option == kind->options.end())
      return add_mistake(mistakes, member.at, "unknown option '" + member.key + "' for kind '" + spec.kind + "'",
                         remedy_among(member.key, known));
    Json value;
    if (read_param(*option, member.value, value, mistakes)) spec.options[member.key] = value.text();
  });
}

std::optional<AllowList> read_allow(Fields& fields, TargetSpec& spec, Mistakes& mistakes) {
  fields.texts("allow", spec.allow);
  const Yaml* allow_node = fields.get("allow");
  const Place& allow_at = allow_node == nullptr ? fields.at() : allow_node->at;
  if (spec.allow.empty())
    add_mistake(mistakes, allow_at, "'allow' is empty: nothing could be reached", "write allow: [127.0.0.0/8]");
  for (const std::string& block : spec.allow)  // one by one: each that is wrong is told
    if (const auto one = AllowList::parse({block}); !one)
      add_mistake(mistakes, allow_at, one.error().what,
                  one.error().remedy.empty() ? "write CIDR blocks such as 127.0.0.0/8" : one.error().remedy);
  auto allow = AllowList::parse(spec.allow);
  if (allow) return std::move(*allow);
  return std::nullopt;
}

/// `dialled`: no other way in is given, so that the address itself is dialled and must be allowed.
void read_url(Fields& fields, TargetSpec& spec, const std::optional<AllowList>& allow, bool dialled,
              Mistakes& mistakes) {
  const bool has_url = fields.text("url", spec.url);
  const Place& at = has_url ? fields.get("url")->at : fields.at();
  if (spec.kind == "reference" && has_url)
    return add_mistake(mistakes, at, "a reference target has no 'url': its supervisor takes free ports",
                       "remove it, or write kind: external");
  if (spec.kind != "external") return;
  if (!has_url)
    return add_mistake(mistakes, at, "a target of kind 'external' needs 'url'",
                       "add for example url: http://127.0.0.1:8080");
  while (!spec.url.empty() && spec.url.back() == '/') spec.url.pop_back();  // paths of steps begin with '/'
  if (spec.url.find('@') != std::string::npos)                              // it would stand in the record of every run
    return add_mistake(mistakes, at, "'url' holds a user or a password",
                       "leave it out of the address; a login is a step of the journeys");
  const bool http = spec.url.rfind("http://", 0) == 0 || spec.url.rfind("https://", 0) == 0;
  if (!http || spec.url.find_first_of(" ?#\r\n\t") != std::string::npos)
    return add_mistake(mistakes, at, "'" + spec.url + "' is not an address of a target",
                       "write http://HOST:PORT or https://HOST, without '?' and '#'");
  if (!allow || !dialled) return;
  if (const auto admitted = allow->admits_url(spec.url); !admitted)
    add_mistake(mistakes, at, admitted.error().what,
                admitted.error().remedy.empty()
                    ? "add its block to 'allow' in this file if load and faults may go there"
                    : admitted.error().remedy);
}

/// An allowance for a fault that does not exist is most likely misspelled.
void check_allowed_faults(const TargetFile& file, const Known& known, Mistakes& mistakes) {
  std::vector<std::string> names;
  for (const KnownFault& fault : known.faults) names.push_back(fault.name);
  for (const std::string& entry : file.spec.production_allows)
    if (const std::string name = allowed_fault(entry);
        !name.empty() && std::count(names.begin(), names.end(), name) == 0)
      add_mistake(mistakes, file.production_at, "production: fault '" + name + "' is not known",
                  remedy_among(name, names));
}

}  // namespace

bool read_param(const FaultParam& param, const Yaml& node, Json& out, Mistakes& mistakes) {
  if (param.type == "duration") {
    Nanos value{0};
    if (!duration_of_node(node, param.name, value, 0ms, kLongestTimeout, mistakes)) return false;
    out = duration_text(value);
  } else if (param.type == "integer") {
    std::int64_t value = 0;
    if (!integer_of_node(node, param.name, value, -1'000'000'000, 1'000'000'000, mistakes)) return false;
    out = value;
  } else if (param.type == "number") {
    double value = 0;
    if (!number_of_node(node, param.name, value, -1e12, 1e12, mistakes)) return false;
    out = value;
  } else {
    std::string value;
    if (!text_of_node(node, param.name, value, mistakes)) return false;
    out = value;
  }
  return true;
}

TargetFile read_target(const Yaml& root, const Known& known, Mistakes& mistakes) {
  TargetFile out;
  TargetSpec& spec = out.spec;
  out.at = out.journeys_at = root.at;
  Fields fields(root, "a target", mistakes);
  fields.text_needed("target", spec.name, "fragile");
  std::string why;
  fields.text("why", why);
  const std::vector<std::string> kinds = names_of(known.targets);
  const bool kind_given =
      fields.need("kind", "reference") != nullptr && one_of(fields, "kind", spec.kind, kinds, mistakes);
  const auto found = std::find_if(known.targets.begin(), known.targets.end(),
                                  [&](const KnownTarget& t) { return t.name == spec.kind; });
  const KnownTarget* kind = found == known.targets.end() ? nullptr : &*found;

  const bool has_variant = one_of(fields, "variant", spec.variant, kVariants, mistakes);
  if (spec.kind == "reference" && !has_variant && spec.variant.empty()) fields.need("variant", "hardened");
  if (spec.kind == "external" && has_variant)
    add_mistake(mistakes, fields.get("variant")->at, "only a reference target has a 'variant'", "remove it");
  one_of(fields, "environment", spec.environment, kEnvironments, mistakes);
  const auto allow = read_allow(fields, spec, mistakes);
  if (kind_given)
    read_url(fields, spec, allow, fields.get("unix_socket") == nullptr, mistakes);
  else
    fields.get("url");
  read_touch(fields, spec, kind, mistakes);
  TargetReading reading{fields, out, allow, std::filesystem::path(root.at.file).parent_path(), mistakes};
  read_sections(reading);
  check_allowed_faults(out, known, mistakes);
  if (const Yaml* node = fields.need("journeys", "reference")) {
    fields.texts("journeys", out.journeys);
    out.journeys_at = node->at;
  }
  read_options(fields, spec, kind, mistakes);
  fields.finish();
  return out;
}

}  // namespace cardstorm
