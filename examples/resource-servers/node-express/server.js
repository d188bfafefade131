// A resource server with express-oauth2-jwt-bearer: the middleware does the work.
// Trusts one issuer's URL and one audience; everything else comes from the issuer itself.
import express from 'express';
import { auth, UnauthorizedError } from 'express-oauth2-jwt-bearer';

const issuer = process.env.ISSUER ?? 'http://localhost:8484';
const audience = process.env.AUDIENCE ?? 'https://api.example.com';

const app = express();
// The middleware would also take `?access_token=`, and URLs end up in logs (RFC 9700 section 4.3.2).
app.set('query parser', false);

// strict: RFC 9068, so `typ: at+jwt` and every claim it demands. Bearer tokens only.
app.use(auth({ issuerBaseURL: issuer, issuer, audience, strict: true, dpop: { enabled: false } }));
app.use((req, res) => {
  const { sub, scope = '' } = req.auth.payload;
  res.json({ sub, scope });
});

// Never leave this out. The middleware's own challenge repeats parts of the refused token, and one
// line break among them makes Express's own error handler throw where nothing catches it: a single
// request without any key ends the process. This challenge is the same for everybody.
app.use((err, req, res, next) => {
  if (!(err instanceof UnauthorizedError)) return next(err);
  const sent = /^Bearer +./i.test(req.headers.authorization);
  res.status(401).set('WWW-Authenticate', sent ? 'Bearer error="invalid_token"' : 'Bearer').end();
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
