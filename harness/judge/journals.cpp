// journals: see journals.hpp.
#include "harness/judge/journals.hpp"

#include "harness/core/json.hpp"

namespace cardstorm {
namespace {

void add(const std::string& channel, const Json& j, Nanos start, Evidence& e) {
  const Nanos at = Nanos(j["mono_ns"].integer()) - start;
  const std::string& kind = j["kind"].string();
  // What the partner said of itself, or told the platform later, was not asked for in that moment.
  if (kind == "created" || kind == "charged" || kind == "refunded" || kind == "trade_closed" ||
      kind.ends_with("_accepted"))
    e.asked[channel].push_back(at);
  const auto text = [&](std::string_view key) { return j[key].is_null() ? std::string() : j[key].text(); };
  if (kind == "charged") {
    e.charges.push_back(
        {at, channel, text("trade_no"), text("out_trade_no"), text("order"), j["amount_cents"].integer()});
  } else if (kind == "refunded") {
    e.refunds.push_back({at, channel, text("trade_no"), text("refund_no"), text("order"), j["amount_cents"].integer()});
  } else if (kind == "notify" || kind == "topup_notify") {
    e.notifies.push_back({at, channel, text(kind == "notify" ? "trade_no" : "request_no"), text("order"),
                          static_cast<int>(j["attempt"].integer()), j["acknowledged"].boolean(),
                          std::chrono::milliseconds(j["took_ms"].integer())});
  } else if (kind == "topup_accepted" || kind == "topup_done") {
    e.topups.push_back({at, text("request_no"), text("order"), text("phone_digest"), j["amount_cents"].integer(),
                        kind == "topup_done"});
  }
}

}  // namespace

Journal read_journal(const std::string& name, std::string_view text, Nanos start, Evidence& evidence) {
  Journal out{name, ""};
  const auto damaged = [&](std::string what) {
    if (out.damage.empty()) out.damage = std::move(what);
  };
  evidence.asked[name];  // a journal without a line says something too
  bool head = false, closed = false;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = text.find('\n');
    const bool torn = end == std::string_view::npos;
    const auto json = Json::parse(text.substr(0, end));
    text.remove_prefix(torn ? text.size() : end + 1);
    if (torn) damaged("line " + std::to_string(line) + " is torn");
    if (!json || !json->is_object()) {
      damaged("line " + std::to_string(line) + " cannot be read");
      continue;
    }
    if (line == 1) head = (*json)["journal"].string() == name && (*json)["version"].integer() == 1;
    closed = (*json)["kind"].string() == "closed";
    if (!torn) add(name, *json, start, evidence);
  }
  if (!head) damaged("no head line of journal '" + name + "', version 1");
  if (!closed) damaged("it was not closed");
  return out;
}

}  // namespace cardstorm
