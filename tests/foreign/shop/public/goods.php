<?php
// One kind of goods, with the order form.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';

serve(false, static function () {
    $goods = goods_by_sku(input('sku'));
    page($goods['name'], '<p>单价 ￥' . e($goods['price']) . '</p><form method="post" action="/order.php">' .
        '<input type="hidden" name="sku" value="' . e($goods['sku']) . '"><input type="hidden" name="token" value="' . bin2hex(random_bytes(16)) . '">' .
        '<label>数量 <input name="quantity" type="number" value="1" min="1" max="100"></label> ' .
        '<label>联系方式 <input name="contact" required></label> <button>下单</button></form>');
});
