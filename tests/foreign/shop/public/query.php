<?php
// Order query by number and contact: state and cards.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';

serve(false, static function () {
    $form = '<form method="post" action="/query.php"><label>订单号 <input name="order_no" value="' . e(input('order_no')) . '"></label> ' .
        '<label>联系方式 <input name="contact"></label> <button>查询</button></form>';
    if (input('order_no') === '' || input('contact') === '') page('订单查询', $form);
    $order = order_for_buyer(input('order_no'), input('contact'));
    $cards = '';
    foreach (cards_of($order) as $card)
        $cards .= '<li>卡号 <code class="number">' . e($card['number']) . '</code> 卡密 <code class="secret">' . e($card['secret']) . '</code></li>';
    page('订单查询', '<p>订单号 ' . e($order['order_no']) . '</p><p>状态 <b id="status">' . status_text((int) $order['status']) . '</b></p><ul id="cards">' . $cards . '</ul>' . $form);
});
