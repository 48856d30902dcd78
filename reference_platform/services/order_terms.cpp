// order_terms: see order_terms.hpp.
#include "reference_platform/services/order_terms.hpp"

#include <algorithm>

#include "reference_platform/domain/catalogue.hpp"

namespace platform::services {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds kRefreshEvery{2000}, kOrderTermsBorrow{100};

std::vector<domain::Promotion> read_promotions(store::Connection& db) {
  const auto rows = db.run(
      "SELECT sku, kind = 'percent', value, (extract(epoch FROM from_at) * 1000)::bigint, (extract(epoch FROM to_at) * "
      "1000)::bigint FROM promotions WHERE to_at > now() ORDER BY id");
  std::vector<domain::Promotion> out;
  for (int i = 0; i < rows.size(); ++i)
    out.push_back({std::string(rows.text(i, 0)), rows.text(i, 1) == "t", rows.number(i, 2), rows.number(i, 3),
                   rows.number(i, 4)});
  return out;
}

std::shared_ptr<const std::map<std::string, domain::Account, std::less<>>> read_accounts(store::Connection& db) {
  auto out = std::make_shared<std::map<std::string, domain::Account, std::less<>>>();
  const auto rows = db.run("SELECT name, role, level FROM accounts WHERE role <> 'buyer'");
  for (int n = 0; n < rows.size(); ++n) {
    (*out)[std::string(rows.text(n, 0))] = {domain::role_of(rows.text(n, 1)).value_or(domain::Role::buyer),
                                            static_cast<int>(rows.number(n, 2))};
  }
  return out;
}

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

OrderTerms::OrderTerms(store::Shards& shards)
    : shards_(shards), loop_("order terms", kRefreshEvery, [this] {
        refresh();
        return false;
      }) {}

// Goods and promotions are the same everywhere: any database will do. Accounts are each database's own.
void OrderTerms::refresh() {
  const std::lock_guard one_at_a_time(refresh_mutex_);
  std::shared_ptr<const Known> before;
  {
    const std::lock_guard lock(mutex_);
    before = known_;
  }
  auto fresh = std::make_shared<Known>(before ? *before : Known{});
  const auto pools = shards_.each();
  fresh->accounts.resize(pools.size());
  bool goods = false, drill = false;
  for (std::size_t i = 0; i < pools.size(); ++i) {
    try {
      auto db = pools[i].pool->take(kOrderTermsBorrow);
      if (!goods && !pools[i].shadow) {
        fresh->goods = domain::read_goods(*db);
        fresh->promotions = read_promotions(*db);
        goods = true;
      }
      if (!drill && pools[i].shadow) {
        fresh->drill_promotions = read_promotions(*db);
        drill = true;
      }
      fresh->accounts[i] = read_accounts(*db);
    } catch (const store::SqlError&) {  // away: the others have buyers too
    } catch (const store::PoolTimeout&) {
    }
  }
  if (!goods) return;
  const std::lock_guard lock(mutex_);
  known_ = fresh;
}

std::shared_ptr<const OrderTerms::Known> OrderTerms::known() {
  const auto look = [this] {
    const std::lock_guard lock(mutex_);
    return known_;
  };
  auto out = look();
  if (!out) {
    refresh();
    out = look();
  }
  if (!out) throw store::PoolTimeout("the catalogue is not known yet");
  return out;
}

std::optional<domain::Good> OrderTerms::good(const std::string& sku) {
  const auto k = known();
  const auto it =
      std::find_if(k->goods.begin(), k->goods.end(), [&sku](const domain::Good& g) { return g.sku == sku; });
  return it == k->goods.end() ? std::nullopt : std::optional(*it);
}

domain::Account OrderTerms::account(const std::string& buyer, bool shadow) {
  const auto k = known();
  const auto find = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (!k->accounts[i]) continue;
      if (const auto it = k->accounts[i]->find(buyer); it != k->accounts[i]->end()) return std::optional(it->second);
    }
    return std::optional<domain::Account>();
  };
  const auto real = static_cast<std::size_t>(shards_.databases());
  if (shadow) {
    if (const auto drill = find(real, k->accounts.size())) return *drill;
  }
  return find(0, real).value_or(domain::Account{});
}

std::optional<domain::Quote> OrderTerms::quote(const domain::Good& good, std::int64_t quantity,
                                               const domain::Account& account,
                                               const std::optional<domain::Coupon>& coupon, bool shadow) {
  const auto k = known();
  if (!shadow || k->drill_promotions.empty())
    return domain::quote(good, quantity, account, k->promotions, unix_ms(), coupon);
  auto promotions = k->promotions;
  promotions.insert(promotions.end(), k->drill_promotions.begin(), k->drill_promotions.end());
  return domain::quote(good, quantity, account, promotions, unix_ms(), coupon);
}

}  // namespace platform::services
