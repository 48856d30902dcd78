// schema_goods_sql: what the hardened variant sells: goods, prices, cards in 16 partitions, deliveries, suppliers' orders. Run once
// per database (and once more for its shadow), after schema_base_sql.
#pragma once

namespace platform::store {

inline constexpr char kGoodsSql[] = R"sql(
-- The catalogue is the same in every database; `stock` of goods without cards is each database's own share.
CREATE TABLE goods (
  sku text PRIMARY KEY, number int NOT NULL, name text NOT NULL,
  class text NOT NULL CHECK (class IN ('game_card','membership','topup','equipment')),
  price_cents bigint NOT NULL CHECK (price_cents > 0),
  stock bigint NOT NULL CHECK (stock >= 0), unlimited boolean NOT NULL,
  source text NOT NULL DEFAULT 'own');   -- 'own', or the name of the supplier whose stock it is
CREATE TABLE wholesale (
  sku text NOT NULL REFERENCES goods, from_quantity int NOT NULL, price_cents bigint NOT NULL,
  PRIMARY KEY (sku, from_quantity));

-- `id` is unique over all databases: a card keeps it when it moves. A card that moves to another database is here (or there), never in both as free.
CREATE TABLE cards (
  part smallint NOT NULL, id bigint NOT NULL, sku text NOT NULL, secret text NOT NULL,
  order_no text, sold boolean NOT NULL DEFAULT false, PRIMARY KEY (part, id)) PARTITION BY LIST (part);
CREATE INDEX cards_free ON cards (sku, id) WHERE order_no IS NULL AND NOT sold;
CREATE INDEX cards_order ON cards (order_no) WHERE order_no IS NOT NULL;
SELECT make_partitions('cards');

-- A card is handed out once, whatever the code above it does.
CREATE TABLE deliveries (card_id bigint PRIMARY KEY, order_no text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX deliveries_order ON deliveries (order_no);

-- One row per request at a supplier, under one number for ever.
CREATE TABLE topups (
  request_no text PRIMARY KEY, order_no text NOT NULL, supplier text NOT NULL DEFAULT 'topup', phone text NOT NULL, amount_cents bigint NOT NULL,
  mark text NOT NULL DEFAULT '', trace text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new','accepted','done','failed')), asked int NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX topups_open ON topups (next_at) WHERE state IN ('new','accepted');
CREATE INDEX topups_order ON topups (order_no);

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
      SELECT part, id FROM cards WHERE sku = p_sku AND order_no IS NULL AND NOT sold ORDER BY id LIMIT p_quantity FOR UPDATE SKIP LOCKED)
    UPDATE cards c SET order_no = p_order FROM picked WHERE c.part = picked.part AND c.id = picked.id;
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
)sql";

}  // namespace platform::store
