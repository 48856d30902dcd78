// shop_window: see shop_window.hpp; and how the shop answers those who look.
#include "reference_platform/services/shop_window.hpp"

#include "reference_platform/domain/catalogue.hpp"
#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/buyer_api.hpp"
#include "reference_platform/services/shop.hpp"

namespace platform::services {

using Clock = std::chrono::steady_clock;

ShopWindow::Shared ShopWindow::put(Goods goods) {
  const std::lock_guard lock(mutex_);
  goods_ = std::make_shared<const Goods>(std::move(goods));
  expires_ = Clock::now() + keep_;
  return goods_;
}

ShopWindow::Shared ShopWindow::get(const Load& load) {
  {
    std::unique_lock lock(mutex_);
    if (goods_ && Clock::now() < expires_) return goods_;
    if (single_flight_) {
      if (loading_ && goods_) return goods_;
      loaded_.wait(lock, [this] { return !loading_; });
      if (goods_ && Clock::now() < expires_) return goods_;
      loading_ = true;
    }
  }
  return single_flight_ ? load_alone(load) : put(load());
}

ShopWindow::Shared ShopWindow::load_alone(const Load& load) {
  const auto over = [this] {
    {
      const std::lock_guard lock(mutex_);
      loading_ = false;
    }
    loaded_.notify_all();
  };
  try {
    Shared fresh = put(load());
    over();
    return fresh;
  } catch (...) {
    over();
    const std::lock_guard lock(mutex_);
    if (goods_) return goods_;  // the last known is better than nothing
    throw;
  }
}

// Three questions to the database for every look, as a product page asks them: the goods, their price steps, the stock.
ShopWindow::Goods Shop::query_goods() {
  auto db = pool_->take();
  auto goods = domain::read_goods(*db);
  const auto stock = db->run("SELECT sku, stock FROM goods");
  for (int i = 0; i < stock.size(); ++i) {
    for (auto& good : goods) {
      if (good.sku == stock.text(i, 0)) good.stock = stock.number(i, 1);
    }
  }
  metrics_.add("shop_goods_queries_total", 3);
  return goods;
}

Response Shop::goods(const std::string& sku) {
  const auto all = window_.get([this] { return query_goods(); });
  if (sku.empty()) return json_answer(200, goods_list_json(*all));
  for (const auto& good : *all) {
    if (good.sku == sku) return json_answer(200, goods_json(good, true));
  }
  return error_answer(404, "unknown_sku");
}

}  // namespace platform::services
