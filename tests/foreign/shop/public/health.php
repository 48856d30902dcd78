<?php
// For the load balancer: 200 when the database answers.
declare(strict_types=1);
require __DIR__ . '/../includes/common.php';

serve(true, static function () {
    row('SELECT 1');
    answer_json(1, 'ok', ['version' => '1.4.2']);
});
