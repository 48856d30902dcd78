// texts: every sentence that a user reads in a report, in English and Chinese, from the one table texts.def.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace cardstorm {

enum class Lang : std::uint8_t { en, zh };

enum class Text : std::uint16_t {
#define TEXT(id, en, zh) id,
#include "reports/texts.def"
#undef TEXT
  count_  // number of texts, not a text
};

/// "en" or "zh" (also "zh-CN", "zh_CN.UTF-8"); anything else is nothing.
std::optional<Lang> lang_of(std::string_view name);
std::string_view text(Text id, Lang lang);
/// The text with {0}, {1} ... replaced by `args`.
std::string say(Text id, Lang lang, std::initializer_list<std::string_view> args);
/// The text whose id is `prefix` + `code`, for codes that come in as data: ("reason_", "not_steady").
std::optional<std::string_view> text_of_code(std::string_view prefix, std::string_view code, Lang lang);
/// The id as written in the table, for tests and messages.
std::string_view name_of(Text id);

}  // namespace cardstorm
