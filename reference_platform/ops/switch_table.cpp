// switch_table: see switch_table.hpp.
#include "reference_platform/ops/switch_table.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace platform::ops {
namespace {

namespace json = boost::json;
using domain::Trait;

constexpr Trait kHonoured[] = {Trait::A06, Trait::A09, Trait::A10};

std::string line(const std::string& head, const std::string& text) {
  return "       " + head + std::string(11 - head.size(), ' ') + text + "\n";
}

}  // namespace

bool hardened_honours(Trait trait) {
  return std::find(std::begin(kHonoured), std::end(kHonoured), trait) != std::end(kHonoured);
}

std::string honoured_traits() {
  std::string out;
  for (const auto& t : domain::trait_entries())
    if (hardened_honours(t.trait)) out += (out.empty() ? "" : ", ") + std::string(t.id);
  return out;
}

std::string switch_table() {
  const auto fragile = domain::Switches::usual("fragile"), hardened = domain::Switches::usual("hardened");
  const auto state = [](bool on) { return std::string(on ? "on" : "off"); };
  std::string out =
      "Weaknesses, switched by --trait ID=on|off. Each line \"hardened\" says what that variant does instead.\n\n";
  for (const auto& t : domain::trait_entries()) {
    const std::string name = t.name;
    out += "  " + std::string(t.id) + "  " + name + std::string(30 - std::min<std::size_t>(name.size(), 29), ' ');
    out += "fragile: " + state(fragile.on(t.trait)) + ", can be switched   hardened: " + state(hardened.on(t.trait));
    out += hardened_honours(t.trait) ? ", can be switched\n" : " always\n";
    out += line("mechanism", t.mechanism) + line("symptom", t.symptom) + line("hardened", t.hardened);
  }
  out += "\nPlanted bugs of the hardened variant, off unless asked for by --bug ID.\n\n";
  for (const auto& b : domain::bug_entries()) {
    out += "  " + std::string(b.id) + "  " + b.what + "\n" + line("bites", b.bites);
  }
  return out;
}

std::string switch_json() {
  const auto fragile = domain::Switches::usual("fragile"), hardened = domain::Switches::usual("hardened");
  json::array traits, bugs;
  for (const auto& t : domain::trait_entries())
    traits.push_back(
        json::object{{"id", t.id},
                     {"name", t.name},
                     {"mechanism", t.mechanism},
                     {"symptom", t.symptom},
                     {"hardened", t.hardened},
                     {"on", json::object{{"fragile", fragile.on(t.trait)}, {"hardened", hardened.on(t.trait)}}},
                     {"switchable", json::object{{"fragile", true}, {"hardened", hardened_honours(t.trait)}}}});
  for (const auto& b : domain::bug_entries())
    bugs.push_back(json::object{{"id", b.id}, {"what", b.what}, {"bites", b.bites}});
  return json::serialize(json::object{{"traits", traits}, {"bugs", bugs}}) + "\n";
}

}  // namespace platform::ops
