<?php
// What is to be paid, and how.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';

serve(false, static function () {
    $order = order_by_no(input('order_no'));
    page('确认订单', '<p>订单号 <b id="order_no">' . e($order['order_no']) . '</b></p><p>商品 ' . e($order['goods_name']) . ' x ' . (int) $order['quantity'] .
        '</p><p>应付 ￥<b id="money">' . e($order['money']) . '</b></p><form method="post" action="/pay.php"><input type="hidden" name="order_no" value="' .
        e($order['order_no']) . '"><select name="type"><option value="alipay">支付宝</option><option value="wxpay">微信</option></select> <button>立即支付</button></form>');
});
