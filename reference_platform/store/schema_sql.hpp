// schema_sql: every table of both variants, and the audit views of api.md. Run once on an empty database, as its owner.
// goods, cards, orders and wallets are shared; shop_deliveries is the fragile variant's (no guard), all below it the hardened one's.
#pragma once

namespace platform::store {

inline constexpr char kSchemaSql[] = R"sql(
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
  id bigserial PRIMARY KEY, order_no text NOT NULL UNIQUE, buyer text NOT NULL, idem_key text,
  sku text NOT NULL, class text NOT NULL, quantity int NOT NULL, amount_cents bigint NOT NULL, phone text,
  status text NOT NULL CHECK (status IN ('created','paying','paid','delivering','delivered','closed','refunding','refunded','failed')),
  paid_via text, paid_cents bigint NOT NULL DEFAULT 0, refunded_cents bigint NOT NULL DEFAULT 0,
  out_trade_no text, receipt text, mark text NOT NULL DEFAULT '', created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (buyer, idem_key));
CREATE INDEX orders_unpaid ON orders (created_at) WHERE status = 'created';

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

-- A card is handed out once, whatever the code above it does.
CREATE TABLE deliveries (card_id bigint PRIMARY KEY, order_no text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX deliveries_order ON deliveries (order_no);

-- The local message table: written in the transaction of the change it tells of, taken by SKIP LOCKED, deleted when its effect is in.
CREATE TABLE outbox (
  id bigserial PRIMARY KEY, topic text NOT NULL, order_no text NOT NULL, body text NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(), lease_until timestamptz NOT NULL DEFAULT '-infinity');
CREATE INDEX outbox_topic ON outbox (topic, id);

-- What the delivery service is told of an order.
CREATE FUNCTION deliver_body(o orders) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT json_build_object('class', o.class, 'sku', o.sku, 'quantity', o.quantity, 'phone', o.phone, 'amount_cents', o.amount_cents, 'mark', o.mark)::text
$$;

-- One row per order and channel that was ever used for it. new: never sent; sent: may have reached the channel (unknown until
-- asked); waiting: the channel knows it; paid; closed: surely no money. At most one row of an order is not closed.
CREATE TABLE payments (
  id bigserial PRIMARY KEY, order_no text NOT NULL, channel text NOT NULL, out_trade_no text NOT NULL UNIQUE,
  amount_cents bigint NOT NULL, buyer text NOT NULL, mark text NOT NULL DEFAULT '', trade_no text,
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new','sent','waiting','paid','closed')),
  asked int NOT NULL DEFAULT 0, absent int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(), sent_at timestamptz,
  UNIQUE (order_no, channel));
CREATE UNIQUE INDEX payments_live ON payments (order_no) WHERE state <> 'closed';
CREATE INDEX payments_open ON payments (channel, state, next_at) WHERE state IN ('new','sent','waiting');

-- The inbox: one row per charge that a channel told us of, by whatever way.
CREATE TABLE charges (
  channel text NOT NULL, trade_no text NOT NULL, out_trade_no text NOT NULL, order_no text NOT NULL, amount_cents bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (channel, trade_no));

CREATE TABLE refunds (
  refund_no text PRIMARY KEY, order_no text NOT NULL, channel text NOT NULL, out_trade_no text NOT NULL, amount_cents bigint NOT NULL,
  reason text NOT NULL, mark text NOT NULL DEFAULT '', state text NOT NULL DEFAULT 'new' CHECK (state IN ('new','done','stuck')),
  asked int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX refunds_open ON refunds (channel, next_at) WHERE state = 'new';

CREATE TABLE topups (
  request_no text PRIMARY KEY, order_no text NOT NULL UNIQUE, phone text NOT NULL, amount_cents bigint NOT NULL, mark text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new','accepted','done','failed')), asked int NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX topups_open ON topups (next_at) WHERE state IN ('new','accepted');

-- The inventory service's interface to those who must change stock in a transaction of their own. All or nothing.
CREATE FUNCTION inventory_reserve(p_order text, p_sku text, p_quantity int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  taken int;
  good goods%ROWTYPE;
BEGIN
  SELECT * INTO good FROM goods WHERE sku = p_sku;
  IF NOT FOUND THEN RETURN false; END IF;
  IF good.class <> 'game_card' THEN
    IF good.unlimited THEN RETURN true; END IF;
    UPDATE goods SET stock = stock - p_quantity WHERE sku = p_sku AND stock >= p_quantity;
    RETURN FOUND;
  END IF;
  FOR attempt IN 1..3 LOOP
    WITH picked AS MATERIALIZED (
      SELECT id FROM cards WHERE sku = p_sku AND order_no IS NULL AND NOT sold ORDER BY id LIMIT p_quantity FOR UPDATE SKIP LOCKED)
    UPDATE cards c SET order_no = p_order FROM picked WHERE c.id = picked.id;
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken = p_quantity THEN RETURN true; END IF;
    IF taken > 0 THEN UPDATE cards SET order_no = NULL WHERE order_no = p_order AND NOT sold; END IF;
    -- Rows that another transaction has locked may come back: only a true shortage is a refusal.
    PERFORM 1 FROM cards WHERE sku = p_sku AND order_no IS NULL AND NOT sold OFFSET p_quantity - 1 LIMIT 1;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM pg_sleep(0.01);
  END LOOP;
  RETURN false;
END $$;

CREATE FUNCTION inventory_release(p_order text, p_sku text, p_quantity int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE cards SET order_no = NULL WHERE order_no = p_order AND NOT sold;
  UPDATE goods SET stock = stock + p_quantity WHERE sku = p_sku AND class <> 'game_card' AND NOT unlimited;
END $$;

-- Turns a reservation into a delivery, all or nothing. Repeating it changes nothing. Answers how many cards the order has now.
CREATE FUNCTION inventory_claim(p_order text, p_quantity int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  held int;
BEGIN
  SELECT count(*) INTO held FROM deliveries WHERE order_no = p_order;
  IF held > 0 THEN RETURN held; END IF;
  SELECT count(*) INTO held FROM cards WHERE order_no = p_order AND NOT sold;
  IF held <> p_quantity THEN RETURN 0; END IF;
  INSERT INTO deliveries(card_id, order_no) SELECT id, p_order FROM cards WHERE order_no = p_order AND NOT sold;
  UPDATE cards SET sold = true WHERE order_no = p_order AND NOT sold;
  RETURN p_quantity;
END $$;

CREATE VIEW audit_orders AS
  SELECT o.id, o.order_no, o.buyer, o.sku, o.class, o.status, o.paid_via, o.quantity, o.amount_cents, o.paid_cents, o.refunded_cents,
         ARRAY(SELECT c.secret FROM deliveries d JOIN cards c ON c.id = d.card_id WHERE d.order_no = o.order_no
               UNION ALL
               SELECT c.secret FROM shop_deliveries d JOIN cards c ON c.id = d.card_id WHERE d.order_no = o.order_no) AS cards
  FROM orders o;
CREATE VIEW audit_wallets AS SELECT id, wallet, balance_cents, opening_cents FROM wallets;
CREATE VIEW audit_ledger AS
  SELECT id, account AS wallet, order_no, kind, delta_cents, balance_after_cents FROM ledger WHERE balance_after_cents IS NOT NULL;
)sql";

}  // namespace platform::store
