// schema_fragile_sql: the tables of the fragile variant, with nothing in them that would stop a mistake of the code
// above, and the audit views of api.md. Whether orders can be found without reading them all is trait A05.
#pragma once

namespace platform::store {

inline constexpr char kFragileSql[] = R"sql(
CREATE TABLE goods (
  sku text PRIMARY KEY, number int NOT NULL, name text NOT NULL,
  class text NOT NULL CHECK (class IN ('game_card','membership','topup','equipment')),
  price_cents bigint NOT NULL CHECK (price_cents > 0),
  stock bigint NOT NULL, unlimited boolean NOT NULL);
CREATE TABLE wholesale (
  sku text NOT NULL REFERENCES goods, from_quantity int NOT NULL, price_cents bigint NOT NULL,
  PRIMARY KEY (sku, from_quantity));

CREATE TABLE cards (
  id bigserial PRIMARY KEY, sku text NOT NULL, secret text NOT NULL,
  order_no text, sold boolean NOT NULL DEFAULT false);
CREATE INDEX cards_free ON cards (sku, id) WHERE order_no IS NULL AND NOT sold;
CREATE INDEX cards_order ON cards (order_no) WHERE order_no IS NOT NULL;

CREATE TABLE orders (
  id bigserial PRIMARY KEY, order_no text NOT NULL, buyer text NOT NULL,
  sku text NOT NULL, class text NOT NULL, quantity int NOT NULL, amount_cents bigint NOT NULL, phone text,
  status text NOT NULL CHECK (status IN ('created','paying','paid','delivering','delivered','closed','refunding','refunded','failed')),
  paid_via text, paid_cents bigint NOT NULL DEFAULT 0, refunded_cents bigint NOT NULL DEFAULT 0,
  out_trade_no text, receipt text, mark text NOT NULL DEFAULT '', created_at timestamptz NOT NULL DEFAULT now(),
  reserved boolean NOT NULL DEFAULT false,   -- its pieces are out of goods.stock already (A07 off)
  supplier int NOT NULL DEFAULT 0,           -- which of the suppliers it is at (A03 off)
  ask_at timestamptz);                       -- when to ask the channel what became of the payment (A03 off)
CREATE INDEX orders_unpaid ON orders (created_at) WHERE status = 'created';
CREATE INDEX orders_to_ask ON orders (ask_at) WHERE ask_at IS NOT NULL;

CREATE TABLE wallets (
  id bigserial PRIMARY KEY, wallet text NOT NULL UNIQUE, balance_cents bigint NOT NULL, opening_cents bigint NOT NULL);
-- An entry without balance is the other side of a double entry: the house's account.
CREATE TABLE ledger (
  id bigserial PRIMARY KEY, account text NOT NULL, order_no text NOT NULL, kind text NOT NULL,
  delta_cents bigint NOT NULL, balance_after_cents bigint, ref text, at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (ref, kind, account));
CREATE INDEX ledger_account ON ledger (account, id);

CREATE TABLE shop_deliveries (id bigserial PRIMARY KEY, order_no text NOT NULL, card_id bigint NOT NULL);
CREATE INDEX shop_deliveries_order ON shop_deliveries (order_no);

-- Ids below 0 are the history of `up --orders`, older than any audit.
-- For the cures: answered requests (A03), charges already booked (A08), the local message table (A11); and A04's audit lines.
CREATE TABLE shop_requests (buyer text NOT NULL, idem_key text NOT NULL, order_no text NOT NULL, PRIMARY KEY (buyer, idem_key));
CREATE TABLE shop_inbox (
  channel text NOT NULL, trade_no text NOT NULL, order_no text NOT NULL, out_trade_no text NOT NULL, amount_cents bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (channel, trade_no));
CREATE TABLE shop_messages (
  id bigserial PRIMARY KEY, kind text NOT NULL, order_no text NOT NULL, body text NOT NULL DEFAULT '{}', mark text NOT NULL DEFAULT '',
  trace text NOT NULL DEFAULT '', lease_until timestamptz NOT NULL DEFAULT '-infinity');
CREATE TABLE shop_audit (id bigserial PRIMARY KEY, what text NOT NULL, order_no text NOT NULL, at timestamptz NOT NULL DEFAULT now());

CREATE VIEW audit_orders AS
  SELECT o.id, o.order_no, o.buyer, o.sku, o.class, o.status, o.paid_via, o.quantity, o.amount_cents, o.paid_cents, o.refunded_cents,
         ARRAY(SELECT c.secret FROM shop_deliveries d JOIN cards c ON c.id = d.card_id WHERE d.order_no = o.order_no) AS cards
  FROM orders o WHERE o.id > 0;
CREATE VIEW audit_wallets AS SELECT id, wallet, balance_cents, opening_cents FROM wallets;
CREATE VIEW audit_ledger AS
  SELECT id, account AS wallet, order_no, kind, delta_cents, balance_after_cents FROM ledger WHERE balance_after_cents IS NOT NULL;
)sql";

inline constexpr char kFragileIndexesSql[] = R"sql(
CREATE INDEX IF NOT EXISTS orders_order_no ON orders (order_no);
CREATE INDEX IF NOT EXISTS orders_buyer ON orders (buyer, id);
)sql";
inline constexpr char kFragileNoIndexesSql[] = "DROP INDEX IF EXISTS orders_order_no, orders_buyer";

}  // namespace platform::store
