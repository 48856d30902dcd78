// partners: routes calls to the channels and suppliers, and offers the control calls.
#include "harness/partners/partners.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"
#include "harness/partners/dialects.hpp"

namespace cardstorm {

namespace partners {
namespace {

constexpr std::int64_t kControlMsMax = 3'600'000;
constexpr std::size_t kBodyMax = 64 * 1024;
constexpr double kScaleMin = 1e-3,
                 kScaleMax = 1e9;  // beyond them a day is no time at all, or more than a clock can hold

/// A partner and the words it speaks.
template <class Who, class Dialect, class Entry>
struct Slot {
  std::unique_ptr<Who> who;
  std::unique_ptr<Dialect> dialect;
  const Entry* entry;
};
using ChannelSlot = Slot<Channel, ChannelDialect, ChannelEntry>;
using SupplierSlot = Slot<Supplier, SupplierDialect, SupplierEntry>;

std::vector<std::string> names_of(const PartnersSetup& setup) {
  std::vector<std::string> out;
  for (const auto* specs : {&setup.channels, &setup.suppliers})
    for (const PartnerSpec& spec : *specs) out.push_back(spec.name);
  return out;
}

class PartnerServer final : public Partners {
 public:
  PartnerServer(const PartnersSetup& setup, std::unique_ptr<Loop> loop, std::unique_ptr<PartnerJournals> journals);
  ~PartnerServer() override;
  PartnerServer(const PartnerServer&) = delete;
  PartnerServer& operator=(const PartnerServer&) = delete;

  /// Seats everybody; fails when keys or stock cannot be read.
  Status slot(const PartnersSetup& setup);
  Status listen(int port);
  /// Writes what a shop's admin has to enter, if there is more than the native dialects.
  Status write_cards(const std::string& dir) const;
  [[nodiscard]] int port() const override { return server_->port(); }
  [[nodiscard]] std::string problem() const override { return journals_->problem(); }

 private:
  void handle(const ServerRequest& request, HttpServer::Reply reply);
  bool handle_named(const ServerRequest& request, const HttpServer::Reply& reply);
  bool handle_root(const ServerRequest& request, const HttpServer::Reply& reply);
  Answer control(const ServerRequest& request, const std::vector<std::string>& path);
  Answer set_delay(Partner& partner, const std::string& body);
  Answer set_duplicate(Partner& partner, const std::string& body);
  Answer state() const;
  [[nodiscard]] Answer ready() const;
  Partner* partner_named(const std::string& name);

