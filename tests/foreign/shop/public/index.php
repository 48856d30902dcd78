<?php
// The goods on sale.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';

serve(false, static function () {
    $rows = '';
    foreach (goods_list() as $goods) {
        $rows .= '<tr class="goods"><td><a href="/goods.php?sku=' . rawurlencode($goods['sku']) . '">' . e($goods['name']) . '</a></td><td>￥' . e($goods['price']) .
            '</td><td>' . ((int) $goods['stock'] > 0 ? '库存 ' . (int) $goods['stock'] : '缺货') . '</td></tr>';
    }
    page('商品列表', '<table><tr><th>商品</th><th>单价</th><th>库存</th></tr>' . $rows . '</table>');
});
