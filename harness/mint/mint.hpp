// mint: card secrets that say what they are. secret = PREFIX-base32(sku number, index, MAC(key, both)): the oracle maps
// a text to (sku, index) without a table, and a forged or foreign text is recognised (research/correctness.md 1.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.hpp"
#include "harness/core/result.hpp"

namespace cardstorm {

struct CardId { std::uint32_t sku = 0, index = 0; bool operator==(const CardId&) const = default; };

class Mint {
 public:
  explicit Mint(std::string key) : key_(std::move(key)) {}
  /// `id.sku` below 2^18. "CS" + 26 base32 characters in groups (Crockford's alphabet: no I, L, O, U), 80 bits of MAC.
  [[nodiscard]] std::string secret(CardId id) const;
  /// nullopt for any text that this mint did not make. Case and dashes do not matter.
  [[nodiscard]] std::optional<CardId> decode(std::string_view text) const;
  /// A stable digest for texts that are not ours (HMAC with the same key, 16 hex digits).
  [[nodiscard]] std::string digest(std::string_view text) const;

 private:
  std::string key_;
};

struct MintSku { std::string sku, goods; std::uint32_t number = 0, cards = 0; std::int64_t price_cents = 0; };

/// Writes DIR/manifest.json (no secrets: skus, counts, key fingerprint), DIR/key (0600) and DIR/cards/<sku>.txt, one secret
/// a line (goods "game_card" only: for others `cards` is their stock, 0 = unlimited). DIR must not exist. Errc::unavailable
/// on a full disk; nothing half written stays.
Status write_mint(const std::string& dir, const std::string& key, const std::vector<MintSku>& skus);
/// `path`: the manifest file itself.
Result<std::vector<MintSku>> read_manifest(const std::string& path);
/// The mint that wrote DIR, from DIR/key. Errc::invalid when key and manifest do not belong together.
Result<Mint> load_mint(const std::string& dir);

}  // namespace cardstorm
