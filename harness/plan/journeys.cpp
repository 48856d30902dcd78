// journeys: a journeys file, step by step, with every template checked against what is defined at that point.
#include "harness/plan/journeys.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/plan/data_file.hpp"
#include "harness/plan/pattern.hpp"

namespace cardstorm {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// What every journey has; with what some have, the names that nothing can be extracted into.
const std::vector<std::string> kAlways{"quantity", "buyer", "key", "phone", "mark", "now_s", "now_ms", "random_hex8"};
const std::vector<std::string> kBuiltIn{"quantity", "buyer", "key", "phone", "mark", "now_s", "now_ms", "random_hex8", "sku", "channel", "trade", "trace_path"};
const std::vector<std::string> kSources{"json", "header", "cookie", "regex"};
const std::vector<std::string> kSignings{"md5_sorted", "md5_sorted_key", "hmac_sha256"};
const std::vector<std::string> kMethods{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"};
const std::vector<std::string> kGoods{"game_card", "membership", "topup", "equipment", "catalogue"};
const std::vector<std::string> kFacts{"order", "pay", "cards", "goods", "refund", "wallet"};
const std::vector<std::string> kKinds{"membership", "topup", "equipment"};
constexpr Nanos kLongest = std::chrono::minutes(10);

/// Checks a template's variables against what is defined at this point.
void check_template(const std::string& text, const Place& at, const std::vector<std::string>& defined, Mistakes& mistakes) {
  for (std::size_t i = 0; (i = text.find("${", i)) != std::string::npos;) {
    const auto close = text.find('}', i);
    if (close == std::string::npos) return add_mistake(mistakes, at, "'${' without '}'", "write ${name}");
    const std::string name = text.substr(i + 2, close - i - 2);
    if (std::find(defined.begin(), defined.end(), name) == defined.end())
      add_mistake(mistakes, at, "'${" + name + "}' is not defined at this step",
                  remedy_among(name, defined) + "; extract it in an earlier step if the platform gives it");
    i = close + 1;
  }
}

/// A body that looks like JSON must be JSON once its variables have values.
void check_body(const std::string& body, const Place& at, Mistakes& mistakes) {
  const std::string_view shape = trim(body);
  if (shape.empty() || (shape.front() != '{' && shape.front() != '[')) return;
  static const std::string kSample = "1";
  const auto filled = expand(body, [](const std::string&) { return &kSample; });
  if (!filled) return;   // told by check_template
  if (const auto json = Json::parse(*filled); !json)
    add_mistake(mistakes, at, "the body is not JSON once its variables have values: " + json.error().what, "check quotes and commas");
}

void check_pointer(const std::string& pointer, const Place& at, Mistakes& mistakes) {
  if (pointer.empty() || pointer.front() == '/') return;
  add_mistake(mistakes, at, "'" + pointer + "' is not a JSON Pointer", "write for example /" + pointer);
}

void check_pattern(const std::string& pattern, const Place& at, Mistakes& mistakes) {
  if (pattern.empty()) return add_mistake(mistakes, at, "the regular expression is empty", "write for example 'value=\"([^\"]+)\"'");
  if (const auto compiled = Pattern::compile(pattern); !compiled) add_mistake(mistakes, at, compiled.error().what, compiled.error().remedy);
}

/// Reads one key as a regular expression.
bool pattern_in(Fields& fields, std::string_view key, std::string& out, Mistakes& mistakes) {
  if (!fields.text(key, out)) return false;
  check_pattern(out, fields.get(key)->at, mistakes);
  return true;
}

/// Reads one key as a JSON Pointer.
bool pointer_in(Fields& fields, std::string_view key, std::string& out, Mistakes& mistakes) {
  if (!fields.text(key, out)) return false;
  check_pointer(out, fields.get(key)->at, mistakes);
  return true;
}

Headers read_headers(const Yaml& node, const std::vector<std::string>& defined, Mistakes& mistakes) {
  Headers out;
  if (node.kind != Yaml::Kind::map) {
    add_mistake(mistakes, node.at, "'headers' must be a map of names and values", "write headers: { X-Buyer: \"${buyer}\" }");
    return out;
  }
  for (const YamlMember& member : node.members) {
    std::string value;
    if (!text_of_node(member.value, member.key, value, mistakes)) continue;
    const bool clean = (member.key + value).find_first_of("\r\n") == std::string::npos && member.key.find_first_of(": ") == std::string::npos;
    if (!clean || member.key.empty()) add_mistake(mistakes, member.at, "a header has a name without spaces and a value in one line", "");
    check_template(value, member.value.at, defined, mistakes);
    out.emplace_back(member.key, value);
  }
  return out;
}

Headers read_form(const Yaml& node, const std::vector<std::string>& defined, Mistakes& mistakes) {
  Headers out;
  if (node.kind != Yaml::Kind::map) {
    add_mistake(mistakes, node.at, "'form' must be a map of fields and values", "write form: { sku: \"${sku}\" }");
    return out;
  }
  for (const YamlMember& member : node.members) {
    std::string value;
    if (!text_of_node(member.value, member.key, value, mistakes)) continue;
    check_template(value, member.value.at, defined, mistakes);
    out.emplace_back(member.key, value);
  }
  return out;
}

/// "== ${amount}", "exists", "matches ^[0-9]+$".
Assertion read_assertion(const Yaml& node, const std::vector<std::string>& defined, Mistakes& mistakes) {
  static const std::vector<std::string> kRelations{"==", "!=", "<=", ">=", "<", ">", "matches", "exists"};   // the longer ones first
  Assertion out;
  Fields fields(node, "an assertion", mistakes);
  if (fields.need("at", "/total") != nullptr) pointer_in(fields, "at", out.pointer, mistakes);
  std::string is;
  if (fields.text_needed("is", is, "\"== ${amount}\"")) {
    const Place& at = fields.get("is")->at;
    const std::string text(trim(is));
    const auto found = std::find_if(kRelations.begin(), kRelations.end(), [&](const std::string& r) { return text.rfind(r, 0) == 0; });
    if (found == kRelations.end()) {
      add_mistake(mistakes, at, "'" + is + "' says no relation", "write one of " + join(kRelations, " ") + ", such as \"== ${amount}\" or exists");
    } else {
      out.relation = *found;
      out.value = trim(std::string_view(text).substr(found->size()));
      if (out.relation == "matches") check_pattern(out.value, at, mistakes);
      else check_template(out.value, at, defined, mistakes);
      if (out.relation == "exists" && !out.value.empty()) add_mistake(mistakes, at, "'exists' takes no value", "write is: exists");
      if (out.relation != "exists" && out.relation != "==" && out.relation != "!=" && out.value.empty())
        add_mistake(mistakes, at, "'" + out.relation + "' needs a value", "write for example is: \"" + out.relation + " 1\"");
    }
  }
  fields.finish();
  return out;
}

void read_expect(const Yaml& node, const std::vector<std::string>& defined, Expect& out, Mistakes& mistakes) {
  Fields fields(node, "'expect'", mistakes);
  fields.integers("status", out.status, 100, 599);
  pointer_in(fields, "at", out.pointer, mistakes);
  fields.texts("values", out.values);
  fields.text("body_has", out.body_has);
  if (const Yaml* all = fields.get("all"); all != nullptr && all->kind != Yaml::Kind::list)
    add_mistake(mistakes, all->at, "'all' must be a list of assertions", "write all: [ { at: /total, is: \"== ${amount}\" } ]");
  else if (all != nullptr)
    for (const Yaml& item : all->items) out.all.push_back(read_assertion(item, defined, mistakes));
  if (out.status.empty()) add_mistake(mistakes, node.at, "'status' is empty: no answer could be right", "write status: [200]");
  if (!out.values.empty() && out.pointer.empty()) add_mistake(mistakes, node.at, "'values' without 'at'", "say where, for example at: /status");
  fields.finish();
}

void read_sold_out(const Yaml& node, Step& step, Mistakes& mistakes) {
  Fields fields(node, "'sold_out'", mistakes);
  if (fields.need("status", "[409]") != nullptr) fields.integers("status", step.sold_out_status, 100, 599);
  pointer_in(fields, "at", step.sold_out_pointer, mistakes);
  fields.text("value", step.sold_out_value);
  fields.text("has", step.sold_out_has);
  if (step.sold_out_pointer.empty() != step.sold_out_value.empty())
    add_mistake(mistakes, node.at, "'at' and 'value' go together", "write at: /error and value: sold_out, or neither");
  if (!step.sold_out_pointer.empty() && !step.sold_out_has.empty())
    add_mistake(mistakes, node.at, "'at' looks into JSON, 'has' into a page", "keep one of them");
  const bool told = !step.sold_out_pointer.empty() || !step.sold_out_has.empty();   // then a 200 may say it too
  for (const int status : step.sold_out_status)
    if (!told && std::count(step.expect.status.begin(), step.expect.status.end(), status) > 0)
      add_mistake(mistakes, node.at, "status " + std::to_string(status) + " is both expected and sold out",
                  "keep it in one of them, or say by 'at' and 'value' or by 'has' which of its answers are refusals");
  fields.finish();
}

Poll read_poll(const Yaml& node, Nanos deadline, Mistakes& mistakes) {
  Poll poll;
  Fields fields(node, "'poll'", mistakes);
  fields.duration("every", poll.every, 10ms, deadline);
  const bool by_regex = pattern_in(fields, "regex", poll.regex, mistakes);
  if (by_regex && fields.get("at") != nullptr) add_mistake(mistakes, node.at, "'at' looks into JSON, 'regex' into a page", "keep one of them");
  if (by_regex || fields.need("at", "/status") != nullptr) pointer_in(fields, "at", poll.pointer, mistakes);
  if (fields.need("until", "[delivered]") != nullptr) fields.texts("until", poll.until);
  fields.texts("fail_on", poll.fail_on);
  if (const Yaml* until = fields.get("until"); until != nullptr && poll.until.empty())
    add_mistake(mistakes, until->at, "'until' is empty: the poll could never end well", "write until: [delivered]");
  for (const std::string& value : poll.until)
    if (std::count(poll.fail_on.begin(), poll.fail_on.end(), value) > 0)
      add_mistake(mistakes, node.at, "'" + value + "' stands in 'until' and in 'fail_on'", "keep it in one of them");
  fields.finish();
  return poll;
}

/// Where a value comes from: a JSON Pointer, or { header: Location } and its like.
bool read_source(const YamlMember& member, Extract& out, Mistakes& mistakes) {
  if (member.value.kind != Yaml::Kind::map) {
    if (!text_of_node(member.value, member.key, out.pointer, mistakes)) return false;
    check_pointer(out.pointer, member.value.at, mistakes);
    return true;
  }
  if (member.value.members.size() != 1) {
    add_mistake(mistakes, member.value.at, "'" + member.key + "' must name one source", "write { header: Location }, { cookie: PHPSESSID }, { regex: '...' } or { json: /a/b }");
    return false;
  }
  const YamlMember& source = member.value.members.front();
  const auto kind = std::find(kSources.begin(), kSources.end(), source.key);
  if (kind == kSources.end()) {
    add_mistake(mistakes, source.at, "source '" + source.key + "' is not known", remedy_among(source.key, kSources));
    return false;
  }
  out.from = static_cast<Extract::From>(kind - kSources.begin());
  if (!text_of_node(source.value, source.key, out.pointer, mistakes)) return false;
  if (out.from == Extract::From::json) check_pointer(out.pointer, source.value.at, mistakes);
  else if (out.from == Extract::From::regex) check_pattern(out.pointer, source.value.at, mistakes);
  else if (out.pointer.empty()) add_mistake(mistakes, source.value.at, "the name of the " + source.key + " is empty", "write its name");
  return true;
}

void read_extract(const Yaml& node, Step& step, std::vector<std::string>& defined, Mistakes& mistakes) {
  if (node.kind != Yaml::Kind::map)
    return add_mistake(mistakes, node.at, "'extract' must be a map of names and JSON Pointers", "write extract: { order_no: /order_no }");
  for (const YamlMember& member : node.members) {
    Extract extract{member.key, {}, Extract::From::json};
    if (!read_source(member, extract, mistakes)) continue;
    if (std::count(kBuiltIn.begin(), kBuiltIn.end(), member.key) > 0)
      add_mistake(mistakes, member.at, "'" + member.key + "' is always defined and cannot be extracted", "choose another name");
    if (member.key.empty() || member.key.find_first_of(".${} ") != std::string::npos)
      add_mistake(mistakes, member.at, "'" + member.key + "' cannot be a name", "use letters, digits, '_' and '-'");
    step.extract.push_back(extract);
    defined.push_back(member.key);
  }
}

/// Reads `sign`. The key comes from a data file or from a file of its own: a journeys file is shown around.
void read_sign(const Yaml& node, Step& step, const std::vector<std::string>& defined, Mistakes& mistakes) {
  Signing out;
  Fields fields(node, "'sign'", mistakes);
  if (fields.text_needed("kind", out.kind, "md5_sorted") && std::count(kSignings.begin(), kSignings.end(), out.kind) == 0)
    add_mistake(mistakes, fields.get("kind")->at, "signature '" + out.kind + "' is not known", remedy_among(out.kind, kSignings));
  const bool hmac = out.kind == "hmac_sha256";
  out.into = hmac ? "Signature" : "sign";
  out.in_header = hmac;
  fields.text("into", out.into);
  fields.boolean("header", out.in_header);
  if (hmac && !out.in_header)
    add_mistake(mistakes, node.at, "hmac_sha256 covers the whole body, so its signature cannot stand in it", "leave 'header' out");
  if (out.into.empty() || out.into.find_first_of(": \r\n") != std::string::npos) add_mistake(mistakes, node.at, "'into' must be the name of a field or header", "write into: sign");
  const bool by_template = fields.text("key", out.key), by_file = fields.text("file", out.key_file);
  if (by_template == by_file) add_mistake(mistakes, node.at, "a signature needs one key", "write key: \"${data.key}\", or file: shop.key");
  if (by_template) {
    check_template(out.key, fields.get("key")->at, defined, mistakes);
    if (out.key.find("${") == std::string::npos)
      add_mistake(mistakes, fields.get("key")->at, "a key does not stand in the clear in a journeys file", "put it into a file and write file: shop.key");
  }
  if (by_file) {
    const Place& at = fields.get("file")->at;
    out.key_file = beside(at.file, out.key_file);
    const auto key = read_file(out.key_file);
    if (!key) add_mistake(mistakes, at, key.error().what, "write the key into that file");
    else if (trim(*key).empty()) add_mistake(mistakes, at, "the key file '" + out.key_file + "' is empty", "write the key into it");
  }
  const std::string_view shape = trim(step.body);
  if (!hmac && step.form.empty() && !shape.empty() && shape.front() != '{')
    add_mistake(mistakes, node.at, "only a form, a JSON object or a query has fields to sign", "write the body as form: { ... }");
  fields.finish();
  step.sign = std::move(out);
}

/// Reads `fact`: which fact, and what each fact cannot do without.
void read_fact(const Yaml& node, Step& step, const std::vector<std::string>& defined, Mistakes& mistakes) {
  Fields fields(node, "'fact'", mistakes);
  std::string is;
  if (!fields.text_needed("is", is, "order")) return;
  const auto found = std::find(kFacts.begin(), kFacts.end(), is);
  if (found == kFacts.end())
    return add_mistake(mistakes, fields.get("is")->at, "fact '" + is + "' is not known", remedy_among(is, kFacts));
  step.fact = static_cast<Fact>(found - kFacts.begin() + 1);

  const auto template_in = [&](std::string_view key, std::string& out, std::string_view example) {
    if (fields.text_needed(key, out, example)) check_template(out, fields.get(key)->at, defined, mistakes);
  };
  const auto pointer_needed = [&](std::string_view key, std::string& out, std::string_view example) {
    if (fields.text_needed(key, out, example)) check_pointer(out, fields.get(key)->at, mistakes);
  };
  const auto amount_in = [&](std::string_view example) {
    if (const Yaml* from = fields.get("amount_from")) {
      template_in("amount_from", step.amount_from, "\"${amount}\"");
      if (fields.get("amount") != nullptr) add_mistake(mistakes, from->at, "'amount' and 'amount_from' say the same thing twice", "keep one of them");
    } else {
      pointer_needed("amount", step.amount_pointer, example);
    }
    std::string unit = "cents";
    if (fields.text("amount_unit", unit) && unit != "cents" && unit != "yuan")
      add_mistake(mistakes, fields.get("amount_unit")->at, "amount_unit '" + unit + "' is not known", remedy_among(unit, {"cents", "yuan"}));
    step.amount_yuan = unit == "yuan";
  };
  if (step.fact != Fact::wallet) template_in("order", step.order, "\"${order_no}\"");
  switch (step.fact) {
    case Fact::none: break;
    case Fact::order: amount_in("/amount_cents"); break;
    case Fact::pay: template_in("channel", step.channel, "\"${channel}\""); break;
    case Fact::cards:
      if (const Yaml* regex = fields.get("regex")) {
        pattern_in(fields, "regex", step.cards_regex, mistakes);
        if (fields.get("cards") != nullptr) add_mistake(mistakes, regex->at, "'cards' looks into JSON, 'regex' into a page", "keep one of them");
      } else {
        pointer_needed("cards", step.cards_pointer, "/cards");
      }
      break;
    case Fact::goods:
      pointer_needed("reference", step.reference_pointer, "/receipt");
      if (fields.text_needed("kind", step.kind, "membership") && std::count(kKinds.begin(), kKinds.end(), step.kind) == 0)
        add_mistake(mistakes, fields.get("kind")->at, "kind '" + step.kind + "' is not known", remedy_among(step.kind, kKinds));
      break;
    case Fact::refund: amount_in("/amount_cents"); break;
    case Fact::wallet:
      template_in("kind", step.kind, "\"${buyer}\"");
      amount_in("/balance_cents");
      break;
  }
  fields.finish();
}

/// Headers of the whole file, then the step's own on top.
void lay_over(Headers& base, const Headers& over) {
  for (const auto& [name, value] : over) {
    const auto same = std::find_if(base.begin(), base.end(), [&](const auto& h) { return lower(h.first) == lower(name); });
    if (same != base.end()) *same = {name, value};
    else base.emplace_back(name, value);
  }
}

Step read_step(const Yaml& node, const Headers& common, Nanos deadline, std::vector<std::string>& defined, Mistakes& mistakes) {
  Step step;
  step.headers = common;
  Fields fields(node, "a step", mistakes);
  fields.text_needed("step", step.name, "order");
  if (fields.text("method", step.method) && std::count(kMethods.begin(), kMethods.end(), step.method) == 0)
    add_mistake(mistakes, fields.get("method")->at, "method '" + step.method + "' is not known", remedy_among(step.method, kMethods));
  if (fields.text_needed("path", step.path, "/goods/${sku}")) {
    const Place& at = fields.get("path")->at;
    std::vector<std::string> in_paths = defined;
    in_paths.emplace_back("trace_path");
    check_template(step.path, at, in_paths, mistakes);
    // A path that could become another host would leave the allow-list.
    const bool recorded = step.path.rfind("${trace_path}", 0) == 0;
    if ((step.path.front() != '/' && !recorded) || step.path.rfind("//", 0) == 0 || step.path.find_first_of(" \r\n\t") != std::string::npos)
      add_mistake(mistakes, at, "'" + step.path + "' is not a path on the target", "start it with one '/', without spaces");
  }
  if (fields.text("body", step.body)) {
    check_template(step.body, fields.get("body")->at, defined, mistakes);
    check_body(step.body, fields.get("body")->at, mistakes);
  }
  if (const Yaml* form = fields.get("form")) {
    step.form = read_form(*form, defined, mistakes);
    if (!step.body.empty()) add_mistake(mistakes, form->at, "a step has a 'body' or a 'form', not both", "keep one of them");
    if (step.method == "GET" || step.method == "HEAD") add_mistake(mistakes, form->at, "a form is not sent by " + step.method, "write method: POST");
  }
  if (const Yaml* sign = fields.get("sign")) read_sign(*sign, step, defined, mistakes);
  std::int64_t redirects = 0;
  if (fields.integer("redirects", redirects, 0, 20)) step.redirects = static_cast<std::uint32_t>(redirects);
  fields.boolean("cookies", step.cookies);
  if (const Yaml* headers = fields.get("headers")) lay_over(step.headers, read_headers(*headers, defined, mistakes));
  fields.duration("think", step.think, 0ms, deadline);
  fields.duration("timeout", step.timeout, 1ms, deadline);
  fields.boolean("resend", step.resend);
  if (const Yaml* expect = fields.get("expect")) read_expect(*expect, defined, step.expect, mistakes);
  if (const Yaml* sold_out = fields.get("sold_out")) read_sold_out(*sold_out, step, mistakes);
  if (const Yaml* poll = fields.get("poll")) step.poll = read_poll(*poll, deadline, mistakes);
  if (const Yaml* extract = fields.get("extract")) read_extract(*extract, step, defined, mistakes);
  if (const Yaml* fact = fields.get("fact")) read_fact(*fact, step, defined, mistakes);   // may use this step's extracts
  fields.finish();
  return step;
}

void read_quantity(const Yaml& node, Journey& journey, Mistakes& mistakes) {
  std::int64_t low = 1, high = 1;
  bool good = false;
  if (node.kind == Yaml::Kind::list && node.items.size() == 2) {
    good = integer_of_node(node.items[0], "quantity", low, 1, 10'000, mistakes) &&
           integer_of_node(node.items[1], "quantity", high, 1, 10'000, mistakes);
  } else if (node.kind == Yaml::Kind::scalar) {
    good = integer_of_node(node, "quantity", low, 1, 10'000, mistakes);
    high = low;
  } else {
    add_mistake(mistakes, node.at, "'quantity' must be a number or [from, to]", "write quantity: [20, 60]");
  }
  if (good && low > high) add_mistake(mistakes, node.at, "'quantity' goes from " + std::to_string(low) + " down to " + std::to_string(high), "swap them");
  if (!good || low > high) return;
  journey.quantity_min = static_cast<std::uint32_t>(low);
  journey.quantity_max = static_cast<std::uint32_t>(high);
}

void read_data(const Yaml& node, Journey& journey, Mistakes& mistakes) {
  Fields fields(node, "'data'", mistakes);
  std::string pick = "turn";
  if (fields.text_needed("file", journey.data_file, "accounts.csv")) {
    auto table = read_data_file(beside(node.at.file, journey.data_file), fields.get("file")->at, mistakes);
    journey.data_columns = std::move(table.columns);
    journey.data_rows = std::move(table.rows);
    journey.data_sha256 = std::move(table.sha256);
    journey.data_count = static_cast<std::uint32_t>(journey.data_rows.size());
  }
  if (fields.text("pick", pick) && pick != "turn" && pick != "random")
    add_mistake(mistakes, fields.get("pick")->at, "pick '" + pick + "' is not known", remedy_among(pick, {"turn", "random"}));
  journey.data_random = pick == "random";
  fields.finish();
}

PlacedJourney read_journey(const Yaml& node, const Headers& common, Mistakes& mistakes) {
  PlacedJourney out;
  out.at = out.weight_at = node.at;
  Journey& journey = out.journey;
  Fields fields(node, "a journey", mistakes);
  fields.text_needed("journey", journey.name, "buy_card");
  fields.text_needed("flow", journey.flow, "buy");
  journey.goods = "catalogue";
  if (fields.text("goods", journey.goods) && std::count(kGoods.begin(), kGoods.end(), journey.goods) == 0)
    add_mistake(mistakes, fields.get("goods")->at, "goods class '" + journey.goods + "' is not known", remedy_among(journey.goods, kGoods));
  if (const Yaml* weight = fields.need("weight", "10")) {
    out.weight_at = weight->at;
    if (number_of_node(*weight, "weight", journey.weight, -1e9, 1e9, mistakes) && journey.weight <= 0) {
      add_mistake(mistakes, weight->at, "'weight' must be above 0", "remove the journey if nobody shall take it");
      journey.weight = 1;
    }
  }
  fields.duration("deadline", journey.deadline, 1s, kLongest);
  if (const Yaml* skus = fields.get("skus")) {
    fields.texts("skus", journey.skus);
    if (skus->kind == Yaml::Kind::list) for (const Yaml& item : skus->items) out.sku_places.push_back(item.at);
    else out.sku_places.push_back(skus->at);
  }
  if (const Yaml* quantity = fields.get("quantity")) read_quantity(*quantity, journey, mistakes);
  fields.texts("channels", journey.channels);
  fields.number("skew", journey.skew, 0, 10);
  fields.duration("patience", journey.patience, 1ms, journey.deadline);
  std::int64_t refresh = 0;
  if (fields.integer("refresh", refresh, 0, 20)) journey.refresh = static_cast<std::uint32_t>(refresh);
  if (refresh > 0 && journey.patience == Nanos(0)) add_mistake(mistakes, fields.get("refresh")->at, "'refresh' without 'patience'", "say after how long, for example patience: 2s");
  fields.number("resubmit", journey.resubmit, 0, 1);
  if (const Yaml* data = fields.get("data")) read_data(*data, journey, mistakes);

  std::vector<std::string> defined = kAlways;
  for (const std::string& column : journey.data_columns) defined.push_back("data." + column);
  if (!journey.skus.empty()) defined.emplace_back("sku");
  if (!journey.channels.empty()) defined.emplace_back("channel");
  const Yaml* steps = fields.need("steps", "[ ... ]");
  if (steps != nullptr && (steps->kind != Yaml::Kind::list || steps->items.empty()))
    add_mistake(mistakes, steps->at, "'steps' must be a list with at least one step", "write '- step: list' below it");
  else if (steps != nullptr && steps->items.size() > 200)
    add_mistake(mistakes, steps->at, "more than 200 steps", "split the journey");
  else if (steps != nullptr)
    for (const Yaml& step : steps->items) journey.steps.push_back(read_step(step, common, journey.deadline, defined, mistakes));

  const auto plain_get = [](const Step& s) { return (s.method == "GET" || s.method == "HEAD") && !s.poll; };
  const auto effect = [](const Step& s) { return s.method != "GET" && s.method != "HEAD" && !s.poll; };
  if (journey.patience > Nanos(0) && std::none_of(journey.steps.begin(), journey.steps.end(), plain_get))
    add_mistake(mistakes, fields.get("patience")->at, "no step of journey '" + journey.name + "' is a GET without poll, so patience changes nothing", "remove 'patience'");
  if (journey.resubmit > 0 && std::none_of(journey.steps.begin(), journey.steps.end(), effect))
    add_mistake(mistakes, fields.get("resubmit")->at, "no step of journey '" + journey.name + "' has an effect, so nothing is pressed twice", "remove 'resubmit'");

  Nanos thinking{0};
  std::set<std::string> names;
  for (const Step& step : journey.steps) {
    thinking += step.think;
    if (!names.insert(step.name).second)
      add_mistake(mistakes, out.at, "journey '" + journey.name + "' has two steps called '" + step.name + "'", "rename one of them");
  }
  if (thinking >= journey.deadline)
    add_mistake(mistakes, out.at, "the pauses of journey '" + journey.name + "' add up to " + duration_text(thinking) + ", its deadline is " +
                                      duration_text(journey.deadline), "think less or give more time");
  fields.finish();
  return out;
}

}  // namespace

std::vector<SkuStock> read_stock(const Yaml& list, const std::vector<SkuStock>& base, Mistakes& mistakes) {
  std::vector<SkuStock> out = base;
  if (list.kind != Yaml::Kind::list) {
    add_mistake(mistakes, list.at, "'stock' must be a list", "write '- { sku: x, goods: game_card, cards: 100, price_cents: 999 }' below it");
    return out;
  }
  std::set<std::string> seen;
  for (const Yaml& item : list.items) {
    Fields fields(item, "a stock entry", mistakes);
    SkuStock entry{};
    if (!fields.text_needed("sku", entry.sku, "card-10")) { continue; }
    const auto old = std::find_if(out.begin(), out.end(), [&](const SkuStock& s) { return s.sku == entry.sku; });
    const bool known = old != out.end();
    if (!seen.insert(entry.sku).second) add_mistake(mistakes, item.at, "SKU '" + entry.sku + "' stands twice", "keep one of them");
    if (known) entry = *old;
    const bool plain = entry.sku.size() <= 64 && entry.sku.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string::npos &&
                       entry.sku.front() != '.';
    if (!plain) add_mistake(mistakes, item.at, "'" + entry.sku + "' cannot be a SKU", "use letters, digits, '-', '_' and '.', at most 64");
    if (known ? fields.text("goods", entry.goods) : fields.text_needed("goods", entry.goods, "game_card"))
      if (std::count(kGoods.begin(), kGoods.end() - 1, entry.goods) == 0)
        add_mistake(mistakes, fields.get("goods")->at, "goods class '" + entry.goods + "' is not known", remedy_among(entry.goods, {kGoods.begin(), kGoods.end() - 1}));
    std::int64_t cards = entry.cards, price = entry.price_cents;
    if (!known && entry.goods == "game_card") fields.need("cards", "1000");
    fields.integer("cards", cards, 0, 2'000'000);
    if (!known) fields.need("price_cents", "999");
    fields.integer("price_cents", price, 1, 100'000'000);
    entry.cards = static_cast<std::uint32_t>(cards);
    entry.price_cents = price;
    fields.finish();
    if (known) *old = entry;
    else out.push_back(entry);
  }
  return out;
}

JourneyFile read_journeys(const Yaml& root, Mistakes& mistakes) {
  JourneyFile out;
  Fields fields(root, "a journeys file", mistakes);
  std::string name, why;
  fields.text_needed("mix", name, "reference");
  fields.text_needed("why", why, "\"how real buyers split\"");
  Headers common;
  // Journey files cannot know which variables a journey has, so only those that every journey has are allowed here.
  if (const Yaml* headers = fields.get("headers")) common = read_headers(*headers, kAlways, mistakes);
  if (const Yaml* stock = fields.get("stock")) out.stock = read_stock(*stock, {}, mistakes);
  const Yaml* journeys = fields.need("journeys", "[ ... ]");
  if (journeys != nullptr && (journeys->kind != Yaml::Kind::list || journeys->items.empty()))
    add_mistake(mistakes, journeys->at, "'journeys' must be a list with at least one journey", "write '- journey: browse' below it");
  else if (journeys != nullptr)
    for (const Yaml& node : journeys->items) out.journeys.push_back(read_journey(node, common, mistakes));
  fields.finish();
  return out;
}

}  // namespace cardstorm
