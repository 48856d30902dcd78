// mint: card secrets that say what they are. secret = PREFIX-base32(sku number, index, MAC(key, both)): the oracle maps
// a text to (sku, index) without a table, and a forged or foreign text is recognised (HMAC: RFC 2104, base32: RFC
// 4648). For shops that trade in number and secret: number = digits(sku number, index), secret as above, or
// digits(MAC(key, both)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

struct CardId {
  std::uint32_t sku = 0, index = 0;
  bool operator==(const CardId&) const = default;
};

enum class CardAlphabet { base32, digits };
/// How cards stand in a file: a secret a line, `number,secret`, or `number----secret`, as card shops import them.
enum class CardFormat { lines, csv, pairs };
struct CardPair {
  std::string number, secret;
};

class Mint {
 public:
  explicit Mint(std::string key) : key_(std::move(key)) {}
  /// From now on decode() knows only copies that carry `prefix` before the text: what a platform's shadow tables sell
  /// to a drill. The real card is then none of ours, as a copy is for everybody else.
  void expect_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  /// `id.sku` below 2^18. "CS" + 26 base32 characters in groups (Crockford's alphabet: no I, L, O, U), 80 bits of MAC.
  [[nodiscard]] std::string secret(CardId id) const;
  /// Number: 16 digits, the first not 0. Secret: as secret() makes it, or 24 digits (79 bits of MAC), which mean
  /// something only together with their number.
  [[nodiscard]] CardPair pair(CardId id, CardAlphabet alphabet) const;
  /// nullopt for any text that this mint did not make. Case and dashes do not matter. A pair is a number and a secret
  /// of the same card with ----, a comma, space or such between them, or with words that are not ASCII (卡号: ... 密码:
  /// ...).
  [[nodiscard]] std::optional<CardId> decode(std::string_view text) const;
  /// A stable digest for texts that are not ours (HMAC with the same key, 16 hex digits).
  [[nodiscard]] std::string digest(std::string_view text) const;

 private:
  [[nodiscard]] std::optional<CardId> decode_secret(std::string_view text) const;
  [[nodiscard]] std::optional<CardId> decode_pair(std::string_view text) const;
  std::string key_, prefix_;
};

struct MintSku {
  std::string sku, goods;
  std::uint32_t number = 0, cards = 0;
  std::int64_t price_cents = 0;
};

struct MintForm {
  CardFormat format = CardFormat::lines;
  CardAlphabet alphabet = CardAlphabet::base32;
};

/// Writes DIR/manifest.json (no secrets: skus, counts, key fingerprint), DIR/key (0600) and DIR/cards/<sku>.txt (.csv
/// for csv), one card a line without a heading (goods "game_card" only: for others `cards` is their stock, 0 =
/// unlimited). DIR must not exist. Errc::unavailable on a full disk; nothing half written stays. Errc::invalid for
/// digits in lines: they need their numbers.
Status write_mint(const std::string& dir, const std::string& key, const std::vector<MintSku>& skus, MintForm form = {});
/// `path`: the manifest file itself.
Result<std::vector<MintSku>> read_manifest(const std::string& path);
/// The mint that wrote DIR, from DIR/key. Errc::invalid when key and manifest do not belong together.
Result<Mint> load_mint(const std::string& dir);

}  // namespace cardstorm
