<?php
// SPDX-License-Identifier: MIT
//
// A backend in PHP, with its data in a JSON file. To test it with the built-in server of PHP:
//
//     echo test123 > token
//     MAIL_TOKEN_FILE=token MAIL_DATA=mail.json php -S 127.0.0.1:8080 backend.php
//
// mail.json:
//
//     {"domain":  {"example.org": ["example.org"]},
//      "mailbox": {"alice@example.org": ["alice"], "bob@example.org": ["bob"]},
//      "alias":   {"info@example.org": ["alice@example.org", "bob@example.org"]},
//      "blocked": {"offers@spam.example": ["no advertising, please"]}}
//
// Use these targets in config.json:
//
//     http://127.0.0.1:8080/lookup/domain  for a tcp-lookup of domains
//     http://127.0.0.1:8080/lookup         for a socketmap-lookup
//     http://127.0.0.1:8080/policy         for policy
//
// Set "temporary-statuses": [401, 403, 404, 408, 429] in each endpoint: this backend answers [] to
// every key that it does not know, and 404 only to an unknown table. The keys of mail.json are in
// lower case. In production, use PHP-FPM.

declare(strict_types=1);

// A warning in the response would be read as data. Here it becomes a status 500.
ini_set('display_errors', '0');
set_error_handler(function (int $severity, string $message): never {
    throw new ErrorException($message, 0, $severity);
});

function answer(int $status, string $type, string $text): never
{
    http_response_code($status);
    header("Content-Type: $type");
    header('Content-Length: ' . strlen($text));
    echo $text;
    exit;
}

// The journal of the mail server has the same id.
error_log('request ' . ($_SERVER['HTTP_X_REQUEST_ID'] ?? '-'));
$token = trim(file_get_contents(getenv('MAIL_TOKEN_FILE')));
if ($token === '' || !hash_equals($token, $_SERVER['HTTP_X_AUTH_TOKEN'] ?? '')) {
    answer(403, 'text/plain', 'wrong token');
}

// The values of a key. Postfix asks for keys in any letter case, and for addresses with their extension
// (user+extension@domain). The function looks for the whole address, and then without the extension.
// (For letters beyond ASCII, use mb_strtolower() of php-mbstring.)
function values(array $table, string $key): array
{
    $key = strtolower($key);
    $plain = preg_replace('/^(.+?)\+.*@/s', '$1@', $key);
    return $table[$key] ?? $table[$plain] ?? [];
}

$tables = json_decode(file_get_contents(getenv('MAIL_DATA')), true, 4, JSON_THROW_ON_ERROR);
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

// A policy request. $_POST has all attributes of Postfix.
if ($path === '/policy' && $_SERVER['REQUEST_METHOD'] === 'POST') {
    $reason = values($tables['blocked'], $_POST['sender'] ?? '')[0] ?? null;
    answer(200, 'text/plain; charset=utf-8', $reason === null ? 'DUNNO' : "REJECT $reason");
}

// A lookup. The name of the map is in the query for a socketmap, and otherwise in the path.
if (preg_match('#^/lookup(?:/(\w+))?$#', $path, $match)) {
    $name = $match[1] ?? $_GET['name'];
    if ($name !== 'blocked' && isset($tables[$name])) {
        $found = values($tables[$name], $_GET['key'] ?? '');
        // How long this answer may be stored and used again: a minute, or a day while the backend is
        // down. A change to the tables takes effect after a minute at most.
        header('Cache-Control: max-age=60, stale-if-error=86400');
        answer(200, 'application/json', json_encode($found, JSON_THROW_ON_ERROR));
    }
}
answer(404, 'text/plain', 'there is no such table');
