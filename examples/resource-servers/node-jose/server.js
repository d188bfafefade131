// A resource server with jose: answers with the caller's `sub` and `scope` if the token is good.
// Trusts one issuer's URL and one audience; everything else comes from the issuer itself.
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const issuer = process.env.ISSUER ?? 'http://localhost:8484';
const audience = process.env.AUDIENCE ?? 'https://api.example.com';

const discovery = await fetch(`${issuer}/.well-known/openid-configuration`).then((r) => r.json());
// OpenID Connect Discovery 1.0 section 4.3: a document that names another issuer is not ours.
if (discovery.issuer !== issuer) throw new Error(`${issuer} calls itself ${discovery.issuer}`);

// Kept for 10 minutes; an unknown kid asks the issuer again, at most every 30 seconds.
const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));
const rules = {
  issuer, audience, typ: 'at+jwt', algorithms: ['ES256', 'RS256'],
  requiredClaims: ['exp', 'sub'], clockTolerance: 5,
};

const server = createServer(async (req, res) => {
  const token = /^Bearer +(.+)$/i.exec(req.headers.authorization)?.[1];
  try {
    const { payload: { sub, scope = '' } } = await jwtVerify(token, keys, rules);
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ sub, scope }));
  } catch {
    // RFC 6750 section 3.1: who sent no token is told what to send, not that something is wrong.
    const challenge = token ? 'Bearer error="invalid_token"' : 'Bearer';
    res.writeHead(401, { 'WWW-Authenticate': challenge }).end();
  }
});
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`));
