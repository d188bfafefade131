// A resource server with jsonwebtoken and jwks-rsa, which leave more to us than the others do.
// Trusts one issuer's URL and one audience; everything else comes from the issuer itself.
import { createServer } from 'node:http';
import jwt from 'jsonwebtoken';
import { JwksClient } from 'jwks-rsa';

const issuer = process.env.ISSUER ?? 'http://localhost:8484';
const audience = process.env.AUDIENCE ?? 'https://api.example.com';

const discovery = await fetch(`${issuer}/.well-known/openid-configuration`).then((r) => r.json());
// OpenID Connect Discovery 1.0 section 4.3: a document that names another issuer is not ours.
if (discovery.issuer !== issuer) throw new Error(`${issuer} calls itself ${discovery.issuer}`);

// Every unknown kid would ask the issuer. The library's `rateLimit` counts genuine kids as well, so
// made-up ones could lock real users out; an answer that serves for 30 seconds cannot.
let answer, next = 0;
const ask = async (uri) => {
  const response = await fetch(uri, { signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`${uri} answers ${response.status}`);
  return response.json();
};
const fetcher = (uri) => {
  if (performance.now() < next) return answer;
  next = performance.now() + 30_000;
  answer = ask(uri);
  answer.catch(() => { next = performance.now() + 5_000; });
  return answer;
};
const keys = new JwksClient({ jwksUri: discovery.jwks_uri, fetcher });
const rules = { issuer, audience, algorithms: ['ES256', 'RS256'], clockTolerance: 5 };

async function verify(token) {
  const { header } = jwt.decode(token, { complete: true });
  // Not checked by the library: the kind of token, and extensions we do not understand.
  if (header.typ !== 'at+jwt' || header.crit) throw new Error('not an access token');
  const claims = jwt.verify(token, (await keys.getSigningKey(header.kid)).getPublicKey(), rules);
  // Checked by the library only where present.
  if (!claims.exp || !claims.sub) throw new Error('exp and sub are required');
  return claims;
}

const server = createServer(async (req, res) => {
  const token = /^Bearer +(.+)$/i.exec(req.headers.authorization)?.[1];
  try {
    const { sub, scope = '' } = await verify(token);
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ sub, scope }));
  } catch {
    // RFC 6750 section 3.1: who sent no token is told what to send, not that something is wrong.
    const challenge = token ? 'Bearer error="invalid_token"' : 'Bearer';
    res.writeHead(401, { 'WWW-Authenticate': challenge }).end();
  }
});
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`));
