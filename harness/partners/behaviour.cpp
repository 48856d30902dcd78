// behaviour: one table of keys, from which parsing, checking and help come.
#include "harness/partners/behaviour.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <variant>

#include "harness/core/text.hpp"
#include "harness/partners/message.hpp"

namespace cardstorm {

namespace {

using Behaviour = PartnerBehaviour;
using Field = std::variant<double Behaviour::*, Nanos Behaviour::*, std::string Behaviour::*,
                           std::optional<double> Behaviour::*, std::optional<std::vector<Nanos>> Behaviour::*>;

// whose: nothing for both
struct Key {
  const char* name;
  Field field;
  std::optional<PartnerRole> whose = {};
};

const std::vector<Key>& keys() {
  constexpr auto channel = PartnerRole::channel, supplier = PartnerRole::supplier;
  static const std::vector<Key> table{{"schedule", &Behaviour::schedule},
                                      {"duplicate", &Behaviour::duplicate},
                                      {"drop", &Behaviour::drop},
                                      {"silent", &Behaviour::silent},
                                      {"early", &Behaviour::early, channel},
                                      {"reorder", &Behaviour::reorder, channel},
                                      {"late", &Behaviour::late},
                                      {"late_after", &Behaviour::late_after},
                                      {"after_close", &Behaviour::after_close, channel},
                                      {"hostile", &Behaviour::hostile, channel},
                                      {"lose_query", &Behaviour::lose_query},
                                      {"refund_pending", &Behaviour::refund_pending, channel},
                                      {"refund_after", &Behaviour::refund_after, channel},
                                      {"refund_fail", &Behaviour::refund_fail, channel},
                                      {"fail", &Behaviour::fail, supplier},
                                      {"partial", &Behaviour::partial, supplier},
                                      {"unseen", &Behaviour::unseen, supplier},
                                      {"unseen_for", &Behaviour::unseen_for, supplier},
                                      {"close_after", &Behaviour::close_after, channel},
                                      {"notify", &Behaviour::notify},
                                      {"order_from", &Behaviour::order_from, channel},
                                      {"id", &Behaviour::id},
                                      {"stock", &Behaviour::stock, supplier},
                                      {"price", &Behaviour::price, supplier}};
  return table;
}

Result<double> share_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0 && value <= 1))
    return Error{Errc::invalid, "wants a share from 0 to 1, found '" + text + "'"};
  return value;
}

/// Writes a value into the member that a key names.
struct Setter {
  Behaviour& into;
  const std::string& text;

  Status operator()(double Behaviour::*field) const { return put(field, share_of(text)); }
  Status operator()(std::optional<double> Behaviour::*field) const { return put(field, share_of(text)); }
  Status operator()(Nanos Behaviour::*field) const { return put(field, parse_duration(text)); }
  Status operator()(std::optional<std::vector<Nanos>> Behaviour::*field) const {
    return put(field, parse_schedule(text));
  }
  Status operator()(std::string Behaviour::*field) const {
    if (text.empty()) return Error{Errc::invalid, "wants a text"};
    into.*field = text;
    return ok();
  }

 private:
  template <class Member, class Value>
  Status put(Member Behaviour::*field, Result<Value> value) const {
    if (!value) return value.error();
    into.*field = std::move(value).value();
    return ok();
  }
};

bool is_plain_name(const std::string& text) {
  return !text.empty() && text.size() <= 40 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
}

Status set_option(const std::string& option, std::set<std::string>& seen, Behaviour& into) {
  const auto equals = option.find('=');
  const std::string name = option.substr(0, equals);
  for (const Key& key : keys()) {
    if (name != key.name) continue;
    if (equals == std::string::npos) return Error{Errc::invalid, "'" + name + "' has no value"};
    if (!seen.insert(name).second) return Error{Errc::invalid, "'" + name + "' is there twice"};
    const std::string value = option.substr(equals + 1);
    if (Status status = std::visit(Setter{into, value}, key.field); !status)
      return Error(status.error()).in("'" + name + "'");
    if (name == "price" && !partners::cents_of(value))
      return Error{Errc::invalid, "'price' wants yuan such as 9.90, found '" + value + "'"};
    if (name == "notify" && !value.starts_with("http://") && !value.starts_with("https://"))
      return Error{Errc::invalid,
                   "'notify' wants an address such as http://127.0.0.1:8080/notify, found '" + value + "'"};
    if (name == "order_from" && value != "out_trade_no" && value != "attach" && value != "subject")
      return Error{Errc::invalid, "'order_from' wants out_trade_no, attach or subject, found '" + value + "'"};
    return ok();
  }
  const std::string guess = did_you_mean(name, partner_option_names());
  return Error{Errc::invalid, "unknown key '" + name + "'" + (guess.empty() ? "" : ", did you mean '" + guess + "'?")};
}

}  // namespace

std::vector<std::string> partner_option_names() {
  std::vector<std::string> out;
  for (const Key& key : keys()) out.emplace_back(key.name);
  return out;
}

bool partner_key_fits(const std::string& key, PartnerRole role) {
  return std::any_of(keys().begin(), keys().end(),
                     [&](const Key& known) { return key == known.name && known.whose.value_or(role) == role; });
}

Result<std::vector<Nanos>> parse_schedule(const std::string& text) {
  std::vector<Nanos> out;
  if (text == "none") return out;
  for (const std::string& part : split(text, '/')) {
    const auto gap = parse_duration(part);
    if (!gap) return gap.error();
    out.push_back(*gap);
  }
  return out;
}

Result<PartnerSpec> parse_partner(const std::string& text) {
  const auto parts = split(text, ',');
  const auto equals = parts[0].find('=');
  std::vector<std::string> mistakes;
  PartnerSpec spec;
  spec.name = parts[0].substr(0, equals);
  if (equals != std::string::npos) spec.dialect = parts[0].substr(equals + 1);
  if (!is_plain_name(spec.name)) mistakes.push_back("'" + spec.name + "' is no plain name (a-z, 0-9, '_', '-')");
  std::set<std::string> seen;
  for (std::size_t i = 1; i < parts.size(); ++i)
    if (Status status = set_option(parts[i], seen, spec.behaviour); !status) mistakes.push_back(status.error().what);
  spec.keys.assign(seen.begin(), seen.end());
  if (!mistakes.empty())
    return Error{Errc::invalid, "partner '" + text + "': " + join(mistakes, "; "),
                 "write NAME=DIALECT[,key=value...], for example wx=wechat,duplicate=0.1,early=0.05"};
  return spec;
}

}  // namespace cardstorm
