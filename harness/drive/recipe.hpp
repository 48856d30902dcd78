// recipe: a journey made ready for sending, once per run: templates cut into pieces, variables numbered, regular
// expressions compiled, and what each step needs of an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/drive/client_settings.hpp"
#include "harness/pattern/pattern.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

/// How a value is written, so that it stays in its place: a foreign value must not end a header line or a JSON text.
enum class Encoding : std::uint8_t { plain, url, json, header };
void write_value(std::string& out, std::string_view value, Encoding encoding);

/// The variables that every trade has. Columns of the data file follow, then what the steps extract.
enum Variable : int {
  kMalformed = -1,
  kBuyer,
  kSku,
  kChannel,
  kKey,
  kPhone,
  kQuantity,
  kTrade,
  kMark,
  kTracePath,
  kNowS,
  kNowMs,
  kRandomHex8,
  kBuiltIns
};

/// Numbers for the names of one journey.
class Names {
 public:
  explicit Names(const std::vector<std::string>& data_columns);
  int of(std::string_view name);
  [[nodiscard]] std::size_t count() const { return names_.size(); }

 private:
  std::vector<std::string> names_;
};

class Template {
 public:
  Template() = default;
  Template(std::string_view text, Names& names);
  [[nodiscard]] bool empty() const { return pieces_.empty() && tail_.empty(); }

  /// Appends the text with its values to `out`. `value_of(int) -> const std::string*`; false when one is missing
  /// (nullptr).
  template <class ValueOf>
  [[nodiscard]] bool fill(std::string& out, Encoding encoding, ValueOf&& value_of) const {
    for (const Piece& piece : pieces_) {
      out += piece.before;
      const std::string* value = value_of(piece.variable);
      if (value == nullptr) return false;
      write_value(out, *value, piece.variable == kTracePath && encoding == Encoding::url ? Encoding::plain : encoding);
    }
    out += tail_;
    return true;
  }

 private:
  struct Piece {
    std::string before;
    int variable;
  };
  std::vector<Piece> pieces_;
  std::string tail_;
};

struct NamedTemplate {
  std::string name;
  Template value;
};
struct ExtractRule {
  int variable;
  Extract::From from;
  std::string where;
  std::optional<Pattern> pattern;
};
struct CompiledAssertion {
  const Assertion* assertion;
  Template value;
  std::optional<Pattern> pattern;
};

struct StepRecipe {
  const Step* step = nullptr;
  Template path, body, order, channel, kind, amount_from, sign_key;
  Encoding body_encoding = Encoding::json;
  std::vector<NamedTemplate> headers, form;  // without Cookie
  Template cookie;                           // the step's own Cookie header
  bool adds_form_type = false;               // a form without a Content-Type of its own
  std::string fixed_key;                     // of the key file
  std::string sw8_tail;
  std::vector<ExtractRule> extract;
  std::vector<CompiledAssertion> all;
  std::optional<Pattern> poll, cards;
  bool wants_json = false, wants_headers = false;
};

struct JourneyRecipe {
  std::vector<StepRecipe> steps;
  std::size_t first_extracted = 0, variables = 0;  // numbers of the variables that steps extract: from .. to
};

/// `plan` must outlive the result. Patterns that do not compile (the loader refuses them) never match.
std::vector<JourneyRecipe> make_recipes(const Plan& plan, const ClientSettings& settings, const std::string& url,
                                        const std::string& mark);

}  // namespace cardstorm
