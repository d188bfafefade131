// An API with Hono and jose that accepts access tokens of Signet.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createLocalJWKSet, jwtVerify } from 'jose';

const ISSUER = 'http://localhost:8484';
const AUDIENCE = 'https://api.example.com';
const SCOPE = 'orders:read';
const TYPE = 'at+jwt';
const ALGORITHMS = ['ES256', 'RS256'];

// ---- Verification: the same in every snippet that uses jose.

// Keys are cached for as long as the issuer allows, and fetched at most every 30 seconds, also after a failure.
const KEEP = 300_000;
const PAUSE = 30_000;
const ENCODED_AUDIENCE = encodeURIComponent(AUDIENCE);
const KEYS_URL = `${ISSUER}/.well-known/jwks.json?rs=${ENCODED_AUDIENCE}`;
const METADATA = `resource_metadata="${ISSUER}/v1/resource-metadata?audience=${ENCODED_AUDIENCE}"`;
const RULES = {
  issuer: ISSUER, audience: AUDIENCE, typ: TYPE, algorithms: ALGORITHMS, clockTolerance: 5,
  // No token of Signet is valid for longer than a day. The option also refuses one from the future.
  maxTokenAge: '1d', requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
};

/** The response to a refused request (RFC 6750 section 3). */
class Refused extends Error {
  constructor(status, headers) {
    super(`refused with ${status}`);
    Object.assign(this, { status, headers });
  }
  static challenge(status, error = '') {
    return new Refused(status, { 'WWW-Authenticate': `Bearer ${error}${METADATA}` });
  }
}
const noToken = () => Refused.challenge(401);
const invalidToken = () => Refused.challenge(401, 'error="invalid_token", ');
const unavailable = () => new Refused(503, { 'Retry-After': '30' });

let keys;
let staleAt = 0;
let nextFetch = 0;
let fetching;

/** Calls the issuer. AbortSignal.timeout alone would not keep the process alive. */
async function ask(url, milliseconds, read) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), milliseconds);
  try {
    const response = await fetch(url, { redirect: 'error', signal: abort.signal });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return await read(response);
  } finally {
    clearTimeout(timer);
  }
}

/** Fetches the keys, with a pause between attempts; one request serves all callers. Valid keys are kept. */
function fetchKeys() {
  if (!fetching && performance.now() >= nextFetch) {
    nextFetch = performance.now() + PAUSE;
    fetching = (async () => {
      try {
        const set = await ask(KEYS_URL, 2_000, (response) => response.json());
        if (!set.keys.length) throw new Error('there are none');
        keys = createLocalJWKSet(set);
        staleAt = performance.now() + KEEP;
      } catch (error) {
        console.warn(`The keys of ${ISSUER} cannot be fetched: ${error.message}`);
      }
      fetching = undefined;
    })();
  }
  return fetching;
}

async function keyOf(header, token) {
  if (!keys || performance.now() >= staleAt) await fetchKeys();
  if (!keys) throw unavailable();
  try {
    return await keys(header, token);
  } catch (error) {
    if (error.code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error;
    await fetchKeys();
    return keys(header, token);
  }
}

/** The token of a request. A token has one spelling: base64url that is not canonical is refused. */
function bearerToken(values = []) {
  if (!values.some((value) => /^Bearer\b/i.test(value))) throw noToken();
  const token = /^Bearer +((?:[\w-]+\.){2}[\w-]+)$/i.exec(values.length === 1 ? values[0] : '')?.[1];
  const isCanonical = (part) => Buffer.from(part, 'base64url').toString('base64url') === part;
  if (!token?.split('.').every(isCanonical)) throw invalidToken();
  return token;
}

/**
 * The claims of a request's access token, from the values of its Authorization headers; throws Refused. `check` may
 * refuse a token by its header and claims.
 */
async function authenticate(authorization, check = () => {}) {
  const token = bearerToken(authorization);
  let claims;
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keyOf, RULES);
    check(protectedHeader, payload);
    claims = payload;
  } catch (error) {
    throw error instanceof Refused ? error : invalidToken();
  }
  // Bound to a key (DPoP, mutual TLS): must not be accepted as Bearer.
  if (claims.cnf) throw invalidToken();

  const granted = String(claims.scope ?? '').split(' ');
  if (!SCOPE.split(' ').every((scope) => scope === '' || granted.includes(scope))) {
    throw Refused.challenge(403, `error="insufficient_scope", scope="${SCOPE}", `);
  }
  return claims;
}

// ---- The API.

const app = new Hono();
app.use(async (context, next) => {
  try {
    // Two headers arrive as one value with a comma, which is not a token.
    const value = context.req.header('authorization');
    context.set('auth', await authenticate(value === undefined ? [] : [value]));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return context.body(null, error.status, error.headers);
  }
  await next();
});
app.get('/orders', (context) => {
  const { sub, scope = '' } = context.get('auth');
  return context.json({ sub, scope });
});

await fetchKeys();
serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: '127.0.0.1' }, ({ port }) =>
  console.log(`listening on http://127.0.0.1:${port}`));
