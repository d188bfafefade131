// @badgateway/oauth2-client: OAuth 2.0 with discovery. Its documentation recommends a verifier; the
// application implements userinfo and the log-out. It returns the ID token.
import { OAuth2Client, generateCodeVerifier } from "@badgateway/oauth2-client";
import session from "express-session";
import {
  application, CLIENT_ID, CLIENT_SECRET, endSession, HOME, ISSUER, REDIRECT_URI as redirectUri, serve,
  userinfo,
} from "./application.mjs";

const client = new OAuth2Client({ server: `${ISSUER}/`, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
const app = application();
app.use(session({ secret: "a test", resave: false, saveUninitialized: false }));
app.get("/sign-in", async (request, response) => {
  const codeVerifier = request.session.verifier = await generateCodeVerifier();
  const scope = ["openid", "profile", "email"];
  response.redirect(await client.authorizationCode.getAuthorizeUri({ redirectUri, codeVerifier, scope }));
});
app.get("/callback", async (request, response) => {
  const codeVerifier = request.session.verifier;
  const url = `${HOME}${request.originalUrl}`;
  request.session.token = await client.authorizationCode.getTokenFromCodeRedirect(
    url, { redirectUri, codeVerifier },
  );
  response.redirect("/");
});
app.get("/user", async (request, response) => {
  const { accessToken: access_token, refreshToken: refresh_token } = request.session.token;
  const claims = await userinfo(access_token);
  response.json({ sub: claims.sub, userinfo: claims, access_token, refresh_token });
});
app.get("/refresh", async (request, response) => {
  const { token } = request.session;
  request.session.token = { ...token, ...await client.refreshToken(token) };
  response.redirect("/");
});
app.get("/sign-out", async (request, response) => {
  const url = await endSession(request.session.token.idToken);
  request.session.destroy(() => response.redirect(url));
});
serve(app);
