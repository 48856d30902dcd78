<?php
// easypay: the 易支付 protocol: md5 over the sorted, non-empty fields.
declare(strict_types=1);

function easypay_sign(array $fields): string {
    unset($fields['sign'], $fields['sign_type']);
    $fields = array_filter($fields, static fn ($value) => is_string($value) && $value !== '');
    ksort($fields, SORT_STRING);
    $pairs = [];
    foreach ($fields as $name => $value) $pairs[] = $name . '=' . $value;
    return md5(implode('&', $pairs) . config('easypay', 'key'));
}

function easypay_signed(array $fields): array {
    return $fields + ['sign' => easypay_sign($fields), 'sign_type' => 'MD5'];
}

/** Whether the gateway made these fields, for us. */
function easypay_genuine(array $fields): bool {
    return is_string($fields['sign'] ?? null) && hash_equals(easypay_sign($fields), strtolower($fields['sign'])) &&
        ($fields['pid'] ?? '') === config('easypay', 'pid');
}

function easypay_order_fields(array $order, string $type): array {
    $base = config('shop', 'base_url');
    return easypay_signed([
        'pid' => config('easypay', 'pid'),
        'type' => $type,
        'out_trade_no' => $order['order_no'],
        'notify_url' => $base . '/notify.php',
        'return_url' => $base . '/return.php',
        'name' => '卡密 ' . $order['order_no'],
        'money' => $order['money'],
        'clientip' => (string) ($_SERVER['REMOTE_ADDR'] ?? ''),
    ]);
}

/** Where the buyer's browser is sent to pay. */
function easypay_submit_url(array $order, string $type): string {
    return config('easypay', 'gateway') . '/submit.php?' . http_build_query(easypay_order_fields($order, $type));
}

/** Calls the gateway and reads its JSON; null when it does not answer in time, or with something else. */
function easypay_call(string $path, array $fields): ?array {
    $curl = curl_init(config('easypay', 'gateway') . $path);
    curl_setopt_array($curl, [
        CURLOPT_POST => true,
        CURLOPT_POSTFIELDS => http_build_query($fields),
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_CONNECTTIMEOUT => 3,
        CURLOPT_TIMEOUT => 10,
    ]);
    $text = curl_exec($curl);
    $answer = is_string($text) ? json_decode($text, true) : null;
    return is_array($answer) ? $answer : null;
}

/** Asks for a payment on the buyer's behalf; returns the gateway's answer. */
function easypay_create(array $order, string $type): array {
    $answer = easypay_call('/mapi.php', easypay_order_fields($order, $type));
    if ($answer === null) throw new ShopError('支付通道无响应，请重试', -3);
    if ((int) ($answer['code'] ?? 0) !== 1) throw new ShopError('支付通道: ' . (string) ($answer['msg'] ?? '未知错误'), -3);
    return $answer;
}

function easypay_refund(array $order): bool {
    $answer = easypay_call('/api.php?act=refund', [
        'pid' => config('easypay', 'pid'),
        'key' => config('easypay', 'key'),
        'trade_no' => (string) $order['trade_no'],
        'out_trade_no' => $order['order_no'],
        'money' => $order['paid_money'],
    ]);
    return (int) ($answer['code'] ?? 0) === 1;
}

/** The gateway's own word on an order that we hold for unpaid; null when there is none. */
function easypay_query(string $order_no): ?array {
    $answer = easypay_call('/api.php?act=order', ['pid' => config('easypay', 'pid'), 'key' => config('easypay', 'key'), 'out_trade_no' => $order_no]);
    return (int) ($answer['code'] ?? 0) === 1 ? $answer : null;
}
