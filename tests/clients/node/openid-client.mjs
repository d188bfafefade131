// openid-client against Signet, configured with nothing but the issuer and a client id: the library
// checks everything. Settings come as JSON in the environment variable SIGNET.
import * as client from "openid-client";
import { Person, expect } from "./pages.mjs";

const { issuer, login, password, clients, api, redirectUri } = JSON.parse(process.env.SIGNET);
const insecure = { execute: [client.allowInsecureRequests] };

async function discover({ client_id, client_secret, key }, method) {
  const auth = {
    none: () => client.None(),
    client_secret_basic: () => client.ClientSecretBasic(client_secret),
    client_secret_post: () => client.ClientSecretPost(client_secret),
  }[method]?.() ?? client.PrivateKeyJwt(key);
  return client.discovery(new URL(issuer), client_id, undefined, auth, insecure);
}

async function key(jwk, alg) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  return { key: await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]), kid: jwk.kid, alg };
}

async function dance(config, { dpop, pushed, scope = "openid profile offline_access" } = {}) {
  const person = new Person(issuer, login, password);
  const code_verifier = client.randomPKCECodeVerifier();
  const nonce = client.randomNonce();
  const state = client.randomState();
  const parameters = {
    redirect_uri: redirectUri, scope, nonce, state, max_age: "300",
    code_challenge: await client.calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: "S256",
  };
  const handle = dpop && client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const options = handle && { DPoP: handle };
  const url = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, options)
    : client.buildAuthorizationUrl(config, parameters);
  const callback = await person.visit(url);
  const tokens = await client.authorizationCodeGrant(config, callback, {
    pkceCodeVerifier: code_verifier, expectedNonce: nonce, expectedState: state, maxAge: 300,
  }, undefined, options);
  const { sub } = tokens.claims();
  expect(tokens.token_type === (dpop ? "dpop" : "bearer"), `token_type ${tokens.token_type}`);
  const info = await client.fetchUserInfo(config, tokens.access_token, sub, options);
  expect(info.preferred_username === login, JSON.stringify(info));
  const again = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
  expect(again.claims().sub === sub && again.refresh_token !== tokens.refresh_token, "refresh");
  await client.fetchUserInfo(config, again.access_token, sub, options);
  const out = client.buildEndSessionUrl(config, {
    id_token_hint: again.id_token, post_logout_redirect_uri: redirectUri, state: "bye",
  });
  const back = await person.visit(out);
  expect(back.href === `${redirectUri}?state=bye`, `after logout: ${back.href ?? back.html}`);
  const silent = client.buildAuthorizationUrl(config, { ...parameters, prompt: "none" });
  const refused = await person.visit(silent);
  expect(refused.searchParams.get("error") === "login_required", refused.href);
  return { again, options };
}

const run = async (name, work) => {
  try {
    await work();
  } catch (error) {
    console.error(`${name}:`, error, error.cause);
    process.exit(1);
  }
};

await run("public", async () => {
  await dance(await discover(clients.spa, "none"));
});
await run("public with DPoP", async () => {
  const config = await discover(clients.spa, "none");
  const { again, options } = await dance(config, { dpop: true });
  // The refresh token is bound: without the key it is worth nothing.
  await client.refreshTokenGrant(config, again.refresh_token).then(
    () => { throw new Error("a bound refresh token was taken without its key"); },
    (error) => expect(error.error === "invalid_grant", error),
  );
  expect(options, "no handle");
});
await run("client_secret_basic", async () => {
  const config = await discover(clients.web, "client_secret_basic");
  const { again } = await dance(config);
  // offline_access: it goes on although its user has logged out.
  const seen = await client.tokenIntrospection(config, again.refresh_token);
  expect(seen.active === false || seen.active === true, "no answer");
});
await run("client_secret_post, pushed", async () => {
  await dance(await discover(clients.post, "client_secret_post"), { pushed: true });
});
await run("private_key_jwt", async () => {
  const mine = { ...clients.jwt, key: await key(clients.jwt.jwk, "ES256") };
  await dance(await discover(mine, "private_key_jwt"));
});
await run("introspection and revocation", async () => {
  const config = await discover(clients.web, "client_secret_basic");
  const person = new Person(issuer, login, password);
  const code_verifier = client.randomPKCECodeVerifier();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri, scope: "openid",
    code_challenge: await client.calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: "S256",
  });
  const tokens = await client.authorizationCodeGrant(config, await person.visit(url), {
    pkceCodeVerifier: code_verifier,
  });
  expect((await client.tokenIntrospection(config, tokens.access_token)).active, "not active");
  await client.tokenRevocation(config, tokens.refresh_token);
  expect(!(await client.tokenIntrospection(config, tokens.access_token)).active, "still active");
});
await run("client credentials", async () => {
  const config = await discover(clients.service, "client_secret_basic");
  const tokens = await client.clientCredentialsGrant(config, { resource: api });
  expect(tokens.scope === "orders:read" && !tokens.refresh_token, JSON.stringify(tokens));
});
await run("device", async () => {
  const config = await discover(clients.device, "none");
  const device = await client.initiateDeviceAuthorization(config, { scope: "openid" });
  const person = new Person(issuer, login, password);
  const page = await person.visit(device.verification_uri_complete);
  expect(page.status === 200, page.html);
  const tokens = await client.pollDeviceAuthorizationGrant(config, device);
  expect(tokens.claims().sub, "no ID token");
});
