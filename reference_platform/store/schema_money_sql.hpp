// schema_money_sql: payments, charges and refunds of the hardened variant: what is known of the channels' books. Run after schema_orders_sql.
#pragma once

namespace platform::store {

inline constexpr char kMoneySql[] = R"sql(
-- One row per order and channel that was ever used for it. new: never sent; sent: may have reached the channel (unknown until
-- asked); waiting: the channel knows it; paid; closed: surely no money. At most one row of an order is not closed.
CREATE TABLE payments (
  id bigserial PRIMARY KEY, order_no text NOT NULL, channel text NOT NULL, out_trade_no text NOT NULL UNIQUE,
  amount_cents bigint NOT NULL, buyer text NOT NULL, mark text NOT NULL DEFAULT '', trace text NOT NULL DEFAULT '', trade_no text,
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new','sent','waiting','paid','closed')),
  asked int NOT NULL DEFAULT 0, absent int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(), sent_at timestamptz,
  UNIQUE (order_no, channel));
CREATE UNIQUE INDEX payments_live ON payments (order_no) WHERE state <> 'closed';
CREATE INDEX payments_open ON payments (channel, state, next_at) WHERE state IN ('new','sent','waiting');

-- The inbox: one row per charge that a channel told us of, by whatever way.
CREATE TABLE charges (
  channel text NOT NULL, trade_no text NOT NULL, out_trade_no text NOT NULL, order_no text NOT NULL, amount_cents bigint NOT NULL,
  mark text NOT NULL DEFAULT '', at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (channel, trade_no));

CREATE TABLE refunds (
  refund_no text PRIMARY KEY, order_no text NOT NULL, channel text NOT NULL, out_trade_no text NOT NULL, amount_cents bigint NOT NULL,
  reason text NOT NULL, mark text NOT NULL DEFAULT '', trace text NOT NULL DEFAULT '', state text NOT NULL DEFAULT 'new' CHECK (state IN ('new','done','stuck')),
  asked int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX refunds_open ON refunds (channel, next_at) WHERE state = 'new';
)sql";

}  // namespace platform::store
