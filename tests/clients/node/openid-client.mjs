// The library openid-client against an issuer that is given by its URL: every flow that both support.
//
// Usage: node openid-client.mjs SCENARIO_JSON
import { readFileSync } from "node:fs";
import * as client from "openid-client";
import { Person, expect, refused, steps } from "./person.mjs";

const { issuer, login, password, sub, callback, goodbye, api, clients } =
  JSON.parse(readFileSync(process.argv[2], "utf8"));
const insecure = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] };
const discover = (id, auth, metadata) =>
  client.discovery(new URL(issuer), id, metadata, auth, insecure);
const person = () => new Person(issuer, login, password);
const invalidGrant = (error) => error.error === "invalid_grant";

/** A log-in: the tokens, and the user who is logged in now. */
async function logIn(config, { who = person(), params = {}, pushed = false, dpop } = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const checks = {
    pkceCodeVerifier: verifier,
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  const request = {
    redirect_uri: callback,
    scope: "openid profile",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...params,
  };
  if (params.max_age) checks.maxAge = Number(params.max_age);
  const DPoP = dpop && client.getDPoPHandle(config, dpop);
  const url = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, request, { DPoP })
    : client.buildAuthorizationUrl(config, request);
  if (pushed) {
    const names = [...url.searchParams.keys()].sort().join();
    expect(names === "client_id,request_uri", `a pushed request says ${names}`);
  }
  const answer = await who.authorize(url);
  const tokens = await client.authorizationCodeGrant(config, answer, checks, undefined, { DPoP });
  expect(tokens.claims().sub === sub, `sub is ${tokens.claims().sub}`);
  return { tokens, who, answer, checks, DPoP };
}

/** Checks after every log-in: userinfo, a refresh, and the end of the session by the old refresh token. */
async function goOn(config, { tokens, DPoP }) {
  const options = { DPoP };
  const about = await client.fetchUserInfo(config, tokens.access_token, sub, options);
  expect(about.preferred_username === login, `preferred_username is ${about.preferred_username}`);
  expect(tokens.expiresIn() > 0 && tokens.expiresIn() <= 600, `expires in ${tokens.expiresIn()}`);
  const next = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
  expect(next.refresh_token !== tokens.refresh_token, "the refresh token did not change");
  expect(next.access_token !== tokens.access_token, "the access token did not change");
  expect(next.claims()?.sub === sub, "a refresh lost the ID token");
  await client.fetchUserInfo(config, next.access_token, sub, options);
  await client.tokenRevocation(config, next.refresh_token);
  await refused(
    client.refreshTokenGrant(config, next.refresh_token, undefined, options),
    "a revoked refresh token", invalidGrant,
  );
  return next;
}

const secret = (name) => [clients[name].client_id, clients[name].client_secret];
const basic = async () => {
  const [id, value] = secret("basic");
  return discover(id, client.ClientSecretBasic(value));
};

