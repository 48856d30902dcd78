// partner: what every partner has, whatever it trades and speaks: a journal, answer times, the delay that a fault puts
// on its answers and notifies (never on what it does), and seeded choices of when to misbehave.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "harness/core/json.hpp"
#include "harness/partners/behaviour.hpp"
#include "harness/partners/journal.hpp"
#include "harness/partners/loop.hpp"
#include "harness/partners/message.hpp"
#include "harness/partners/notifier.hpp"

namespace cardstorm::partners {

/// What every partner is given by the server that holds it.
struct PartnerContext {
  Loop& loop;
  PartnerJournals& journals;
  Notifier& notifier;
  std::uint64_t seed;
  double time_scale, duplicate_share;
  Nanos answer, confirm;
  std::string epoch;  // in every number that we give out: a platform may keep its database over several of our lives
};

/// How long the `index`-th answer of `name` takes: `mean` spread by +-50 %, the same for one seed. Pure.
Nanos answer_time(Nanos mean, std::string_view name, std::uint64_t seed, std::uint64_t index);

class Partner {
 public:
  Partner(Book book, std::string name, PartnerContext context, PartnerBehaviour behaviour);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const PartnerBehaviour& behaviour() const { return behaviour_; }
  /// Sends `answer` when the journals hold everything before it, after the answer time and the delay.
  void reply(Answer answer, HttpServer::Reply to);
  /// Delays answers and notifies until `lease` is over; delay 0 ends it and lets go what is held.
  void set_delay(Nanos delay, Nanos lease);
  /// This share of notify attempts goes out in two copies until `lease` is over; share 0 ends it: back to the usual
  /// share.
  void set_duplicate(double share, Nanos lease);
  /// Its delay, lease and duplicate share now; what it has counted comes from whom it serves.
  [[nodiscard]] Json state() const;

 protected:
  /// Whether the next one falls into `share`: the n-th call for `what` gives the same with the same seed.
  bool draw(const char* what, double share);
  /// One of `count`, seeded alike.
  std::size_t pick(const char* what, std::size_t count);
  void write(const std::string& kind, const Json::Object& members) { context_.journals.append(book_, kind, members); }
  /// Fills in what is the same for every notice of this partner.
  Notice notice(std::string kind, std::string id_name, std::string id, std::string order);
  /// Runs `task` when the delay allows.
  void hold(Loop::Task task);
  [[nodiscard]] Nanos scaled(Nanos t) const { return nanos_of_seconds(seconds(t) / context_.time_scale); }
  /// The next number that this partner gives out.
  std::string next_number();
  PartnerContext& context() { return context_; }
  /// Called in place of `task` for an answer that waits for a notify.
  virtual void await(const std::string& what, Loop::Task task);
  ~Partner() = default;

 private:
  void let_go(std::uint64_t ticket);
  [[nodiscard]] Nanos delay_now() const;
  [[nodiscard]] double duplicate_now() const;

  Book book_;
  std::string name_;
  PartnerContext context_;
  PartnerBehaviour behaviour_;
  std::map<std::string, std::uint64_t, std::less<>> drawn_;
  std::uint64_t answers_ = 0, numbers_ = 0;
  Nanos delay_{0}, lease_end_{0};  // CLOCK_MONOTONIC
  double duplicate_ = 0;
  Nanos duplicate_end_{0};
  std::uint64_t ticket_ = 0;
  std::map<std::uint64_t, Loop::Task> held_;
};

}  // namespace cardstorm::partners
