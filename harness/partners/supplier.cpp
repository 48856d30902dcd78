// supplier: see partners/api.md for the calls of each dialect.
#include "harness/partners/supplier.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "harness/core/clock.hpp"
#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm::partners {

namespace {

const char* prefix_of(SupplierKind kind) {
  switch (kind) {
    case SupplierKind::topup:
      return "topup";
    case SupplierKind::cards:
      return "supply";
    case SupplierKind::transfer:
      return "transfer";
  }
  return "";
}

}  // namespace

Supplier::Supplier(Book book, std::string name, PartnerContext context, PartnerBehaviour behaviour, SupplierKind kind)
    : Partner(book, std::move(name), std::move(context), std::move(behaviour)),
      kind_(kind),
      price_(cents_of(this->behaviour().price).value_or(100)) {
  if (kind_ == SupplierKind::cards) shelves_.push_back({"default", {}});
}

Status Supplier::load_stock() {
  const std::string& dir = behaviour().stock;
  if (dir.empty()) return ok();
  if (kind_ != SupplierKind::cards)
    return Error{Errc::invalid, "partner '" + name() + "': 'stock' is for suppliers of cards",
                 "use dialect hmac or sharedstock"};
  std::error_code failed;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(dir, failed))
    if (entry.path().extension() == ".txt") paths.push_back(entry.path().string());
  if (failed)
    return Error{Errc::not_found, "partner '" + name() + "': stock folder " + dir + ": " + failed.message(),
                 "name a folder of NAME.txt, one card a line"};
  if (paths.empty())
    return Error{Errc::invalid, "partner '" + name() + "': no .txt in the stock folder " + dir,
                 "`cardstorm mint` makes DIR/cards/<sku>.txt"};
  std::sort(paths.begin(), paths.end());
  shelves_.clear();
  own_cards_ = false;
  for (const std::string& path : paths) {
    const auto text = read_file(path);
    if (!text) return text.error();
    Shelf shelf{std::filesystem::path(path).stem().string(), {}};
    for (const std::string& line : split(*text, '\n'))
      if (const auto card = trim(line); !card.empty()) shelf.cards.emplace_back(card);
    shelves_.push_back(std::move(shelf));
  }
  return ok();
}

std::string Supplier::digest(const std::string& kind, const std::string& text) const {
  return hmac_sha256_hex(key_, kind + "/" + text).substr(0, 16);
}

Ordered Supplier::order(const SupplyWanted& wanted) {
  if (const auto at = supplies_.find(wanted.request_no); at != supplies_.end()) {
    const Supply& before = at->second;
    const bool same = before.order == wanted.order && before.target_digest == wanted.target_digest &&
                      before.amount == wanted.amount && before.product == wanted.product &&
                      before.quantity == wanted.quantity;
    return {same ? Taken::ok : Taken::conflict, &before};
  }
  std::vector<std::string> cards;
  if (const Taken taken = reserve(wanted, cards); taken != Taken::ok) return {taken};
  Supply& supply = supplies_[wanted.request_no];
  supply.request_no = wanted.request_no;
  supply.supply_no = next_number();
  supply.id = static_cast<std::int64_t>(by_id_.size()) + 1;
  supply.order = wanted.order;
  supply.target_digest = wanted.target_digest;
  supply.product = wanted.product;
  supply.notify_url = behaviour().notify.empty() ? wanted.notify_url : behaviour().notify;
  supply.amount = wanted.amount;
  supply.quantity = wanted.quantity;
  supply.cards = std::move(cards);
  if (draw("unseen", behaviour().unseen)) supply.unseen_until = monotonic_now() + scaled(behaviour().unseen_for);
  by_id_.push_back(wanted.request_no);
  by_number_.emplace(supply.supply_no, wanted.request_no);
  note("accepted", supply);
  Nanos until = context().confirm;
  if (draw("late", behaviour().late)) until = scaled(behaviour().late_after);
  if (wanted.at_once)
    settle(wanted.request_no);
  else
    context().loop.after(until, [this, request_no = wanted.request_no] { settle(request_no); });
  return {Taken::ok, &supply, true};
}

/// Takes cards off their shelf, so that none is promised twice.
Taken Supplier::reserve(const SupplyWanted& wanted, std::vector<std::string>& cards) {
  if (kind_ != SupplierKind::cards) return Taken::ok;
  const auto at =
      std::find_if(shelves_.begin(), shelves_.end(), [&](const Shelf& shelf) { return shelf.name == wanted.product; });
  if (at == shelves_.end()) return Taken::no_such_product;
  if (own_cards_) {
    for (int i = 0; i < wanted.quantity; ++i) cards.push_back(name() + "-" + random_token(8));
    return Taken::ok;
  }
  const auto quantity = static_cast<std::size_t>(wanted.quantity);
  if (at->cards.size() < quantity) return Taken::no_stock;
  for (std::size_t i = 0; i < quantity; ++i) {
    cards.push_back(std::move(at->cards.front()));
    at->cards.pop_front();
  }
  return Taken::ok;
}

