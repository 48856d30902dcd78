// audit_file: decoding of card texts.
#include "harness/run/audit_file.hpp"

#include <cstdint>
#include <map>
#include <set>

namespace cardstorm {
namespace {

const std::string& card_text(const Json& card) { return card.is_object() ? card["secret"].string() : card.string(); }

Json decoded(const Json& cards, const Mint& mint) {
  Json out = Json::array();
  for (const Json& card : cards.items()) {
    const std::string& text = card_text(card);
    if (const auto id = mint.decode(text))
      out.push(Json::object({{"sku", id->sku}, {"index", id->index}}));
    else
      out.push(Json::object({{"digest", mint.digest(text)}}));
  }
  return out;
}

/// How many cards of each SKU are gone since before the run. A card that two orders hold is gone once.
std::string earlier_lines(const Json& cards, const Mint& mint) {
  std::map<std::uint32_t, std::set<std::uint32_t>> gone;
  for (const Json& card : cards.items())
    if (const auto id = mint.decode(card_text(card))) gone[id->sku].insert(id->index);
  std::string out;
  for (const auto& [sku, indices] : gone)
    out +=
        Json::object({{"row", "earlier"}, {"sku", sku}, {"cards", static_cast<std::uint64_t>(indices.size())}}).dump() +
        "\n";
  return out;
}

}  // namespace

std::string audit_lines(const std::vector<Json>& rows, const Mint& mint) {
  std::string out;
  for (const Json& row : rows) {
    if (row["row"].string() == "earlier") {
      out += earlier_lines(row["cards"], mint);
      continue;
    }
    Json line = row;
    if (row.has("cards")) line.set("cards", decoded(row["cards"], mint));
    out += line.dump() + "\n";
  }
  return out;
}

}  // namespace cardstorm
