<?php
// Card stock: one `number----secret` a line. Cards that are known already are left alone.
declare(strict_types=1);
require __DIR__ . '/../../includes/common.php';

function lines_of(string $text): array {
    $cards = [];
    foreach (preg_split('/\R/u', $text) as $at => $line) {
        if (($line = trim($line)) === '') continue;
        $parts = explode('----', $line);
        if (count($parts) !== 2 || $parts[0] === '' || $parts[1] === '') throw new ShopError('第 ' . ($at + 1) . ' 行格式错误，应为 卡号----卡密');
        $cards[] = [trim($parts[0]), trim($parts[1])];
    }
    return $cards;
}

function import(string $sku, string $name, string $price, array $cards): int {
    if ($sku === '' || cents_of($price) === null) throw new ShopError('商品或价格错误');
    return transaction(static function () use ($sku, $name, $price, $cards) {
        change('INSERT INTO goods (sku, name, price) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE price = VALUES(price)', [$sku, $name === '' ? $sku : $name, $price]);
        $goods = (int) row('SELECT id FROM goods WHERE sku = ?', [$sku])['id'];
        $added = 0;
        foreach (array_chunk($cards, 500) as $some) {
            $values = implode(',', array_fill(0, count($some), '(?, ?, ?)'));
            $args = [];
            foreach ($some as [$number, $secret]) array_push($args, $goods, $number, $secret);
            $added += change("INSERT IGNORE INTO cards (goods_id, number, secret) VALUES $values", $args);
        }
        return $added;
    });
}

serve(true, static function () {
    $token = $_SERVER['HTTP_X_ADMIN_TOKEN'] ?? '';
    if (!hash_equals(config('shop', 'admin_token'), $token) || $token === '') {
        http_response_code(403);
        throw new ShopError('无权限');
    }
    $file = $_FILES['file']['tmp_name'] ?? '';
    $text = is_string($file) && is_uploaded_file($file) ? (string) file_get_contents($file) : (string) ($_POST['cards'] ?? '');
    $cards = lines_of($text);
    answer_json(1, 'ok', ['lines' => count($cards), 'added' => import(input('sku'), input('name'), input('price'), $cards)]);
});