await steps({
  "public client": async () => {
    const config = await discover(clients.public.client_id, client.None());
    expect(config.serverMetadata().supportsPKCE(), "PKCE is not announced");
    const first = await logIn(config, {
      params: { max_age: "300", prompt: "login", scope: "openid profile email" },
    });
    expect(first.who.seen.join() === "login,decision", `asked for ${first.who.seen}`);
    expect(first.tokens.claims().auth_time > 0, "no auth_time");
    expect(first.tokens.claims().acr === "urn:signet:acr:single", `acr ${first.tokens.claims().acr}`);
    expect(first.tokens.claims().amr.join() === "pwd", `amr ${first.tokens.claims().amr}`);
    expect(config.serverMetadata().acr_values_supported.includes("urn:signet:acr:mfa"), "acr_values_supported");
    const about = await client.fetchUserInfo(config, first.tokens.access_token, sub);
    expect(about.email === login && about.email_verified === true, `email ${about.email}`);
    // Logged in and consented: the user is not asked again.
    const before = first.who.seen.length;
    await logIn(config, { who: first.who, params: { prompt: "none" } });
    expect(first.who.seen.length === before, `asked again: ${first.who.seen}`);
    await goOn(config, first);
  },

  "no means no": async () => {
    const config = await discover(clients.refused.client_id, client.None());
    const state = client.randomState();
    const verifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: callback, scope: "openid", state, code_challenge_method: "S256",
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
    });
    const answer = await person().authorize(url, "deny");
    const checks = { pkceCodeVerifier: verifier, expectedState: state };
    await refused(client.authorizationCodeGrant(config, answer, checks), "a denied request",
      (error) => error instanceof client.AuthorizationResponseError && error.error === "access_denied");
    url.searchParams.set("prompt", "none");
    const silent = await person().authorize(url);
    await refused(client.authorizationCodeGrant(config, silent, checks), "a silent request",
      (error) => error.error === "login_required");
  },

  "a code twice": async () => {
    const config = await basic();
    const { tokens, answer, checks } = await logIn(config);
    await refused(client.authorizationCodeGrant(config, answer, checks), "a used code", invalidGrant);
    await refused(client.refreshTokenGrant(config, tokens.refresh_token),
      "a session whose code was shown twice", invalidGrant);
  },

  "a wrong verifier": async () => {
    const config = await basic();
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: callback, scope: "openid", state, code_challenge_method: "S256",
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
    });
    const answer = await person().authorize(url);
    const checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: state };
    await refused(client.authorizationCodeGrant(config, answer, checks), "another verifier", invalidGrant);
  },

  "client_secret_basic": async () => {
    const config = await basic();
    const done = await logIn(config, { params: { scope: "openid profile offline_access" } });
    const live = await client.tokenIntrospection(config, done.tokens.refresh_token);
    expect(live.active === true && live.sub === sub, `introspection: ${JSON.stringify(live)}`);
    const access = await client.tokenIntrospection(config, done.tokens.access_token);
    expect(access.active === true && access.iss === issuer, `introspection: ${JSON.stringify(access)}`);
    expect(access.acr === "urn:signet:acr:single" && access.auth_time > 0, `introspection: ${JSON.stringify(access)}`);
    const next = await goOn(config, done);
    const dead = await client.tokenIntrospection(config, next.refresh_token);
    expect(dead.active === false, "a revoked token is active");
  },

  "a wrong secret": async () => {
    const config = await discover(clients.basic.client_id, client.ClientSecretBasic("scs_wrong"));
    await refused(logIn(config), "a wrong secret", (error) =>
      error instanceof client.WWWAuthenticateChallengeError && error.status === 401);
  },

  "client_secret_post": async () => {
    const [id, value] = secret("post");
    const config = await discover(id, client.ClientSecretPost(value));
    await goOn(config, await logIn(config));
  },

  "private_key_jwt": async () => {
    const pkcs8 = Buffer.from(clients.key.pkcs8, "base64");
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
    const config = await discover(clients.key.client_id, client.PrivateKeyJwt({ key, kid: "one" }));
    await goOn(config, await logIn(config));
    await goOn(config, await logIn(config, { pushed: true }));
  },

  "a pushed request": async () => {
    const open = await discover(clients.public.client_id, client.None());
    await goOn(open, await logIn(open, { pushed: true }));
    const config = await basic();
    await goOn(config, await logIn(config, { pushed: true }));
  },

  "a request answered as a form": async () => {
    const config = await basic();
    const verifier = client.randomPKCECodeVerifier();
    const checks = { pkceCodeVerifier: verifier, expectedState: client.randomState() };
    const { url, form } = await person().visit(client.buildAuthorizationUrl(config, {
      redirect_uri: callback, scope: "openid", state: checks.expectedState,
      response_mode: "form_post", code_challenge_method: "S256",
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
    }));
    expect(form && url.search === "", `the answer is in the address: ${url}`);
    const posted = new Request(url, { method: "POST", body: new URLSearchParams(form) });
    const tokens = await client.authorizationCodeGrant(config, posted, checks);
    expect(tokens.claims().sub === sub, "another sub");
  },

  "an API": async () => {
    const config = await basic();
    const { tokens } = await logIn(config, { params: { scope: "openid orders:read", resource: api } });
    expect(tokens.scope.split(" ").includes("orders:read"), `scope is ${tokens.scope}`);
    const answer = await client.tokenIntrospection(config, tokens.access_token);
    expect(answer.active && answer.aud === api, `introspection: ${JSON.stringify(answer)}`);
  },

  "DPoP": async () => {
    const config = await discover(clients.public.client_id, client.None());
    const dpop = await client.randomDPoPKeyPair("ES256");
    for (const pushed of [false, true]) {
      const done = await logIn(config, { dpop, pushed });
      expect(done.tokens.token_type === "dpop", `token_type is ${done.tokens.token_type}`);
      const stolen = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
      await refused(
        client.refreshTokenGrant(config, done.tokens.refresh_token, undefined, { DPoP: stolen }),
        "a bound refresh token with another key",
        (error) => ["invalid_grant", "invalid_dpop_proof"].includes(error.error),
      );
      await refused(
        client.fetchUserInfo(config, done.tokens.access_token, sub, { DPoP: stolen }),
        "a bound access token with another key",
        (error) => error instanceof client.WWWAuthenticateChallengeError && error.status === 401,
      );
      await refused(client.fetchUserInfo(config, done.tokens.access_token, sub),
        "a bound access token as Bearer",
        (error) => error instanceof client.WWWAuthenticateChallengeError && error.status === 401);
      await goOn(config, done);
    }
  },

  "client credentials": async () => {
    const [id, value] = secret("service");
    const config = await discover(id, client.ClientSecretBasic(value));
    const tokens = await client.clientCredentialsGrant(config, { scope: "orders:read", resource: api });
    expect(tokens.scope === "orders:read" && !tokens.refresh_token && !tokens.id_token,
      `got ${Object.keys(tokens)} with ${tokens.scope}`);
    const found = await client.tokenIntrospection(config, tokens.access_token);
    expect(found.active && found.sub === id && found.aud === api, JSON.stringify(found));
    const all = await client.clientCredentialsGrant(config);
    expect(all.scope === "orders:read", `without asking: ${all.scope}`);
    await client.tokenRevocation(config, tokens.access_token);
    const gone = await client.tokenIntrospection(config, tokens.access_token);
    expect(gone.active === false, "a revoked access token is active");
    await refused(client.clientCredentialsGrant(config, { scope: "orders:burn" }),
      "an unknown scope", (error) => error.error === "invalid_scope");
  },

  "a device": async () => {
    const config = await discover(clients.device.client_id, client.None());
    const device = await client.initiateDeviceAuthorization(config, { scope: "openid profile" });
    // The user begins after the device was told to wait, so that it is told at least once.
    let approval;
    config[client.customFetch] = async (url, init) => {
      const response = await fetch(url, init);
      if (!approval) {
        const { error } = await response.clone().json();
        expect(error === "authorization_pending", `the device heard ${error}`);
        approval = person().visit(device.verification_uri_complete);
      }
      return response;
    };
    const tokens = await client.pollDeviceAuthorizationGrant(config, device);
    const last = await approval;
    expect(last.status === 200, `the person's last page: ${last.status} ${last.html}`);
    expect(tokens.claims().sub === sub, "another sub");
    delete config[client.customFetch];
    await goOn(config, { tokens });
    await refused(client.pollDeviceAuthorizationGrant(config, { ...device, interval: 1 }),
      "a used device code", invalidGrant);
  },

  "a denied device": async () => {
    const config = await discover(clients.device.client_id, client.None());
    const device = await client.initiateDeviceAuthorization(config, { scope: "openid" });
    await person().visit(device.verification_uri_complete, "deny");
    await refused(client.pollDeviceAuthorizationGrant(config, { ...device, interval: 1 }),
      "a denied device", (error) => error.error === "access_denied");
  },

  "logging out": async () => {
    const config = await discover(clients.public.client_id, client.None());
    const { tokens, who } = await logIn(config);
    const end = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token, post_logout_redirect_uri: goodbye, state: "bye",
    });
    const { url, html } = await who.visit(end);
    expect(url?.href === `${goodbye}?state=bye`, `the way out ends at ${url ?? html}`);
    await refused(client.refreshTokenGrant(config, tokens.refresh_token),
      "a session after its log-out", invalidGrant);
    await refused(client.fetchUserInfo(config, tokens.access_token, sub),
      "an access token after the log-out", (error) => error.status === 401);
    const before = who.seen.length;
    await logIn(config, { who });
    expect(who.seen[before] === "login", "the browser is still logged in");
  },

  "a session that goes on": async () => {
    const [config, other] = [await basic(), await discover(clients.public.client_id, client.None())];
    const offline = await logIn(config, { params: { scope: "openid offline_access" } });
    const { tokens, who } = await logIn(other, { who: offline.who });
    await who.visit(client.buildEndSessionUrl(other, { id_token_hint: tokens.id_token }));
    await refused(client.refreshTokenGrant(other, tokens.refresh_token),
      "the session that was logged out", invalidGrant);
    const next = await client.refreshTokenGrant(config, offline.tokens.refresh_token);
    expect(next.claims()?.sub === sub, "no ID token while offline");
    // Its own client may revoke it, like any other.
    await who.visit(client.buildEndSessionUrl(config, { id_token_hint: next.id_token }));
    await refused(client.refreshTokenGrant(config, next.refresh_token),
      "an offline session that its client has logged out", invalidGrant);
  },
});
