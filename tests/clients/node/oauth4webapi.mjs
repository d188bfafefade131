// The library oauth4webapi, which checks the standards strictly, against an issuer that is given by its URL.
//
// Usage: node oauth4webapi.mjs SCENARIO_JSON
import { readFileSync } from "node:fs";
import * as oauth from "oauth4webapi";
import { Person, expect, refused, steps } from "./person.mjs";

const { issuer, login, password, sub, callback, goodbye, api, clients } =
  JSON.parse(readFileSync(process.argv[2], "utf8"));
const http = { [oauth.allowInsecureRequests]: true };
const url = new URL(issuer);
const person = () => new Person(issuer, login, password);
const hours = 3600;

/** Discovery in both spellings; the endpoints must be the same. */
async function discover(algorithm) {
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm, ...http }));
}
const as = await discover("oidc");
const open = {
  client: { client_id: clients.public.client_id, require_auth_time: true },
  auth: oauth.None(),
};
const secret = {
  client: { client_id: clients.basic.client_id },
  auth: oauth.ClientSecretBasic(clients.basic.client_secret),
};

/** A log-in, checked at every step. `more` is added to the request, `dpop` proves a key. */
async function logIn({ client, auth }, { more = {}, dpop, who = person(), maxAge = hours } = {}) {
  const options = { ...http, DPoP: dpop };
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const request = new URL(as.authorization_endpoint);
  const params = {
    client_id: client.client_id, redirect_uri: callback, response_type: "code",
    scope: "openid profile", state, nonce, max_age: String(maxAge), code_challenge_method: "S256",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), ...more,
  };
  for (const [name, value] of Object.entries(params)) request.searchParams.set(name, value);
  const arrived = await who.visit(request);
  expect(arrived.url, `the way ends at a page: ${arrived.status} ${arrived.html}`);
  const said = arrived.form ? new URLSearchParams(arrived.form) : arrived.url;
  // Checks state and, because the metadata announce it, `iss` (RFC 9207).
  const answer = oauth.validateAuthResponse(as, client, said, state);
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, auth, answer, callback, verifier, options,
  );
  await nothingIsKept(response);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: nonce, maxAge, requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(as, response, http);
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  expect(claims.sub === sub, `sub is ${claims.sub}`);
  return { tokens, claims, who, arrived, said, state, options };
}

/** Responses with tokens must not be cached (RFC 6749 §5.1). */
async function nothingIsKept(response) {
  const kept = response.headers.get("cache-control");
  expect(kept === "no-store", `Cache-Control is ${kept}`);
}

async function userinfo({ client }, token, options = http) {
  const response = await oauth.userInfoRequest(as, client, token, options);
  return oauth.processUserInfoResponse(as, client, sub, response);
}

async function refresh({ client, auth }, token, options = http) {
  const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, options);
  const tokens = await oauth.processRefreshTokenResponse(as, client, response);
  if (tokens.id_token) await oauth.validateApplicationLevelSignature(as, response, http);
  return tokens;
}

/** Whether a resource server of the API accepts the token in such a request. */
async function atTheApi(scheme, token, dpop) {
  const headers = new Headers({ authorization: `${scheme} ${token}` });
  const place = `${api}/orders`;
  if (dpop) {
    // The library makes the proof and passes it to the function that sends the request.
    const [, sent] = await new Promise((resolve, reject) => {
      const capture = async (...request) => {
        resolve(request);
        return new Response("{}");
      };
      oauth.protectedResourceRequest(token, "GET", new URL(place), undefined, undefined, {
        DPoP: dpop, [oauth.customFetch]: capture,
      }).catch(reject);
    });
    headers.set("dpop", new Headers(sent.headers).get("dpop"));
  }
  const request = new Request(place, { headers });
  return oauth.validateJwtAccessToken(as, request, api, { requireDPoP: Boolean(dpop), ...http });
}

