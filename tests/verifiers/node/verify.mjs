// Verifiers with their own caches, with an injected clock. Reads lines of JSON
// {"now": milliseconds, "tokens": [...]} and answers each with the failures, by verifier.
import { createInterface } from 'node:readline';

// Set before the libraries are loaded: some of them keep a reference.
let now = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now);
    else super(...args);
  }
  static now() {
    return now;
  }
};
performance.now = () => now;

const { createLocalJWKSet, createRemoteJWKSet, jwtVerify } = await import('jose');
const { default: jwt } = await import('jsonwebtoken');
const { JwksClient } = await import('jwks-rsa');

const { ISSUER: issuer, AUDIENCE: audience } = process.env;
const jwks = (name) => `${issuer}/.well-known/jwks.json?rs=${name}`;
const rules = { issuer, audience };
const hour = 3_600_000;

// Fetches keys after ten minutes and for an unknown kid, but not within 30 seconds.
const jose = createRemoteJWKSet(new URL(jwks('jose')));
// The same library, configured to keep the keys for a day.
const joseDay = createRemoteJWKSet(new URL(jwks('jose-day')), { cacheMaxAge: 24 * hour });
// Fetches each key after ten minutes, and for an unknown kid.
const client = new JwksClient({ jwksUri: jwks('jwks-rsa') });

// No library does this, but many services do: fetches once a night only.
const nightly = { keys: undefined, until: 0 };
async function night() {
  if (now >= nightly.until) {
    const answer = await fetch(jwks('nightly'));
    nightly.keys = createLocalJWKSet(await answer.json());
    nightly.until = now + 24 * hour;
  }
  return nightly.keys;
}

const verifiers = {
  jose: (token) => jwtVerify(token, jose, { ...rules, typ: 'at+jwt' }),
  'jose-day': (token) => jwtVerify(token, joseDay, { ...rules, typ: 'at+jwt' }),
  'jwks-rsa': async (token) => {
    const { header } = jwt.decode(token, { complete: true });
    const key = await client.getSigningKey(header.kid);
    return jwt.verify(token, key.getPublicKey(), { ...rules, algorithms: ['ES256', 'RS256'] });
  },
  nightly: async (token) => jwtVerify(token, await night(), { ...rules, typ: 'at+jwt' }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  now = asked.now;
  const failures = {};
  for (const [name, verify] of Object.entries(verifiers)) {
    failures[name] = [];
    for (const token of asked.tokens) {
      try {
        await verify(token);
      } catch (error) {
        failures[name].push(String(error.code ?? error.message));
      }
    }
  }
  console.log(JSON.stringify(failures));
}
