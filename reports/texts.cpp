// texts: look-up in the table of texts.
#include "reports/texts.hpp"

#include <array>
#include <map>

namespace cardstorm {
namespace {

struct TextRow {
  std::string_view id, en, zh;
};

constexpr std::array<TextRow, static_cast<std::size_t>(Text::count_)> kRows = {{
#define TEXT(id, en, zh) {#id, en, zh},
#include "reports/texts.def"
#undef TEXT
}};

const TextRow& row_of(Text id) { return kRows.at(static_cast<std::size_t>(id)); }
std::string_view pick(const TextRow& row, Lang lang) { return lang == Lang::zh ? row.zh : row.en; }

}  // namespace

std::optional<Lang> lang_of(std::string_view name) {
  if (name == "en" || name.starts_with("en_") || name.starts_with("en-")) return Lang::en;
  if (name == "zh" || name.starts_with("zh_") || name.starts_with("zh-")) return Lang::zh;
  return std::nullopt;
}

std::string_view text(Text id, Lang lang) { return pick(row_of(id), lang); }
std::string_view name_of(Text id) { return row_of(id).id; }

std::string say(Text id, Lang lang, std::initializer_list<std::string_view> args) {
  const std::string_view pattern = text(id, lang);
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool hole = pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 2] == '}';
    const auto index = hole ? static_cast<std::size_t>(pattern[i + 1] - '0') : args.size();
    if (hole && index < args.size()) {
      out += *(args.begin() + index);
      i += 2;
    } else {
      out += pattern[i];
    }
  }
  return out;
}

std::optional<std::string_view> text_of_code(std::string_view prefix, std::string_view code, Lang lang) {
  static const std::map<std::string_view, const TextRow*> by_id = [] {
    std::map<std::string_view, const TextRow*> made;
    for (const TextRow& row : kRows) made[row.id] = &row;
    return made;
  }();
  const auto found = by_id.find(std::string(prefix) + std::string(code));
  if (found == by_id.end()) return std::nullopt;
  return pick(*found->second, lang);
}

}  // namespace cardstorm
