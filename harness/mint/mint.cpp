// mint: 18 bits of sku number, 32 bits of index and 80 bits of MAC are 130 bits, 26 characters of five bits each. In
// digits the first two are a number below 2^50, which has 16 digits, and 24 digits of MAC are a secret.
#include "harness/mint/mint.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/net/crypto.hpp"

namespace cardstorm {

namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford: no I, L, O, U
constexpr std::string_view kSchema = "cardstorm.mint/1";
constexpr int kSkuBits = 18, kIndexBits = 32, kMacBits = 80, kCharBits = 5;
constexpr std::size_t kChars = (kSkuBits + kIndexBits + kMacBits) / kCharBits, kGroup = 4;
constexpr std::uint32_t kSkuEnd = 1U << kSkuBits, kCardsInABlock = 16'384;
static_assert(kChars == 26 && (kChars + 2) % kGroup == 0);

constexpr std::size_t kNumberDigits = 16, kSecretDigits = 24;
constexpr std::uint64_t kNumberBase = 1'000'000'000'000'000;  // the first digit is never 0: spreadsheets drop zeros
constexpr std::string_view kSeparators = "-,;:| \t\r\n";
constexpr std::string_view kDigits = "0123456789";

using Bits = std::array<bool, kSkuBits + kIndexBits + kMacBits>;

void put_bits(Bits& bits, int at, std::uint64_t value, int count) {
  for (int i = 0; i < count; ++i) bits[static_cast<std::size_t>(at + i)] = (value >> (count - 1 - i) & 1) != 0;
}

std::uint32_t get_bits(const Bits& bits, int at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 1 | (bits[static_cast<std::size_t>(at + i)] ? 1U : 0U);
  return value;
}

std::array<unsigned char, 32> mac_of(const std::string& key, const char* kind, CardId id) {
  return hmac_sha256(key, std::string(kind) + "/" + std::to_string(id.sku) + "/" + std::to_string(id.index));
}

std::string encode(const std::string& key, CardId id) {
  const auto mac = mac_of(key, "card", id);
  Bits bits{};
  put_bits(bits, 0, id.sku, kSkuBits);
  put_bits(bits, kSkuBits, id.index, kIndexBits);
  for (int i = 0; i < kMacBits / 8; ++i)
    put_bits(bits, kSkuBits + kIndexBits + 8 * i, mac[static_cast<std::size_t>(i)], 8);
  std::string out = "CS";
  for (std::size_t i = 0; i < kChars; ++i) out += kAlphabet[get_bits(bits, static_cast<int>(i) * kCharBits, kCharBits)];
  return out;
}

std::string number_of(CardId id) {
  return std::to_string(kNumberBase + (std::uint64_t{id.sku} << kIndexBits | id.index));
}

std::string digits_of(const std::string& key, CardId id) {
  const auto mac = mac_of(key, "digits", id);
  std::string out;
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) word = word << 8 | mac[8 * half + i];
    const std::string digits = std::to_string(word % 1'000'000'000'000);
    out.append(kSecretDigits / 2 - digits.size(), '0').append(digits);
  }
  return out;
}

bool is_between(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || kSeparators.find(c) != std::string_view::npos;
}

std::string fingerprint(const std::string& key) { return hmac_sha256_hex(key, "key").substr(0, 16); }

/// Writes and syncs a new file that all may read: block after block, until `next` gives an empty one.
Status write_new(const std::string& path, const std::function<std::string()>& next) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.open()) return file_error("create", path, errno);
  bool good = true;
  for (std::string block = next(); good && !block.empty(); block = next())
    good = (errno = write_all(fd.get(), block)) == 0;
  if (!good || fsync(fd.get()) != 0) return file_error("write", path, errno);
  if (!fd.close()) return file_error("close", path, errno);
  return ok();
}

bool is_file_name(const std::string& text) {
  return !text.empty() && text.size() <= 100 && text.front() != '.' &&
         text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
             std::string::npos;
}

Status check(const std::vector<MintSku>& skus) {
  std::set<std::string> names;
  std::set<std::uint32_t> numbers;
  for (const MintSku& sku : skus) {
    if (!is_file_name(sku.sku))
      return Error{Errc::invalid, "sku '" + sku.sku + "' is no plain name", "use letters, digits, '.', '_' and '-'"};
    if (!names.insert(sku.sku).second)
      return Error{Errc::invalid, "sku '" + sku.sku + "' is there twice", "name each sku once"};
    if (sku.number >= kSkuEnd)
      return Error{Errc::invalid, "sku '" + sku.sku + "': number " + std::to_string(sku.number) + " is too large",
                   "keep it below 262144"};
    if (!numbers.insert(sku.number).second)
      return Error{Errc::invalid, "sku '" + sku.sku + "': number " + std::to_string(sku.number) + " is there twice",
                   "give each sku its own"};
  }
  return ok();
}