  std::string control_token_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<PartnerJournals> journals_;
  std::unique_ptr<Notifier> notifier_;
  std::vector<ChannelSlot> channels_;
  std::vector<SupplierSlot> suppliers_;
  std::unique_ptr<HttpServer> server_;  // last: its pending tasks point to the rest
};

PartnerServer::PartnerServer(const PartnersSetup& setup, std::unique_ptr<Loop> loop,
                             std::unique_ptr<PartnerJournals> journals)
    : control_token_(setup.control_token),
      loop_(std::move(loop)),
      journals_(std::move(journals)),
      notifier_(
          std::make_unique<Notifier>(NotifierSetup{setup.time_scale, setup.seed, setup.allow}, *loop_, *journals_)) {}

PartnerServer::~PartnerServer() {
  loop_->detach();  // journal and notifier threads hand nothing to a server that ends
  server_.reset();  // no more calls and timers
  notifier_.reset();
  journals_.reset();  // everything that was said is written, then `closed`
}

Result<Credentials> kit_of(const PartnersSetup& setup, const PartnerSpec& spec, Needs needs) {
  Credentials credentials{{}, setup.key};
  if (needs.id.empty()) return credentials;
  if (!spec.behaviour.id.empty()) needs.id = spec.behaviour.id;
  auto merchant = merchant_of(setup.keys_dir, spec.name, needs);
  if (!merchant) return merchant.error();
  if (!spec.behaviour.id.empty() && merchant->id != spec.behaviour.id)
    return Error{Errc::invalid,
                 "partner '" + spec.name + "': id=" + spec.behaviour.id + ", but " + setup.keys_dir + "/" + spec.name +
                     "/id says " + merchant->id,
                 "take one of them back"};
  credentials.merchant = std::move(merchant).value();
  return credentials;
}

Status PartnerServer::slot(const PartnersSetup& setup) {
  const PartnerContext context{*loop_,       *journals_,       *notifier_,
                               setup.seed,   setup.time_scale, setup.duplicate_share,
                               setup.answer, setup.confirm,    random_token(3)};
  std::size_t book = 0;
  for (const PartnerSpec& spec : setup.channels) {
    const ChannelEntry* entry = channel_dialect(spec.dialect);
    auto credentials = kit_of(setup, spec, entry->needs);
    if (!credentials) return credentials.error();
    auto channel = std::make_unique<Channel>(static_cast<Book>(book++), spec.name, context, spec.behaviour);
    auto dialect = entry->make(*channel, std::move(credentials).value());
    channel->speak(*dialect);
    channels_.push_back({std::move(channel), std::move(dialect), entry});
  }
  for (const PartnerSpec& spec : setup.suppliers) {
    const SupplierEntry* entry = supplier_dialect(spec.dialect);
    auto credentials = kit_of(setup, spec, entry->needs);
    if (!credentials) return credentials.error();
    auto supplier =
        std::make_unique<Supplier>(static_cast<Book>(book++), spec.name, context, spec.behaviour, entry->kind);
    if (Status stocked = supplier->load_stock(); !stocked) return stocked;
    supplier->digest_with(setup.key);
    auto dialect = entry->make(*supplier, std::move(credentials).value());
    supplier->speak(*dialect);
    suppliers_.push_back({std::move(supplier), std::move(dialect), entry});
  }
  return ok();
}

Status PartnerServer::listen(int port) {
  auto server = serve(
      port, [this](const ServerRequest& request, HttpServer::Reply reply) { handle(request, std::move(reply)); },
      kBodyMax);
  if (!server) return server.error();
  server_ = std::move(server).value();
  loop_->attach(*server_);
  return ok();
}

Status PartnerServer::write_cards(const std::string& dir) const {
  const auto needs_keys = [](const auto& slot) { return !slot.entry->needs.id.empty(); };
  if (std::none_of(channels_.begin(), channels_.end(), needs_keys) &&
      std::none_of(suppliers_.begin(), suppliers_.end(), needs_keys))
    return ok();
  const std::string root = "http://127.0.0.1:" + std::to_string(port());
  Json out = Json::object();
  const auto add = [&](const auto& slot, const char* under) {
    const std::string& name = slot.who->name();
    Json card = Json::object({{"dialect", slot.entry->name},
                              {"keys_folder", slot.entry->needs.id.empty() ? std::string() : dir + "/" + name}});
    const Json words = slot.dialect->card(root + under + name);
    for (const auto& [key, value] : words.members()) card.set(key, value);
    out.set(name, std::move(card));
  };
  for (const ChannelSlot& slot : channels_) add(slot, "/channel/");
  for (const SupplierSlot& slot : suppliers_) add(slot, "/supplier/");
  return write_file(dir + "/merchant.json", out.dump(2) + "\n");
}

Partner* PartnerServer::partner_named(const std::string& name) {
  for (const ChannelSlot& slot : channels_)
    if (slot.who->name() == name) return slot.who.get();
  for (const SupplierSlot& slot : suppliers_)
    if (slot.who->name() == name) return slot.who.get();
  return nullptr;
}

void PartnerServer::handle(const ServerRequest& request, HttpServer::Reply reply) {
  const std::vector<std::string> path = split(request.path, '/');  // "/a/b" is "", "a", "b"
  if (request.path == "/ready") return reply(ready().response);
  if (path.size() > 1 && path[1] == "control") return reply(control(request, path).response);
  if (handle_named(request, reply) || handle_root(request, reply)) return;
  reply(refusal(404, "no_such_call").response);
}

/// /channel/NAME/..., /supplier/NAME/..., and the ping of each under both words.
bool PartnerServer::handle_named(const ServerRequest& request, const HttpServer::Reply& reply) {
  const std::vector<std::string> path = split(request.path, '/');
  if (path.size() < 4 || (path[1] != "channel" && path[1] != "supplier")) return false;
  if (path.size() == 4 && path[3] == "ping")
    if (Partner* partner = partner_named(path[2])) {
      partner->reply(json_answer(200, Json::object({{"ok", true}})), reply);
      return true;
    }
  const std::string call = request.path.substr(path[1].size() + path[2].size() + 3);
  const auto serve_from = [&](const auto& slots) {
    for (const auto& slot : slots) {
      if (slot.who->name() != path[2]) continue;
      slot.who->reply(slot.dialect->handle(request, call), reply);
      return true;
    }
    return false;
  };
  return path[1] == "channel" ? serve_from(channels_) : serve_from(suppliers_);
}

/// Addresses that shops have built in, without a name: for the first partner that speaks so.
bool PartnerServer::handle_root(const ServerRequest& request, const HttpServer::Reply& reply) {
  if (!request.path.starts_with('/')) return false;
  const std::string first = split(request.path, '/')[1];
  const auto serve_from = [&](const auto& slots) {
    for (const auto& slot : slots) {
      const auto& roots = slot.entry->roots;
      if (std::find(roots.begin(), roots.end(), first) == roots.end()) continue;
      const std::string call = slot.dialect->root_call(request.path.substr(1));
      slot.who->reply(slot.dialect->handle(request, call), reply);
      return true;
    }
    return false;
  };
  return serve_from(channels_) || serve_from(suppliers_);
}

Answer PartnerServer::ready() const {
  if (const std::string problem = journals_->problem(); !problem.empty())
    return json_answer(503, Json::object({{"ready", false}, {"reason", problem}}));
  return json_answer(200, Json::object({{"ready", true}}));
}

Answer PartnerServer::control(const ServerRequest& request, const std::vector<std::string>& path) {
  if (control_token_.empty() || !same_secret(request.header("x-control-token"), control_token_))
    return refusal(401, "bad_token");
  if (request.path == "/control/state" && request.method == "GET") return state();
  if (path.size() == 5 && path[2] == "channel" && request.method == "POST")
    if (Partner* partner = partner_named(path[3])) {
      if (path[4] == "delay") return set_delay(*partner, request.body);
      if (path[4] == "duplicate") return set_duplicate(*partner, request.body);
    }
  return refusal(404, "no_such_call");
}

/// A fault without an end would outlive a harness that dies.
bool is_lease(std::int64_t lease_ms, bool needed) { return lease_ms <= kControlMsMax && (!needed || lease_ms > 0); }

Answer PartnerServer::set_delay(Partner& partner, const std::string& body) {
  const auto json = Json::parse(body);
  if (!json || !(*json)["delay_ms"].is_int()) return refusal(400, "bad_request");
  const std::int64_t delay = (*json)["delay_ms"].integer(), lease = (*json)["lease_ms"].integer();
  if (delay < 0 || delay > kControlMsMax || !is_lease(lease, delay > 0)) return refusal(400, "bad_request");
  partner.set_delay(std::chrono::milliseconds(delay), std::chrono::milliseconds(lease));
  return json_answer(200, partner.state());
}

Answer PartnerServer::set_duplicate(Partner& partner, const std::string& body) {
  const auto json = Json::parse(body);
  if (!json || !(*json)["share"].is_number()) return refusal(400, "bad_request");
  const double share = (*json)["share"].number();
  const std::int64_t lease = (*json)["lease_ms"].integer();
  if (!(share >= 0 && share <= 1) || !is_lease(lease, share > 0)) return refusal(400, "bad_request");
  partner.set_duplicate(share, std::chrono::milliseconds(lease));
  return json_answer(200, partner.state());
}

Answer PartnerServer::state() const {
  Json channels = Json::array(), suppliers = Json::array();
  for (const ChannelSlot& slot : channels_) channels.push(slot.who->state().set("dialect", slot.entry->name));
  std::int64_t topups = 0;
  for (const SupplierSlot& slot : suppliers_) {
    suppliers.push(slot.who->state().set("dialect", slot.entry->name));
    if (slot.entry->kind == SupplierKind::topup) topups += slot.who->state()["orders"].integer();
  }
  return json_answer(200, Json::object({{"channels", std::move(channels)},
                                        {"suppliers", std::move(suppliers)},
                                        {"topups", topups},
                                        {"notifies_open", static_cast<std::int64_t>(notifier_->open())},
                                        {"problem", journals_->problem()}}));
}

template <class Entry>
std::vector<std::string> names_in(const std::vector<Entry>& entries) {
  std::vector<std::string> out;
  for (const Entry& entry : entries) out.emplace_back(entry.name);
  return out;
}

template <class Entry>
void check_specs(PartnerRole role, const std::vector<PartnerSpec>& specs, const std::vector<Entry>& entries,
                 const PartnersSetup& setup, std::vector<std::string>& mistakes) {
  const std::string others = role == PartnerRole::channel ? "suppliers" : "channels";
  for (const PartnerSpec& spec : specs) {
    for (const std::string& key : spec.keys)
      if (!partner_key_fits(key, role)) mistakes.push_back("'" + spec.name + "': '" + key + "' is for " + others);
    const auto at =
        std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == spec.dialect; });
    if (at == entries.end()) {
      const auto known = names_in(entries);
      mistakes.push_back("'" + spec.name + "': unknown dialect '" + spec.dialect + "', there are " + join(known, ", "));
    } else if (!at->needs.id.empty() && setup.keys_dir.empty()) {
      mistakes.push_back("'" + spec.name + "': dialect " + spec.dialect + " needs a folder for its keys");
    }
  }
}

std::optional<Error> mistake_in(const PartnersSetup& setup) {
  std::vector<std::string> mistakes;
  if (setup.key.empty()) mistakes.emplace_back("the key for signatures is empty");
  if (!(setup.time_scale >= kScaleMin && setup.time_scale <= kScaleMax))
    mistakes.emplace_back("time_scale must lie in 0.001 to 1000000000");
  if (!(setup.duplicate_share >= 0 && setup.duplicate_share <= 1))
    mistakes.emplace_back("duplicate_share must lie in 0 to 1");
  if (setup.answer < Nanos{0} || setup.confirm < Nanos{0}) mistakes.emplace_back("a time is below 0");
  std::set<std::string> seen;
  for (const std::string& name : names_of(setup))
    if (!seen.insert(name).second)
      mistakes.push_back("'" + name + "' is there twice: each partner has a journal of its own");
  check_specs(PartnerRole::channel, setup.channels, channel_dialects(), setup, mistakes);
  check_specs(PartnerRole::supplier, setup.suppliers, supplier_dialects(), setup, mistakes);
  if (mistakes.empty()) return std::nullopt;
  return Error{Errc::invalid, "partners: " + join(mistakes, "; ")};
}

}  // namespace
}  // namespace partners

