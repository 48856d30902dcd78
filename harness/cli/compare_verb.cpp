// compare: is B better or worse than A, beyond the noise? Reads two recorded runs; nothing is sent.
#include <filesystem>
#include <iostream>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/judge/compare.hpp"
#include "harness/run/verdict.hpp"
#include "reports/comparison.hpp"

namespace cardstorm {
namespace {

int compare_verb(const Args& args) {
  const auto a = runs_of(args.get("a"));
  if (!a) return complain(a.error());
  const auto b = runs_of(args.get("b"));
  if (!b) return complain(b.error());
  const Comparison comparison = compare_runs(*a, *b);
  const Lang lang = report_options(args, "").lang;
  if (args.has("--out")) {
    std::error_code ignored;  // what could not be made cannot be written to, and that is said
    std::filesystem::create_directories(args.get("--out"), ignored);
    if (Status s = write_comparison(comparison, args.get("--out"), lang); !s) return complain(s.error());
  }
  if (args.has("--json"))
    std::cout << json_of_comparison(comparison).dump(1) << "\n";
  else if (args.get("--format") == "markdown")
    write_comparison_markdown(comparison, lang, std::cout);
  else if (args.get("--format") == "junit")
    write_comparison_junit(comparison, lang, std::cout);
  else
    write_comparison_text(comparison, lang, std::cout);
  return exit_code_of(comparison.verdict);
}

}  // namespace

Verb verb_compare() {
  return {"compare",
          "two recorded runs: better, worse or no evidence, per metric with its noise",
          "A and B are run folders, folders of repeats (OUT/candidate), or drills (their candidate side). Exit 0: "
          "nothing is worse; 1: something\n"
          "is; 3: the two cannot be compared, or nothing shows beyond the noise. Three runs a side measure the noise "
          "instead of assuming it.\n"
          "  cardstorm compare reports/runs/monday reports/runs/latest\n  cardstorm compare old/candidate "
          "new/candidate --format markdown",
          {{"a", "the run to compare with"}, {"b", "the run in question"}},
          {{"--json", "", "cardstorm.compare/1 on stdout"},
           {"--format", "NAME", "text, markdown (for a merge request) or junit", false, {"text", "markdown", "junit"}},
           {"--out", "DIR", "also write compare.json, compare.txt, compare.md and compare.xml into this folder"},
           {"--lang", "LANG", "en or zh", false, {"en", "zh"}}},
          compare_verb};
}

}  // namespace cardstorm
