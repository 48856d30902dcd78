// messages: who tells whom what in the hardened variant. Every message is a row of `outbox` in the database of its
// order, written in the transaction of what it tells; its receiver deletes it in the transaction of its effect. Bodies
// are JSON; unknown members are ignored.
//
//   topic          from → to            body
//   paid           payment → order      {"channel","out_trade_no","amount_cents"}: the charge is in the inbox
//   unpaid         payment → order      {}: no channel has or will have money for it
//   refunded       payment → order      {"refund_no","amount_cents"}: the channel has given it back
//   deliver        order → delivery     deliver_body(o): class, sku, quantity, phone, buyer, amount_cents, mark
//   started        delivery → order     {}: a supplier or the logistics partner has it and is not done yet
//   delivered      delivery → order     {"receipt"?, "refund_cents"?}: done; refund_cents is the part that could not be
//   delivered undeliverable  delivery → order     {"reason"?}: nothing was delivered and nothing will be coupon_back
//   order → order        {"code"}: the order ended without goods; the coupon's home may be another database revoke
//   order → delivery     deliver_body(o): taken back after delivery (membership, equipment)
#pragma once
