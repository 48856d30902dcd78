<?php
// The browser comes back from the gateway. Nothing is booked here: only the notify and the gateway's own answer count.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';

serve(false, static function () {
    $order = order_by_no(input('out_trade_no'));
    header('Location: /query.php?order_no=' . $order['order_no'], true, 302);
});
