// mint: makes card stock whose secrets say what they are, for any platform to load.
#include <charconv>
#include <iostream>

#include "harness/cli/common.hpp"
#include "harness/cli/verbs.hpp"
#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/mint/mint.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm {
namespace {

const char* line_text(CardFormat format) {
  return format == CardFormat::csv ? "number,secret" : format == CardFormat::pairs ? "number----secret" : "one secret";
}

int run_mint(const Args& args) {
  std::vector<MintSku> skus;
  for (const std::string& text : args.all("--sku")) {
    const auto parts = split(text, ':');
    MintSku sku;
    const auto number = [](const std::string& t, auto& out) {
      const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), out);
      return error == std::errc() && end == t.data() + t.size() && out > 0;
    };
    if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || !number(parts[1], sku.cards) ||
        (parts.size() == 3 && !number(parts[2], sku.price_cents)))
      return complain(Error{Errc::invalid, "--sku wants NAME:CARDS[:CENTS], found '" + text + "'",
                            "for example --sku steam-50:1000:5000"});
    sku.sku = parts[0];
    sku.goods = "game_card";
    sku.number = static_cast<std::uint32_t>(skus.size() + 1);
    skus.push_back(std::move(sku));
  }
  if (skus.empty())
    return complain(Error{Errc::invalid, "mint wants at least one --sku NAME:CARDS[:CENTS]",
                          "for example --sku steam-50:1000:5000"});
  std::string key = random_token(32);
  if (args.has("--key-file")) {
    auto read = read_file(args.get("--key-file"));
    if (!read) return complain(read.error());
    key = std::string(trim(*read));
  }
  const std::string dir = args.get("folder"), format = args.get("--format", "lines");
  MintForm form;
  if (format != "lines") form.format = format == "csv" ? CardFormat::csv : CardFormat::pairs;
  if (args.get("--alphabet") == "digits") form.alphabet = CardAlphabet::digits;
  if (const Status made = write_mint(dir, key, skus, form); !made) return complain(made.error());
  const std::string file = dir + "/cards/<sku>" + (form.format == CardFormat::csv ? ".csv" : ".txt");
  std::cout << "minted into " << dir << ": " << file
            << ", manifest.json, and key (keep it to yourself: with it a card can be forged)\n"
            << "import: load each " << file << " as the stock of a product of its own, " << line_text(form.format)
            << " a line without a heading; turn off whatever changes the texts (trimming dashes, removing duplicates)\n"
            << "audit:  name the folder with `cardstorm run --mint " << dir
            << "`, so that every card handed out is recognised\n"
            << "purge:  afterwards delete in the shop what is left of these files, and the orders that `cardstorm "
               "history orders RUN` lists\n";
  return kPass;
}

}  // namespace

Verb verb_mint() {
  return {"mint",
          "make card stock that the audit can recognise, for any shop to import",
          "  cardstorm mint /tmp/stock --sku steam-50:1000:5000 --sku video-month:500:1500\n"
          "  cardstorm mint /tmp/stock --sku steam-50:1000:5000 --format pairs --alphabet digits",
          {{"folder", "a folder that does not exist yet"}},
          {{"--sku", "NAME:CARDS[:CENTS]", "a kind of card, how many, and its price (may stand several times)", true},
           {"--format",
            "FORM",
            "lines: a secret a line (default); csv: number,secret; pairs: number----secret, as card shops import",
            false,
            {"lines", "csv", "pairs"}},
           {"--alphabet",
            "WHICH",
            "base32: letters and digits (default); digits: 16 digits of number and 24 of secret, for csv and pairs",
            false,
            {"base32", "digits"}},
           {"--key-file", "FILE", "use this key instead of a fresh one, to mint the same stock again"}},
          run_mint};
}

}  // namespace cardstorm
