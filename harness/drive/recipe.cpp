// recipe: what can be done before the first request is done here.
#include "harness/drive/recipe.hpp"

#include <algorithm>
#include <array>

#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm {
namespace {

constexpr std::array<std::string_view, kBuiltIns> kBuiltInNames{"buyer",      "sku",      "channel", "key",
                                                                "phone",      "quantity", "trade",   "mark",
                                                                "trace_path", "now_s",    "now_ms",  "random_hex8"};

bool url_plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool json_plain(char c) {
  return static_cast<unsigned char>(c) >= ' ' && c != '"' && c != '\\' && static_cast<unsigned char>(c) < 127;
}

bool is_form(const Step& step) {
  return !step.form.empty() || std::any_of(step.headers.begin(), step.headers.end(), [](const auto& header) {
    return lower(header.first) == "content-type" && lower(header.second).find("form-urlencoded") != std::string::npos;
  });
}

std::optional<Pattern> pattern_of(const std::string& text) {
  auto pattern = Pattern::compile(text);
  return pattern ? std::optional<Pattern>(std::move(*pattern)) : std::nullopt;
}

bool fact_reads_json(const Step& step) {
  switch (step.fact) {
    case Fact::none:
    case Fact::pay:
      return false;
    case Fact::cards:
      return step.cards_regex.empty();
    case Fact::goods:
      return true;
    case Fact::order:
    case Fact::refund:
    case Fact::wallet:
      break;
  }
  return !step.amount_pointer.empty() && step.amount_from.empty();
}

/// The part of the sw8 header (SkyWalking v3) behind trace, segment and span: who asks, and whom.
std::string sw8_tail_of(const Journey& journey, const Step& step, const std::string& url, const std::string& mark) {
  const auto scheme = url.find("://");
  const std::string peer = scheme == std::string::npos ? url : url.substr(scheme + 3);
  return "-0-" + base64("cardstorm") + "-" + base64(mark.empty() ? "cardstorm" : mark) + "-" +
         base64(journey.name + "/" + step.name) + "-" + base64(peer);
}

StepRecipe recipe_of(const Step& step, Names& names, const ClientSettings& settings) {
  StepRecipe out;
  out.step = &step;
  out.path = Template(step.path, names);
  out.body = Template(step.body, names);
  out.order = Template(step.order, names);
  out.channel = Template(step.channel, names);
  out.kind = Template(step.kind, names);
  out.amount_from = Template(step.amount_from, names);
  out.body_encoding = is_form(step) ? Encoding::url : Encoding::json;
  bool typed = false;
  for (const auto& [name, text] : step.headers) {
    typed = typed || lower(name) == "content-type";
    if (lower(name) == "cookie")
      out.cookie = Template(text, names);
    else
      out.headers.push_back({name, Template(text, names)});
  }
  for (const auto& [name, text] : step.form) out.form.push_back({name, Template(text, names)});
  out.adds_form_type = !step.form.empty() && !typed;
  if (step.sign) {
    out.sign_key = Template(step.sign->key, names);
    if (const auto key = settings.keys.find(step.sign->key_file); key != settings.keys.end())
      out.fixed_key = key->second;
  }
  for (const Extract& e : step.extract) {
    ExtractRule taking{names.of(e.name), e.from, e.pointer, {}};
    if (e.from == Extract::From::header) taking.where = lower(e.pointer);
    if (e.from == Extract::From::regex) taking.pattern = pattern_of(e.pointer);
    out.wants_json = out.wants_json || e.from == Extract::From::json;
    out.wants_headers = out.wants_headers || e.from == Extract::From::header;
    out.extract.push_back(std::move(taking));
  }
  for (const Assertion& a : step.expect.all)
    out.all.push_back({&a, Template(a.relation == "matches" ? "" : a.value, names),
                       a.relation == "matches" ? pattern_of(a.value) : std::nullopt});
  if (step.poll && !step.poll->regex.empty()) out.poll = pattern_of(step.poll->regex);
  if (!step.cards_regex.empty()) out.cards = pattern_of(step.cards_regex);
  out.wants_json = out.wants_json || !step.expect.pointer.empty() || !step.expect.all.empty() ||
                   (step.poll && step.poll->regex.empty()) || fact_reads_json(step);
  out.wants_headers = out.wants_headers || (step.redirects > 0 && step.cookies);  // cookies of the answers on the way
  return out;
}

}  // namespace

void write_value(std::string& out, std::string_view value, Encoding encoding) {
  switch (encoding) {
    case Encoding::plain:
      out += value;
      return;
    case Encoding::url:
      if (std::all_of(value.begin(), value.end(), url_plain))
        out += value;
      else
        out += url_encode(value);
      return;
    case Encoding::json:
      if (std::all_of(value.begin(), value.end(), json_plain))
        out += value;
      else {
        const std::string quoted = Json(value).dump();
        out.append(quoted, 1, quoted.size() - 2);
      }
      return;
    case Encoding::header:
      std::copy_if(value.begin(), value.end(), std::back_inserter(out),
                   [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 127; });
      return;
  }
}

Names::Names(const std::vector<std::string>& data_columns) : names_(kBuiltInNames.begin(), kBuiltInNames.end()) {
  for (const std::string& column : data_columns) names_.push_back("data." + column);
}

int Names::of(std::string_view name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  const auto number = static_cast<int>(found - names_.begin());
  if (found == names_.end()) names_.emplace_back(name);
  return number;
}

Template::Template(std::string_view text, Names& names) {
  for (;;) {
    const auto open = text.find("${");
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) {  // the loader refuses it
      pieces_.push_back({std::string(text.substr(0, open)), kMalformed});
      return;
    }
    pieces_.push_back({std::string(text.substr(0, open)), names.of(text.substr(open + 2, close - open - 2))});
    text.remove_prefix(close + 1);
  }
  tail_ = text;
}

std::vector<JourneyRecipe> make_recipes(const Plan& plan, const ClientSettings& settings, const std::string& url,
                                        const std::string& mark) {
  std::vector<JourneyRecipe> out;
  for (const Journey& journey : plan.journeys) {
    Names names(journey.data_columns);
    JourneyRecipe recipe;
    recipe.first_extracted = names.count();
    for (const Step& step : journey.steps) {
      recipe.steps.push_back(recipe_of(step, names, settings));
      if (settings.sw8) recipe.steps.back().sw8_tail = sw8_tail_of(journey, step, url, mark);
    }
    recipe.variables = names.count();
    out.push_back(std::move(recipe));
  }
  return out;
}

}  // namespace cardstorm
