// report: what every writer promises, whatever the card holds.
#include "reports/report.hpp"

#include <cmath>
#include <limits>

#include "harness/core/files.hpp"
#include "reports/html_builder.hpp"
#include "reports/layout.hpp"
#include "tests/unit/reports/support.hpp"

namespace cardstorm {
namespace {

using test::count_of;
using test::markup_mistake;
using test::written;

const std::vector<std::string>& hostile_strings() {
  static const std::vector<std::string> all = {"\"'><script>alert(1)</script>",
                                               "]]><!--",
                                               "--><![CDATA[",
                                               std::string("nul\0in", 6),
                                               "\x1b[31mred\x07\x9b",
                                               "a|b`c```\n# head\n<br>@all !123",
                                               "</style></script><svg onload=x>",
                                               "\xff\xfe broken \xc3 utf8 \xed\xa0\x80",
                                               "\xe2\x80\xae turned \xe2\x81\xa6",
                                               std::string(1200, '"'),
                                               std::string(1200, 'W'),
                                               "订单“号”：<卡密>&nbsp;；" + std::string(300, '&'),
                                               "{0}{1}{9}",
                                               "%s%n",
                                               "&#0;",
                                               ""};
  return all;
}

Scorecard hostile_card(const std::string& evil) {
  Scorecard card = sample::fragile();
  card.scenario = card.target = card.version = card.environment = card.why_text = evil;
  card.traffic.trace = card.generator.scheduling = card.repeat_command = evil;
  card.why.assign(40, {evil, evil, evil});
  card.traffic.causes[evil] = 3;
  card.by_flow[evil] = card.by_goods[evil] = card.by_phase[evil] = {5, 4};
  card.not_exercised.assign(60, evil);
  for (Episode& e : card.episodes) e.fault = e.on = evil;
  for (FaultBand& s : card.fault_bands) s.fault = s.on = evil;
  for (Finding& f : card.checks) {
    f.name = f.why = evil;
    f.verdict = Verdict::fail;
    f.witnesses.assign(48, {evil, evil, 1, 1});
  }
  for (int i = 0; i < 30; ++i) {
    card.checks.push_back({evil + std::to_string(i), Verdict::unknown, evil, 1, 1, {{evil, evil, 0, 0}}, 0});
    card.episodes.push_back(card.episodes.front());
    card.episodes.back().fault = std::to_string(i) + evil;
  }
  return card;
}

DrillCard hostile_drill(const std::string& evil) {
  DrillCard drill = sample::sample_drill();
  drill.baseline = drill.candidate = hostile_card(evil);
  drill.repeat_command = evil;
  drill.runs.assign(100, {evil, 1, evil});
  drill.mttr_reduction_by_fault[evil] = 0.5;
  drill.mttr_reduction_assumed_restart[evil] = 0.5;
  return drill;
}

Scorecard senseless_card() {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  Scorecard card = sample::fragile();
  card.success_rate = nan;
  card.latency_ms = {nan, inf, -inf, 1e300, -1};
  card.generator.lateness_p50_us = nan;
  card.generator.cpu_seconds = inf;
  card.traffic.scale = nan;
  card.traffic.peak_rate = inf;
  card.assumed_restart_s = nan;
  card.money.lost_trades_cents = std::numeric_limits<std::int64_t>::min();
  double turn = nan;
  for (Episode& e : card.episodes) {
    e.inject_s = e.horizon_s = turn;
    e.onset_s = e.recover_s = e.ttr_s = e.lag_s = turn;
    e.censored = false;
    turn = std::isnan(turn) ? inf : std::isinf(turn) ? -1e308 : nan;
  }
  card.timeline = {{nan, 1, 1, nan, nan, 1},      {inf, 1, 1, 1, 1, 1},  {-5, 1, 1, 1, 1, 1},
                   {1e18, 1, 1, 1, 1, 1},         {3, 0, 7, nan, -2, 0}, {3, 5, 9, inf, 1e300, 4000000000U},
                   {9e6, 5, 5, 1e-300, 1e-300, 1}};
  card.fault_bands = {
      {"node_kill", "", nan, 3}, {"node_kill", "", 5, inf}, {"node_kill", "", 9, 2}, {"node_kill", "", 1e300, 1e301}};
  return card;
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    widest = std::max(widest, display_width(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  return widest;
}

}  // namespace

TEST(Report, TheRegistryNamesEachWriterOnce) {
  std::set<std::string_view> names, files;
  for (const ReporterEntry& entry : reporter_registry()) {
    EXPECT_TRUE(names.insert(entry.name).second);
    EXPECT_TRUE(files.insert(entry.run_file).second);
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"terminal", "json", "html", "junit", "markdown"}));
  const auto missing = make_reporter("pdf", {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
}

TEST(Report, WritesEveryFileIntoTheFolder) {
  std::string dir = std::filesystem::temp_directory_path() / "cardstorm-reports-XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  EXPECT_TRUE(write_reports(sample::sample_drill(), dir, {}));
  for (const ReporterEntry& entry : reporter_registry())
    EXPECT_TRUE(std::filesystem::exists(dir + "/" + std::string(entry.drill_file))) << entry.name;
  EXPECT_FALSE(write_reports(sample::fragile(), dir + "/not/there", {}));
  std::filesystem::remove_all(dir);
}

TEST(Report, SameCardGivesSameBytes) {
  for (const ReporterEntry& entry : reporter_registry())
    EXPECT_EQ(written(entry.name, sample::sample_drill()), written(entry.name, sample::sample_drill())) << entry.name;
}

TEST(Report, JsonReadsBackAsTheSameCard) {
  const std::string text = written("json", sample::sample_drill());
  const auto parsed = Json::parse(text);
  ASSERT_TRUE(parsed);
  const auto again = drill_of_json(*parsed);
  ASSERT_TRUE(again);
  EXPECT_EQ(written("json", *again), text);
  EXPECT_EQ(written("terminal", *again, Lang::zh), written("terminal", sample::sample_drill(), Lang::zh));
  EXPECT_EQ(written("html", *again), written("html", sample::sample_drill()));
}

TEST(Report, HostileStringsNeverBreakMarkup) {
  for (const std::string& evil : hostile_strings()) {
    const std::string page = written("html", hostile_drill(evil), Lang::zh);
    EXPECT_EQ(markup_mistake(page, true), "") << evil.substr(0, 40);
    EXPECT_EQ(count_of(page, "<script"), 1U) << evil.substr(0, 40);
    EXPECT_EQ(page.find("<svg onload"), std::string::npos);
    EXPECT_LE(page.size(), 300U * 1024) << evil.substr(0, 40);
    EXPECT_EQ(markup_mistake(written("junit", hostile_drill(evil), Lang::zh), false), "") << evil.substr(0, 40);
  }
  EXPECT_EQ(markup_mistake(written("html", hostile_card(hostile_strings().front())), true), "");
  EXPECT_EQ(markup_mistake(written("junit", hostile_card(hostile_strings().front())), false), "");
}

/// `card` with `evil` behind every text of its JSON that is not one of a closed set; `count`: how many.
Scorecard with_every_text(Scorecard card, const std::string& evil, int* count) {
  card.timeline.clear();
  std::string json = json_of_scorecard(card).dump();
  for (std::size_t at = 0; (at = json.find('"', at)) != std::string::npos;) {
    std::size_t end = at + 1;
    while (json[end] != '"') end += json[end] == '\\' ? 2 : 1;
    at = end + 1;
    if (json[at] == ':') continue;  // the name of a field
    std::string other = json;
    other.insert(end, evil);
    const auto parsed = Json::parse(other);
    if (!parsed || !scorecard_of_json(*parsed)) continue;
    json = std::move(other);
    at += evil.size();
    ++*count;
  }
  return *scorecard_of_json(*Json::parse(json));
}

TEST(Report, NoTextOfARecordStandsRawInThePage) {
  const std::string evil = "<b onclick='x'>&";
  int texts = 0;
  DrillCard drill = sample::sample_drill();
  drill.baseline = with_every_text(drill.baseline, evil, &texts);
  drill.candidate = with_every_text(drill.candidate, evil, &texts);
  EXPECT_GT(texts, 100) << "the test no longer reaches the fields";
  for (const std::string& page : {written("html", drill), written("html", drill.baseline, Lang::zh)}) {
    EXPECT_EQ(page.find("<b onclick"), std::string::npos);
    EXPECT_GT(count_of(page, "&lt;b onclick=&#39;x&#39;&gt;&amp;"), 40U) << "and it is shown, not dropped";
    EXPECT_EQ(markup_mistake(page, true), "");
  }
}

TEST(Html, TakesLiteralsAsMarkupAndStringsAsText) {
  using html::Html;
  const std::string evil = "<i a=\"b\">&'";
  const Html html = "<p title=\"" + Html::text(evil) + "\">" + evil + "</p>";
  EXPECT_EQ(html.markup(), "<p title=\"&lt;i a=&quot;b&quot;&gt;&amp;&#39;\">&lt;i a=&quot;b&quot;&gt;&amp;&#39;</p>");
  Html out;
  out += std::string_view("<");
  out += "<br>";
  out += Html::when(false, "<a>", "<b>") + Html::text("12345", 3);
  EXPECT_EQ(out.markup(), "&lt;<br><b>123...");
}

TEST(Report, HostileStringsNeverReachTheTerminalOrTheMergeRequest) {
  for (const std::string& evil : hostile_strings()) {
    for (const char c : written("terminal", hostile_drill(evil), Lang::zh))
      ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << evil.substr(0, 40);
    const std::string md = written("markdown", hostile_drill(evil));
    const std::string before_fence = md.substr(0, md.find("\n```"));
    EXPECT_EQ(before_fence.find("<script"), std::string::npos);
    EXPECT_EQ(before_fence.find("@all"), std::string::npos);
    for (std::size_t at = md.find("\n| "); at != std::string::npos; at = md.find("\n| ", at + 1))
      EXPECT_EQ(count_of(md.substr(at, md.find('\n', at + 1) - at), "|"), 4U) << evil.substr(0, 40);
  }
}

TEST(Report, SenselessNumbersAndEmptyCardsAreWritten) {
  DrillCard senseless;
  senseless.baseline = senseless.candidate = senseless_card();
  senseless.mttr_reduction = std::nan("");
  for (const ReporterEntry& entry : reporter_registry())
    for (const Lang lang : {Lang::en, Lang::zh}) {
      for (const std::string& text :
           {written(entry.name, Scorecard{}, lang), written(entry.name, DrillCard{}, lang),
            written(entry.name, senseless_card(), lang), written(entry.name, senseless, lang)}) {
        EXPECT_FALSE(text.empty()) << entry.name;
        for (const char* bad : {"nan", "NaN", "inf ", "inf%", ":inf", "null %"}) {
          if (entry.name == "json") continue;
          EXPECT_EQ(text.find(bad), std::string::npos) << entry.name << ": " << bad;
        }
        if (entry.name == "html") {
          EXPECT_EQ(markup_mistake(text, true), "");
        }
        if (entry.name == "junit") {
          EXPECT_EQ(markup_mistake(text, false), "");
        }
      }
    }
}

TEST(Report, UnknownIsNeverShownAsGood) {
  const Scorecard card = sample::sample_unknown();
  EXPECT_NE(written("terminal", card).find("Not decidable (unknown)"), std::string::npos);
  EXPECT_NE(written("html", card).find("data-verdict=\"unknown\""), std::string::npos);
  EXPECT_NE(written("markdown", card).find("**Not decidable (unknown)**"), std::string::npos);
  EXPECT_NE(written("junit", Scorecard{}).find("<error"), std::string::npos);
}

TEST(Report, JunitCountsWhatItHolds) {
  const std::string xml = written("junit", sample::sample_no_go());
  EXPECT_EQ(count_of(xml, "<testcase "), 8U + 9U + 1U + 1U + 4U);  // checks, episodes, reduction, verdict, reasons
  EXPECT_EQ(count_of(xml, "<failure "), 3U + 3U + 1U + 4U);        // broken, not recovered, verdict, reasons
  EXPECT_EQ(count_of(xml, "<error "), 1U);                         // no comparison
  EXPECT_NE(xml.find("tests=\"23\" failures=\"11\" errors=\"1\""), std::string::npos);
  const std::string unknown = written("junit", sample::sample_unknown());
  EXPECT_EQ(count_of(unknown, "<failure "), 0U);
  EXPECT_EQ(count_of(unknown, "<error "), 1U + 2U + 1U + 3U);  // check, two episodes, verdict, reasons
}

TEST(Report, ABaselineThatFailsDoesNotFailTheCandidate) {
  const std::string xml = written("junit", sample::sample_drill());
  EXPECT_EQ(count_of(xml, "<failure "), 0U);
  EXPECT_EQ(count_of(xml, "<error "), 0U);
}

TEST(Report, TerminalKeepsItsWidthAndItsColourToItself) {
  for (const Lang lang : {Lang::en, Lang::zh}) {
    EXPECT_LE(widest_line(written("terminal", sample::sample_drill(), lang)), 96U);
    EXPECT_LE(widest_line(written("terminal", sample::fragile(), lang)), 96U);
    EXPECT_EQ(written("terminal", sample::sample_drill(), lang).find('\033'), std::string::npos);
  }
  EXPECT_NE(written("terminal", sample::sample_drill(), Lang::en, true).find("\033[1;32m"), std::string::npos);
}

TEST(Report, TerminalUsesTheUsersWords) {
  const std::string en = written("terminal", sample::sample_drill()),
                    zh = written("terminal", sample::sample_drill(), Lang::zh);
  for (const char* word : {"no impact", "not recovered in", "Audit", "F2611-000183", "MTTR reduction",
                           "if the operator restarts after 120 s", "cardstorm drill --seed 42", "reports/runs/latest"})
    EXPECT_NE(en.find(word), std::string::npos) << word;
  for (const char* word : {"无影响", "50 秒内未恢复", "对账", "掉单", "MTTR 缩短"})
    EXPECT_NE(zh.find(word), std::string::npos) << word;
}

TEST(Report, AReasonKeepsTheNamesOfFilesAndOneLanguageWhereItCan) {
  Scorecard card = sample::sample_unknown();
  card.why = {{"history_damaged", "partners/beta.jsonl: it was not closed", "check the disk and run again"},
              {"audit_waived", "no promise was audited: the scenario says `checks: none`", "name checks"}};
  EXPECT_NE(written("terminal", card).find("] partners/beta.jsonl: it was not closed."), std::string::npos)
      << written("terminal", card);
  EXPECT_NE(written("terminal", card).find("] No promise was audited"), std::string::npos);
  EXPECT_EQ(written("terminal", card, Lang::zh).find("no promise was audited"), std::string::npos)
      << "the translation says all of it";
}

TEST(Report, HtmlIsOnePageThatNeedsNothingElse) {
  for (const std::string& page : {written("html", sample::sample_drill()), written("html", sample::sample_unknown())}) {
    for (const char* outside : {"http:", "https:", "src=", "@import", "url("})
      EXPECT_EQ(page.find(outside), std::string::npos) << outside;
    EXPECT_LE(page.size(), 300U * 1024);
    EXPECT_EQ(count_of(page, "<svg viewBox=\"0 0 1000"), count_of(page, "<desc id="));  // every curve is described
    EXPECT_NE(page.find("prefers-color-scheme:dark"), std::string::npos);
    EXPECT_NE(page.find("@media print"), std::string::npos);
  }
}

TEST(Report, HtmlHoldsBothLanguagesAndShowsTheGivenOne) {
  const std::string zh = written("html", sample::sample_no_go(), Lang::zh);
  EXPECT_NE(zh.find("<html lang=\"zh-CN\" data-verdict=\"fail\""), std::string::npos);
  EXPECT_NE(zh.find("id=\"lang-zh\" checked"), std::string::npos);
  EXPECT_NE(zh.find("No-go"), std::string::npos);
  EXPECT_NE(zh.find("不可发布"), std::string::npos);
}

TEST(Report, ALongRunStaysASmallPage) {
  DrillCard drill = sample::sample_drill();
  for (Scorecard* card : {&drill.baseline, &drill.candidate}) {
    card->timeline.clear();
    for (int s = 0; s < 20000; ++s) card->timeline.push_back(sample::window(s, 0.3, 400, 5));
  }
  EXPECT_LE(written("html", drill).size(), 300U * 1024);
}

TEST(Report, ARateThatIsNotAllIsNeverShownAsAll) {
  Scorecard card = sample::hardened();
  card.success_rate = 0.999999;
  EXPECT_EQ(written("terminal", card).find("100.00 %"), std::string::npos);
  EXPECT_NE(written("terminal", card).find("99.99 %"), std::string::npos);
}

/// A run whose target says how a trace is opened, with a fault that nothing met.
Scorecard traced() {
  Scorecard card = sample::fragile();
  card.trace_link = "http://jaeger:16686/trace/${trace_id}?a=1&b=2";
  card.episodes[1].worst = {{"pay", "0af7651916cd43dd8448eb211c80319c", "timeout", 97.2, 10.0},
                            {"order", "4bf92f3577b34da6a3ce929d0e0e4736", "none", 98.4, 3.1}};
  for (Finding& finding : card.checks)
    if (!finding.witnesses.empty())
      finding.witnesses[0].traces = {{"order", "11f7651916cd43dd8448eb211c80319c"},
                                     {"pay", "22f7651916cd43dd8448eb211c80319c"}};
  Episode bypassed = sample::episode("payment_delay", "beta", 1, 200, 15, {});
  bypassed.onset_s = bypassed.recover_s = bypassed.ttr_s = bypassed.lag_s = std::nullopt;
  bypassed.bypassed = true;
  std::erase_if(card.episodes, [](const Episode& e) { return e.fault == "payment_delay" && e.repeat > 1; });
  card.episodes.push_back(bypassed);
  card.not_exercised = {"payment_delay on beta"};
  return card;
}

TEST(Report, FaultThatCameToTwoPlacesNamesBoth) {
  EXPECT_NE(written("terminal", traced()).find("  on alpha, beta"), std::string::npos) << written("terminal", traced());
}

TEST(Report, TracesOfTheWorstStepsAndOfWitnessesAreLinked) {
  for (const Lang lang : {Lang::en, Lang::zh}) {
    const std::string page = written("html", traced(), lang);
    EXPECT_EQ(markup_mistake(page, true), "");
    for (const char* id : {"0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736",
                           "11f7651916cd43dd8448eb211c80319c", "22f7651916cd43dd8448eb211c80319c"})
      EXPECT_NE(
          page.find("<a href=\"http://jaeger:16686/trace/" + std::string(id) + "?a=1&amp;b=2\" rel=\"noreferrer\">"),
          std::string::npos)
          << id;
    const std::string text = written("terminal", traced(), lang), markdown = written("markdown", traced(), lang);
    EXPECT_NE(text.find("http://jaeger:16686/trace/0af7651916cd43dd8448eb211c80319c?a=1&b=2\n"), std::string::npos)
        << text;
    EXPECT_NE(text.find("http://jaeger:16686/trace/22f7651916cd43dd8448eb211c80319c?a=1&b=2\n"), std::string::npos)
        << text;
    EXPECT_NE(
        markdown.find(
            "[0af7651916cd43dd8448eb211c80319c](http://jaeger:16686/trace/0af7651916cd43dd8448eb211c80319c?a=1&b=2)"),
        std::string::npos)
        << markdown;
    EXPECT_NE(markdown.find("](http://jaeger:16686/trace/11f7651916cd43dd8448eb211c80319c"), std::string::npos)
        << markdown;
  }
}

TEST(Report, ALinkThatIsNoWebAddressIsNeverMadeClickable) {
  Scorecard card = traced();
  card.trace_link = "javascript:alert(1)//${trace_id}";
  for (const char* name : {"html", "markdown", "terminal"})
    EXPECT_EQ(written(name, card).find("javascript:"), std::string::npos) << name;
  EXPECT_NE(written("html", card).find("<code>0af7651916cd43dd8448eb211c80319c</code>"), std::string::npos);
  card.trace_link = "http://a/${trace_id}\"><b>)x";
  EXPECT_EQ(written("html", card).find("\"><b>)x"), std::string::npos);
  EXPECT_EQ(written("markdown", card).find("](http://a/"), std::string::npos);
}

TEST(Report, TheChartCallsNothingWholeThatIsNot) {
  Scorecard card = sample::fragile();
  for (WindowRow& row : card.timeline) row.planned = 100'000, row.good = 99'996;
  const std::string html = written("html", card);
  EXPECT_NE(html.find("99.9,"), std::string::npos);
  EXPECT_EQ(html.find("100.0,"), std::string::npos);
}

TEST(Report, AFaultThatWasInForceWhenTheRunWasStoppedIsNotKnown) {
  Scorecard card = sample::fragile();
  Episode down = card.episodes.front();
  down.onset_s = down.inject_s + 1;
  down.recover_s = down.ttr_s = down.lag_s = std::nullopt;
  down.judged = down.absorbed = down.censored = down.metastable = false;
  card.episodes = {down};
  EXPECT_NE(written("terminal", card).find("+1.0 s"), std::string::npos) << "that it went down, and when, is known";
  for (const char* reporter : {"terminal", "markdown", "html", "junit"}) {
    const std::string text = written(reporter, card);
    EXPECT_NE(text.find("not known"), std::string::npos) << reporter;
    EXPECT_EQ(text.find("too few requests"), std::string::npos) << reporter;
    EXPECT_EQ(text.find("not recovered in " + std::to_string(static_cast<int>(down.horizon_s))), std::string::npos)
        << reporter;
  }
}

TEST(Report, AFaultThatNothingMetIsSaidToBeThat) {
  const std::string en = written("terminal", traced()), zh = written("terminal", traced(), Lang::zh);
  EXPECT_NE(en.find("exercised (1/2)"), std::string::npos) << en;
  EXPECT_NE(en.find("on beta: no request came its way"), std::string::npos) << en;
  EXPECT_NE(zh.find("未触及"), std::string::npos) << zh;
  EXPECT_NE(zh.find("（注入点 beta）：生效期间没有请求经过"), std::string::npos) << zh;
  EXPECT_NE(written("html", traced()).find("not exercised: the fault was in force"), std::string::npos);
  const std::string xml = written("junit", traced());
  EXPECT_EQ(count_of(xml, "<skipped "), 1U) << xml;
}

TEST(Report, TextsNameTheLargestCausesFirstAndOnlyThose) {
  Scorecard card = sample::fragile();
  card.traffic.causes = {{"timeout", 40}, {"reset", 7}, {"refused", 90}, {"http_5xx", 0},
                         {"deadline", 3}, {"dns", 2},   {"tls", 1},      {"redirect", 1}};
  for (const char* reporter : {"terminal", "markdown"}) {
    const std::string en = written(reporter, card), zh = written(reporter, card, Lang::zh);
    const auto from = en.find("Ended without goods");
    ASSERT_NE(from, std::string::npos) << en;
    const auto refused = en.find("connection refused", from), timeout = en.find("timeout", from),
               broke = en.find("connection broke", from);
    EXPECT_LT(refused, timeout) << en;
    EXPECT_LT(timeout, broke) << en;
    EXPECT_EQ(en.find("no secure connection"), std::string::npos) << "small, and there are larger ones: " << en;
    EXPECT_EQ(en.find("server error"), std::string::npos) << "none of them";
    EXPECT_NE(zh.find("未成交"), std::string::npos) << zh;
  }
  card.traffic.causes.clear();
  EXPECT_EQ(written("terminal", card).find("Ended without goods"), std::string::npos);
}

TEST(Report, NeverCallsMoneyRightThatNobodyAudited) {
  Scorecard card = sample::fragile();
  card.checks.clear();
  card.verdict = Verdict::fail;
  EXPECT_EQ(written("terminal", card).find("Money is right"), std::string::npos);
  EXPECT_NE(written("terminal", card).find("whether its money is right"), std::string::npos)
      << written("terminal", card);
  card.verdict = Verdict::pass;
  EXPECT_NE(written("terminal", card).find("Nothing was audited"), std::string::npos);
  card.verdict = Verdict::fail;
  card.checks.push_back({"money_conserved", Verdict::unknown, "", 1, 0, {}, 0});
  EXPECT_EQ(written("terminal", card).find("Money is right"), std::string::npos);
}

}  // namespace cardstorm
