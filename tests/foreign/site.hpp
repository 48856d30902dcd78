// site: the PHP shop with everything around it that a user would have set up: simulated EasyPay, minted cards imported
// through its admin page, the shipped target file with its addresses.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/foreign/shop.hpp"
#include "tests/integration/command.hpp"
#include "tests/support/paths.hpp"

namespace cardstorm::test {

inline const std::string kScenarios = testing_paths::source_dir() + "/scenarios/external/";

struct SiteOptions {
  std::string bug = {};         // of the shop
  std::string channel = {};     // more words for the simulated EasyPay, such as ",duplicate=0.5"
  bool pays_elsewhere = false;  // at a bank that the target file does not name
};

/// The shop with everything around it that a user would have set up.
class Site {
 public:
  explicit Site(const SiteOptions& options = {}) {
    ready_ = mint() && start_banks(options) && start_shop(options) && import() && write_target();
  }
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] const Shop& shop() const { return *shop_; }
  [[nodiscard]] std::string target_file() const { return folder_.at("target.yaml"); }
  [[nodiscard]] const TestFolder& folder() const { return folder_; }
  [[nodiscard]] std::string at(const std::string& name) const { return folder_.at(name); }
  [[nodiscard]] const Json& bank() const { return bank_; }
  /// What the shop's nginx was asked for: lines of its access log with this in them.
  [[nodiscard]] std::size_t asked_for(const std::string& what) const {
    const auto log = read_file(shop_->fact("access_log"));
    std::size_t found = 0;
    for (const std::string& line : log ? split(*log, '\n') : std::vector<std::string>{})
      found += line.find(what) != std::string::npos ? 1 : 0;
    return found;
  }

  /// A command with the site's target file and stock; what it records goes into the folder `out`.
  Said command(std::vector<std::string> words, const std::string& out = "run") const {
    for (const std::string& word : {std::string("--target"), folder_.at("target.yaml"), std::string("--mint"),
                                    folder_.at("mint"), std::string("--out"), folder_.at(out), std::string("--json")})
      words.push_back(word);
    return run_command(folder_, std::move(words), 3min);
  }
  /// Runs a shipped scenario; null when there was no scorecard.
  Json run(const std::string& scenario, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"run", kScenarios + scenario + ".yaml", "--set", "traffic.late_max=5s"};
    words.insert(words.end(), more.begin(), more.end());
    return punctual("run", [&] {
      const Said said = command(words);
      said_ = said.err;
      return said;
    });
  }
  /// The card of `run`, which records into the folder `out`, made again (twice at most) when it says that it was late
  /// itself and therefore knows nothing. Runs that count on this have late_max at 5 s: what a machine that stands still
  /// holds up is sent late, and told; it is not left out.
  template <class Run>
  Json punctual(const std::string& out, Run&& run) const {
    for (int tries = 1;; ++tries) {
      const Said said = run();
      const auto card = Json::parse(said.out);
      EXPECT_TRUE(card) << said.code << "\n" << said.out << said.err;
      if (!card) return Json();
      if (!only_late(*card) || tries == 3) return *card;
      std::filesystem::rename(at(out), at(out + ".late-" + std::to_string(tries)));
    }
  }
  [[nodiscard]] const std::string& said() const { return said_; }
  /// Everything that the run wrote, as one text.
  [[nodiscard]] std::string record() const {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.at("run")))
      if (entry.is_regular_file())
        if (const auto text = read_file(entry.path().string())) all += *text;
    return all;
  }
  [[nodiscard]] std::string first_card() const {
    const auto text = read_file(folder_.at("mint") + "/cards/steam-50.txt");
    return text ? text->substr(0, text->find('\n')) : "";
  }

 private:
  bool mint() {
    const Said said = run_command(folder_, {"mint", folder_.at("mint"), "--sku", "steam-50:3000:5000", "--sku",
                                            "steam-100:3000:9990", "--sku", "limited:5:1880", "--format", "pairs"});
    EXPECT_EQ(said.code, 0) << said.err;
    return said.code == 0;
  }
  /// A `partners up` of its own, with what it said; null when it did not start.
  Json start_bank(const std::string& name, const std::string& words = "") {
    Command& bank =
        partners_.emplace_back(folder_, std::vector<std::string>{"partners", "up", "--journal", folder_.at(name),
                                                                 "--channel", "alpha=easypay" + words});
    const auto line = bank.process().read_line(20s);
    const auto facts = line && line->has_value() ? Json::parse(**line) : Result<Json>(Json());
    EXPECT_TRUE(facts && (*facts)["url"].string() != "") << bank.err();
    return facts ? *facts : Json();
  }
  bool start_banks(const SiteOptions& options) {
    bank_ = start_bank("bank", options.channel);
    shops_bank_ = options.pays_elsewhere ? start_bank("elsewhere") : bank_;
    return bank_["url"].string() != "" && shops_bank_["url"].string() != "";
  }
  bool start_shop(const SiteOptions& site) {
    ShopOptions options;
    options.gateway = shops_bank_["url"].string() + "/channel/alpha";
    options.key_file = shops_bank_["journal"].string() + "/keys/alpha/secret";
    options.bug = site.bug;
    shop_ = Shop::start(options);
    return shop_ != nullptr;
  }
  bool import() {
    bool good = true;
    for (const auto& [sku, price] : {std::pair{"steam-50", "50.00"}, {"steam-100", "99.90"}, {"limited", "18.80"}}) {
      const auto cards = read_file(folder_.at("mint") + "/cards/" + sku + ".txt");
      EXPECT_TRUE(cards) << sku;
      good = good && cards && shop_->import(sku, price, *cards) > 0;
    }
    EXPECT_TRUE(good) << "the import was refused";
    return good;
  }
  /// The shipped file with our addresses and folders.
  bool write_target() {
    auto text = read_file(testing_paths::source_dir() + "/scenarios/targets/php-shop.yaml");
    if (!text) return false;
    const auto put = [&](const std::string& from, const std::string& to) {
      std::size_t found = 0;
      for (std::size_t at = 0; (at = text->find(from, at)) != std::string::npos; at += to.size(), ++found)
        text->replace(at, from.size(), to);
      EXPECT_GT(found, 0U) << from;
    };
    put("http://127.0.0.1:8081", shop_->url());
    put("127.0.0.1:3306/shop", shop_->fact("database"));
    put("/srv/php-shop", shop_->fact("dir"));
    put("http://127.0.0.1:9000", bank_["url"].string());
    put("/srv/partners/control-token", "\"" + bank_["token_file"].string() + "\"");
    put("journal: /srv/partners", "journal: \"" + bank_["journal"].string() + "\"");
    return static_cast<bool>(write_file(folder_.at("target.yaml"), *text));
  }

  TestFolder folder_;
  std::deque<Command> partners_;
  Json bank_, shops_bank_;  // the one of the target file, and the one that the shop pays at
  std::unique_ptr<Shop> shop_;
  std::string said_;
  bool ready_ = false;
};

}  // namespace cardstorm::test
