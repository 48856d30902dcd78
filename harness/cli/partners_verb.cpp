// partners: the payment channels and the supplier as a process of their own, for any platform.
#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <iostream>
#include <set>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"
#include "harness/partners/partners.hpp"
#include "harness/run/active.hpp"
#include "harness/run/interrupt.hpp"

namespace cardstorm {
namespace {

/// The secret in `path`; made, with mode 0600, when the file is missing.
Result<std::string> secret_from(const std::string& path) {
  if (std::filesystem::exists(path)) {
    auto text = read_file(path);
    if (!text) return std::move(text).error();
    return std::string(trim(*text));
  }
  const std::string secret = random_token(32);
  if (const Status written = write_secret(path, secret + "\n"); !written) return written.error();
  return secret;
}

template <class Number>
bool number_of(const Args& args, const std::string& name, Number& out, int* code) {
  if (!args.has(name)) return true;
  const std::string text = args.get(name);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc() && end == text.data() + text.size() && out >= Number(0)) return true;
  *code = complain(Error{Errc::invalid, name + " wants a number from 0 on, found '" + text + "'", ""});
  return false;
}

/// Until a signal, or (unless in the foreground) until whoever started us closes our stdin.
void wait_for_the_end(const std::stop_token& stop, bool foreground) {
  while (!stop.stop_requested()) {
    pollfd in{STDIN_FILENO, POLLIN, 0};
    if (foreground) {
      ::poll(nullptr, 0, 200);
      continue;
    }
    if (::poll(&in, 1, 200) <= 0) continue;
    char block[256];
    if (::read(STDIN_FILENO, block, sizeof block) == 0) return;
  }
}

/// Reads --channel, --supplier, --logistics and --schedule; all mistakes at once.
Status take_partners(const Args& args, PartnersSetup& setup) {
  std::vector<std::string> mistakes;
  std::set<std::string> named;  // those of the setup's own are replaced, those of the command line are not
  const auto take = [&](const char* option, std::vector<PartnerSpec>& into, const std::string& dialect) {
    for (const std::string& text : args.all(option)) {
      auto spec = parse_partner(text);
      if (!spec) {
        mistakes.push_back(std::string(option) + ": " + spec.error().what);
        continue;
      }
      if (!named.insert(spec->name).second)
        mistakes.push_back(std::string(option) + ": '" + spec->name +
                           "' is there twice: each partner has a journal of its own");
      const bool says_dialect = text.substr(0, text.find(',')).find('=') != std::string::npos;
      if (!dialect.empty() && says_dialect && spec->dialect != dialect)
        mistakes.push_back(std::string(option) + ": '" + text + "': there is only the dialect " + dialect);
      if (!dialect.empty()) spec->dialect = dialect;
      put_partner(into, std::move(*spec));
    }
  };
  take("--channel", setup.channels, "");
  take("--supplier", setup.suppliers, "");
  take("--logistics", setup.suppliers, "transfer");
  if (args.has("--schedule")) {
    const auto gaps = parse_schedule(args.get("--schedule"));
    if (!gaps) mistakes.push_back("--schedule: " + gaps.error().what);
    for (auto* specs : {&setup.channels, &setup.suppliers})
      for (PartnerSpec& spec : *specs)
        if (gaps && !spec.behaviour.schedule) spec.behaviour.schedule = *gaps;
  }
  if (mistakes.empty()) return ok();
  return Error{Errc::invalid, join(mistakes, "\n  "),
               "write NAME=DIALECT[,key=value...], for example --channel wx=wechat,duplicate=0.1,early=0.05"};
}

int run_partners(const Args& args) {
  PartnersSetup setup;
  setup.journal_dir = args.get("--journal", "partners");
  setup.keys_dir = args.get("--keys", setup.journal_dir + "/keys");
  int code = 0;
  if (Status taken = take_partners(args, setup); !taken) return complain(taken.error());
  if (!number_of(args, "--port", setup.port, &code) || !number_of(args, "--time-scale", setup.time_scale, &code) ||
      !number_of(args, "--seed", setup.seed, &code))
    return code;
  if (setup.port < 0 || setup.port > 65535)
    return complain(Error{Errc::invalid, "--port wants a port, found '" + args.get("--port") + "'",
                          "for example --port 9300; without it a free one is taken"});
  if (setup.time_scale <= 0)
    return complain(Error{Errc::invalid, "--time-scale wants a number above 0",
                          "1 is real time, 60 makes a minute of a notify schedule a second"});
  std::error_code made;
  std::filesystem::create_directories(setup.journal_dir, made);
  if (made)
    return complain(
        Error{Errc::unavailable, "cannot make the journal folder " + setup.journal_dir + ": " + made.message(), ""});
  const std::string key_file = args.get("--key-file", setup.journal_dir + "/key");
  const std::string token_file = args.get("--token-file", setup.journal_dir + "/control-token");
  auto key = secret_from(key_file);
  auto token = secret_from(token_file);
  if (!key) return complain(key.error());
  if (!token) return complain(token.error());
  setup.key = *key;
  setup.control_token = *token;
  auto allow =
      AllowList::parse(args.has("--allow") ? args.all("--allow") : std::vector<std::string>{"127.0.0.0/8", "::1/128"});
  if (!allow) return complain(allow.error());
  setup.allow = *allow;

  const ActiveEntry entry("partners up", setup.journal_dir);
  const Interrupt interrupt("ending the simulators");
  auto partners = start_partners(setup);
  if (!partners) return complain(partners.error());
  const std::string url = "http://127.0.0.1:" + std::to_string((*partners)->port());
  Json facts =
      Json::object({{"url", url}, {"key_file", key_file}, {"token_file", token_file}, {"journal", setup.journal_dir}});
  if (const std::string merchant_file = setup.keys_dir + "/merchant.json"; std::filesystem::exists(merchant_file))
    facts.set("merchant_file", merchant_file);
  std::cout << facts.dump() << std::endl;
  wait_for_the_end(interrupt.token(), args.has("--foreground"));
  return kPass;
}

}  // namespace

