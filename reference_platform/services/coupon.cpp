// coupon: see coupon.hpp.
#include "reference_platform/services/coupon.hpp"

#include <chrono>

#include "reference_platform/domain/trade.hpp"

namespace platform::services {

using namespace std::chrono_literals;

namespace {

constexpr auto kBorrow = 100ms;

bool shadow_of(const std::string& order_no) {
  const auto place = store::place_of(order_no);
  return place && place->shadow;
}

}  // namespace

bool valid_coupon(std::string_view code) { return domain::valid_buyer(code); }  // the same alphabet

store::Pool& Coupons::home_of(const std::string& code, bool shadow) {
  return shards_.at({store::partition_of(code), shadow});
}

Coupons::Claim Coupons::claim(const std::string& code, const std::string& order_no, const std::string& claim_key,
                              const std::string& sku, std::int64_t amount_cents, bool shadow) {
  auto db = home_of(code, shadow).take(kBorrow);
  bool free = false;
  if (switches_.on(domain::Bug::B24))
    free = !db->run("SELECT 1 FROM coupons WHERE code = $1 AND state = 'free'", {code}).empty();
  const auto taken = db->run(
      "UPDATE coupons SET state = 'claimed', order_no = CASE WHEN state = 'free' THEN $2 ELSE order_no END, claim_key "
      "= $3, claims = claims + 1, "
      "       claimed_at = CASE WHEN state = 'free' THEN now() ELSE claimed_at END "
      "WHERE code = $1 AND (state = 'free' OR (state = 'claimed' AND claim_key = $3) OR $6::boolean) AND now() >= "
      "valid_from AND now() < valid_to "
      "  AND min_cents <= $4 AND (sku IS NULL OR sku = $5) "
      "RETURNING kind = 'percent', value, min_cents, coalesce(sku, ''), order_no",
      {code, order_no, claim_key, std::to_string(amount_cents), sku, free ? "true" : "false"});
  if (!taken.empty()) {
    const std::string owner(taken.text(0, 4));
    return {"",
            free ? order_no : owner,
            {taken.text(0, 0) == "t", taken.number(0, 1), taken.number(0, 2), std::string(taken.text(0, 3))}};
  }
  const auto why = db->run("SELECT state FROM coupons WHERE code = $1", {code});
  if (why.empty()) return {"unknown_coupon", "", {}};
  return {why.text(0, 0) == "free" ? "coupon_not_valid" : "coupon_used", "", {}};
}

void Coupons::give_back(const std::string& code, const std::string& order_no) {
  home_of(code, shadow_of(order_no))
      .take(kBorrow)
      ->run(
          "UPDATE coupons SET state = 'free', order_no = NULL, claim_key = NULL, claims = 0 WHERE code = $1 AND "
          "order_no = $2 AND state = 'claimed' AND claims = 1",
          {code, order_no});
}

void Coupons::free_again(const std::string& code, const std::string& order_no) {
  home_of(code, shadow_of(order_no))
      .take(kBorrow)
      ->run(
          "UPDATE coupons SET state = 'free', order_no = NULL, claim_key = NULL, claims = 0 WHERE code = $1 AND "
          "order_no = $2 AND state <> 'free'",
          {code, order_no});
}

void Coupons::settle(int database, bool shadow) {
  struct Open {
    std::string code, order_no;
  };
  std::vector<Open> open;
  {
    const auto rows = shards_.at(database, shadow)
                          .take(kBorrow)
                          ->run(
                              "SELECT code, order_no FROM coupons WHERE state = 'claimed' AND claimed_at < now() - $1 "
                              "* interval '1 s' ORDER BY claimed_at LIMIT 100",
                              {std::to_string(settle_s_)});
    for (int i = 0; i < rows.size(); ++i) open.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1))});
  }
  for (const Open& o : open) {  // one after the other: never two connections at once
    const auto place = store::place_of(o.order_no);
    if (!place) continue;
    const bool there = !shards_.at(*place)
                            .take(kBorrow)
                            ->run("SELECT 1 FROM orders WHERE part = $1 AND order_no = $2",
                                  {std::to_string(place->partition), o.order_no})
                            .empty();
    shards_.at(database, shadow)
        .take(kBorrow)
        ->run(there ? "UPDATE coupons SET state = 'used' WHERE code = $1 AND order_no = $2 AND state = 'claimed'"
                    : "UPDATE coupons SET state = 'free', order_no = NULL, claim_key = NULL, claims = 0 WHERE code = "
                      "$1 AND order_no = $2 AND state = 'claimed'",
              {o.code, o.order_no});
  }
}

}  // namespace platform::services
