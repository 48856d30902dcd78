// journey_step: see journey_step.hpp.
#include "harness/scenario/journey_step.hpp"

#include <algorithm>

#include "harness/core/files.hpp"
#include "harness/core/json.hpp"
#include "harness/core/text.hpp"
#include "harness/pattern/pattern.hpp"
#include "harness/scenario/data_file.hpp"

namespace cardstorm {
namespace {

/// Names that nothing can be extracted into.
const std::vector<std::string> kBuiltIn{"quantity", "buyer",       "key", "phone",   "mark",  "now_s",
                                        "now_ms",   "random_hex8", "sku", "channel", "trade", "trace_path"};
const std::vector<std::string> kSources{"json", "header", "cookie", "regex"};
const std::vector<std::string> kSignings{"md5_sorted", "md5_sorted_key", "hmac_sha256"};
const std::vector<std::string> kMethods{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"};
const std::vector<std::string> kFacts{"order", "pay", "cards", "goods", "refund", "wallet"};
const std::vector<std::string> kKinds{"membership", "topup", "equipment"};

/// Checks a template's variables against what is defined at this point.
void check_template(const std::string& text, const Place& at, const std::vector<std::string>& defined,
                    Mistakes& mistakes) {
  for (std::size_t i = 0; (i = text.find("${", i)) != std::string::npos;) {
    const auto close = text.find('}', i);
    if (close == std::string::npos) return add_mistake(mistakes, at, "'${' without '}'", "write ${name}");
    const std::string name = text.substr(i + 2, close - i - 2);
    if (std::find(defined.begin(), defined.end(), name) == defined.end())
      add_mistake(mistakes, at, "'${" + name + "}' is not defined at this step",
                  remedy_among(name, defined) + "; extract it in an earlier step if the platform gives it");
    i = close + 1;
  }
}

/// A body that looks like JSON must be JSON once its variables have values.
void check_body(const std::string& body, const Place& at, Mistakes& mistakes) {
  const std::string_view shape = trim(body);
  if (shape.empty() || (shape.front() != '{' && shape.front() != '[')) return;
  static const std::string kSample = "1";
  const auto filled = expand(body, [](const std::string&) { return &kSample; });
  if (!filled) return;  // told by check_template
  if (const auto json = Json::parse(*filled); !json)
    add_mistake(mistakes, at, "the body is not JSON once its variables have values: " + json.error().what,
                "check quotes and commas");
}

void check_pointer(const std::string& pointer, const Place& at, Mistakes& mistakes) {
  if (pointer.empty() || pointer.front() == '/') return;
  add_mistake(mistakes, at, "'" + pointer + "' is not a JSON Pointer", "write for example /" + pointer);
}

void check_pattern(const std::string& pattern, const Place& at, Mistakes& mistakes) {
  if (pattern.empty())
    return add_mistake(mistakes, at, "the regular expression is empty", "write for example 'value=\"([^\"]+)\"'");
  if (const auto compiled = Pattern::compile(pattern); !compiled)
    add_mistake(mistakes, at, compiled.error().what, compiled.error().remedy);
}

/// Reads one key as a regular expression.
bool pattern_in(Fields& fields, std::string_view key, std::string& out, Mistakes& mistakes) {
  if (!fields.text(key, out)) return false;
  check_pattern(out, fields.get(key)->at, mistakes);
  return true;
}

/// Reads one key as a JSON Pointer.
bool pointer_in(Fields& fields, std::string_view key, std::string& out, Mistakes& mistakes) {
  if (!fields.text(key, out)) return false;
  check_pointer(out, fields.get(key)->at, mistakes);
  return true;
}

Headers read_form(const Yaml& node, const std::vector<std::string>& defined, Mistakes& mistakes) {
  Headers out;
  if (node.kind != Yaml::Kind::map) {
    add_mistake(mistakes, node.at, "'form' must be a map of fields and values", "write form: { sku: \"${sku}\" }");
    return out;
  }
  for (const YamlMember& member : node.members) {
    std::string value;
    if (!text_of_node(member.value, member.key, value, mistakes)) continue;
    check_template(value, member.value.at, defined, mistakes);
    out.emplace_back(member.key, value);
  }
  return out;
}

/// "== ${amount}", "exists", "matches ^[0-9]+$".
Assertion read_assertion(const Yaml& node, const std::vector<std::string>& defined, Mistakes& mistakes) {
  static const std::vector<std::string> kRelations{
      "==", "!=", "<=", ">=", "<", ">", "matches", "exists"};  // the longer ones first
  Assertion out;
  Fields fields(node, "an assertion", mistakes);
  if (fields.need("at", "/total") != nullptr) pointer_in(fields, "at", out.pointer, mistakes);
  std::string is;
  if (fields.text_needed("is", is, "\"== ${amount}\"")) {
    const Place& at = fields.get("is")->at;
    const std::string text(trim(is));
    const auto found =
        std::find_if(kRelations.begin(), kRelations.end(), [&](const std::string& r) { return text.rfind(r, 0) == 0; });
    if (found == kRelations.end()) {
      add_mistake(mistakes, at, "'" + is + "' says no relation",
                  "write one of " + join(kRelations, " ") + ", such as \"== ${amount}\" or exists");
    } else {
      out.relation = *found;
      out.value = trim(std::string_view(text).substr(found->size()));
      if (out.relation == "matches")
        check_pattern(out.value, at, mistakes);
      else
        check_template(out.value, at, defined, mistakes);
      if (out.relation == "exists" && !out.value.empty())
        add_mistake(mistakes, at, "'exists' takes no value", "write is: exists");
      if (out.relation != "exists" && out.relation != "==" && out.relation != "!=" && out.value.empty())
        add_mistake(mistakes, at, "'" + out.relation + "' needs a value",
                    "write for example is: \"" + out.relation + " 1\"");
    }
  }
  fields.finish();
  return out;
}

void read_expect(const Yaml& node, const std::vector<std::string>& defined, Expect& out, Mistakes& mistakes) {
  Fields fields(node, "'expect'", mistakes);
  fields.integers("status", out.status, 100, 599);
  pointer_in(fields, "at", out.pointer, mistakes);
  fields.texts("values", out.values);
  fields.text("body_has", out.body_has);
  if (const Yaml* all = fields.get("all"); all != nullptr && all->kind != Yaml::Kind::list)
    add_mistake(mistakes, all->at, "'all' must be a list of assertions",
                "write all: [ { at: /total, is: \"== ${amount}\" } ]");
  else if (all != nullptr)
    for (const Yaml& item : all->items) out.all.push_back(read_assertion(item, defined, mistakes));
  if (out.status.empty())
    add_mistake(mistakes, node.at, "'status' is empty: no answer could be right", "write status: [200]");
  if (!out.values.empty() && out.pointer.empty())
    add_mistake(mistakes, node.at, "'values' without 'at'", "say where, for example at: /status");
  fields.finish();
}

void read_sold_out(const Yaml& node, Step& step, Mistakes& mistakes) {
  Fields fields(node, "'sold_out'", mistakes);
  if (fields.need("status", "[409]") != nullptr) fields.integers("status", step.sold_out_status, 100, 599);
  pointer_in(fields, "at", step.sold_out_pointer, mistakes);
  fields.text("value", step.sold_out_value);
  fields.text("has", step.sold_out_has);
  if (step.sold_out_pointer.empty() != step.sold_out_value.empty())
    add_mistake(mistakes, node.at, "'at' and 'value' go together", "write at: /error and value: sold_out, or neither");
  if (!step.sold_out_pointer.empty() && !step.sold_out_has.empty())
    add_mistake(mistakes, node.at, "'at' looks into JSON, 'has' into a page", "keep one of them");
  const bool told = !step.sold_out_pointer.empty() || !step.sold_out_has.empty();  // then a 200 may say it too
  for (const int status : step.sold_out_status)
    if (!told && std::count(step.expect.status.begin(), step.expect.status.end(), status) > 0)
      add_mistake(mistakes, node.at, "status " + std::to_string(status) + " is both expected and sold out",
                  "keep it in one of them, or say by 'at' and 'value' or by 'has' which of its answers are refusals");
  fields.finish();
}

Poll read_poll(const Yaml& node, Nanos deadline, Mistakes& mistakes) {
  Poll poll;
  Fields fields(node, "'poll'", mistakes);
  fields.duration("every", poll.every, 10ms, deadline);
  const bool by_regex = pattern_in(fields, "regex", poll.regex, mistakes);
  if (by_regex && fields.get("at") != nullptr)
    add_mistake(mistakes, node.at, "'at' looks into JSON, 'regex' into a page", "keep one of them");
  if (by_regex || fields.need("at", "/status") != nullptr) pointer_in(fields, "at", poll.pointer, mistakes);
  if (fields.need("until", "[delivered]") != nullptr) fields.texts("until", poll.until);
  fields.texts("fail_on", poll.fail_on);
  if (const Yaml* until = fields.get("until"); until != nullptr && poll.until.empty())
    add_mistake(mistakes, until->at, "'until' is empty: the poll could never end well", "write until: [delivered]");
  for (const std::string& value : poll.until)
    if (std::count(poll.fail_on.begin(), poll.fail_on.end(), value) > 0)
      add_mistake(mistakes, node.at, "'" + value + "' stands in 'until' and in 'fail_on'", "keep it in one of them");
  fields.finish();
  return poll;
}

/// Reads `pending`, after `expect`, `sold_out` and `poll`.
Pending read_pending(const Yaml& node, const Step& step, Nanos deadline, Mistakes& mistakes) {
  Pending out;
  Fields fields(node, "'pending'", mistakes);
  // Up to 499, for shops that say 409 "in progress". An error is never an acceptance: `resend` is for those.
  const bool read = fields.need("status", "[202]") != nullptr && fields.integers("status", out.status, 200, 499);
  fields.duration("every", out.every, 10ms, deadline);
  pointer_in(fields, "at", out.pointer, mistakes);
  fields.texts("values", out.values);
  if (read && out.status.empty())
    add_mistake(mistakes, node.at, "'status' is empty: no answer could be pending", "write status: [202]");
  if (out.pointer.empty() != out.values.empty())
    add_mistake(mistakes, node.at, "'at' and 'values' go together",
                "write at: /status and values: [queued], or neither");
  const auto taken = [](const std::vector<int>& list, int status) {
    return std::count(list.begin(), list.end(), status) > 0;
  };
  if (out.pointer.empty())  // with a value the rest of the status's answers stays what it was
    for (const int status : out.status)
      if (const bool expected = taken(step.expect.status, status); expected || taken(step.sold_out_status, status))
        add_mistake(
            mistakes, node.at,
            "status " + std::to_string(status) + " is both " + (expected ? "expected" : "sold out") + " and pending",
            "keep it in one of them, or say by 'at' and 'values' which of its answers are pending");
  if (step.poll)
    add_mistake(mistakes, node.at, "a step has 'poll' or 'pending', not both",
                "keep 'poll' to wait for a value, 'pending' for an answer that is not known yet");
  fields.finish();
  return out;
}

/// Where a value comes from: a JSON Pointer, or { header: Location } and its like.
bool read_source(const YamlMember& member, Extract& out, Mistakes& mistakes) {
  if (member.value.kind != Yaml::Kind::map) {
    if (!text_of_node(member.value, member.key, out.pointer, mistakes)) return false;
    check_pointer(out.pointer, member.value.at, mistakes);
    return true;
  }
  if (member.value.members.size() != 1) {
    add_mistake(mistakes, member.value.at, "'" + member.key + "' must name one source",
                "write { header: Location }, { cookie: PHPSESSID }, { regex: '...' } or { json: /a/b }");
    return false;
  }
  const YamlMember& source = member.value.members.front();
  const auto kind = std::find(kSources.begin(), kSources.end(), source.key);
  if (kind == kSources.end()) {
    add_mistake(mistakes, source.at, "source '" + source.key + "' is not known", remedy_among(source.key, kSources));
    return false;
  }
  out.from = static_cast<Extract::From>(kind - kSources.begin());
  if (!text_of_node(source.value, source.key, out.pointer, mistakes)) return false;
  if (out.from == Extract::From::json)
    check_pointer(out.pointer, source.value.at, mistakes);
  else if (out.from == Extract::From::regex)
    check_pattern(out.pointer, source.value.at, mistakes);
  else if (out.pointer.empty())
    add_mistake(mistakes, source.value.at, "the name of the " + source.key + " is empty", "write its name");
  return true;
}

void read_extract(const Yaml& node, Step& step, std::vector<std::string>& defined, Mistakes& mistakes) {
  if (node.kind != Yaml::Kind::map)
    return add_mistake(mistakes, node.at, "'extract' must be a map of names and JSON Pointers",
                       "write extract: { order_no: /order_no }");
  for (const YamlMember& member : node.members) {
    Extract extract{member.key, {}, Extract::From::json};
    if (!read_source(member, extract, mistakes)) continue;
    if (std::count(kBuiltIn.begin(), kBuiltIn.end(), member.key) > 0)
      add_mistake(mistakes, member.at, "'" + member.key + "' is always defined and cannot be extracted",
                  "choose another name");
    if (member.key.empty() || member.key.find_first_of(".${} ") != std::string::npos)
      add_mistake(mistakes, member.at, "'" + member.key + "' cannot be a name", "use letters, digits, '_' and '-'");
    step.extract.push_back(extract);
    defined.push_back(member.key);
  }
}

/// Reads `sign`. The key comes from a data file or from a file of its own: a journeys file is shown around.
void read_sign(const Yaml& node, Step& step, const std::vector<std::string>& defined, Mistakes& mistakes) {
  Signing out;
  Fields fields(node, "'sign'", mistakes);
  if (fields.text_needed("kind", out.kind, "md5_sorted") &&
      std::count(kSignings.begin(), kSignings.end(), out.kind) == 0)
    add_mistake(mistakes, fields.get("kind")->at, "signature '" + out.kind + "' is not known",
                remedy_among(out.kind, kSignings));
  const bool hmac = out.kind == "hmac_sha256";
  out.into = hmac ? "Signature" : "sign";
  out.in_header = hmac;
  fields.text("into", out.into);
  fields.boolean("header", out.in_header);
  if (hmac && !out.in_header)
    add_mistake(mistakes, node.at, "hmac_sha256 covers the whole body, so its signature cannot stand in it",
                "leave 'header' out");
  if (out.into.empty() || out.into.find_first_of(": \r\n") != std::string::npos)
    add_mistake(mistakes, node.at, "'into' must be the name of a field or header", "write into: sign");
  const bool by_template = fields.text("key", out.key), by_file = fields.text("file", out.key_file);
  if (by_template == by_file)
    add_mistake(mistakes, node.at, "a signature needs one key", "write key: \"${data.key}\", or file: shop.key");
  if (by_template) {
    check_template(out.key, fields.get("key")->at, defined, mistakes);
    if (out.key.find("${") == std::string::npos)
      add_mistake(mistakes, fields.get("key")->at, "a key does not stand in the clear in a journeys file",
                  "put it into a file and write file: shop.key");
  }
  if (by_file) {
    const Place& at = fields.get("file")->at;
    out.key_file = beside(at.file, out.key_file);
    const auto key = read_file(out.key_file);
    if (!key)
      add_mistake(mistakes, at, key.error().what, "write the key into that file");
    else if (trim(*key).empty())
      add_mistake(mistakes, at, "the key file '" + out.key_file + "' is empty", "write the key into it");
  }
  const std::string_view shape = trim(step.body);
  if (!hmac && step.form.empty() && !shape.empty() && shape.front() != '{')
    add_mistake(mistakes, node.at, "only a form, a JSON object or a query has fields to sign",
                "write the body as form: { ... }");
  fields.finish();
  step.sign = std::move(out);
}

/// Reads `fact`: which fact, and what each fact cannot do without.
void read_fact(const Yaml& node, Step& step, const std::vector<std::string>& defined, Mistakes& mistakes) {
  Fields fields(node, "'fact'", mistakes);
  std::string is;
  if (!fields.text_needed("is", is, "order")) return;
  const auto found = std::find(kFacts.begin(), kFacts.end(), is);
  if (found == kFacts.end())
    return add_mistake(mistakes, fields.get("is")->at, "fact '" + is + "' is not known", remedy_among(is, kFacts));
  step.fact = static_cast<Fact>(found - kFacts.begin() + 1);

  const auto template_in = [&](std::string_view key, std::string& out, std::string_view example) {
    if (fields.text_needed(key, out, example)) check_template(out, fields.get(key)->at, defined, mistakes);
  };
  const auto pointer_needed = [&](std::string_view key, std::string& out, std::string_view example) {
    if (fields.text_needed(key, out, example)) check_pointer(out, fields.get(key)->at, mistakes);
  };
  const auto amount_in = [&](std::string_view example) {
    if (const Yaml* from = fields.get("amount_from")) {
      template_in("amount_from", step.amount_from, "\"${amount}\"");
      if (fields.get("amount") != nullptr)
        add_mistake(mistakes, from->at, "'amount' and 'amount_from' say the same thing twice", "keep one of them");
    } else {
      pointer_needed("amount", step.amount_pointer, example);
    }
    std::string unit = "cents";
    if (fields.text("amount_unit", unit) && unit != "cents" && unit != "yuan")
      add_mistake(mistakes, fields.get("amount_unit")->at, "amount_unit '" + unit + "' is not known",
                  remedy_among(unit, {"cents", "yuan"}));
    step.amount_yuan = unit == "yuan";
  };
  if (step.fact != Fact::wallet) template_in("order", step.order, "\"${order_no}\"");
  switch (step.fact) {
    case Fact::none:
      break;
    case Fact::order:
      amount_in("/amount_cents");
      break;
    case Fact::pay:
      template_in("channel", step.channel, "\"${channel}\"");
      break;
    case Fact::cards:
      if (const Yaml* regex = fields.get("regex")) {
        pattern_in(fields, "regex", step.cards_regex, mistakes);
        if (fields.get("cards") != nullptr)
          add_mistake(mistakes, regex->at, "'cards' looks into JSON, 'regex' into a page", "keep one of them");
      } else {
        pointer_needed("cards", step.cards_pointer, "/cards");
      }
      break;
    case Fact::goods:
      pointer_needed("reference", step.reference_pointer, "/receipt");
      if (fields.text_needed("kind", step.kind, "membership") &&
          std::count(kKinds.begin(), kKinds.end(), step.kind) == 0)
        add_mistake(mistakes, fields.get("kind")->at, "kind '" + step.kind + "' is not known",
                    remedy_among(step.kind, kKinds));
      break;
    case Fact::refund:
      amount_in("/amount_cents");
      break;
    case Fact::wallet:
      template_in("kind", step.kind, "\"${buyer}\"");
      amount_in("/balance_cents");
      break;
  }
  fields.finish();
}

/// Headers of the whole file, then the step's own on top.
void lay_over(Headers& base, const Headers& over) {
  for (const auto& [name, value] : over) {
    const auto same =
        std::find_if(base.begin(), base.end(), [&](const auto& h) { return lower(h.first) == lower(name); });
    if (same != base.end())
      *same = {name, value};
    else
      base.emplace_back(name, value);
  }
}

}  // namespace

Headers read_headers(const Yaml& node, const std::vector<std::string>& defined, Mistakes& mistakes) {
  Headers out;
  if (node.kind != Yaml::Kind::map) {
    add_mistake(mistakes, node.at, "'headers' must be a map of names and values",
                "write headers: { X-Buyer: \"${buyer}\" }");
    return out;
  }
  for (const YamlMember& member : node.members) {
    std::string value;
    if (!text_of_node(member.value, member.key, value, mistakes)) continue;
    const bool clean = (member.key + value).find_first_of("\r\n") == std::string::npos &&
                       member.key.find_first_of(": ") == std::string::npos;
    if (!clean || member.key.empty())
      add_mistake(mistakes, member.at, "a header has a name without spaces and a value in one line", "");
    check_template(value, member.value.at, defined, mistakes);
    out.emplace_back(member.key, value);
  }
  return out;
}

Step read_step(const Yaml& node, const Headers& common, Nanos deadline, std::vector<std::string>& defined,
               Mistakes& mistakes) {
  Step step;
  step.headers = common;
  Fields fields(node, "a step", mistakes);
  fields.text_needed("step", step.name, "order");
  if (fields.text("method", step.method) && std::count(kMethods.begin(), kMethods.end(), step.method) == 0)
    add_mistake(mistakes, fields.get("method")->at, "method '" + step.method + "' is not known",
                remedy_among(step.method, kMethods));
  if (fields.text_needed("path", step.path, "/goods/${sku}")) {
    const Place& at = fields.get("path")->at;
    std::vector<std::string> in_paths = defined;
    in_paths.emplace_back("trace_path");
    check_template(step.path, at, in_paths, mistakes);
    // A path that could become another host would leave the allow-list.
    const bool recorded = step.path.rfind("${trace_path}", 0) == 0;
    if ((step.path.front() != '/' && !recorded) || step.path.rfind("//", 0) == 0 ||
        step.path.find_first_of(" \r\n\t") != std::string::npos)
      add_mistake(mistakes, at, "'" + step.path + "' is not a path on the target",
                  "start it with one '/', without spaces");
  }
  if (fields.text("body", step.body)) {
    check_template(step.body, fields.get("body")->at, defined, mistakes);
    check_body(step.body, fields.get("body")->at, mistakes);
  }
  if (const Yaml* form = fields.get("form")) {
    step.form = read_form(*form, defined, mistakes);
    if (!step.body.empty())
      add_mistake(mistakes, form->at, "a step has a 'body' or a 'form', not both", "keep one of them");
    if (step.method == "GET" || step.method == "HEAD")
      add_mistake(mistakes, form->at, "a form is not sent by " + step.method, "write method: POST");
  }
  if (const Yaml* sign = fields.get("sign")) read_sign(*sign, step, defined, mistakes);
  std::int64_t redirects = 0;
  if (fields.integer("redirects", redirects, 0, 20)) step.redirects = static_cast<std::uint32_t>(redirects);
  fields.boolean("cookies", step.cookies);
  if (const Yaml* headers = fields.get("headers")) lay_over(step.headers, read_headers(*headers, defined, mistakes));
  fields.duration("think", step.think, 0ms, deadline);
  fields.duration("timeout", step.timeout, 1ms, deadline);
  fields.boolean("resend", step.resend);
  if (const Yaml* expect = fields.get("expect")) read_expect(*expect, defined, step.expect, mistakes);
  if (const Yaml* sold_out = fields.get("sold_out")) read_sold_out(*sold_out, step, mistakes);
  if (const Yaml* poll = fields.get("poll")) step.poll = read_poll(*poll, deadline, mistakes);
  if (const Yaml* pending = fields.get("pending")) step.pending = read_pending(*pending, step, deadline, mistakes);
  if (const Yaml* extract = fields.get("extract")) read_extract(*extract, step, defined, mistakes);
  if (const Yaml* fact = fields.get("fact")) read_fact(*fact, step, defined, mistakes);  // may use this step's extracts
  fields.finish();
  return step;
}

}  // namespace cardstorm
