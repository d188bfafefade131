// An API with Express and express-oauth2-jwt-bearer that accepts access tokens of Signet.
import express from 'express';
import { auth, UnauthorizedError } from 'express-oauth2-jwt-bearer';

const ISSUER = 'http://localhost:8484';
const AUDIENCE = 'https://api.example.com';
const SCOPE = 'orders:read';
const TYPE = 'at+jwt';
const ALGORITHMS = ['ES256', 'RS256'];

// ---- Verification.

// Keys are cached for as long as the issuer allows, and fetched at most every 30 seconds, also after a failure.
const KEEP = 300_000;
const PAUSE = 30_000;
const ENCODED_AUDIENCE = encodeURIComponent(AUDIENCE);
const KEYS_URL = `${ISSUER}/.well-known/jwks.json?rs=${ENCODED_AUDIENCE}`;
const METADATA = `resource_metadata="${ISSUER}/v1/resource-metadata?audience=${ENCODED_AUDIENCE}"`;

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

const RULES = {
  issuer: ISSUER, audience: AUDIENCE, clockTolerance: 5, dpop: { enabled: false },
  // RFC 9068: `typ` and every required claim. APIs with `--token-profile jwt` have another type.
  strict: TYPE === 'at+jwt',
  // No token of Signet is valid for longer than a day. The option also refuses one from the future.
  maxTokenAge: 86_400, validators: { alg: (alg) => ALGORITHMS.includes(alg) },
};
// The middleware with the keys of the last fetch: its own cache would call a failing issuer with every request.
let check;
let kids = new Set();
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
        kids = new Set(set.keys.map((key) => key.kid));
        check = auth({ ...RULES, publicKey: set });
        staleAt = performance.now() + KEEP;
      } catch (error) {
        console.warn(`The keys of ${ISSUER} cannot be fetched: ${error.message}`);
      }
      fetching = undefined;
    })();
  }
  return fetching;
}

/** The token of a request. A token has one spelling: base64url that is not canonical is refused. */
function bearerToken(values = []) {
  if (!values.some((value) => /^Bearer\b/i.test(value))) throw noToken();
  const token = /^Bearer +((?:[\w-]+\.){2}[\w-]+)$/i.exec(values.length === 1 ? values[0] : '')?.[1];
  const isCanonical = (part) => Buffer.from(part, 'base64url').toString('base64url') === part;
  if (!token?.split('.').every(isCanonical)) throw invalidToken();
  return token;
}

/** Express middleware: `req.auth.payload` has the claims behind it. */
async function requireToken(req, res, next) {
  const token = bearerToken(req.headersDistinct.authorization);
  if (!check || performance.now() >= staleAt) await fetchKeys();
  if (!check) throw unavailable();
  const kid = kidOf(token);
  if (!kids.has(kid)) await fetchKeys();
  if (!kids.has(kid)) throw invalidToken();
  check(req, res, (error) => {
    if (error) return next(error instanceof UnauthorizedError ? invalidToken() : error);
    // Bound to a key (DPoP, mutual TLS): must not be accepted as Bearer.
    if (req.auth.payload.cnf) return next(invalidToken());
    const granted = String(req.auth.payload.scope ?? '').split(' ');
    const has = SCOPE.split(' ').every((scope) => scope === '' || granted.includes(scope));
    next(has ? undefined : Refused.challenge(403, `error="insufficient_scope", scope="${SCOPE}", `));
  });
}
function kidOf(token) {
  try {
    return JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid;
  } catch {
    throw invalidToken();
  }
}

// ---- The API.

const app = express();
// The middleware also takes `?access_token=` and a form field, and URLs end up in logs (RFC 9700 section 4.3.2):
// requests that reach it have a token in their header; it refuses another one in the query.
app.use(requireToken);
app.use((req, res) => {
  const { sub, scope = '' } = req.auth.payload;
  res.json({ sub, scope });
});
// Keep it: the library's own challenge repeats parts of the refused token.
app.use((error, req, res, next) => {
  if (!(error instanceof Refused)) return next(error);
  res.status(error.status).set(error.headers).end();
});

await fetchKeys();
const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
