// Grant has no discovery and no refresh; it implements sign-in and userinfo. The application implements
// the rest.
import session from "express-session";
import grant from "grant";
import {
  application, CLIENT_ID, CLIENT_SECRET, discovered, endSession, HOME, PROTECTED, serve,
} from "./application.mjs";

const metadata = await discovered();
const app = application();
app.use(session({ secret: "a test", resave: false, saveUninitialized: false }));
app.use(grant.express({
  defaults: { origin: HOME, transport: "session", response: ["tokens", "jwt", "profile"] },
  signet: {
    oauth: 2,
    authorize_url: metadata.authorization_endpoint,
    access_url: metadata.token_endpoint,
    profile_url: metadata.userinfo_endpoint,
    key: CLIENT_ID,
    secret: CLIENT_SECRET,
    scope: ["openid", "profile", "email"],
    scope_delimiter: " ",
    callback: "/signed-in",
    pkce: PROTECTED,
  },
}));
app.get("/sign-in", (request, response) => response.redirect("/connect/signet"));
app.get("/signed-in", (request, response) => {
  const { access_token, refresh_token, id_token, jwt, profile, ...rest } = request.session.grant.response;
  if (!profile) throw new Error(JSON.stringify(rest));
  const sub = jwt.id_token.payload.sub;
  // The library returns the decoded token; the encoded one is in `id_token`.
  request.session.user = { sub, userinfo: profile, access_token, refresh_token, id_token };
  response.redirect("/");
});
app.get("/user", (request, response) => response.json(request.session.user));
app.get("/refresh", async (request, response) => {
  const { user } = request.session;
  const answer = await fetch(metadata.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      client_id: CLIENT_ID, client_secret: CLIENT_SECRET,
      grant_type: "refresh_token", refresh_token: user.refresh_token,
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  const { access_token, refresh_token } = await answer.json();
  Object.assign(user, { access_token, refresh_token });
  response.redirect("/");
});
app.get("/sign-out", async (request, response) => {
  const url = await endSession(request.session.user.id_token);
  request.session.destroy(() => response.redirect(url));
});
serve(app);
