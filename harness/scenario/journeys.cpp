// journeys: a journeys file: its journeys and its stock. One step is read by journey_step.
#include "harness/scenario/journeys.hpp"

#include <algorithm>
#include <set>

#include "harness/core/text.hpp"
#include "harness/scenario/data_file.hpp"
#include "harness/scenario/journey_step.hpp"

namespace cardstorm {
namespace {

/// What every journey has.
const std::vector<std::string> kAlways{"quantity", "buyer", "key", "phone", "mark", "now_s", "now_ms", "random_hex8"};
const std::vector<std::string> kGoods{"game_card", "membership", "topup", "equipment", "catalogue"};
constexpr Nanos kLongest = std::chrono::minutes(10);

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
  if (good && low > high)
    add_mistake(mistakes, node.at, "'quantity' goes from " + std::to_string(low) + " down to " + std::to_string(high),
                "swap them");
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
    add_mistake(mistakes, fields.get("pick")->at, "pick '" + pick + "' is not known",
                remedy_among(pick, {"turn", "random"}));
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
    add_mistake(mistakes, fields.get("goods")->at, "goods class '" + journey.goods + "' is not known",
                remedy_among(journey.goods, kGoods));
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
    if (skus->kind == Yaml::Kind::list)
      for (const Yaml& item : skus->items) out.sku_places.push_back(item.at);
    else
      out.sku_places.push_back(skus->at);
  }
  if (const Yaml* quantity = fields.get("quantity")) read_quantity(*quantity, journey, mistakes);
  fields.texts("channels", journey.channels);
  fields.number("skew", journey.skew, 0, 10);
  fields.duration("patience", journey.patience, 1ms, journey.deadline);
  std::int64_t refresh = 0;
  if (fields.integer("refresh", refresh, 0, 20)) journey.refresh = static_cast<std::uint32_t>(refresh);
  if (refresh > 0 && journey.patience == Nanos(0))
    add_mistake(mistakes, fields.get("refresh")->at, "'refresh' without 'patience'",
                "say after how long, for example patience: 2s");
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
    for (const Yaml& step : steps->items)
      journey.steps.push_back(read_step(step, common, journey.deadline, defined, mistakes));

  const auto plain_get = [](const Step& s) { return (s.method == "GET" || s.method == "HEAD") && !s.poll; };
  const auto effect = [](const Step& s) { return s.method != "GET" && s.method != "HEAD" && !s.poll; };
  if (journey.patience > Nanos(0) && std::none_of(journey.steps.begin(), journey.steps.end(), plain_get))
    add_mistake(mistakes, fields.get("patience")->at,
                "no step of journey '" + journey.name + "' is a GET without poll, so patience changes nothing",
                "remove 'patience'");
  if (journey.resubmit > 0 && std::none_of(journey.steps.begin(), journey.steps.end(), effect))
    add_mistake(mistakes, fields.get("resubmit")->at,
                "no step of journey '" + journey.name + "' has an effect, so nothing is pressed twice",
                "remove 'resubmit'");

  Nanos thinking{0};
  std::set<std::string> names;
  for (const Step& step : journey.steps) {
    thinking += step.think;
    if (!names.insert(step.name).second)
      add_mistake(mistakes, out.at, "journey '" + journey.name + "' has two steps called '" + step.name + "'",
                  "rename one of them");
  }
  if (thinking >= journey.deadline)
    add_mistake(mistakes, out.at,
                "the pauses of journey '" + journey.name + "' add up to " + duration_text(thinking) +
                    ", its deadline is " + duration_text(journey.deadline),
                "think less or give more time");
  fields.finish();
  return out;
}

}  // namespace

std::vector<SkuStock> read_stock(const Yaml& list, const std::vector<SkuStock>& base, Mistakes& mistakes) {
  std::vector<SkuStock> out = base;
  if (list.kind != Yaml::Kind::list) {
    add_mistake(mistakes, list.at, "'stock' must be a list",
                "write '- { sku: x, goods: game_card, cards: 100, price_cents: 999 }' below it");
    return out;
  }
  std::set<std::string> seen;
  for (const Yaml& item : list.items) {
    Fields fields(item, "a stock entry", mistakes);
    SkuStock entry{};
    if (!fields.text_needed("sku", entry.sku, "card-10")) {
      continue;
    }
    const auto old = std::find_if(out.begin(), out.end(), [&](const SkuStock& s) { return s.sku == entry.sku; });
    const bool known = old != out.end();
    if (!seen.insert(entry.sku).second)
      add_mistake(mistakes, item.at, "SKU '" + entry.sku + "' stands twice", "keep one of them");
    if (known) entry = *old;
    const bool plain = entry.sku.size() <= 64 &&
                       entry.sku.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string::npos &&
                       entry.sku.front() != '.';
    if (!plain)
      add_mistake(mistakes, item.at, "'" + entry.sku + "' cannot be a SKU",
                  "use letters, digits, '-', '_' and '.', at most 64");
    if (known ? fields.text("goods", entry.goods) : fields.text_needed("goods", entry.goods, "game_card"))
      if (std::count(kGoods.begin(), kGoods.end() - 1, entry.goods) == 0)
        add_mistake(mistakes, fields.get("goods")->at, "goods class '" + entry.goods + "' is not known",
                    remedy_among(entry.goods, {kGoods.begin(), kGoods.end() - 1}));
    std::int64_t cards = entry.cards, price = entry.price_cents;
    if (!known && entry.goods == "game_card") fields.need("cards", "1000");
    fields.integer("cards", cards, 0, 2'000'000);
    if (!known) fields.need("price_cents", "999");
    fields.integer("price_cents", price, 1, 100'000'000);
    entry.cards = static_cast<std::uint32_t>(cards);
    entry.price_cents = price;
    fields.finish();
    if (known)
      *old = entry;
    else
      out.push_back(entry);
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
    add_mistake(mistakes, journeys->at, "'journeys' must be a list with at least one journey",
                "write '- journey: browse' below it");
  else if (journeys != nullptr)
    for (const Yaml& node : journeys->items) out.journeys.push_back(read_journey(node, common, mistakes));
  fields.finish();
  return out;
}

}  // namespace cardstorm
