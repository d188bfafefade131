// express-openid-connect: the library implements everything.
import openid from "express-openid-connect";
import { application, CLIENT_ID, CLIENT_SECRET, HOME, ISSUER, serve } from "./application.mjs";

const app = application();
app.use(openid.auth({
  issuerBaseURL: ISSUER,
  baseURL: HOME,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  secret: "the secret of the application's own session cookie",
  authorizationParams: { response_type: "code" },
  authRequired: false,
  idpLogout: true,
  routes: { login: "/sign-in", logout: "/sign-out", postLogoutRedirect: "/goodbye" },
}));
app.get("/user", async (request, response) => {
  response.json({
    sub: request.oidc.user.sub,
    userinfo: await request.oidc.fetchUserInfo(),
    access_token: request.oidc.accessToken.access_token,
    refresh_token: request.oidc.refreshToken,
    shown: request.oidc.user.preferred_username ?? null,
  });
});
app.get("/refresh", async (request, response) => {
  await request.oidc.accessToken.refresh();
  response.redirect("/");
});
serve(app);
