// schema_orders_sql: orders in 16 partitions, what a buyer's request does to them in one round trip, wallets and their
// ledger, accounts, coupons and promotions of the hardened variant. Run after schema_goods_sql.
#pragma once

namespace platform::store {

inline constexpr char kOrdersSql[] = R"sql(
-- `part` comes from the buyer (store/shards.hpp) and stands in the order number too. Whoever knows the number gives the part along:
-- without it a statement looks into eight tables. refund_wanted_cents: all that was ever promised back; refund_count numbers the refunds.
CREATE TABLE orders (
  part smallint NOT NULL, id bigint NOT NULL DEFAULT next_row(), order_no text NOT NULL, buyer text NOT NULL, idem_key text,
  sku text NOT NULL, class text NOT NULL, quantity int NOT NULL, amount_cents bigint NOT NULL CHECK (amount_cents > 0), phone text,
  status text NOT NULL CHECK (status IN ('created','paying','paid','delivering','delivered','closed','refunding','refunded','failed')),
  paid_via text, paid_cents bigint NOT NULL DEFAULT 0, refunded_cents bigint NOT NULL DEFAULT 0,
  refund_wanted_cents bigint NOT NULL DEFAULT 0, refund_count int NOT NULL DEFAULT 0,
  out_trade_no text, receipt text, coupon text, mark text NOT NULL DEFAULT '', trace text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(), delivered_at timestamptz, confirmed_at timestamptz,
  CHECK (refund_wanted_cents BETWEEN 0 AND paid_cents),
  PRIMARY KEY (part, id), UNIQUE (part, order_no), UNIQUE (part, buyer, idem_key)) PARTITION BY LIST (part);
CREATE INDEX orders_unpaid ON orders (created_at) WHERE status = 'created';
CREATE INDEX orders_buyer ON orders (buyer, id);
SELECT make_partitions('orders');

-- The graph of domain/order_state.hpp once more, where nobody can pass it by.
CREATE FUNCTION refuse_order_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an order does not go from % to %', OLD.status, NEW.status USING ERRCODE = '23514';
END $$;
CREATE TRIGGER orders_moves BEFORE UPDATE OF status ON orders FOR EACH ROW
  WHEN (OLD.status <> NEW.status AND (OLD.status || ' ' || NEW.status) <> ALL ('{created paying,created paid,created closed,paying paid,paying closed,paid delivering,paid delivered,paid refunding,delivering delivered,delivering refunding,delivered refunding,refunding refunded}'))
  EXECUTE FUNCTION refuse_order_move();

-- Order and reservation are one: an accepted order has its goods. The key is unique, so a request that comes again, here or at the twin, finds
-- what the first one made. p_reserve: 'own'; 'none' is planted bug B12, 'unlocked' B01, 'counted' B11.
-- Answers created, repeated, sold_out, contended (inventory_reserve's NULL), number_taken, or try_again (the first one was rolled back just now).
CREATE FUNCTION order_create(p_part smallint, p_order text, p_buyer text, p_key text, p_sku text, p_class text, p_quantity int, p_amount bigint,
                             p_phone text, p_coupon text, p_mark text, p_trace text, p_reserve text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  reserved boolean := true;
BEGIN
  INSERT INTO orders(part, order_no, buyer, idem_key, sku, class, quantity, amount_cents, phone, coupon, mark, trace, status)
    VALUES (p_part, p_order, p_buyer, p_key, p_sku, p_class, p_quantity, p_amount, p_phone, nullif(p_coupon, ''), p_mark, p_trace, 'created') ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    IF EXISTS (SELECT 1 FROM orders WHERE part = p_part AND buyer = p_buyer AND idem_key = p_key) THEN RETURN 'repeated'; END IF;
    IF EXISTS (SELECT 1 FROM orders WHERE part = p_part AND order_no = p_order) THEN RETURN 'number_taken'; END IF;
    RETURN 'try_again';
  END IF;
  IF p_reserve = 'own' THEN reserved := inventory_reserve(p_order, p_sku, p_quantity);
  ELSIF p_reserve = 'unlocked' THEN reserved := inventory_reserve_unlocked(p_order, p_sku, p_quantity);
  ELSIF p_reserve = 'counted' THEN reserved := inventory_reserve_counted(p_order, p_sku, p_quantity);
  END IF;
  IF reserved THEN RETURN 'created'; END IF;
  DELETE FROM orders WHERE part = p_part AND order_no = p_order;
  RETURN CASE WHEN reserved IS NULL THEN 'contended' ELSE 'sold_out' END;
END $$;

-- Orders that came through the queue and were not made, and why: for whoever waits at another node. Kept for some minutes.
CREATE TABLE intake_refused (order_no text PRIMARY KEY, outcome text NOT NULL, mark text NOT NULL DEFAULT '', at timestamptz NOT NULL DEFAULT now());

-- Who logged out, until the token would have been over anyway: in the database of the session's buyer. What Redis knows of sessions may be lost.
CREATE TABLE ended_sessions (session_id text PRIMARY KEY, expires_at timestamptz NOT NULL);
CREATE INDEX ended_sessions_over ON ended_sessions (expires_at);

CREATE TABLE wallets (
  id bigint PRIMARY KEY DEFAULT next_row(), wallet text NOT NULL UNIQUE, balance_cents bigint NOT NULL CHECK (balance_cents >= 0), opening_cents bigint NOT NULL);
-- Double entry: the two rows of one `ref` and `kind` sum to 0. An entry without balance is the house's side: no buyer can be called '(house)'.
CREATE TABLE ledger (
  id bigint PRIMARY KEY DEFAULT next_row(), account text NOT NULL, order_no text NOT NULL, kind text NOT NULL,
  delta_cents bigint NOT NULL, balance_after_cents bigint, ref text NOT NULL, at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (ref, kind, account));
CREATE INDEX ledger_account ON ledger (account, id);
CREATE FUNCTION ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM entries GROUP BY ref, kind HAVING sum(delta_cents) <> 0 OR count(*) < 2) THEN
    RAISE EXCEPTION 'an entry with one side' USING ERRCODE = '23514';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_two_sides AFTER INSERT ON ledger REFERENCING NEW TABLE AS entries FOR EACH STATEMENT EXECUTE FUNCTION ledger_balanced();

CREATE FUNCTION wallet_open(p_buyer text, p_opening bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO wallets(wallet, balance_cents, opening_cents) VALUES (p_buyer, p_opening, p_opening) ON CONFLICT (wallet) DO NOTHING
$$;

-- Moves p_delta on a wallet and writes both sides; the same (ref, kind) twice is a unique violation. The balance after it, or NULL, with nothing
-- done, when it does not suffice. The wallet's row is locked from here to the commit: its entries come in the order of their ids.
-- p_guarded false is planted bug B10: read, compute, write.
CREATE FUNCTION wallet_book(p_buyer text, p_opening bigint, p_order text, p_kind text, p_delta bigint, p_ref text, p_guarded boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  after_it bigint;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM wallets WHERE wallet = p_buyer) THEN PERFORM wallet_open(p_buyer, p_opening); END IF;
  IF p_guarded THEN
    UPDATE wallets SET balance_cents = balance_cents + p_delta WHERE wallet = p_buyer AND balance_cents + p_delta >= 0 RETURNING balance_cents INTO after_it;
  ELSE
    SELECT balance_cents + p_delta INTO after_it FROM wallets WHERE wallet = p_buyer AND balance_cents + p_delta >= 0;
    UPDATE wallets SET balance_cents = after_it WHERE wallet = p_buyer AND after_it IS NOT NULL;
  END IF;
  IF after_it IS NULL THEN RETURN NULL; END IF;
  INSERT INTO ledger(account, order_no, kind, delta_cents, balance_after_cents, ref)
    VALUES (p_buyer, p_order, p_kind, p_delta, after_it, p_ref), ('(house)', p_order, p_kind, -p_delta, NULL, p_ref);
  RETURN after_it;
END $$;

-- A buyer's own refund requests, by their key: repeated ones find what the first one did.
CREATE TABLE refund_requests (
  part smallint NOT NULL, order_no text NOT NULL, idem_key text NOT NULL, refund_no text NOT NULL, amount_cents bigint NOT NULL, way text NOT NULL, status text NOT NULL,
  mark text NOT NULL DEFAULT '', at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (order_no, idem_key));

-- Who is more than a buyer. Lives where the account's orders live.
CREATE TABLE accounts (
  name text PRIMARY KEY, role text NOT NULL CHECK (role IN ('buyer','agent','merchant')), level int NOT NULL CHECK (level BETWEEN 0 AND 3),
  mark text NOT NULL DEFAULT '', at timestamptz NOT NULL DEFAULT now());

-- A coupon lives in the database of its code's partition. free -> claimed (by an order that may not be written yet) -> used, or free again.
-- `claims`: how many requests with the same key share the claim.
CREATE TABLE coupons (
  code text PRIMARY KEY, kind text NOT NULL CHECK (kind IN ('amount','percent')), value bigint NOT NULL CHECK (value > 0), min_cents bigint NOT NULL DEFAULT 0,
  sku text, valid_from timestamptz NOT NULL DEFAULT '-infinity', valid_to timestamptz NOT NULL DEFAULT 'infinity',
  state text NOT NULL DEFAULT 'free' CHECK (state IN ('free','claimed','used')), order_no text, claim_key text, claims int NOT NULL DEFAULT 0, claimed_at timestamptz,
  mark text NOT NULL DEFAULT '');
CREATE INDEX coupons_claimed ON coupons (claimed_at) WHERE state = 'claimed';

-- The same rows in every database, as the catalogue.
CREATE TABLE promotions (
  id text PRIMARY KEY, sku text NOT NULL, kind text NOT NULL CHECK (kind IN ('price','percent')), value bigint NOT NULL CHECK (value > 0),
  from_at timestamptz NOT NULL, to_at timestamptz NOT NULL CHECK (to_at > from_at), mark text NOT NULL DEFAULT '');

-- What the delivery service is told of an order.
CREATE FUNCTION deliver_body(o orders) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT json_build_object('class', o.class, 'sku', o.sku, 'quantity', o.quantity, 'phone', o.phone, 'buyer', o.buyer, 'amount_cents', o.amount_cents, 'mark', o.mark)::text
$$;

-- Ids below 0 are the history of `up --orders`, older than any audit.
CREATE VIEW audit_orders_here AS
  SELECT o.id, o.order_no, o.buyer, o.sku, o.class, o.status, o.paid_via, o.quantity, o.amount_cents, o.paid_cents, o.refunded_cents,
         ARRAY(SELECT c.secret FROM deliveries d JOIN cards c ON c.order_no = d.order_no AND c.id = d.card_id WHERE d.order_no = o.order_no) AS cards
  FROM orders o WHERE o.id > 0;
CREATE VIEW audit_wallets_here AS SELECT id, wallet, balance_cents, opening_cents FROM wallets;
CREATE VIEW audit_ledger_here AS
  SELECT id, account AS wallet, order_no, kind, delta_cents, balance_after_cents FROM ledger WHERE balance_after_cents IS NOT NULL;
)sql";

}  // namespace platform::store
