// audit_file: decoding of card texts.
#include "harness/run/audit_file.hpp"

namespace cardstorm {
namespace {

Json decoded(const Json& cards, const Mint& mint) {
  Json out = Json::array();
  for (const Json& card : cards.items()) {
    const std::string& text = card.is_object() ? card["secret"].string() : card.string();
    if (const auto id = mint.decode(text)) out.push(Json::object({{"sku", id->sku}, {"index", id->index}}));
    else out.push(Json::object({{"digest", mint.digest(text)}}));
  }
  return out;
}

}  // namespace

std::string audit_lines(const std::vector<Json>& rows, const Mint& mint) {
  std::string out;
  for (const Json& row : rows) {
    Json line = row;
    if (row.has("cards")) line.set("cards", decoded(row["cards"], mint));
    out += line.dump() + "\n";
  }
  return out;
}

}  // namespace cardstorm
