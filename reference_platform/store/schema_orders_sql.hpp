// schema_orders_sql: orders in 16 partitions, wallets and their ledger, accounts, coupons, promotions of the hardened variant. Run after schema_goods_sql.
#pragma once

namespace platform::store {

inline constexpr char kOrdersSql[] = R"sql(
-- `part` comes from the buyer (store/shards.hpp) and stands in the order number too. Whoever knows the number gives the part along:
-- without it a statement looks into eight tables.
CREATE TABLE orders (
  part smallint NOT NULL, id bigint NOT NULL DEFAULT next_row(), order_no text NOT NULL, buyer text NOT NULL, idem_key text,
  sku text NOT NULL, class text NOT NULL, quantity int NOT NULL, amount_cents bigint NOT NULL, phone text,
  status text NOT NULL CHECK (status IN ('created','paying','paid','delivering','delivered','closed','refunding','refunded','failed')),
  paid_via text, paid_cents bigint NOT NULL DEFAULT 0, refunded_cents bigint NOT NULL DEFAULT 0,
  out_trade_no text, receipt text, coupon text, mark text NOT NULL DEFAULT '', trace text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (part, id), UNIQUE (part, order_no), UNIQUE (part, buyer, idem_key)) PARTITION BY LIST (part);
CREATE INDEX orders_unpaid ON orders (created_at) WHERE status = 'created';
CREATE INDEX orders_buyer ON orders (buyer, id);
SELECT make_partitions('orders');

CREATE TABLE wallets (
  id bigint PRIMARY KEY DEFAULT next_row(), wallet text NOT NULL UNIQUE, balance_cents bigint NOT NULL CHECK (balance_cents >= 0), opening_cents bigint NOT NULL);
-- Double entry: the two rows of one `ref` and `kind` sum to 0. An entry without balance is the house's side.
CREATE TABLE ledger (
  id bigint PRIMARY KEY DEFAULT next_row(), account text NOT NULL, order_no text NOT NULL, kind text NOT NULL,
  delta_cents bigint NOT NULL, balance_after_cents bigint, ref text, at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (ref, kind, account));
CREATE INDEX ledger_account ON ledger (account, id);

-- What the delivery service is told of an order.
CREATE FUNCTION deliver_body(o orders) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT json_build_object('class', o.class, 'sku', o.sku, 'quantity', o.quantity, 'phone', o.phone, 'buyer', o.buyer, 'amount_cents', o.amount_cents, 'mark', o.mark)::text
$$;

CREATE VIEW audit_orders_here AS
  SELECT o.id, o.order_no, o.buyer, o.sku, o.class, o.status, o.paid_via, o.quantity, o.amount_cents, o.paid_cents, o.refunded_cents,
         ARRAY(SELECT c.secret FROM deliveries d JOIN cards c ON c.id = d.card_id WHERE d.order_no = o.order_no) AS cards
  FROM orders o;
CREATE VIEW audit_wallets_here AS SELECT id, wallet, balance_cents, opening_cents FROM wallets;
CREATE VIEW audit_ledger_here AS
  SELECT id, account AS wallet, order_no, kind, delta_cents, balance_after_cents FROM ledger WHERE balance_after_cents IS NOT NULL;
)sql";

}  // namespace platform::store
