// observations: what a trade's answers tell about orders, money and goods. Never a card's text: its id from the mint,
// or a digest.
#include <map>

#include "harness/core/text.hpp"
#include "harness/drive/journey.hpp"

namespace cardstorm {
namespace {

const std::string& card_text(const Json& item) { return item.is_object() ? item["secret"].string() : item.string(); }

}  // namespace

std::optional<std::int64_t> TradeExecution::amount(const Json* body) {
  if (!step().amount_from.empty()) {
    const auto text = filled(recipe().amount_from);
    return text ? cents_of(std::string_view(*text), step().amount_yuan) : std::nullopt;
  }
  const Json* value = body == nullptr ? nullptr : body->at_pointer(step().amount_pointer);
  return value == nullptr ? std::nullopt : cents_of(*value, step().amount_yuan);
}

std::size_t TradeExecution::write_cards(const Json* body, const HttpResponse& response, Nanos done) {
  const auto order = filled(recipe().order);
  if (!order) return 0;
  // Each card once, whatever number of answers shows it; but twice when one answer holds it twice: that is a finding.
  std::map<std::string, std::size_t> in_this_answer;
  std::size_t seen = 0;
  const auto write = [&](std::string_view text) {
    ++seen;
    const auto id = parts_.mint.decode(text);
    const std::string digest = id ? "" : parts_.mint.digest(text);
    const std::string key = id ? std::to_string(id->sku) + "/" + std::to_string(id->index) : digest;
    if (++in_this_answer[key] <= cards_[key]) return;
    ++cards_[key];
    parts_.ledger.fact(
        CardSeen{arrival_.trade, done, *order, id.has_value(), id ? id->sku : 0, id ? id->index : 0, digest});
  };
  if (recipe().cards) {
    recipe().cards->all(response.body, write);
    return seen;
  }
  const Json* list = body == nullptr ? nullptr : body->at_pointer(step().cards_pointer);
  if (list == nullptr) return 0;
  for (const Json& item : list->items()) write(card_text(item));
  if (list->is_string())  // shops that give all cards as one text, a line each
    for (const std::string& line : split(list->string(), '\n'))
      if (const std::string_view text = trim(line); !text.empty()) write(text);
  return seen;
}

bool TradeExecution::write_observations(const Json* body, const HttpResponse& response, Nanos done) {
  const Step& s = step();
  if (s.fact == Fact::none || s.fact == Fact::pay)
    return true;  // a payment is written with its outcome when the step ends
  const auto order = filled(s.fact == Fact::wallet ? recipe().kind : recipe().order);
  if (!order) return false;
  const auto cents = amount(body);
  const bool wanted = !s.amount_pointer.empty() || !s.amount_from.empty();
  switch (s.fact) {
    case Fact::order:
      if (!cents && wanted) return false;
      parts_.ledger.fact(OrderSeen{arrival_.trade, done, *order, arrival_.sku, arrival_.quantity, cents.value_or(0)});
      return true;
    case Fact::cards:
      return write_cards(body, response, done) >= arrival_.quantity;  // everything asked, or it is not good
    case Fact::goods: {
      const Json* reference = body == nullptr ? nullptr : body->at_pointer(s.reference_pointer);
      if (reference == nullptr || reference->is_null() || reference->text().empty()) return false;
      parts_.ledger.fact(GoodsSeen{arrival_.trade, done, *order, s.kind, parts_.mint.digest(reference->text())});
      return true;
    }
    case Fact::refund:
      if (!cents && wanted) return false;
      parts_.ledger.fact(RefundSeen{arrival_.trade, done, *order, cents.value_or(0), Outcome::ok});
      return true;
    case Fact::wallet:
      if (!cents) return false;
      parts_.ledger.fact(WalletSeen{arrival_.trade, last_sent_, done, *order, *cents});
      return true;
    case Fact::none:
    case Fact::pay:
      break;
  }
  return true;
}

void TradeExecution::write_observation_of_end(Outcome outcome, Cause cause, Nanos done) {
  const Fact fact = step().fact;
  if (fact != Fact::pay && (fact != Fact::refund || outcome == Outcome::ok)) return;
  const auto order = filled(recipe().order);
  if (!order) return;
  if (fact == Fact::pay) {
    const auto channel = filled(recipe().channel);
    parts_.ledger.fact(PaySeen{arrival_.trade, done, *order, channel ? *channel : "", outcome});
    return;
  }
  // A refund was asked for and its end was not seen, unless the platform said no.
  const bool refused = outcome == Outcome::failed && (cause == Cause::http_4xx || cause == Cause::bad_body);
  parts_.ledger.fact(RefundSeen{arrival_.trade, done, *order, 0, refused ? Outcome::failed : Outcome::unknown});
}

}  // namespace cardstorm