Verb verb_partners() {
  return {"partners",
          "run payment channels, suppliers and logistics as simulators, for any platform",
          "Point your shop's payment address at the printed url; merchant_file says what to enter there, per partner\n"
          "(see harness/partners/api.md). Ends when its stdin closes, on Ctrl-C, or by `cardstorm stop`.\n"
          "  cardstorm partners up --foreground --journal /tmp/bank\n"
          "  cardstorm partners up --foreground --journal /tmp/bank --channel alpha=easypay,duplicate=0.1,early=0.05\n"
          "Dialects:\n" +
              dialects_text() + "Keys (shares 0 to 1; durations such as 20m, divided by --time-scale):\n  " +
              join(partner_option_names(), " "),
          {{"action", "up", true, {"up"}}},
          {{"--port", "N", "port on loopback (default: a free one)"},
           {"--journal", "DIR", "where the journals are written (default: ./partners)"},
           {"--channel", "NAME=DIALECT[,key=value...]",
            "a payment channel; alpha and beta are there as native unless given (may stand several times)", true},
           {"--supplier", "NAME=DIALECT[,key=value...]",
            "a supplier; topup is there as native unless given (may stand several times)", true},
           {"--logistics", "NAME[,key=value...]", "transfers of virtual equipment (may stand several times)", true},
           {"--schedule", "GAPS",
            "gaps between notifies, such as 15s/30s/3m, in place of each dialect's own; none: one attempt"},
           {"--keys", "DIR",
            "merchant ids and keys of all but the native dialects; made when missing (default: <journal>/keys)"},
           {"--key-file", "FILE", "shared secret of the native dialects; made when missing"},
           {"--token-file", "FILE", "secret of the control calls; made when missing"},
           {"--time-scale", "X", "notify schedules and other durations are divided by this (default 60)"},
           {"--seed", "N", "seed of answer times and misbehaviour (default 1)"},
           {"--allow", "CIDR", "where notifies may go (default: loopback; may stand several times)", true},
           {"--foreground", "", "stay although stdin ends"}},
          run_partners};
}

}  // namespace cardstorm