await steps({
  "discovery": async () => {
    const plain = await discover("oauth2");
    expect(JSON.stringify(plain) === JSON.stringify(as), "the two documents differ");
    await refused(
      oauth.processDiscoveryResponse(new URL(`${issuer}/other`), await oauth.discoveryRequest(url, http)),
      "another issuer", (error) => /issuer/.test(error.message),
    );
  },

  "the whole way": async () => {
    const done = await logIn(open);
    expect(done.claims.auth_time > 0 && done.claims.amr.includes("pwd"), JSON.stringify(done.claims));
    const about = await userinfo(open, done.tokens.access_token);
    expect(about.preferred_username === login, `userinfo: ${JSON.stringify(about)}`);
    const next = await refresh(open, done.tokens.refresh_token);
    const again = oauth.getValidatedIdTokenClaims(next);
    // OpenID Connect Core §12.2: the same user, the same log-in, no nonce that was not sent.
    for (const name of ["iss", "sub", "auth_time", "sid"]) {
      expect(again[name] === done.claims[name], `${name} changed with a refresh`);
    }
    await userinfo(open, next.access_token);
    const revoked = await oauth.revocationRequest(as, open.client, open.auth, next.refresh_token, http);
    await oauth.processRevocationResponse(revoked);
    await refused(refresh(open, next.refresh_token), "a revoked refresh token",
      (error) => error instanceof oauth.ResponseBodyError && error.error === "invalid_grant");
    await refused(userinfo(open, next.access_token), "the access token of an ended session",
      (error) => error instanceof oauth.WWWAuthenticateChallengeError
        && error.cause[0].scheme === "bearer" && error.cause[0].parameters.error === "invalid_token");
  },

  "an old log-in": async () => {
    const { who } = await logIn(open);
    const before = who.seen.length;
    await logIn(open, { who, more: { prompt: "none" } });
    expect(who.seen.length === before, "a fresh log-in was not enough");
    await logIn(open, { who, maxAge: 0 });
    expect(who.seen[before] === "login", "nobody was asked for max_age=0");
    const request = { more: { prompt: "none" } };
    await refused(logIn(open, request), "a silent log-in of a stranger",
      (error) => error instanceof oauth.AuthorizationResponseError && error.error === "login_required");
  },

  "answers in other places": async () => {
    const post = await logIn(secret, { more: { response_mode: "form_post" } });
    expect(post.arrived.form && post.arrived.url.search === "", `answered at ${post.arrived.url}`);
    const request = new URL(as.authorization_endpoint);
    const state = oauth.generateRandomState();
    const challenge = await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier());
    for (const [name, value] of Object.entries({
      client_id: open.client.client_id, redirect_uri: callback, response_type: "code", state,
      scope: "openid", response_mode: "fragment", code_challenge_method: "S256",
      code_challenge: challenge,
    })) request.searchParams.set(name, value);
    const { url: arrived } = await person().visit(request);
    expect(arrived.search === "" && arrived.hash, `answered at ${arrived}`);
    const said = new URLSearchParams(arrived.hash.slice(1));
    expect(oauth.validateAuthResponse(as, open.client, said, state).get("code"), "no code");
  },

  "an error is an answer too": async () => {
    const request = new URL(as.authorization_endpoint);
    const state = oauth.generateRandomState();
    for (const [name, value] of Object.entries({
      client_id: open.client.client_id, redirect_uri: callback, response_type: "code", state,
      scope: "nonsense:everything", code_challenge_method: "S256",
      code_challenge: await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier()),
    })) request.searchParams.set(name, value);
    const { url: arrived } = await person().visit(request);
    await refused((async () => oauth.validateAuthResponse(as, open.client, arrived, state))(),
      "nothing but an unknown scope", (error) => error.error === "invalid_scope");
  },

  "an access token for an API": async () => {
    const more = { scope: "openid orders:read", resource: api };
    const { tokens } = await logIn(open, { more });
    const claims = await atTheApi("Bearer", tokens.access_token);
    expect(claims.sub === sub && claims.client_id === open.client.client_id, JSON.stringify(claims));
    expect(claims.scope.split(" ").includes("orders:read"), `scope is ${claims.scope}`);
    await refused(atTheApi("Bearer", tokens.id_token), "an ID token as an access token", () => true);
    const other = await logIn(open);
    await refused(atTheApi("Bearer", other.tokens.access_token), "a token for nobody's API", () => true);
    const response = await oauth.introspectionRequest(
      as, secret.client, secret.auth, tokens.access_token, http,
    );
    const found = await oauth.processIntrospectionResponse(as, secret.client, response);
    expect(found.active && found.sub === sub && found.aud === api, JSON.stringify(found));
  },

  "DPoP": async () => {
    for (const alg of ["ES256", "RS256", "PS256"]) {
      const pair = await oauth.generateKeyPair(alg);
      const dpop = oauth.DPoP(open.client, pair);
      const more = { scope: "openid orders:read", resource: api };
      const { tokens, options } = await logIn(open, { dpop, more });
      expect(tokens.token_type === "dpop", `${alg}: token_type is ${tokens.token_type}`);
      const claims = await atTheApi("DPoP", tokens.access_token, dpop);
      expect(claims.cnf.jkt === await dpop.calculateThumbprint(), `${alg}: bound to another key`);
      await refused(atTheApi("Bearer", tokens.access_token), `${alg}: a bound token as Bearer`, () => true);
      const next = await refresh(open, tokens.refresh_token, options);
      expect(next.token_type === "dpop", `${alg}: a refresh lost the binding`);
      await refused(refresh(open, next.refresh_token), `${alg}: a bound refresh token without a proof`,
        (error) => ["invalid_grant", "invalid_dpop_proof"].includes(error.error));
    }
  },

  "userinfo with a proof": async () => {
    const dpop = oauth.DPoP(open.client, await oauth.generateKeyPair("ES256"));
    const { tokens, options } = await logIn(open, { dpop });
    await userinfo(open, tokens.access_token, options);
    await refused(userinfo(open, tokens.access_token), "a bound token as Bearer",
      (error) => error instanceof oauth.WWWAuthenticateChallengeError && error.status === 401);
  },

  "a pushed request": async () => {
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const { client, auth } = secret;
    const dpop = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
    const options = { ...http, DPoP: dpop };
    const response = await oauth.pushedAuthorizationRequest(as, client, auth, {
      redirect_uri: callback, response_type: "code", scope: "openid", state, nonce,
      code_challenge_method: "S256",
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    }, options);
    const pushed = await oauth.processPushedAuthorizationResponse(as, client, response);
    const request = new URL(as.authorization_endpoint);
    request.searchParams.set("client_id", client.client_id);
    request.searchParams.set("request_uri", pushed.request_uri);
    const answer = oauth.validateAuthResponse(as, client, await person().authorize(request), state);
    const exchanged = await oauth.authorizationCodeGrantRequest(
      as, client, auth, answer, callback, verifier, options,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, exchanged, {
      expectedNonce: nonce, requireIdToken: true,
    });
    expect(tokens.token_type === "dpop", `token_type is ${tokens.token_type}`);
  },

  "logging out": async () => {
    const { tokens, who } = await logIn(open);
    const end = new URL(as.end_session_endpoint);
    end.searchParams.set("id_token_hint", tokens.id_token);
    end.searchParams.set("post_logout_redirect_uri", goodbye);
    const { url: arrived } = await who.visit(end);
    expect(arrived?.href === goodbye, `the way out ends at ${arrived}`);
    await refused(refresh(open, tokens.refresh_token), "a session after its log-out",
      (error) => error.error === "invalid_grant");
  },
});
