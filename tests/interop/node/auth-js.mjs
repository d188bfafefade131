// Auth.js with Express: the provider's default is PKCE. It keeps no tokens, refreshes none and logs out
// of the application only: the callbacks below and /sign-out follow its documentation.
import { ExpressAuth, getSession } from "@auth/express";
import {
  application, CLIENT_ID, CLIENT_SECRET, discovered, endSession, ISSUER, serve, userinfo,
} from "./application.mjs";

async function refreshed(token) {
  const { token_endpoint } = await discovered();
  const response = await fetch(token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      client_id: CLIENT_ID, client_secret: CLIENT_SECRET,
      grant_type: "refresh_token", refresh_token: token.tokens.refresh_token,
    }),
  });
  if (!response.ok) throw new Error(await response.text());
  return { ...token, tokens: { ...token.tokens, ...await response.json() } };
}

let expired = false;
const config = {
  secret: "the secret of the application's own session cookie",
  trustHost: true,
  providers: [{
    id: "signet", name: "Signet", type: "oidc",
    issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET,
  }],
  callbacks: {
    jwt({ token, account, profile }) {
      if (account) return { ...token, tokens: account, profile };
      if (!expired) return token;
      expired = false;
      return refreshed(token);
    },
    session: ({ session, token }) => ({ ...session, tokens: token.tokens, profile: token.profile }),
  },
};

const app = application();
app.use("/auth", ExpressAuth(config));
// The library's own page, whose form contains its CSRF token.
app.get("/sign-in", (request, response) => response.redirect("/auth/signin"));
app.get("/user", async (request, response) => {
  const { tokens, profile, user } = await getSession(request, config);
  const { access_token, refresh_token } = tokens;
  response.json({
    sub: profile.sub, userinfo: await userinfo(access_token), access_token, refresh_token,
    shown: user.name ?? null,
  });
});
app.get("/refresh", (request, response) => {
  // The tokens are renewed when the browser requests the session, in which the library can keep them.
  expired = true;
  response.redirect("/auth/session");
});
app.get("/sign-out", async (request, response) => {
  const { tokens } = await getSession(request, config);
  const url = await endSession(tokens.id_token);
  const cookies = (request.headers.cookie ?? "").split("; ");
  for (const cookie of cookies) response.clearCookie(cookie.split("=", 1)[0]);
  response.redirect(url);
});
serve(app);
