// partners: routes calls to the channels and the supplier, checks who is asking, and offers the control calls.
#include "harness/partners/partners.hpp"

#include <array>
#include <optional>
#include <utility>

#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"
#include "harness/partners/channel.hpp"
#include "harness/partners/signature.hpp"
#include "harness/partners/supplier.hpp"

namespace cardstorm {

namespace partners {
namespace {

constexpr std::int64_t kControlMsMax = 3'600'000;
constexpr std::size_t kBodyMax = 64 * 1024;

ServerResponse response_of(const Answer& answer) { return {answer.status, answer.body.dump()}; }

class House final : public Partners {
 public:
  House(const PartnersSetup& setup, std::unique_ptr<Loop> loop, std::unique_ptr<Journals> journals);
  ~House() override;
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  Status listen(int port);
  [[nodiscard]] int port() const override { return server_->port(); }
  [[nodiscard]] std::string problem() const override { return journals_->problem(); }

 private:
  void handle(const ServerRequest& request, HttpServer::Reply reply);
  void handle_channel(const ServerRequest& request, Channel& channel, const std::string& call, HttpServer::Reply reply);
  Answer control(const ServerRequest& request, const std::vector<std::string>& path);
  Answer set_delay(Channel& channel, const std::string& body);
  Answer state() const;
  [[nodiscard]] Answer ready() const;
  Channel* channel_named(const std::string& name);

  std::string key_, control_token_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Journals> journals_;
  std::unique_ptr<Notifier> notifier_;
  std::array<Channel, 2> channels_;
  Supplier supplier_;
  std::unique_ptr<HttpServer> server_;   // last: its pending tasks point to the rest
};

NotifierSetup notifier_setup(const PartnersSetup& setup) {
  return {setup.key, setup.time_scale, setup.duplicate_share, setup.seed, setup.allow};
}

Desk desk_of(const PartnersSetup& setup, Loop& loop, Journals& journals, Notifier& notifier) {
  return {loop, journals, notifier, setup.seed, setup.answer, setup.confirm, random_token(3)};
}

House::House(const PartnersSetup& setup, std::unique_ptr<Loop> loop, std::unique_ptr<Journals> journals)
    : key_(setup.key),
      control_token_(setup.control_token),
      loop_(std::move(loop)),
      journals_(std::move(journals)),
      notifier_(std::make_unique<Notifier>(notifier_setup(setup), *loop_, *journals_)),
      channels_{Channel(Book::alpha, desk_of(setup, *loop_, *journals_, *notifier_)), Channel(Book::beta, desk_of(setup, *loop_, *journals_, *notifier_))},
      supplier_(desk_of(setup, *loop_, *journals_, *notifier_), setup.key) {}

House::~House() {
  loop_->detach();      // journal and notifier threads hand nothing to a server that ends
  server_.reset();      // no more calls and timers
  notifier_.reset();
  journals_.reset();    // everything that was said is written, then `closed`
}

Status House::listen(int port) {
  auto server = serve(port, [this](const ServerRequest& request, HttpServer::Reply reply) { handle(request, std::move(reply)); }, kBodyMax);
  if (!server) return server.error();
  server_ = std::move(server).value();
  loop_->attach(*server_);
  return ok();
}

Channel* House::channel_named(const std::string& name) {
  if (name == kBooks[0]) return &channels_[0];
  if (name == kBooks[1]) return &channels_[1];
  return nullptr;
}

void House::handle(const ServerRequest& request, HttpServer::Reply reply) {
  const std::vector<std::string> path = split(request.path, '/');   // "/a/b" is "", "a", "b"
  if (request.path == "/ready") return reply(response_of(ready()));
  if (path.size() > 1 && path[1] == "control") return reply(response_of(control(request, path)));
  if (path.size() == 4 && path[1] == "channel")
    if (Channel* channel = channel_named(path[2])) return handle_channel(request, *channel, path[3], std::move(reply));
  if (request.path == "/topup/order")
    return supplier_.reply(is_signed(key_, request) ? supplier_.handle(request) : refusal(401, "bad_sign"), std::move(reply));
  reply(response_of(refusal(404, "no_such_call")));
}

void House::handle_channel(const ServerRequest& request, Channel& channel, const std::string& call, HttpServer::Reply reply) {
  Answer answer;
  if (call == "ping") answer = {200, Json::object({{"ok", true}})};
  else answer = is_signed(key_, request) ? channel.handle(request, call) : refusal(401, "bad_sign");
  channel.reply(std::move(answer), std::move(reply));
}

Answer House::ready() const {
  if (const std::string problem = journals_->problem(); !problem.empty())
    return {503, Json::object({{"ready", false}, {"reason", problem}})};
  return {200, Json::object({{"ready", true}})};
}

Answer House::control(const ServerRequest& request, const std::vector<std::string>& path) {
  if (control_token_.empty() || !same_secret(request.header("x-control-token"), control_token_)) return refusal(401, "bad_token");
  if (request.path == "/control/state" && request.method == "GET") return state();
  if (path.size() == 5 && path[2] == "channel" && path[4] == "delay" && request.method == "POST")
    if (Channel* channel = channel_named(path[3])) return set_delay(*channel, request.body);
  return refusal(404, "no_such_call");
}

Answer House::set_delay(Channel& channel, const std::string& body) {
  const auto json = Json::parse(body);
  if (!json || !(*json)["delay_ms"].is_int()) return refusal(400, "bad_request");
  const std::int64_t delay = (*json)["delay_ms"].integer(), lease = (*json)["lease_ms"].integer();
  // A delay without an end would outlive a harness that dies.
  if (delay < 0 || delay > kControlMsMax || lease > kControlMsMax || (delay > 0 && lease <= 0)) return refusal(400, "bad_request");
  channel.set_delay(std::chrono::milliseconds(delay), std::chrono::milliseconds(lease));
  return {200, channel.state()};
}

Answer House::state() const {
  Json channels = Json::array();
  for (const Channel& channel : channels_) channels.push(channel.state());
  return {200, Json::object({{"channels", std::move(channels)},
                             {"topups", static_cast<std::int64_t>(supplier_.requests())},
                             {"notifies_open", static_cast<std::int64_t>(notifier_->open())},
                             {"problem", journals_->problem()}})};
}

std::optional<Error> mistake_in(const PartnersSetup& setup) {
  if (setup.key.empty()) return Error{Errc::invalid, "partners: the key for signatures is empty"};
  if (!(setup.time_scale > 0)) return Error{Errc::invalid, "partners: time_scale must be above 0"};
  if (!(setup.duplicate_share >= 0 && setup.duplicate_share <= 1)) return Error{Errc::invalid, "partners: duplicate_share must lie in 0 to 1"};
  if (setup.answer < Nanos{0} || setup.confirm < Nanos{0}) return Error{Errc::invalid, "partners: a time is below 0"};
  return std::nullopt;
}

}  // namespace
}  // namespace partners

Result<std::unique_ptr<Partners>> start_partners(const PartnersSetup& setup) {
  if (auto mistake = partners::mistake_in(setup)) return std::move(*mistake);
  auto loop = std::make_unique<partners::Loop>();
  auto journals = partners::Journals::open(setup.journal_dir, *loop);
  if (!journals) return journals.error();
  auto house = std::make_unique<partners::House>(setup, std::move(loop), std::move(journals).value());
  if (auto status = house->listen(setup.port); !status) {
    house.reset();
    partners::Journals::discard(setup.journal_dir);
    return status.error();
  }
  return std::unique_ptr<Partners>(std::move(house));
}

}  // namespace cardstorm
