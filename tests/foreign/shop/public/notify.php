<?php
// The gateway tells that an order was paid. Exactly `success` is the receipt: only when the payment is in our books.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';
require __DIR__ . '/../includes/orders.php';
require __DIR__ . '/../includes/easypay.php';

/** Whether the notify is settled, and need not come again. */
function handle_notify(array $fields): string {
    if (!easypay_genuine($fields)) return 'bad_sign';
    if (($fields['trade_status'] ?? '') !== 'TRADE_SUCCESS') return 'not_paid';
    return take_payment((string) ($fields['out_trade_no'] ?? ''), (string) ($fields['trade_no'] ?? ''), (string) ($fields['money'] ?? ''));
}

header('Content-Type: text/plain; charset=utf-8');
try {
    $fields = $_GET !== [] ? $_GET : $_POST;
    $result = handle_notify($fields);
    $log = static fn (string $name) => substr(is_string($fields[$name] ?? null) ? $fields[$name] : '', 0, 32);
    change('INSERT INTO notify_log (order_no, trade_no, money, result, ip) VALUES (?, ?, ?, ?, ?)',
        [$log('out_trade_no'), $log('trade_no'), $log('money'), $result, (string) ($_SERVER['REMOTE_ADDR'] ?? '')]);
    $settled = in_array($result, ['delivered', 'repeated', 'to_refund'], true);
    echo $settled ? 'success' : 'fail';
    if ($result === 'to_refund') {
        fastcgi_finish_request();   // the gateway has its receipt; the refund is a call to the same gateway
        refund_waiting();
    }
} catch (Throwable $error) {
    error_log('notify: ' . get_class($error) . ': ' . $error->getMessage());
    http_response_code(503);
    echo 'fail';
}