void Supplier::put_back(Supply& supply, std::size_t keep) {
  const auto at =
      std::find_if(shelves_.begin(), shelves_.end(), [&](const Shelf& shelf) { return shelf.name == supply.product; });
  while (supply.cards.size() > keep) {
    if (at != shelves_.end() && !own_cards_) at->cards.push_front(std::move(supply.cards.back()));
    supply.cards.pop_back();
  }
}

void Supplier::settle(const std::string& request_no) {
  Supply& supply = supplies_.at(request_no);
  if (supply.status != SupplyStatus::accepted) return;  // cancelled
  supply.status = SupplyStatus::success;
  supply.delivered = supply.quantity;
  supply.done_at = unix_now();
  if (draw("fail", behaviour().fail)) {
    supply.status = SupplyStatus::failed;
    supply.delivered = 0;
  } else if (draw("partial", behaviour().partial) && (supply.quantity > 1 || kind_ == SupplierKind::topup)) {
    supply.status = SupplyStatus::partial;
    supply.delivered = supply.quantity / 2;
  }
  put_back(supply, static_cast<std::size_t>(supply.delivered));
  note(supply.status == SupplyStatus::failed ? "failed" : "done", supply);
  context().journals.when_durable([this, request_no](bool durable) {
    if (durable) notify(request_no);
  });
}

void Supplier::notify(const std::string& request_no) {
  const Supply& supply = supplies_.at(request_no);
  if (supply.notify_url.empty() || !dialect_->tells() || draw("silent", behaviour().silent)) return;
  Notice out = notice(std::string(prefix_of(kind_)) + "_notify", "request_no", request_no, supply.order);
  out.gaps = behaviour().schedule ? *behaviour().schedule : dialect_->gaps();
  out.acknowledged = [this](int status, const std::string& body) { return dialect_->acknowledged(status, body); };
  out.make = [this, request_no, notify_no = "n-" + context().epoch + "-" + request_no] {
    return dialect_->tell(supplies_.at(request_no), notify_no);
  };
  context().notifier.send(std::move(out));
}

void Supplier::note(const char* what, const Supply& supply) {
  const std::string kind = std::string(prefix_of(kind_)) + "_" + what;
  // A top-up is money: what was not delivered is not in its line.
  const bool partial = supply.status == SupplyStatus::partial;
  if (kind_ == SupplierKind::topup) {
    Json::Object line{{"request_no", supply.request_no},
                      {"order", supply.order},
                      {"phone_digest", supply.target_digest},
                      {"amount_cents", partial ? delivered_cents(supply) : supply.amount}};
    if (partial) line.emplace_back("of_cents", supply.amount);
    return write(kind, line);
  }
  write(kind, {{"request_no", supply.request_no},
               {"supply_no", supply.supply_no},
               {"order", supply.order},
               {"product", supply.product},
               {"quantity", supply.quantity},
               {"delivered", supply.delivered},
               {"amount_cents", supply.amount}});
}

const Supply* Supplier::known(const std::string& request_no) const {
  const auto at = supplies_.find(request_no);
  return at == supplies_.end() ? nullptr : &at->second;
}

const Supply* Supplier::find(const std::string& request_no) const {
  const Supply* supply = known(request_no);
  return supply == nullptr || monotonic_now() < supply->unseen_until ? nullptr : supply;
}

const Supply* Supplier::find_numbered(const std::string& supply_no) const {
  const auto at = by_number_.find(supply_no);
  return at == by_number_.end() ? nullptr : find(at->second);
}

const Supply* Supplier::find_id(std::int64_t id) const {
  return id < 1 || id > static_cast<std::int64_t>(by_id_.size()) ? nullptr
                                                                 : find(by_id_[static_cast<std::size_t>(id - 1)]);
}

bool Supplier::cancel(const std::string& request_no) {
  Supply& supply = supplies_.at(request_no);
  if (supply.status == SupplyStatus::cancelled) return true;
  if (supply.status != SupplyStatus::accepted) return false;
  supply.status = SupplyStatus::cancelled;
  put_back(supply, 0);
  note("cancelled", supply);
  return true;
}

bool Supplier::revoke(const std::string& request_no) {
  Supply& supply = supplies_.at(request_no);
  if (supply.status == SupplyStatus::revoked) return true;
  if (supply.status == SupplyStatus::failed || supply.status == SupplyStatus::cancelled) return false;
  supply.status = SupplyStatus::revoked;
  put_back(supply, 0);
  note("revoked", supply);
  return true;
}

std::vector<Product> Supplier::products() const {
  std::vector<Product> out;
  for (const Shelf& shelf : shelves_)
    out.push_back({static_cast<int>(out.size()) + 1, shelf.name,
                   own_cards_ ? -1 : static_cast<std::int64_t>(shelf.cards.size()), price_});
  return out;
}

Json Supplier::state() const {
  Json out = Partner::state();
  out.set("orders", static_cast<std::int64_t>(by_id_.size()));
  return out;
}

}  // namespace cardstorm::partners
