// MSAL for Node.js with an issuer that is not Microsoft's (`protocolMode: "OIDC"`). The library leaves
// PKCE, nonce, userinfo and the log-out to the application; the code follows its documentation.
import * as msal from "@azure/msal-node";
import session from "express-session";
import {
  application, CLIENT_ID, CLIENT_SECRET, endSession, ISSUER, REDIRECT_URI, serve, userinfo,
} from "./application.mjs";

const client = new msal.ConfidentialClientApplication({
  auth: {
    clientId: CLIENT_ID, clientSecret: CLIENT_SECRET,
    authority: ISSUER, knownAuthorities: [new URL(ISSUER).host],
  },
  system: { protocolMode: msal.ProtocolMode.OIDC },
});
const crypto = new msal.CryptoProvider();
const redirectUri = REDIRECT_URI;
const scopes = ["openid", "profile", "email", "offline_access"];

const app = application();
app.use(session({ secret: "a test", resave: false, saveUninitialized: false }));
app.get("/sign-in", async (request, response) => {
  const { verifier, challenge } = await crypto.generatePkceCodes();
  request.session.verifier = verifier;
  response.redirect(await client.getAuthCodeUrl({
    scopes, redirectUri, codeChallenge: challenge, codeChallengeMethod: "S256",
  }));
});
const keep = (request, { account, accessToken, idToken }) => {
  Object.assign(request.session, { account, accessToken, idToken });
};
app.get("/callback", async (request, response) => {
  const { code } = request.query;
  const codeVerifier = request.session.verifier;
  keep(request, await client.acquireTokenByCode({ code, scopes, redirectUri, codeVerifier }));
  response.redirect("/");
});
app.get("/user", async (request, response) => {
  const { account, accessToken } = request.session;
  response.json({
    sub: account.idTokenClaims.sub, userinfo: await userinfo(accessToken), access_token: accessToken,
    shown: account.username || null, claims: account.idTokenClaims,
  });
});
app.get("/refresh", async (request, response) => {
  const account = await client.getTokenCache().getAccountByHomeId(request.session.account.homeAccountId);
  keep(request, await client.acquireTokenSilent({ account, scopes, forceRefresh: true }));
  response.redirect("/");
});
app.get("/sign-out", async (request, response) => {
  const url = await endSession(request.session.idToken);
  request.session.destroy(() => response.redirect(url));
});
serve(app);
