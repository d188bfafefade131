// passport-openidconnect has no discovery, refresh or log-out. Refresh works like
// passport-oauth2-refresh: the OAuth client of the strategy is reused.
import session from "express-session";
import passport from "passport";
import Strategy from "passport-openidconnect";
import {
  application, CLIENT_ID, CLIENT_SECRET, discovered, endSession, ISSUER, PROTECTED, REDIRECT_URI,
  serve,
} from "./application.mjs";

const metadata = await discovered();
const app = application();
app.use(session({ secret: "a test", resave: false, saveUninitialized: false }));
app.use(passport.initialize());
app.use(passport.session());
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

const strategy = new Strategy({
  issuer: ISSUER,
  authorizationURL: metadata.authorization_endpoint,
  tokenURL: metadata.token_endpoint,
  userInfoURL: metadata.userinfo_endpoint,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  callbackURL: REDIRECT_URI,
  scope: ["profile", "email"],
  nonce: PROTECTED,
}, (issuer, fromUserinfo, fromIdToken, context, id_token, access_token, refresh_token, params, done) => {
  const userinfo = fromUserinfo._json;
  done(null, { sub: fromIdToken.id, userinfo, access_token, refresh_token, id_token });
});
passport.use(strategy);

app.get("/sign-in", passport.authenticate("openidconnect"));
app.get("/callback", passport.authenticate("openidconnect"), (request, response) => response.redirect("/"));
app.get("/user", (request, response) => response.json(request.user));
app.get("/refresh", (request, response, next) => {
  const { refresh_token } = request.user;
  const done = (error, access_token, newer) => {
    if (error) return next(new Error(JSON.stringify(error)));
    Object.assign(request.user, { access_token, refresh_token: newer });
    request.login(request.user, (failed) => (failed ? next(failed) : response.redirect("/")));
  };
  strategy._oauth2.getOAuthAccessToken(refresh_token, { grant_type: "refresh_token" }, done);
});
app.get("/sign-out", async (request, response, next) => {
  const url = await endSession(request.user.id_token);
  request.logout((error) => (error ? next(error) : response.redirect(url)));
});
serve(app);
