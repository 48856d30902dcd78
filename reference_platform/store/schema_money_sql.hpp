// schema_money_sql: payments, charges, refunds and reconciliation of the hardened variant: what is known of the
// channels' books. Run after schema_orders_sql.
#pragma once

namespace platform::store {

inline constexpr char kMoneySql[] = R"sql(
-- One row per order and channel that was ever used for it. new: never sent; sent: may have reached the channel (unknown until
-- asked); waiting: the channel knows it; paid; closed: surely no money. At most one row of an order is not closed.
CREATE TABLE payments (
  id bigserial PRIMARY KEY, order_no text NOT NULL, channel text NOT NULL, out_trade_no text NOT NULL UNIQUE,
  amount_cents bigint NOT NULL, buyer text NOT NULL, mark text NOT NULL DEFAULT '', trace text NOT NULL DEFAULT '', trade_no text,
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new','sent','waiting','paid','closed')),
  tried int NOT NULL DEFAULT 0, asked int NOT NULL DEFAULT 0, absent int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(), sent_at timestamptz,
  UNIQUE (order_no, channel));
CREATE UNIQUE INDEX payments_live ON payments (order_no) WHERE state <> 'closed';
CREATE INDEX payments_open ON payments (channel, state, next_at) WHERE state IN ('new','sent','waiting');

-- The inbox: one row per charge that a channel told us of, by whatever way. Rows come in the order of time: a BRIN index finds a window.
CREATE TABLE charges (
  channel text NOT NULL, trade_no text NOT NULL, out_trade_no text NOT NULL, order_no text NOT NULL, amount_cents bigint NOT NULL,
  mark text NOT NULL DEFAULT '', at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (channel, trade_no));
CREATE INDEX charges_at ON charges USING brin (at) WITH (pages_per_range = 16);

-- new: not asked for, or unknown; accepted: the channel has taken it on, the money has not moved; done; stuck: for people (`trouble`
-- says why). One number for all its life.
CREATE TABLE refunds (
  refund_no text PRIMARY KEY, order_no text NOT NULL, channel text NOT NULL, out_trade_no text NOT NULL, amount_cents bigint NOT NULL,
  reason text NOT NULL, mark text NOT NULL DEFAULT '', trace text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new','accepted','done','stuck')), trouble text NOT NULL DEFAULT '',
  asked int NOT NULL DEFAULT 0, failed int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(), done_at timestamptz);
CREATE INDEX refunds_open ON refunds (channel, next_at) WHERE state IN ('new','accepted');
CREATE INDEX refunds_stuck ON refunds (created_at) WHERE state = 'stuck';
CREATE INDEX refunds_payment ON refunds (out_trade_no);
CREATE INDEX refunds_done ON refunds (done_at) WHERE state = 'done';

-- A channel says that it charged. Everything that follows is one statement of the caller: the payment is locked first, the inbox
-- tells a copy from a second charge, and the order's message or the refund of what nobody waits for is written with it.
-- p_any_amount and p_drop_late are planted defects.
CREATE FUNCTION record_charge(p_channel text, p_out_trade_no text, p_order_no text, p_trade_no text, p_amount bigint, p_any_amount boolean, p_drop_late boolean,
                              OUT outcome text, OUT of_order text, OUT of_mark text, OUT of_trace text) LANGUAGE plpgsql AS $$
DECLARE p payments%ROWTYPE;
BEGIN
  SELECT * INTO p FROM payments WHERE out_trade_no = p_out_trade_no AND channel = p_channel FOR UPDATE;
  IF NOT FOUND THEN outcome := 'unknown_payment'; RETURN; END IF;
  of_order := p.order_no; of_mark := p.mark; of_trace := p.trace;
  IF p_order_no <> '' AND p_order_no <> p.order_no THEN outcome := 'wrong_order'; RETURN; END IF;
  IF p_amount <> p.amount_cents AND NOT p_any_amount THEN outcome := 'wrong_amount'; RETURN; END IF;
  INSERT INTO charges(channel, trade_no, out_trade_no, order_no, amount_cents, mark)
    VALUES (p_channel, p_trade_no, p_out_trade_no, p.order_no, p_amount, p.mark) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    outcome := CASE WHEN EXISTS (SELECT 1 FROM charges WHERE channel = p_channel AND trade_no = p_trade_no AND out_trade_no = p_out_trade_no) THEN 'repeated' ELSE 'wrong_order' END;
  ELSIF p.state NOT IN ('paid', 'closed') THEN
    UPDATE payments SET state = 'paid', trade_no = p_trade_no WHERE id = p.id;
    INSERT INTO outbox(topic, order_no, body, mark, trace)
      VALUES ('paid', p.order_no, json_build_object('channel', p_channel, 'out_trade_no', p_out_trade_no, 'amount_cents', p.amount_cents)::text, p.mark, p.trace);
    outcome := 'credited';
  ELSIF p.trade_no = p_trade_no AND p.state = 'paid' THEN
    outcome := 'repeated';   -- the inbox had lost it
  ELSE
    outcome := 'surplus';
    IF NOT p_drop_late THEN
      INSERT INTO refunds(refund_no, order_no, channel, out_trade_no, amount_cents, reason, mark, trace)
        VALUES (p.order_no || '-s-' || p_trade_no, p.order_no, p_channel, p_out_trade_no, p_amount, 'surplus', p.mark, p.trace) ON CONFLICT DO NOTHING;
    END IF;
  END IF;
END $$;

-- What a channel's bill and our books disagree on. long (长款): the channel has it, we do not; short (短款): we have it, the channel has
-- not; amount (金额不符). open: for people; cured: put right by the platform, or gone when looked at again.
CREATE TABLE reconciliations (
  id bigint PRIMARY KEY DEFAULT next_row(), channel text NOT NULL, out_trade_no text NOT NULL, trade_no text NOT NULL DEFAULT '',
  kind text NOT NULL CHECK (kind IN ('long','short','amount')), book text NOT NULL CHECK (book IN ('charge','refund')),
  ours_cents bigint NOT NULL, theirs_cents bigint NOT NULL, state text NOT NULL DEFAULT 'open' CHECK (state IN ('open','cured')), note text NOT NULL DEFAULT '',
  found_at timestamptz NOT NULL DEFAULT now(), checked_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (channel, out_trade_no, trade_no, kind, book));
CREATE INDEX reconciliations_open ON reconciliations (checked_at) WHERE state = 'open';
-- How far the books of a channel have been compared.
CREATE TABLE reconciled (channel text PRIMARY KEY, until timestamptz NOT NULL);
)sql";

}  // namespace platform::store
