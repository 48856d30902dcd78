// journeys: a journeys file, step by step, with every template checked against what is defined at that point.
#include "harness/plan/journeys.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "harness/core/json.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

const std::vector<std::string> kBuiltIn{"sku", "quantity", "channel", "buyer", "key", "phone", "mark"};
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

void read_expect(const Yaml& node, Expect& out, Mistakes& mistakes) {
  Fields fields(node, "'expect'", mistakes);
  fields.integers("status", out.status, 100, 599);
  pointer_in(fields, "at", out.pointer, mistakes);
  fields.texts("values", out.values);
  if (out.status.empty()) add_mistake(mistakes, node.at, "'status' is empty: no answer could be right", "write status: [200]");
  if (!out.values.empty() && out.pointer.empty()) add_mistake(mistakes, node.at, "'values' without 'at'", "say where, for example at: /status");
  fields.finish();
}

void read_sold_out(const Yaml& node, Step& step, Mistakes& mistakes) {
  Fields fields(node, "'sold_out'", mistakes);
  if (fields.need("status", "[409]") != nullptr) fields.integers("status", step.sold_out_status, 100, 599);
  pointer_in(fields, "at", step.sold_out_pointer, mistakes);
  fields.text("value", step.sold_out_value);
  if (step.sold_out_pointer.empty() != step.sold_out_value.empty())
    add_mistake(mistakes, node.at, "'at' and 'value' go together", "write at: /error and value: sold_out, or neither");
  for (const int status : step.sold_out_status)
    if (std::count(step.expect.status.begin(), step.expect.status.end(), status) > 0)
      add_mistake(mistakes, node.at, "status " + std::to_string(status) + " is both expected and sold out", "keep it in one of them");
  fields.finish();
}

Poll read_poll(const Yaml& node, Nanos deadline, Mistakes& mistakes) {
  Poll poll;
  Fields fields(node, "'poll'", mistakes);
  fields.duration("every", poll.every, 10ms, deadline);
  if (fields.need("at", "/status") != nullptr) pointer_in(fields, "at", poll.pointer, mistakes);
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

void read_extract(const Yaml& node, Step& step, std::vector<std::string>& defined, Mistakes& mistakes) {
  if (node.kind != Yaml::Kind::map)
    return add_mistake(mistakes, node.at, "'extract' must be a map of names and JSON Pointers", "write extract: { order_no: /order_no }");
  for (const YamlMember& member : node.members) {
    Extract extract{member.key, {}};
    if (!text_of_node(member.value, member.key, extract.pointer, mistakes)) continue;
    check_pointer(extract.pointer, member.value.at, mistakes);
    if (std::count(kBuiltIn.begin(), kBuiltIn.end(), member.key) > 0)
      add_mistake(mistakes, member.at, "'" + member.key + "' is always defined and cannot be extracted", "choose another name");
    step.extract.push_back(extract);
    defined.push_back(member.key);
  }
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
  if (step.fact != Fact::wallet) template_in("order", step.order, "\"${order_no}\"");
  switch (step.fact) {
    case Fact::none: break;
    case Fact::order: pointer_needed("amount", step.amount_pointer, "/amount_cents"); break;
    case Fact::pay: template_in("channel", step.channel, "\"${channel}\""); break;
    case Fact::cards: pointer_needed("cards", step.cards_pointer, "/cards"); break;
    case Fact::goods:
      pointer_needed("reference", step.reference_pointer, "/receipt");
      if (fields.text_needed("kind", step.kind, "membership") && std::count(kKinds.begin(), kKinds.end(), step.kind) == 0)
        add_mistake(mistakes, fields.get("kind")->at, "kind '" + step.kind + "' is not known", remedy_among(step.kind, kKinds));
      break;
    case Fact::refund: pointer_needed("amount", step.amount_pointer, "/amount_cents"); break;
    case Fact::wallet:
      template_in("kind", step.kind, "\"${buyer}\"");
      pointer_needed("amount", step.amount_pointer, "/balance_cents");
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
    check_template(step.path, at, defined, mistakes);
    // A path that could become another host would leave the allow-list.
    if (step.path.front() != '/' || step.path.rfind("//", 0) == 0 || step.path.find_first_of(" \r\n\t") != std::string::npos)
      add_mistake(mistakes, at, "'" + step.path + "' is not a path on the target", "start it with one '/', without spaces");
  }
  if (fields.text("body", step.body)) {
    check_template(step.body, fields.get("body")->at, defined, mistakes);
    check_body(step.body, fields.get("body")->at, mistakes);
  }
  if (const Yaml* headers = fields.get("headers")) lay_over(step.headers, read_headers(*headers, defined, mistakes));
  fields.duration("think", step.think, 0ms, deadline);
  fields.duration("timeout", step.timeout, 1ms, deadline);
  fields.boolean("resend", step.resend);
  if (const Yaml* expect = fields.get("expect")) read_expect(*expect, step.expect, mistakes);
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

  std::vector<std::string> defined{"quantity", "buyer", "key", "phone", "mark"};
  if (!journey.skus.empty()) defined.emplace_back("sku");
  if (!journey.channels.empty()) defined.emplace_back("channel");
  const Yaml* steps = fields.need("steps", "[ ... ]");
  if (steps != nullptr && (steps->kind != Yaml::Kind::list || steps->items.empty()))
    add_mistake(mistakes, steps->at, "'steps' must be a list with at least one step", "write '- step: list' below it");
  else if (steps != nullptr && steps->items.size() > 200)
    add_mistake(mistakes, steps->at, "more than 200 steps", "split the journey");
  else if (steps != nullptr)
    for (const Yaml& step : steps->items) journey.steps.push_back(read_step(step, common, journey.deadline, defined, mistakes));

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
  if (const Yaml* headers = fields.get("headers")) common = read_headers(*headers, {"quantity", "buyer", "key", "phone", "mark"}, mistakes);
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
