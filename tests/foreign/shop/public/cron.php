<?php
// Called every minute by the panel's timer: closes what was not paid, asks for lost notifies, gives money back.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';
require __DIR__ . '/../includes/easypay.php';

serve(true, static function () {
    if (!hash_equals(config('shop', 'admin_token'), input('token'))) throw new ShopError('无权限');
    answer_json(1, 'ok', ['found' => ask_for_unpaid(), 'closed' => close_expired(), 'refunded' => refund_waiting()]);
});
