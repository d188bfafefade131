// Verifiers that each apply one rule about access tokens. Reads lines of JSON {"token", "secret"?}
// and prints the result of every rule for each: true, or the reason.
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';

const { ISSUER: issuer, AUDIENCE: audience } = process.env;
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json?rs=check`));
const insecure = { [oauth.allowInsecureRequests]: true };
const discovered = await oauth.discoveryRequest(new URL(issuer), insecure);
const server = await oauth.processDiscoveryResponse(new URL(issuer), discovered);

const rules = {
  // Any algorithm; with a shared secret if there is one.
  jose: ({ token, secret }) =>
    jwtVerify(token, secret ? Buffer.from(secret, 'base64url') : keys, { issuer, audience }),
  // Spring Security's default: `typ` is JWT or absent.
  'typ JWT only': async ({ token, secret }) => {
    const key = secret ? Buffer.from(secret, 'base64url') : keys;
    const { protectedHeader } = await jwtVerify(token, key, { issuer, audience });
    if ((protectedHeader.typ ?? 'JWT').toUpperCase() !== 'JWT') throw new Error('typ is not JWT');
  },
  // RFC 9068, strictly.
  'strict RFC 9068': ({ token }) => {
    const headers = { authorization: `Bearer ${token}` };
    const request = new Request('https://api.example.com/', { headers });
    return oauth.validateJwtAccessToken(server, request, audience, insecure);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const said = {};
  for (const [name, rule] of Object.entries(rules)) {
    try {
      await rule(asked);
      said[name] = true;
    } catch (error) {
      said[name] = `${error.code ?? ''} ${error.message}`.trim();
    }
  }
  console.log(JSON.stringify(said));
}