const char* text_of(CardFormat format) {
  return format == CardFormat::csv ? "csv" : format == CardFormat::pairs ? "pairs" : "lines";
}

Json manifest(const std::string& key, const std::vector<MintSku>& skus, MintForm form) {
  Json rows = Json::array();
  for (const MintSku& sku : skus)
    rows.push(Json::object({{"sku", sku.sku},
                            {"goods", sku.goods},
                            {"number", sku.number},
                            {"cards", sku.cards},
                            {"price_cents", sku.price_cents}}));
  return Json::object({{"schema", kSchema},
                       {"key_fingerprint", fingerprint(key)},
                       {"format", text_of(form.format)},
                       {"alphabet", form.alphabet == CardAlphabet::digits ? "digits" : "base32"},
                       {"skus", std::move(rows)}});
}

/// The lines of the cards from `from` on and before `to`.
std::string cards_text(const Mint& mint, const MintSku& sku, MintForm form, std::uint32_t from, std::uint32_t to) {
  std::string out;
  out.reserve(std::size_t{to - from} * 56);
  for (std::uint32_t i = from; i < to; ++i) {
    const CardPair card = mint.pair({sku.number, i}, form.alphabet);
    if (form.format != CardFormat::lines) out.append(card.number).append(form.format == CardFormat::csv ? "," : "----");
    out.append(card.secret).push_back('\n');
  }
  return out;
}

/// Many cards neither fill the memory nor, half made, the disk.
Status check_room(const std::string& dir, const std::string& key, const std::vector<MintSku>& skus, MintForm form) {
  const std::string parent = std::filesystem::path(dir).parent_path().string(), place = parent.empty() ? "." : parent;
  const Mint mint(key);
  std::uint64_t wanted = 0;
  for (const MintSku& sku : skus)
    if (sku.goods == "game_card") wanted += std::uint64_t{sku.cards} * cards_text(mint, sku, form, 0, 1).size();
  struct statvfs disk {};
  if (statvfs(place.c_str(), &disk) != 0) return ok();  // creating it says more
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (wanted <= free) return ok();
  return Error{Errc::unavailable,
               "the cards need " + std::to_string(wanted >> 20) + " MiB, and the disk of " + place + " has " +
                   std::to_string(free >> 20),
               "ask for fewer cards, or name a folder on another disk"};
}

Status write_cards(const std::string& path, const Mint& mint, const MintSku& sku, MintForm form) {
  return write_new(path, [&, from = std::uint32_t{0}]() mutable {
    const std::uint32_t first = from;
    from += std::min(kCardsInABlock, sku.cards - first);
    return cards_text(mint, sku, form, first, from);
  });
}

Status write_folder(const std::string& dir, const std::string& key, const std::vector<MintSku>& skus, MintForm form) {
  const Mint mint(key);
  if (mkdir(dir.c_str(), 0755) != 0) return file_error("create", dir, errno);
  if (mkdir((dir + "/cards").c_str(), 0755) != 0) return file_error("create", dir + "/cards", errno);
  // The platform, maybe another user, must read the cards; the key is ours alone: with it a card can be forged.
  if (auto status = write_secret(dir + "/key", key); !status) return status;
  for (const MintSku& sku : skus) {
    if (sku.goods != "game_card") continue;
    const std::string path = dir + "/cards/" + sku.sku + (form.format == CardFormat::csv ? ".csv" : ".txt");
    if (auto status = write_cards(path, mint, sku, form); !status) return status;
  }
  return write_file(dir + "/manifest.json", manifest(key, skus, form).dump(2) + "\n");
}

Result<Json> read_manifest_json(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  auto json = Json::parse(*text);
  if (!json) return Error(json.error()).in(path);
  if ((*json)["schema"].string() != kSchema)
    return Error{Errc::invalid,
                 path + ": schema is '" + (*json)["schema"].text() + "', wanted '" + std::string(kSchema) + "'",
                 "make it with `cardstorm mint`"};
  return json;
}

/// A whole number in [0, max], or nothing.
std::optional<std::int64_t> number_in(const Json& value, std::int64_t max) {
  if (!value.is_int() || value.integer() < 0 || value.integer() > max) return std::nullopt;
  return value.integer();
}

}  // namespace

std::string Mint::secret(CardId id) const {
  assert(id.sku < kSkuEnd);
  const std::string plain = encode(key_, id);
  std::string out;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (i > 0 && i % kGroup == 0) out += '-';
    out += plain[i];
  }
  return out;
}

CardPair Mint::pair(CardId id, CardAlphabet alphabet) const {
  assert(id.sku < kSkuEnd);
  return {number_of(id), alphabet == CardAlphabet::digits ? digits_of(key_, id) : secret(id)};
}

