// fuzz_routes: see fuzz_routes.hpp.
#include "tests/unit/platform/fuzz_routes.hpp"

namespace platform::services_test {

std::vector<FuzzRoute> buyer_routes() {
  const auto g = "gateway";
  return {
      {g, "GET /goods", "/goods", 200},
      {g, "GET /goods/{sku}", "/goods/steam-50", 200},
      {g,
       "POST /orders",
       "/orders",
       201,
       Sign::buyer,
       {{"sku", R"("video-month")"},
        {"quantity", "1", Kind::whole},
        {"phone", R"("")", Kind::text, false},
        {"coupon", "", Kind::text, false}}},
      {g, "POST /orders/{no}/pay", "/orders/$mine/pay", 200, Sign::buyer, {{"channel", R"("alpha")"}}},
      {g, "GET /orders/{no}", "/orders/$done", 200, Sign::buyer},
      {g, "GET /orders", "/orders?after=0&limit=10", 200, Sign::buyer},
      {g,
       "POST /orders/{no}/refund",
       "/orders/$done/refund",
       200,
       Sign::buyer,
       {{"amount_cents", "1", Kind::whole, false}, {"to", R"("wallet")", Kind::text, false}}},
      {g, "POST /orders/{no}/confirm", "/orders/$done/confirm", 200, Sign::buyer},
      {g, "GET /wallet", "/wallet", 200, Sign::buyer},
      {g, "GET /wallet/entries", "/wallet/entries?after=0&limit=10", 200, Sign::buyer},
      {g,
       "POST /wallet/recharge",
       "/wallet/recharge",
       201,
       Sign::buyer,
       {{"amount_cents", "500", Kind::whole}, {"channel", R"("alpha")"}}},
      {g, "GET /account", "/account", 200, Sign::buyer},
      {g, "POST /sessions", "/sessions", 201, Sign::none, {{"buyer", R"("b1")"}}},
      {g, "GET /sessions", "/sessions", 200, Sign::session},
      {g, "DELETE /sessions", "/sessions", 200, Sign::session},
      {g,
       "POST /notify/topup",
       "/notify/topup",
       200,
       Sign::partner,
       {{"request_no", R"("$supply")"}, {"order", R"("$topup")", Kind::text, false}, {"status", R"("SUCCESS")"}}},
      {g, "GET /audit/orders", "/audit/orders?after=0&limit=5", 200},
      {g, "GET /audit/wallets", "/audit/wallets", 200},
      {g, "GET /audit/ledger", "/audit/ledger", 200},
      {g, "GET /audit/marked", "/audit/marked", 200},
  };
}

std::vector<FuzzRoute> merchant_routes() {
  const auto g = "gateway";
  const std::vector<Field> no = {}, one = {{"shared_code", "steam-50"}},
                           some = {{"shared_code", "steam-50"}, {"num", "2", Kind::whole}};
  return {
      {g, "POST /shared/authentication/connect", "/shared/authentication/connect", 200, Sign::form, no},
      {g, "POST /shared/commodity/items", "/shared/commodity/items", 200, Sign::form, no},
      {g, "POST /shared/commodity/item", "/shared/commodity/item", 200, Sign::form, one},
      {g, "POST /shared/commodity/inventory", "/shared/commodity/inventory", 200, Sign::form, one},
      {g, "POST /shared/commodity/inventoryState", "/shared/commodity/inventoryState", 200, Sign::form, some},
      {g, "POST /shared/commodity/stock", "/shared/commodity/stock", 200, Sign::form, one},
      {g, "POST /shared/commodity/valuation", "/shared/commodity/valuation", 200, Sign::form, some},
      {g,
       "POST /shared/commodity/trade",
       "/shared/commodity/trade",
       200,
       Sign::form,
       {{"shared_code", "steam-50"}, {"num", "2", Kind::whole}, {"request_no", "$new"}}},
      {g, "POST /shared/commodity/query", "/shared/commodity/query", 200, Sign::form, {{"tradeNo", "$sold"}}},
      {g, "POST /api/v1/upstream/ping", "/api/v1/upstream/ping", 200, Sign::upstream},
      {g, "GET /api/v1/upstream/categories", "/api/v1/upstream/categories", 200, Sign::upstream},
      {g, "GET /api/v1/upstream/products", "/api/v1/upstream/products", 200, Sign::upstream},
      {g, "GET /api/v1/upstream/products/ID", "/api/v1/upstream/products/$sku", 200, Sign::upstream},
      {g,
       "POST /api/v1/upstream/orders",
       "/api/v1/upstream/orders",
       200,
       Sign::upstream,
       {{"sku_id", "$sku", Kind::whole},
        {"quantity", "1", Kind::whole},
        {"downstream_order_no", R"("$new")"},
        {"callback_url", R"("")", Kind::text, false}}},
      {g, "GET /api/v1/upstream/orders/ID", "/api/v1/upstream/orders/$sold_id", 200, Sign::upstream},
      {g, "POST /api/v1/upstream/orders/ID/cancel", "/api/v1/upstream/orders/$sold_id/cancel", 409, Sign::upstream},
  };
}

std::vector<FuzzRoute> operator_routes() {
  return {
      {"order-1",
       "POST /operator/accounts",
       "/operator/accounts",
       200,
       Sign::none,
       {{"name", R"("agent-1")"}, {"role", R"("agent")"}, {"level", "1", Kind::whole, false}}},
      {"order-1",
       "POST /operator/coupons",
       "/operator/coupons",
       200,
       Sign::none,
       {{"code", R"("C-$new")"},
        {"kind", R"("amount")"},
        {"value", "5", Kind::whole},
        {"min_cents", "0", Kind::whole, false},
        {"sku", R"("steam-50")", Kind::text, false},
        {"to_ms", "4000000000000", Kind::whole, false}}},
      {"order-1", "GET /operator/coupons", "/operator/coupons?code=C-1", 200},
      {"order-1",
       "POST /operator/promotions",
       "/operator/promotions",
       200,
       Sign::none,
       {{"id", R"("p1")"},
        {"sku", R"("steam-50")"},
        {"kind", R"("price")"},
        {"value", "100", Kind::whole},
        {"from_ms", "1", Kind::whole},
        {"to_ms", "5", Kind::whole}}},
      {"selling",
       "POST /operator/merchants",
       "/operator/merchants",
       200,
       Sign::none,
       {{"app_id", R"("shop-2")"}, {"account", R"("m2")"}}},
      {"inventory",
       "POST /internal/claim",
       "/internal/claim",
       200,
       Sign::none,
       {{"orders", R"([{"order_no":"$card","quantity":2}])", Kind::list}}},
      {"inventory",
       "POST /internal/move",
       "/internal/move",
       200,
       Sign::none,
       {{"sku", R"("steam-50")"}, {"quantity", "1", Kind::whole}, {"to", "0", Kind::whole}}},
      {"inventory", "GET /internal/ready", "/internal/ready", 200},
  };
}

std::vector<FuzzRoute> payment_routes() {
  return {
      {"payment",
       "POST /notify/{channel}",
       "/notify/alpha",
       200,
       Sign::partner,
       {{"channel", R"("alpha")"},
        {"trade_no", R"("t1")"},
        {"out_trade_no", R"("$paying-alpha")"},
        {"order", R"("$paying")", Kind::text, false},
        {"amount_cents", "500", Kind::whole},
        {"status", R"("SUCCESS")"}}},
      {"payment", "GET /ops/reconciliation", "/ops/reconciliation", 200},
      {"payment", "POST /ops/refunds/{refund_no}/retry", "/ops/refunds/$stuck/retry", 200},
      {"payment", "POST /ops/reconciliation/run", "/ops/reconciliation/run", 202},
  };
}

std::vector<FuzzRoute> admin_routes() {
  const std::vector<Field> peers = {{"role", R"("order")"}, {"urls", R"(["http://127.0.0.1:1"])", Kind::list}},
                           weights = {{"role", R"("order")"}, {"version", R"("v2")"}, {"percent", "10", Kind::whole}};
  return {
      {"order-1", "GET /health", "/health", 200},
      {"order-1", "GET /ready", "/ready", 200},
      {"order-1", "GET /metrics", "/metrics", 200},
      {"order-1", "GET /admin/pool", "/admin/pool", 200},
      {"order-1", "POST /admin/pool/hold", "/admin/pool/hold", 200, Sign::none, {{"lease_ms", "0", Kind::whole}}},
      {"gateway", "GET /admin/peers", "/admin/peers", 200},
      {"gateway", "POST /admin/weights", "/admin/weights", 200, Sign::none, weights},
      {"gateway", "POST /admin/peers", "/admin/peers", 200, Sign::none, peers},
  };
}

std::vector<FuzzRoute> control_routes() {
  const auto c = "control";
  return {
      {c, "GET /", "/", 200},
      {c, "GET /overview", "/overview", 200},
      {c, "GET /nodes", "/nodes", 200},
      {c, "GET /targets", "/targets", 200},
      {c, "POST /scale", "/scale", 200, Sign::none, {{"role", R"("order")"}, {"instances", "2", Kind::whole}}},
      {c,
       "POST /canary",
       "/canary",
       404,
       Sign::none,
       {{"role", R"("order")"},
        {"weight", "0", Kind::whole},
        {"version", "", Kind::text, false},
        {"bug", "", Kind::text, false},
        {"trait", "", Kind::text, false}}},
      {c, "POST /restart", "", 0},  // these two end what is fuzzed; ops_scale_test sends them what is wrong
      {c, "POST /stop", "", 0},
  };
}

std::vector<FuzzRoute> shop_routes() {
  const auto s = "shop";
  return {
      {s, "GET /goods", "/goods", 200},
      {s, "GET /goods/{sku}", "/goods/steam-50", 200},
      {s,
       "POST /orders",
       "/orders",
       201,
       Sign::name,
       {{"sku", R"("video-month")"}, {"quantity", "1", Kind::whole}, {"phone", R"("")", Kind::text, false}}},
      {s, "POST /orders/{no}/pay", "/orders/$mine/pay", 200, Sign::name, {{"channel", R"("wallet")"}}},
      {s, "GET /orders/{no}", "/orders/$done", 200, Sign::name},
      {s, "GET /orders", "/orders?size=10", 200, Sign::name},
      {s, "POST /orders/{no}/refund", "/orders/$done/refund", 200, Sign::name},
      {s, "GET /wallet", "/wallet", 200, Sign::name},
      {s,
       "POST /notify/{channel}",
       "/notify/alpha",
       200,
       Sign::partner,
       {{"channel", R"("alpha")"},
        {"trade_no", R"("t1")"},
        {"out_trade_no", R"("$paying-alpha")"},
        {"order", R"("$paying")"},
        {"amount_cents", "2500", Kind::whole},
        {"status", R"("SUCCESS")"}}},
      {s,
       "POST /notify/topup",
       "/notify/topup",
       200,
       Sign::partner,
       {{"request_no", R"("t1")"}, {"order", R"("$done")"}, {"status", R"("SUCCESS")"}}},
      {s, "GET /audit/orders", "/audit/orders?after=0&limit=5", 200},
      {s, "GET /audit/wallets", "/audit/wallets", 200},
      {s, "GET /audit/ledger", "/audit/ledger", 200},
  };
}

}  // namespace platform::services_test
