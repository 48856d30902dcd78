<?php
// The order form: makes the order and shows its bill.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';

serve(false, static function () {
    if ($_SERVER['REQUEST_METHOD'] !== 'POST') throw new ShopError('请从商品页下单');
    $order = create_order(input('sku'), (int) input('quantity'), input('contact'), input('token', 64));
    header('Location: /bill.php?order_no=' . $order['order_no'], true, 302);
});
