// simple-oauth2: OAuth 2.0 with refresh, without discovery, PKCE, userinfo and log-out.
import session from "express-session";
import { AuthorizationCode } from "simple-oauth2";
import {
  application, CLIENT_ID, CLIENT_SECRET, discovered, endSession, ISSUER, REDIRECT_URI as redirect_uri, serve,
  userinfo,
} from "./application.mjs";

const metadata = await discovered();
const client = new AuthorizationCode({
  client: { id: CLIENT_ID, secret: CLIENT_SECRET },
  auth: {
    tokenHost: ISSUER,
    tokenPath: new URL(metadata.token_endpoint).pathname,
    authorizePath: new URL(metadata.authorization_endpoint).pathname,
  },
});
const app = application();
app.use(session({ secret: "a test", resave: false, saveUninitialized: false }));
app.get("/sign-in", (request, response) => {
  response.redirect(client.authorizeURL({ redirect_uri, scope: "openid profile email", state: "a state" }));
});
app.get("/callback", async (request, response) => {
  const { code } = request.query;
  request.session.token = (await client.getToken({ code, redirect_uri })).token;
  response.redirect("/");
});
app.get("/user", async (request, response) => {
  const { access_token, refresh_token } = request.session.token;
  const claims = await userinfo(access_token);
  response.json({ sub: claims.sub, userinfo: claims, access_token, refresh_token });
});
app.get("/refresh", async (request, response) => {
  const { token } = request.session;
  request.session.token = { ...token, ...(await client.createToken(token).refresh()).token };
  response.redirect("/");
});
app.get("/sign-out", async (request, response) => {
  const url = await endSession(request.session.token.id_token);
  request.session.destroy(() => response.redirect(url));
});
serve(app);
