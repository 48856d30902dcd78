// args: the only door of CLI11.
#include <CLI/CLI.hpp>
#include <iostream>

#include "harness/cli/verb.hpp"
#include "harness/core/text.hpp"
#include "harness/core/version.hpp"

namespace cardstorm {
namespace {

/// CLI11's words with the nearest known verb or option beside them.
int explain(const CLI::ParseError& error, const CLI::App& app, const std::vector<std::string>& words) {
  if (error.get_exit_code() == 0) return app.exit(error) == 0 ? kPass : kWrongInput;  // --help, --version
  const bool verb_known = !words.empty() && std::any_of(verb_registry().begin(), verb_registry().end(),
                                                        [&](const Verb& v) { return v.name == words.front(); });
  if (words.empty()) {
    std::cerr << app.help();
    return kWrongInput;
  }
  if (verb_known || words.front().starts_with("-"))
    std::cerr << "cardstorm: " << error.what() << "\n";
  else
    std::cerr << "cardstorm: there is no verb '" << words.front() << "'\n";
  // The first word is a verb, what begins with '-' an option of it; all else is the user's own: a file, a folder, a
  // name.
  std::vector<std::string> verbs, options;
  for (const Verb& verb : verb_registry()) {
    if (!verb.hidden) verbs.push_back(verb.name);
    if (verb.name == words.front())
      for (const Option& option : verb.options) options.push_back(option.name);
  }
  for (const std::string& word : words) {
    const bool first = &word == &words.front();
    if (!first && !word.starts_with("-")) continue;
    const auto& known = first ? verbs : options;
    const bool is_known = (first && verb_known) || std::find(known.begin(), known.end(), word) != known.end();
    const std::string near = is_known ? "" : did_you_mean(word, known);
    if (!near.empty()) std::cerr << "  did you mean '" << near << "' instead of '" << word << "'?\n";
  }
  std::cerr << "  see: cardstorm " << (verb_known ? words.front() + " " : "") << "--help\n";
  return kWrongInput;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  for (const Verb& verb : verb_registry()) {
    if (verb.raw && !words.empty() && words.front() == verb.name)
      return verb.run({{{"rest", {words.begin() + 1, words.end()}}}});
  }

  CLI::App app{
      "CardStorm proves that a card-trading system survives: it replays real traffic at 1.5 times the peak, breaks\n"
      "things on purpose, and answers with evidence: time to recover, share of trades that succeeded, and whether\n"
      "every paid order got exactly its card.\n\n"
      "Start with:  cardstorm drill --quick     (two platforms, three faults, one table, about 5 minutes)",
      "cardstorm"};
  app.set_version_flag("--version", std::string("cardstorm ") + build_version());
  app.require_subcommand(1);
  app.footer("Exit codes: " + exit_codes_text() + ".\nAlso: cardstorm build | test | package (the launcher's own).");

  // What a script gives whose variable is not set, --out "$DIR", is no folder, and not the same as no --out.
  const auto is_something = [](const std::string& value) {
    return value.empty() ? std::string("the value is empty") : std::string();
  };
  Args args;
  const Verb* chosen = nullptr;
  for (const Verb& verb : verb_registry()) {
    CLI::App* sub = app.add_subcommand(verb.name, verb.summary);
    if (verb.hidden) sub->group("");
    sub->footer(verb.more);
    for (const Positional& p : verb.positionals) {
      CLI::Option* option = sub->add_option_function<std::string>(
          p.name, [&args, name = p.name](const std::string& v) { args.values[name] = {v}; }, p.help);
      option->required(p.required);
      option->check(is_something);
      if (!p.one_of.empty()) option->check(CLI::IsMember(p.one_of));
    }
    for (const Option& o : verb.options) {
      if (o.value.empty()) {
        sub->add_flag_callback(
            o.name, [&args, name = o.name] { args.values[name] = {}; }, o.help);
        continue;
      }
      CLI::Option* option = sub->add_option_function<std::vector<std::string>>(
          o.name, [&args, name = o.name](const std::vector<std::string>& v) { args.values[name] = v; }, o.help);
      option->type_name(o.value)->expected(1);
      if (o.many)
        option->take_all();
      else
        option->multi_option_policy(CLI::MultiOptionPolicy::Throw);
      if (!o.one_of.empty()) option->check(CLI::IsMember(o.one_of));
      option->check(is_something);
    }
    sub->callback([&chosen, &verb] { chosen = &verb; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return explain(error, app, words);
  }
  return chosen->run(args);
}

}  // namespace cardstorm