void put_partner(std::vector<PartnerSpec>& partners, PartnerSpec spec) {
  const auto at =
      std::find_if(partners.begin(), partners.end(), [&](const PartnerSpec& p) { return p.name == spec.name; });
  if (at == partners.end())
    partners.push_back(std::move(spec));
  else
    *at = std::move(spec);
}

std::string dialects_text() {
  std::string out;
  for (const auto& entry : partners::channel_dialects())
    out.append("  channel   ").append(entry.name).append(": ").append(entry.summary).append("\n");
  for (const auto& entry : partners::supplier_dialects())
    out.append("  supplier  ").append(entry.name).append(": ").append(entry.summary).append("\n");
  return out;
}

Result<std::unique_ptr<Partners>> start_partners(const PartnersSetup& setup) {
  if (auto mistake = partners::mistake_in(setup)) return std::move(*mistake);
  auto loop = std::make_unique<partners::Loop>();
  const auto names = partners::names_of(setup);
  auto journals = partners::PartnerJournals::open(setup.journal_dir, names, *loop);
  if (!journals) return journals.error();
  auto house = std::make_unique<partners::PartnerServer>(setup, std::move(loop), std::move(journals).value());
  Status started = house->slot(setup);
  if (started) started = house->listen(setup.port);
  if (started) started = house->write_cards(setup.keys_dir);
  if (!started) {
    house.reset();
    partners::PartnerJournals::discard(setup.journal_dir, names);
    return started.error();
  }
  return std::unique_ptr<Partners>(std::move(house));
}

}  // namespace cardstorm
