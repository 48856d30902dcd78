// schema_goods_sql: what the hardened variant sells: goods, prices, cards in 16 partitions, deliveries, suppliers'
// orders. Run once per database (and once more for its shadow), after schema_base_sql.
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

-- One row per order and supplier, under one number for ever. new: surely never sent; sent: may have reached the supplier; absent: the
-- supplier says that it does not know it, so it is sent again under the same number; accepted: not done yet. The rest is final:
-- dropped was never sent and went to another supplier; revoking is asked for until revoked.
CREATE TABLE supplies (
  request_no text PRIMARY KEY, order_no text NOT NULL, supplier text NOT NULL, sku text NOT NULL, target text NOT NULL,
  quantity int NOT NULL, amount_cents bigint NOT NULL, supply_no text NOT NULL DEFAULT '', mark text NOT NULL DEFAULT '', trace text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new','sent','absent','accepted','done','partial','failed','dropped','revoking','revoked')),
  asked int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX supplies_open ON supplies (supplier, next_at) WHERE state IN ('new','sent','absent','accepted','revoking');
CREATE INDEX supplies_order ON supplies (order_no);

-- The barrier of a move of stock between databases: `out` where the goods were, `in` where they go. One row per move and side, whatever
-- comes first: an undoing that overtakes its doing leaves a row that the doing meets (no empty undoing, no late doing).
CREATE TABLE card_moves (
  move_id text NOT NULL, side text NOT NULL CHECK (side IN ('out','in')), state text NOT NULL CHECK (state IN ('taken','done','back','put','refused')),
  sku text NOT NULL DEFAULT '', quantity bigint NOT NULL DEFAULT 0, target int NOT NULL DEFAULT 0, cards json NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (move_id, side));
CREATE INDEX card_moves_open ON card_moves (created_at) WHERE state = 'taken';

-- Shops that buy from us (services/selling.hpp): who they are, in the database of `app_id`'s partition, and what they ordered, in the database of
-- their account. `id` is what the HMAC dialect calls an order. A callback is told until it is acknowledged or was tried often enough.
CREATE TABLE merchants (app_id text PRIMARY KEY, secret text NOT NULL, account text NOT NULL, mark text NOT NULL DEFAULT '');
CREATE TABLE merchant_orders (
  id bigint PRIMARY KEY DEFAULT next_row(), app_id text NOT NULL, request_no text NOT NULL, order_no text NOT NULL, sku text NOT NULL, quantity int NOT NULL, amount_cents bigint NOT NULL,
  callback_url text NOT NULL DEFAULT '', tries int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL DEFAULT now(), told boolean NOT NULL DEFAULT false, mark text NOT NULL DEFAULT '',
  trace text NOT NULL DEFAULT '', UNIQUE (app_id, request_no));
CREATE INDEX merchant_orders_order ON merchant_orders (order_no);
CREATE INDEX merchant_orders_open ON merchant_orders (next_at) WHERE callback_url <> '' AND NOT told;

-- The inventory service's interface to those who must change stock in a transaction of their own. All or nothing. NULL: there is enough, but
-- others hold it at this moment and may give it back; who holds a part of it himself lets go only with his transaction, so end that before
-- trying again (two who wait for each other's part while they keep their own would both call the goods sold out). Planned with the numbers in hand:
-- how many cards decides between an index and a sort.
CREATE FUNCTION inventory_reserve(p_order text, p_sku text, p_quantity int) RETURNS boolean LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  home smallint := part_of(p_order);
  taken int;
  more int;
  good goods%ROWTYPE;
BEGIN
  SELECT * INTO good FROM goods WHERE sku = p_sku;
  IF NOT FOUND THEN RETURN false; END IF;
  IF good.class <> 'game_card' OR good.source <> 'own' THEN
    IF good.unlimited THEN RETURN true; END IF;
    UPDATE goods SET stock = stock - p_quantity WHERE sku = p_sku AND stock >= p_quantity;
    RETURN FOUND;
  END IF;
  -- The order's own partition first: one index to plan for and to look into, and buyers of one good do not meet at the same cards.
  WITH picked AS MATERIALIZED (SELECT id FROM cards WHERE part = home AND sku = p_sku AND order_no IS NULL AND NOT sold ORDER BY id LIMIT p_quantity FOR UPDATE SKIP LOCKED)
  UPDATE cards c SET order_no = p_order FROM picked WHERE c.part = home AND c.id = picked.id;
  GET DIAGNOSTICS taken = ROW_COUNT;
  IF taken < p_quantity THEN
    WITH picked AS MATERIALIZED (
      SELECT part, id FROM cards WHERE sku = p_sku AND order_no IS NULL AND NOT sold ORDER BY id LIMIT p_quantity - taken FOR UPDATE SKIP LOCKED)
    UPDATE cards c SET order_no = p_order FROM picked WHERE c.part = picked.part AND c.id = picked.id;
    GET DIAGNOSTICS more = ROW_COUNT;
    taken := taken + more;
  END IF;
  IF taken = p_quantity THEN RETURN true; END IF;
  IF taken > 0 THEN UPDATE cards SET order_no = NULL WHERE order_no = p_order AND NOT sold; END IF;
  -- Rows that another transaction has locked may come back: only a true shortage is a refusal.
  PERFORM 1 FROM cards WHERE sku = p_sku AND order_no IS NULL AND NOT sold OFFSET p_quantity - 1 LIMIT 1;
  IF FOUND THEN RETURN NULL; END IF;
  RETURN false;
END $$;

CREATE FUNCTION inventory_release(p_order text, p_sku text, p_quantity int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE cards SET order_no = NULL WHERE order_no = p_order AND NOT sold;
  UPDATE goods SET stock = stock + p_quantity WHERE sku = p_sku AND (class <> 'game_card' OR source <> 'own') AND NOT unlimited;
END $$;

-- Turns reservations into deliveries, at most p_chunk cards of an order at a time, and none of an order whose cards are not all there.
-- Repeating it changes nothing that is done. `had`: cards that the order has now, delivered or reserved; `given`: delivered ones.
CREATE FUNCTION inventory_claim(p_orders text[], p_quantities int[], p_chunk int) RETURNS TABLE (order_no text, had int, given int) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY WITH asked AS MATERIALIZED (SELECT a.no, a.quantity FROM unnest(p_orders, p_quantities) AS a(no, quantity)),
  locked AS MATERIALIZED (SELECT c.part, c.id, c.order_no, c.sold FROM cards c WHERE c.order_no = ANY(p_orders) FOR UPDATE),
  ranked AS (SELECT l.*, row_number() OVER (PARTITION BY l.order_no, l.sold ORDER BY l.id) AS turn, count(*) OVER (PARTITION BY l.order_no) AS had FROM locked l),
  chosen AS MATERIALIZED (SELECT r.part, r.id FROM ranked r JOIN asked a ON a.no = r.order_no WHERE NOT r.sold AND r.had = a.quantity AND r.turn <= p_chunk),
  sold AS (UPDATE cards c SET sold = true FROM chosen WHERE c.part = chosen.part AND c.id = chosen.id RETURNING c.id, c.order_no),
  written AS (INSERT INTO deliveries(card_id, order_no) SELECT id, sold.order_no FROM sold)
  SELECT a.no, (SELECT count(*)::int FROM locked l WHERE l.order_no = a.no),
         (SELECT count(*)::int FROM locked l WHERE l.order_no = a.no AND l.sold) + (SELECT count(*)::int FROM sold WHERE sold.order_no = a.no)
  FROM asked a;
END $$;

-- A move, step by step; each step is one transaction in one database and may be repeated. Out: takes free goods away from here. Answers
-- how many, or -1 when this move was undone before it began. p_guarded false is planted bug B27: no barrier is looked at.
CREATE FUNCTION inventory_move_out(p_move text, p_sku text, p_quantity int, p_target int) RETURNS bigint LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  counted boolean;
  n bigint;
BEGIN
  INSERT INTO card_moves(move_id, side, state, sku, target) VALUES (p_move, 'out', 'taken', p_sku, p_target) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN -1; END IF;
  SELECT class <> 'game_card' OR source <> 'own' INTO counted FROM goods WHERE sku = p_sku AND NOT unlimited;
  IF counted THEN
    SELECT least(stock, p_quantity) INTO n FROM goods WHERE sku = p_sku FOR UPDATE;
    UPDATE goods SET stock = stock - n WHERE sku = p_sku;
    UPDATE card_moves SET quantity = n WHERE move_id = p_move AND side = 'out';
  ELSE
    WITH picked AS MATERIALIZED (SELECT part, id FROM cards WHERE sku = p_sku AND order_no IS NULL AND NOT sold ORDER BY id LIMIT p_quantity FOR UPDATE SKIP LOCKED),
    gone AS (DELETE FROM cards c USING picked WHERE c.part = picked.part AND c.id = picked.id RETURNING c.part, c.id, c.secret)
    UPDATE card_moves SET quantity = (SELECT count(*) FROM gone), cards = coalesce((SELECT json_agg(json_build_object('part', part, 'id', id, 'secret', secret)) FROM gone), '[]')
    WHERE move_id = p_move AND side = 'out' RETURNING quantity INTO n;
  END IF;
  IF n = 0 THEN DELETE FROM card_moves WHERE move_id = p_move AND side = 'out'; END IF;
  RETURN n;
END $$;

-- Puts goods on the shelf; cards into partition p_first + part % p_parts.
CREATE FUNCTION inventory_put(p_sku text, p_quantity bigint, p_cards json, p_first int, p_parts int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF json_array_length(p_cards) = 0 THEN
    UPDATE goods SET stock = stock + p_quantity WHERE sku = p_sku;
  ELSE
    INSERT INTO cards(part, id, sku, secret)
      SELECT p_first + (c->>'part')::int % p_parts, (c->>'id')::bigint, p_sku, c->>'secret' FROM json_array_elements(p_cards) AS c;
  END IF;
END $$;

-- In: true when the goods are here, by this call or an earlier one; false when the move was refused before.
CREATE FUNCTION inventory_move_in(p_move text, p_sku text, p_quantity bigint, p_cards json, p_first int, p_parts int, p_guarded boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO card_moves(move_id, side, state, sku, quantity) VALUES (p_move, 'in', 'put', p_sku, p_quantity) ON CONFLICT DO NOTHING;
  IF NOT FOUND AND p_guarded THEN RETURN EXISTS (SELECT 1 FROM card_moves WHERE move_id = p_move AND side = 'in' AND state = 'put'); END IF;
  PERFORM inventory_put(p_sku, p_quantity, p_cards, p_first, p_parts);
  RETURN true;
END $$;

-- True: it is not here and will never come in.
CREATE FUNCTION inventory_move_refuse(p_move text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO card_moves(move_id, side, state) VALUES (p_move, 'in', 'refused') ON CONFLICT DO NOTHING;
  RETURN EXISTS (SELECT 1 FROM card_moves WHERE move_id = p_move AND side = 'in' AND state = 'refused');
END $$;

-- Takes back what went out and was refused over there. A move that never began here is barred and gives nothing; without the guard it gives p_quantity.
CREATE FUNCTION inventory_move_back(p_move text, p_sku text, p_quantity bigint, p_first int, p_parts int, p_guarded boolean) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  moved card_moves%ROWTYPE;
BEGIN
  INSERT INTO card_moves(move_id, side, state) VALUES (p_move, 'out', 'back') ON CONFLICT DO NOTHING;
  IF FOUND THEN
    IF NOT p_guarded THEN PERFORM inventory_put(p_sku, p_quantity, '[]', p_first, p_parts); END IF;
    RETURN NOT p_guarded;
  END IF;
  UPDATE card_moves SET state = 'back' WHERE move_id = p_move AND side = 'out' AND state = 'taken' RETURNING * INTO moved;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM inventory_put(moved.sku, moved.quantity, moved.cards, p_first, p_parts);
  UPDATE card_moves SET cards = '[]' WHERE move_id = p_move AND side = 'out';
  RETURN true;
END $$;

CREATE FUNCTION inventory_move_done(p_move text) RETURNS void LANGUAGE sql AS $$
  UPDATE card_moves SET state = 'done', cards = '[]' WHERE move_id = p_move AND side = 'out' AND state = 'taken'
$$;

-- Planted bug B01: free cards are looked for, then taken, without a lock: who looks in between takes the same ones, and gives them.
CREATE TABLE looked_cards (order_no text NOT NULL, card_id bigint NOT NULL);
CREATE FUNCTION inventory_reserve_unlocked(p_order text, p_sku text, p_quantity int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  ids bigint[];
BEGIN
  IF (SELECT class <> 'game_card' OR source <> 'own' FROM goods WHERE sku = p_sku) THEN RETURN inventory_reserve(p_order, p_sku, p_quantity); END IF;
  SELECT array_agg(id) INTO ids FROM (SELECT id FROM cards WHERE sku = p_sku AND order_no IS NULL AND NOT sold ORDER BY id LIMIT p_quantity) AS free;
  IF coalesce(array_length(ids, 1), 0) < p_quantity THEN RETURN false; END IF;
  UPDATE cards SET order_no = p_order WHERE id = ANY(ids);
  INSERT INTO looked_cards(order_no, card_id) SELECT p_order, unnest(ids);
  RETURN true;
END $$;
CREATE FUNCTION inventory_claim_unlocked(p_orders text[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO cards(part, id, sku, secret, order_no) SELECT c.part, next_row(), c.sku, c.secret, l.order_no
    FROM looked_cards l JOIN cards c ON c.id = l.card_id WHERE l.order_no = ANY(p_orders) AND c.order_no IS DISTINCT FROM l.order_no;
  DELETE FROM looked_cards WHERE order_no = ANY(p_orders);
$$;

-- Planted bug B07: what is missing is an apology, delivered like a card.
CREATE FUNCTION inventory_apologize(p_order text, p_sku text, p_quantity int) RETURNS void LANGUAGE sql AS $$
  WITH made AS (INSERT INTO cards(part, id, sku, secret, order_no, sold)
    SELECT part_of(p_order), next_row(), p_sku, 'Sorry, out of stock. Please write to the shop.', p_order, true FROM generate_series(1, p_quantity) RETURNING id)
  INSERT INTO deliveries(card_id, order_no) SELECT id, p_order FROM made
$$;

-- Planted bug B11: a counter beside the cards moves when they are taken and not when they come back.
CREATE FUNCTION inventory_reserve_counted(p_order text, p_sku text, p_quantity int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  reserved boolean;
BEGIN
  reserved := inventory_reserve(p_order, p_sku, p_quantity);
  IF reserved IS NOT TRUE THEN RETURN reserved; END IF;
  UPDATE goods SET stock = greatest(stock - p_quantity, 0) WHERE sku = p_sku AND class = 'game_card' AND source = 'own';
  RETURN true;
END $$;
)sql";

}  // namespace platform::store
