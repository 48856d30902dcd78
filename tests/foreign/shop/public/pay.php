<?php
// Sends the buyer's browser to the gateway.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';
require __DIR__ . '/../includes/easypay.php';

serve(false, static function () {
    $order = order_by_no(input('order_no'));
    allow_pay($order);
    $type = pay_type(input('type'));
    change('UPDATE orders SET pay_type = ? WHERE id = ? AND status = 0', [$type, $order['id']]);
    header('Location: ' . easypay_submit_url($order, $type), true, 302);
});
