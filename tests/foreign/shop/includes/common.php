<?php
// common: configuration, database, answers. Included by every page.
declare(strict_types=1);

date_default_timezone_set('Asia/Shanghai');

/** An answer to the buyer that is no fault of the shop. */
final class ShopError extends RuntimeException {}

/** The ini file named by SHOP_CONFIG: sections db, easypay, shop. */
function config(string $section, string $key, string $default = ''): string {
    static $all = null;
    $all ??= parse_ini_file((string) getenv('SHOP_CONFIG'), true, INI_SCANNER_RAW) ?: [];
    return (string) ($all[$section][$key] ?? $default);
}

/** A weakness that was planted by configuration, for the tests of the harness. */
function planted(string $bug): bool {
    return config('shop', 'bug') === $bug;
}

/** One connection a request, as PHP does it. */
function db(): PDO {
    static $pdo = null;
    $pdo ??= new PDO(config('db', 'dsn'), config('db', 'user'), config('db', 'password'), [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
        PDO::ATTR_EMULATE_PREPARES => false,
        PDO::ATTR_TIMEOUT => 3,
        PDO::MYSQL_ATTR_INIT_COMMAND => "SET NAMES utf8mb4, SESSION innodb_lock_wait_timeout = 10, SESSION tx_isolation = 'READ-COMMITTED', SESSION time_zone = '+08:00'",
    ]);
    return $pdo;
}

function rows(string $sql, array $args = []): array {
    $statement = db()->prepare($sql);
    $statement->execute($args);
    return $statement->fetchAll();
}

function row(string $sql, array $args = []): ?array {
    return rows($sql, $args)[0] ?? null;
}

/** Number of rows changed. */
function change(string $sql, array $args = []): int {
    $statement = db()->prepare($sql);
    $statement->execute($args);
    return $statement->rowCount();
}

/** Runs $work in one transaction; again, a few times, when InnoDB chose it as a deadlock's victim. */
function transaction(callable $work): mixed {
    for ($attempt = 1; ; ++$attempt) {
        db()->beginTransaction();
        try {
            $result = $work();
            db()->commit();
            return $result;
        } catch (Throwable $error) {
            if (db()->inTransaction()) db()->rollBack();
            $deadlock = $error instanceof PDOException && ($error->errorInfo[1] ?? 0) === 1213;
            if (!$deadlock || $attempt >= 4) throw $error;
            usleep(random_int(2000, 20000));
        }
    }
}

/** Cents of a decimal text, exactly; null when it is none. Floats never touch money here. */
function cents_of(string $money): ?int {
    if (!preg_match('/^(\d{1,9})(?:\.(\d{1,2}))?$/', $money, $part)) return null;
    return (int) $part[1] * 100 + (int) str_pad($part[2] ?? '', 2, '0');
}

function money_of(int $cents): string {
    return sprintf('%d.%02d', intdiv($cents, 100), $cents % 100);
}

function input(string $name, int $longest = 128): string {
    $value = $_POST[$name] ?? $_GET[$name] ?? '';
    if (!is_string($value) || strlen($value) > $longest) throw new ShopError('参数错误: ' . $name);
    return trim($value);
}

function answer_json(int $code, string $message, array $data = []): never {
    header('Content-Type: application/json; charset=utf-8');
    header('Cache-Control: no-store');
    echo json_encode(['code' => $code, 'msg' => $message, 'data' => (object) $data], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
    exit;
}

function e(string $text): string {
    return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}

/** A whole page; $body is HTML. */
function page(string $title, string $body): never {
    header('Content-Type: text/html; charset=utf-8');
    header('Cache-Control: no-store');
    echo '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>', e($title), ' - 小卡铺</title>',
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head><body>',
        '<nav><a href="/">首页</a> <a href="/query.php">订单查询</a></nav><main><h1>', e($title), '</h1>', $body, '</main></body></html>';
    exit;
}

/** Runs a page: what the buyer did wrong is told, what we did wrong is a 503 without details. */
function serve(bool $json, callable $work): never {
    try {
        $work();
        exit;
    } catch (ShopError $error) {
        if ($json) answer_json($error->getCode() ?: -1, $error->getMessage());
        http_response_code(400);
        page('出错了', '<p class="error">' . e($error->getMessage()) . '</p>');
    } catch (Throwable $error) {
        error_log(get_class($error) . ': ' . $error->getMessage() . ' at ' . basename($error->getFile()) . ':' . $error->getLine());
        http_response_code(503);
        if ($json) answer_json(-500, '系统繁忙，请稍后再试');
        page('系统繁忙', '<p class="error">系统繁忙，请稍后再试</p>');
    }
}
