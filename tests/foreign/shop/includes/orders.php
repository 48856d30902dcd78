<?php
// orders: reserving cards, taking payments, handing over. What matters happens in one transaction each.
declare(strict_types=1);

const UNPAID = 0, PAID = 1, DELIVERED = 2, TO_REFUND = 3, REFUNDED = 4, CLOSED = -1;
const CARD_FREE = 0, CARD_RESERVED = 1, CARD_SOLD = 2;

function goods_list(): array {
    return rows('SELECT g.*, (SELECT COUNT(*) FROM cards c WHERE c.goods_id = g.id AND c.status = 0) AS stock
                 FROM goods g WHERE g.on_sale = 1 ORDER BY g.id');
}

function goods_by_sku(string $sku): array {
    return row('SELECT * FROM goods WHERE sku = ? AND on_sale = 1', [$sku]) ?? throw new ShopError('商品不存在', -4);
}

/** Ids of free cards, locked for this transaction. */
function free_cards(int $goods, int $quantity): array {
    $cards = rows('SELECT id FROM cards WHERE goods_id = ? AND status = 0 ORDER BY id LIMIT ' . $quantity . ' FOR UPDATE SKIP LOCKED', [$goods]);
    return array_column($cards, 'id');
}

function take_cards(array $ids, int $order, int $status): void {
    $marks = implode(',', array_fill(0, count($ids), '?'));
    change("UPDATE cards SET status = ?, order_id = ? WHERE id IN ($marks)", [$status, $order, ...$ids]);
}

/** A new order with its cards reserved; the order of the same submit token when there is one already. */
function create_order(string $sku, int $quantity, string $contact, string $token): array {
    if ($quantity < 1 || $quantity > 100) throw new ShopError('购买数量错误');
    if ($contact === '') throw new ShopError('请填写联系方式');
    if (random_int(1, 10) === 1) close_expired();
    try {
        return transaction(static function () use ($sku, $quantity, $contact, $token) {
            $goods = goods_by_sku($sku);
            if ($token !== '' && ($same = row('SELECT * FROM orders WHERE submit_token = ?', [$token])) !== null) return $same;
            row('SELECT id FROM goods WHERE id = ? FOR UPDATE', [$goods['id']]);   // one buyer at a time looks at the stock
            $cards = planted('race') ? [] : free_cards((int) $goods['id'], $quantity);
            if (!planted('race') && count($cards) < $quantity) throw new ShopError('库存不足', -2);
            $order_no = date('YmdHis') . random_int(1000000000, 9999999999);
            $money = money_of((int) cents_of($goods['price']) * $quantity);
            change('INSERT INTO orders (order_no, submit_token, goods_id, quantity, money, contact) VALUES (?, ?, ?, ?, ?, ?)',
                [$order_no, $token === '' ? null : $token, $goods['id'], $quantity, $money, $contact]);
            if ($cards !== []) take_cards($cards, (int) db()->lastInsertId(), CARD_RESERVED);
            return row('SELECT * FROM orders WHERE order_no = ?', [$order_no]);
        });
    } catch (PDOException $error) {
        // Pressed twice at the same time: the second one loses at the unique key and gets the first one's order.
        $same = ($error->errorInfo[1] ?? 0) === 1062 && $token !== '' ? row('SELECT * FROM orders WHERE submit_token = ?', [$token]) : null;
        return $same ?? throw $error;
    }
}

function order_by_no(string $order_no): array {
    return row('SELECT o.*, g.name AS goods_name, g.sku FROM orders o JOIN goods g ON g.id = o.goods_id WHERE o.order_no = ?', [$order_no])
        ?? throw new ShopError('订单不存在', -4);
}

/** Gives the cards of unpaid orders back when their time is over. */
function close_expired(): int {
    return transaction(static function () {
        $late = rows('SELECT id FROM orders WHERE status = 0 AND created_at < NOW(3) - INTERVAL ? SECOND ORDER BY id LIMIT 50 FOR UPDATE SKIP LOCKED',
            [(int) config('shop', 'order_ttl', '900')]);
        foreach ($late as $order) {
            change('UPDATE orders SET status = -1 WHERE id = ?', [$order['id']]);
            change('UPDATE cards SET status = 0, order_id = NULL WHERE order_id = ? AND status = 1', [$order['id']]);
        }
        return count($late);
    });
}

function hand_over(array $order, array $ids, string $trade_no, string $money): void {
    take_cards($ids, (int) $order['id'], CARD_SOLD);
    $marks = implode(',', array_fill(0, count($ids), '?'));
    $lines = array_map(static fn ($card) => $card['number'] . '----' . $card['secret'], rows("SELECT number, secret FROM cards WHERE id IN ($marks) ORDER BY id", $ids));
    change("UPDATE orders SET status = 2, trade_no = ?, paid_money = ?, paid_at = NOW(3), info = ? WHERE id = ?",
        [$trade_no, $money, ltrim($order['info'] . "\n" . implode("\n", $lines), "\n"), $order['id']]);
}

/**
 * Books a payment that the gateway vouches for and hands the cards over, once. Returns what happened, for the log:
 * delivered, repeated, to_refund (no card is left for a payment that came too late), or why it is refused.
 */
function take_payment(string $order_no, string $trade_no, string $money): string {
    if (planted('race')) return take_payment_unlocked($order_no, $trade_no, $money);
    return transaction(static function () use ($order_no, $trade_no, $money) {
        $order = row('SELECT * FROM orders WHERE order_no = ? FOR UPDATE', [$order_no]);
        if ($order === null) return 'unknown_order';
        if (cents_of($money) !== cents_of($order['money'])) return 'wrong_amount';
        $status = (int) $order['status'];
        $again = !in_array($status, [UNPAID, CLOSED], true);
        if ($again && !planted('notify_twice')) return 'repeated';
        $reserved = array_column(rows('SELECT id FROM cards WHERE order_id = ? AND status = 1 FOR UPDATE', [$order['id']]), 'id');
        $cards = $reserved !== [] ? $reserved : free_cards((int) $order['goods_id'], (int) $order['quantity']);
        if (count($cards) < (int) $order['quantity']) {
            change('UPDATE orders SET status = 3, trade_no = ?, paid_money = ?, paid_at = NOW(3) WHERE id = ?', [$trade_no, $money, $order['id']]);
            return 'to_refund';
        }
        hand_over($order, $cards, $trade_no, $money);
        return 'delivered';
    });
}

/** Planted: the free card is chosen by a plain SELECT and taken a moment later, so two payments may choose the same one. */
function take_payment_unlocked(string $order_no, string $trade_no, string $money): string {
    $order = row('SELECT * FROM orders WHERE order_no = ?', [$order_no]);
    if ($order === null) return 'unknown_order';
    if (cents_of($money) !== cents_of($order['money'])) return 'wrong_amount';
    if ((int) $order['status'] !== UNPAID) return 'repeated';
    $cards = array_column(rows('SELECT id FROM cards WHERE goods_id = ? AND status = 0 ORDER BY id LIMIT ' . (int) $order['quantity'], [$order['goods_id']]), 'id');
    usleep(60000);   // a mail to the buyer, a hook of the reseller
    if (count($cards) < (int) $order['quantity']) return 'to_refund';
    hand_over($order, $cards, $trade_no, $money);
    return 'delivered';
}

/** Gives the money back where nothing could be delivered. */
function refund_waiting(): int {
    $done = 0;
    foreach (rows('SELECT * FROM orders WHERE status = 3 ORDER BY id LIMIT 20') as $order) {
        if (!easypay_refund($order)) continue;
        $done += change('UPDATE orders SET status = 4 WHERE id = ? AND status = 3', [$order['id']]);
    }
    return $done;
}

/** Asks the gateway about young orders whose notify may have been lost. */
function ask_for_unpaid(): int {
    $found = 0;
    $open = rows("SELECT order_no FROM orders WHERE status = 0 AND pay_type <> '' AND created_at < NOW(3) - INTERVAL 5 SECOND ORDER BY id LIMIT 50");
    foreach ($open as $order) {
        $answer = easypay_query($order['order_no']);
        if ($answer === null || (int) ($answer['status'] ?? 0) !== 1) continue;
        $result = take_payment($order['order_no'], (string) ($answer['trade_no'] ?? ''), (string) ($answer['money'] ?? ''));
        $found += $result === 'delivered' ? 1 : 0;
    }
    return $found;
}

/** What a buyer may see of an order: number and contact must fit together. */
function order_for_buyer(string $order_no, string $contact): array {
    $order = order_by_no($order_no);
    if (!hash_equals($order['contact'], $contact)) throw new ShopError('订单不存在', -4);
    return $order;
}

/** [['number' => .., 'secret' => ..], ...] */
function cards_of(array $order): array {
    if ((int) $order['status'] !== DELIVERED || (string) $order['info'] === '') return [];
    return array_map(static function (string $line) {
        [$number, $secret] = explode('----', $line, 2) + [1 => ''];
        return ['number' => $number, 'secret' => $secret];
    }, explode("\n", $order['info']));
}

function status_text(int $status): string {
    return [UNPAID => '待支付', PAID => '已支付', DELIVERED => '已发货', TO_REFUND => '退款中', REFUNDED => '已退款', CLOSED => '已关闭'][$status] ?? '未知';
}

function allow_pay(array $order): void {
    if ((int) $order['status'] !== UNPAID) throw new ShopError('订单' . status_text((int) $order['status']), -5);
}

function pay_type(string $type): string {
    return in_array($type, ['alipay', 'wxpay', 'qqpay'], true) ? $type : throw new ShopError('不支持的支付方式');
}
