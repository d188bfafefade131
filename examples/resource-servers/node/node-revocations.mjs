// An API with node:http and jose that accepts access tokens of Signet and refuses revoked ones.
import { createServer } from 'node:http';
import { createLocalJWKSet, jwtVerify } from 'jose';

const ISSUER = 'http://localhost:8484';
const AUDIENCE = 'https://api.example.com';
const SCOPE = 'orders:read';
const TYPE = 'at+jwt';
const ALGORITHMS = ['ES256', 'RS256'];
/** While the feed is not recent: 'closed' answers 503, 'open' accepts tokens that may have been revoked. Choose one. */
const WHEN_STALE = '';

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

// ---- Revocations: sessions, tokens and keys that ended before their tokens expire. Independent of the API below.

const FEED_URL = `${ISSUER}/.well-known/revocations`;
const FEED_RULES = {
  issuer: ISSUER, typ: 'revocations+jwt', requiredClaims: ['iat', 'exp'],
  // Whether a feed is recent is decided below: an older one still lists revocations.
  currentDate: new Date(0),
};
const FEED_LIMIT = 16 * 1024 * 1024;

class Revocations {
  /** The listed entries, each with the time in seconds after which it may be removed. */
  sid = new Map();
  jti = new Map();
  cuts = new Map();
  /** Withdrawn keys, which are never trusted again. */
  kids = new Set();
  freshUntil = 0;
  poll = 10;
  failures = 0;
  #warned = 0;

  constructor(whenStale) {
    if (!['open', 'closed'].includes(whenStale)) throw new Error("WHEN_STALE: choose 'open' or 'closed'");
    this.whenStale = whenStale;
  }

  /** Throws Refused for a revoked token, and while the feed is not recent and the setting is `closed`. */
  check = ({ kid }, claims) => {
    const { sid, jti = '', iat } = claims;
    // The `jti` of an exchanged token begins with that of the original token and a point.
    const parents = jti.split('.').map((_, at, parts) => parts.slice(0, at + 1).join('.'));
    const isCut = ({ iat: end, until, ...rest }) =>
      iat <= end && Object.entries(rest).every(([name, value]) => [claims[name]].flat().includes(value));
    if (this.kids.has(kid) || this.sid.has(sid) || parents.some((id) => this.jti.has(id)) ||
        [...this.cuts.values()].some(isCut)) {
      throw Refused.challenge(401, 'error="invalid_token", error_description="revoked", ');
    }
    if (Date.now() / 1000 <= this.freshUntil + 5) return;
    if (this.whenStale === 'closed') throw unavailable();
    if (performance.now() >= this.#warned) {
      console.warn('The feed of revocations is not recent: tokens are accepted without it.');
      this.#warned = performance.now() + 60_000;
    }
  };

  /** Fetches the feed once, and then periodically in the background. */
  async follow() {
    try {
      this.#unite(await this.#fetch());
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      console.warn(`The feed of revocations cannot be read: ${error.message}`);
    }
    // Sooner after a failure, then with growing pauses.
    const seconds = this.failures === 0 ? this.poll : Math.min(2 ** this.failures, 60);
    setTimeout(() => this.follow(), seconds * 1000 * (0.8 + 0.4 * Math.random())).unref();
  }

  async #fetch() {
    const text = await ask(FEED_URL, 10_000, async ({ body }) => {
      const chunks = [];
      let size = 0;
      for await (const chunk of body) {
        size += chunk.length;
        if (size > FEED_LIMIT) throw new Error('it is too long');
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    });
    const { payload, protectedHeader } = await jwtVerify(text, keyOf, FEED_RULES);
    if (this.kids.has(protectedHeader.kid)) throw new Error('it is signed with a withdrawn key');
    if (payload.iat > Date.now() / 1000 + 60) throw new Error('it is from the future');
    return payload;
  }

  /** Adds the entries of a feed and removes expired ones by the own clock, so that an older copy removes none. */
  #unite({ exp, poll, sid, jti, cut, kid }) {
    for (const [id, until] of Object.entries(sid)) this.sid.set(id, Math.max(until, this.sid.get(id) ?? 0));
    for (const [id, until] of Object.entries(jti)) this.jti.set(id, Math.max(until, this.jti.get(id) ?? 0));
    for (const entry of cut) this.cuts.set(JSON.stringify(entry), entry);
    for (const id of kid) this.kids.add(id);
    const now = Date.now() / 1000;
    for (const known of [this.sid, this.jti]) {
      for (const [id, until] of known) if (until < now) known.delete(id);
    }
    for (const [key, { until }] of this.cuts) if (until < now) this.cuts.delete(key);
    this.freshUntil = Math.max(this.freshUntil, exp);
    this.poll = Math.min(Math.max(Number(poll) || 10, 1), 60);
  }
}

// ---- The API.

const revocations = new Revocations(WHEN_STALE);

const server = createServer(async (req, res) => {
  try {
    const { sub, scope = '' } = await authenticate(req.headersDistinct.authorization, revocations.check);
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ sub, scope }));
  } catch (error) {
    if (!(error instanceof Refused)) console.error(error);
    res.writeHead(error.status ?? 500, error.headers).end();
  }
});
await fetchKeys();
await revocations.follow();
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`));
