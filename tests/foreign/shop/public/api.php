<?php
// The same shop for programs: always HTTP 200 and a `code`, 1 for good, as shops of this kind answer.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';
require __DIR__ . '/../includes/easypay.php';

function api_goods(): never {
    $list = array_map(static fn ($g) => ['sku' => $g['sku'], 'name' => $g['name'], 'price' => $g['price'], 'stock' => (int) $g['stock']], goods_list());
    answer_json(1, 'ok', ['goods' => $list]);
}

function api_order(): never {
    $order = create_order(input('sku'), (int) input('quantity'), input('contact'), input('token', 64));
    answer_json(1, 'ok', ['order_no' => $order['order_no'], 'money' => $order['money'], 'amount_cents' => cents_of($order['money'])]);
}

function api_pay(): never {
    $order = order_for_buyer(input('order_no'), input('contact'));
    // A second press after the payment is no mistake of the buyer's.
    if (in_array((int) $order['status'], [PAID, DELIVERED], true)) answer_json(1, 'ok', ['status' => (int) $order['status']]);
    allow_pay($order);
    $type = pay_type(input('type'));
    change('UPDATE orders SET pay_type = ? WHERE id = ? AND status = 0', [$type, $order['id']]);
    $answer = easypay_create($order, $type);
    answer_json(1, 'ok', ['status' => UNPAID, 'trade_no' => (string) ($answer['trade_no'] ?? ''), 'payurl' => (string) ($answer['payurl'] ?? '')]);
}

function api_query(): never {
    $order = order_for_buyer(input('order_no'), input('contact'));
    answer_json(1, 'ok', ['order_no' => $order['order_no'], 'status' => (int) $order['status'], 'status_text' => status_text((int) $order['status']),
        'amount_cents' => cents_of($order['money']), 'cards' => cards_of($order)]);
}

serve(true, static function () {
    match (input('act')) {
        'goods' => api_goods(),
        'order' => api_order(),
        'pay' => api_pay(),
        'query' => api_query(),
        default => throw new ShopError('未知操作'),
    };
});
