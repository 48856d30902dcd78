// trade: see trade.hpp.
#include "reference_platform/observe/trade.hpp"

#include <string>

#include "reference_platform/observe/metrics.hpp"

namespace platform::observe {

void trade_reached(std::string_view outcome, std::string_view goods_class, std::string_view channel,
                   std::string_view mark, double age_s) {
  const std::string traffic = std::string("traffic=\"") + (mark.empty() ? "real" : "marked") + "\"}";
  process_metrics().add("trade_orders_total{class=\"" + std::string(goods_class) + "\",channel=\"" +
                        std::string(channel.empty() ? "none" : channel) + "\",outcome=\"" + std::string(outcome) +
                        "\"," + traffic);
  if (age_s >= 0)
    process_metrics().observe("trade_order_stage_duration_seconds{stage=\"" + std::string(outcome) + "\"," + traffic,
                              age_s);
}

}  // namespace platform::observe
