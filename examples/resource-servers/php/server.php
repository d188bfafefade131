<?php
// An API in PHP with firebase/php-jwt that accepts access tokens of Signet.
// Not run by Signet's tests: try it with the tokens of docs/verifiers.md before you rely on it.
declare(strict_types=1);

require __DIR__ . '/vendor/autoload.php';

use Firebase\JWT\JWK;
use Firebase\JWT\JWT;

const ISSUER = 'http://localhost:8484';
const AUDIENCE = 'https://api.example.com';
const SCOPE = 'orders:read';
const TYPE = 'at+jwt';
const ALGORITHMS = ['ES256', 'RS256'];

// ---- Verification.

// Seconds. Keys are cached for as long as the issuer allows, and fetched at most every 30 seconds, also after a failure.
const KEEP = 300;
const PAUSE = 30;

/** The response to a refused request (RFC 6750 section 3). */
final class Refused extends Exception
{
    public function __construct(public readonly int $status, public readonly string $header)
    {
        parent::__construct("refused with $status");
    }

    public static function challenge(int $status, string $error = ''): self
    {
        $metadata = ISSUER . '/v1/resource-metadata?audience=' . rawurlencode(AUDIENCE);
        return new self($status, "WWW-Authenticate: Bearer {$error}resource_metadata=\"$metadata\"");
    }

    public static function invalidToken(): self
    {
        return self::challenge(401, 'error="invalid_token", ');
    }
}

/**
 * The issuer's keys by their `kid`. They are cached in a file that all requests share; valid ones are kept.
 *
 * @return array<string, Firebase\JWT\Key>
 */
function keysFor(string $kid): array
{
    $file = fopen(sys_get_temp_dir() . '/signet-keys-' . hash('sha256', ISSUER . AUDIENCE) . '.json', 'c+');
    // Concurrent callers wait for one fetch.
    flock($file, LOCK_EX);
    $kept = json_decode(stream_get_contents($file), true) ?? ['set' => null, 'staleAt' => 0, 'nextFetch' => 0];
    $has = $kept['set'] !== null && in_array($kid, array_column($kept['set']['keys'], 'kid'), true);
    if ((!$has || time() >= $kept['staleAt']) && time() >= $kept['nextFetch']) {
        $kept['nextFetch'] = time() + PAUSE;
        $url = ISSUER . '/.well-known/jwks.json?rs=' . rawurlencode(AUDIENCE);
        $options = ['http' => ['timeout' => 2, 'follow_location' => 0]];
        $set = json_decode(@file_get_contents($url, false, stream_context_create($options)) ?: 'null', true);
        if (!empty($set['keys'])) {
            $kept['set'] = $set;
            $kept['staleAt'] = time() + KEEP;
        } else {
            error_log('The keys of ' . ISSUER . ' cannot be fetched.');
        }
        ftruncate($file, 0);
        rewind($file);
        fwrite($file, json_encode($kept));
    }
    fclose($file);
    if ($kept['set'] === null) {
        throw new Refused(503, 'Retry-After: 30');
    }
    return JWK::parseKeySet($kept['set']);
}

/** The token of a request. A token has one spelling: base64url that is not canonical is refused. */
function bearerToken(?string $authorization): string
{
    if ($authorization === null || !preg_match('/^Bearer\b/i', $authorization)) {
        throw Refused::challenge(401);
    }
    if (!preg_match('/^Bearer +((?:[A-Za-z0-9_-]+\.){2}[A-Za-z0-9_-]+)$/iD', $authorization, $found)) {
        throw Refused::invalidToken();
    }
    foreach (explode('.', $found[1]) as $part) {
        $decoded = base64_decode(strtr($part, '-_', '+/'));
        if (rtrim(strtr(base64_encode($decoded), '+/', '-_'), '=') !== $part) {
            throw Refused::invalidToken();
        }
    }
    return $found[1];
}

/** The claims of an access token; throws Refused. */
function authenticate(?string $authorization): stdClass
{
    $token = bearerToken($authorization);
    try {
        $header = JWT::jsonDecode(JWT::urlsafeB64Decode(explode('.', $token)[0]));
        // The library checks the signature, and `exp`, `nbf` and `iat` if they are present.
        if (($header->typ ?? '') !== TYPE || isset($header->crit) || !in_array($header->alg ?? '', ALGORITHMS, true)) {
            throw Refused::invalidToken();
        }
        JWT::$leeway = 5;
        $claims = JWT::decode($token, keysFor($header->kid));
    } catch (Refused $refused) {
        throw $refused;
    } catch (Throwable) { // Every failure means that the token is not verified.
        throw Refused::invalidToken();
    }
    $isOurs = ($claims->iss ?? null) === ISSUER && in_array(AUDIENCE, (array) ($claims->aud ?? []), true)
        && is_int($claims->exp ?? null) && is_int($claims->iat ?? null) && is_string($claims->jti ?? null)
        && is_string($claims->sub ?? null) && is_string($claims->client_id ?? null)
        // Bound to a key (DPoP, mutual TLS): must not be accepted as Bearer.
        && !isset($claims->cnf);
    if (!$isOurs) {
        throw Refused::invalidToken();
    }
    $needed = array_filter(explode(' ', SCOPE));
    if (array_diff($needed, explode(' ', $claims->scope ?? '')) !== []) {
        throw Refused::challenge(403, 'error="insufficient_scope", scope="' . SCOPE . '", ');
    }
    return $claims;
}

// ---- The API.

try {
    $claims = authenticate($_SERVER['HTTP_AUTHORIZATION'] ?? null);
} catch (Refused $refused) {
    // In one call: with this header alone PHP would change every status to 401.
    header($refused->header, true, $refused->status);
    exit;
}
header('Content-Type: application/json');
echo json_encode(['sub' => $claims->sub, 'scope' => $claims->scope ?? '']);
