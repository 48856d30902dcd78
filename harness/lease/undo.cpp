// undo: see undo.hpp.
#include "harness/lease/undo.hpp"

namespace cardstorm {
namespace {

std::int64_t whole_millis(Nanos t) { return t / Nanos(1ms); }

Json json_of_words(const std::vector<std::string>& words) {
  Json out = Json::array();
  for (const std::string& word : words) out.push(word);
  return out;
}

std::vector<std::string> words_of(const Json& json) {
  std::vector<std::string> out;
  for (const Json& word : json.items()) out.push_back(word.string());
  return out;
}

void set_text(Json* json, const char* name, const std::string& text) {
  if (!text.empty()) json->set(name, text);
}

Json form_of(const ValueProof& proof) {
  Json out = Json::object({{"url", proof.url}});
  set_text(&out, "unix_socket", proof.unix_socket);
  out.set("pointer", proof.pointer);
  return std::move(out.set("equals", proof.equals));
}
Json form_of(const SpeedProof& proof) {
  Json out = Json::object({{"url", proof.url}});
  set_text(&out, "unix_socket", proof.unix_socket);
  return std::move(out.set("below_ms", whole_millis(proof.below)));
}
Json form_of(const CommandProof& proof) { return Json::object({{"argv", json_of_words(proof.argv)}}); }
Json form_of(const std::monostate&) { return {}; }

void set_proof(Json* json, const UndoProof& proof) {
  if (!std::holds_alternative<std::monostate>(proof))
    json->set("verify", std::visit([](const auto& one) { return form_of(one); }, proof));
}

UndoProof proof_of(const Json& json) {
  if (json.is_null()) return {};
  if (json.has("argv")) return CommandProof{words_of(json["argv"])};
  const std::string &url = json["url"].string(), &socket = json["unix_socket"].string();
  if (json.has("below_ms")) return SpeedProof{url, socket, std::chrono::milliseconds(json["below_ms"].integer())};
  return ValueProof{url, socket, json["pointer"].string(), json["equals"]};
}

Json form_of(const NoUndo&) { return Json::object({{"kind", "none"}}); }
Json form_of(const HttpUndo& undo) {
  Json out = Json::object({{"kind", "http"}, {"method", undo.method}, {"url", undo.url}});
  set_text(&out, "unix_socket", undo.unix_socket);
  if (!undo.headers.empty()) {
    Json headers = Json::object();
    for (const auto& [name, value] : undo.headers) headers.set(name, value);
    out.set("headers", std::move(headers));
  }
  set_text(&out, "body", undo.body);
  if (!undo.accept.empty()) {
    Json accept = Json::array();
    for (const int status : undo.accept) accept.push(status);
    out.set("accept", std::move(accept));
  }
  if (undo.within) out.set("within_ms", whole_millis(*undo.within));
  set_proof(&out, undo.proof);
  return out;
}
Json form_of(const CommandUndo& undo) {
  Json out = Json::object({{"kind", "argv"},
                           {"argv", json_of_words(undo.argv)},
                           {"within_ms", whole_millis(undo.within)},
                           {"log", undo.log}});
  set_proof(&out, undo.proof);
  return out;
}
Json form_of(const SqlUndo& undo) {
  return Json::object({{"kind", "sql"},
                       {"url", undo.url},
                       {"password_file", undo.password_file},
                       {"application", undo.application},
                       {"sessions", undo.sessions}});
}
Json form_of(const UnknownUndo& undo) { return Json::object({{"kind", undo.kind}}); }

HttpUndo http_undo_of(const Json& json) {
  HttpUndo out;
  out.method = json["method"].string();
  out.url = json["url"].string();
  out.unix_socket = json["unix_socket"].string();
  for (const auto& [name, value] : json["headers"].members()) out.headers.emplace_back(name, value.string());
  out.body = json["body"].string();
  for (const Json& status : json["accept"].items()) out.accept.push_back(static_cast<int>(status.integer()));
  if (json.has("within_ms")) out.within = std::chrono::milliseconds(json["within_ms"].integer());
  out.proof = proof_of(json["verify"]);
  return out;
}

}  // namespace

Json json_of(const Undo& undo) {
  return std::visit([](const auto& one) { return form_of(one); }, undo);
}

Undo undo_of(const Json& json) {
  const std::string& kind = json["kind"].string();
  if (json.is_null() || kind == "none") return NoUndo{};
  if (kind == "http") return http_undo_of(json);
  if (kind == "argv")
    return CommandUndo{words_of(json["argv"]), std::chrono::milliseconds(json["within_ms"].integer()),
                       json["log"].string(), proof_of(json["verify"])};
  if (kind == "sql")
    return SqlUndo{json["url"].string(), json["password_file"].string(), json["application"].string(),
                   static_cast<std::uint32_t>(json["sessions"].integer())};
  return UnknownUndo{kind};
}

}  // namespace cardstorm