std::optional<CardId> Mint::decode(std::string_view text) const {
  if (!text.starts_with(prefix_)) return std::nullopt;
  text.remove_prefix(prefix_.size());
  if (auto id = decode_secret(text)) return id;
  return decode_pair(text);
}

std::optional<CardId> Mint::decode_pair(std::string_view text) const {
  const auto skip_between = [&] {
    const std::size_t before = text.size();
    while (!text.empty() && is_between(text.front())) text.remove_prefix(1);
    return text.size() < before;
  };
  skip_between();
  const std::string_view number = text.substr(0, text.find_first_not_of(kDigits));
  if (number.size() != kNumberDigits) return std::nullopt;
  text.remove_prefix(kNumberDigits);
  if (!skip_between()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : number) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  if (value < kNumberBase || value - kNumberBase >= std::uint64_t{1} << (kSkuBits + kIndexBits)) return std::nullopt;
  value -= kNumberBase;
  const CardId id{static_cast<std::uint32_t>(value >> kIndexBits), static_cast<std::uint32_t>(value)};
  // The secret of another card does not fit this number.
  if (same_secret(digits_of(key_, id), text) || decode_secret(text) == id) return id;
  return std::nullopt;
}

std::optional<CardId> Mint::decode_secret(std::string_view text) const {
  std::string plain;
  for (const char c : text) {
    if (c == '-') continue;
    plain += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (plain.size() > kChars + 2) return std::nullopt;
  }
  if (plain.size() != kChars + 2 || !plain.starts_with("CS")) return std::nullopt;
  Bits bits{};
  for (std::size_t i = 0; i < kChars; ++i) {
    const auto value = kAlphabet.find(plain[i + 2]);
    if (value == std::string_view::npos) return std::nullopt;
    put_bits(bits, static_cast<int>(i) * kCharBits, value, kCharBits);
  }
  const CardId id{get_bits(bits, 0, kSkuBits), get_bits(bits, kSkuBits, kIndexBits)};
  if (!same_secret(encode(key_, id), plain)) return std::nullopt;
  return id;
}

std::string Mint::digest(std::string_view text) const {
  return hmac_sha256_hex(key_, "text/" + std::string(text)).substr(0, 16);
}

Status write_mint(const std::string& folder, const std::string& key, const std::vector<MintSku>& skus, MintForm form) {
  // What is half made stands beside the folder, not in it.
  std::string dir = folder;
  while (dir.size() > 1 && dir.ends_with('/')) dir.pop_back();
  if (auto status = check(skus); !status) return status;
  if (key.empty()) return Error{Errc::invalid, "the mint's key is empty"};
  if (form.alphabet == CardAlphabet::digits && form.format == CardFormat::lines)
    return Error{Errc::invalid, "a secret of digits alone cannot be recognised",
                 "take csv or pairs, where its number stands beside it"};
  struct stat found {};
  if (lstat(dir.c_str(), &found) == 0)
    return Error{Errc::unavailable, dir + " exists already", "choose a new folder, or remove this one"};
  if (auto status = check_room(dir, key, skus, form); !status) return status;
  const std::string partial = dir + ".partial-" + random_token(4);
  Status status = write_folder(partial, key, skus, form);
  if (status && renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, dir.c_str(), RENAME_NOREPLACE) != 0)
    status = file_error("create", dir, errno);
  if (!status) {
    std::error_code ignored;
    std::filesystem::remove_all(partial, ignored);
  }
  return status;
}

Result<std::vector<MintSku>> read_manifest(const std::string& path) {
  const auto json = read_manifest_json(path);
  if (!json) return json.error();
  std::vector<MintSku> out;
  for (const Json& row : (*json)["skus"].items()) {
    const auto number = number_in(row["number"], kSkuEnd - 1);
    const auto cards = number_in(row["cards"], std::numeric_limits<std::uint32_t>::max());
    const auto price = number_in(row["price_cents"], std::numeric_limits<std::int64_t>::max());
    if (!row["sku"].is_string() || !row["goods"].is_string() || !number || !cards || !price)
      return Error{Errc::invalid, path + ": bad row " + row.dump(), "make it with `cardstorm mint`"};
    out.push_back({row["sku"].string(), row["goods"].string(), static_cast<std::uint32_t>(*number),
                   static_cast<std::uint32_t>(*cards), *price});
  }
  if (auto status = check(out); !status) return Error(status.error()).in(path);
  return out;
}

Result<Mint> load_mint(const std::string& dir) {
  const auto key = read_file(dir + "/key");
  if (!key) return key.error();
  const std::string path = dir + "/manifest.json";
  const auto json = read_manifest_json(path);
  if (!json) return json.error();
  if ((*json)["key_fingerprint"].string() != fingerprint(*key))
    return Error{Errc::invalid, dir + "/key is not the key of " + path, "use the folder as `cardstorm mint` wrote it"};
  return Mint(*key);
}

}  // namespace cardstorm
