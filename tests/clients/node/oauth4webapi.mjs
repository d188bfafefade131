// oauth4webapi's strict validators against Signet.
import * as oauth from "oauth4webapi";
import { Person, expect } from "./pages.mjs";

const { issuer, login, password, clients, api, redirectUri } = JSON.parse(process.env.SIGNET);
const insecure = { [oauth.allowInsecureRequests]: true };
const url = new URL(issuer);

const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, insecure));
const both = await oauth.discoveryRequest(url, { ...insecure, algorithm: "oauth2" });
expect((await oauth.processDiscoveryResponse(url, both)).issuer === issuer, "oauth2 metadata");

for (const mode of ["query", "form_post"]) {
  for (const [mine, auth] of [
    [clients.spa, oauth.None()],
    [clients.web, oauth.ClientSecretBasic(clients.web.client_secret)],
  ]) {
    const client = { client_id: mine.client_id, require_auth_time: true };
    const person = new Person(issuer, login, password);
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const ask = new URL(as.authorization_endpoint);
    ask.search = new URLSearchParams({
      client_id: client.client_id, redirect_uri: redirectUri, response_type: "code",
      scope: "openid profile orders:read", resource: api, state, nonce, max_age: "60",
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256", response_mode: mode,
    });
    const answer = await person.visit(ask);
    const said = mode === "query" ? answer : answer.fields;
    expect(mode === "query" || answer.action === redirectUri, "the form goes elsewhere");
    const params = oauth.validateAuthResponse(as, client, said, state);
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
    const response = await oauth.authorizationCodeGrantRequest(
      as, client, auth, params, redirectUri, verifier, { ...insecure, DPoP },
    );
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
      expectedNonce: nonce, maxAge: 60, requireIdToken: true,
    });
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    await oauth.validateApplicationLevelSignature(as, response, insecure);

    // As the API would: RFC 9068 to the letter, and the proof of the key with it.
    const request = new Request(`${api}/orders`, {
      headers: { authorization: `DPoP ${tokens.access_token}` },
    });
    const proofs = [];
    await oauth.protectedResourceRequest(tokens.access_token, "GET", new URL(`${api}/orders`),
      undefined, undefined, {
        DPoP,
        [oauth.customFetch]: async (_, options) => {
          proofs.push(options.headers.dpop);
          return new Response();
        },
      });
    request.headers.set("dpop", proofs[0]);
    const access = await oauth.validateJwtAccessToken(as, request, api, insecure);
    expect(access.scope === "openid profile orders:read", access.scope);
    expect(access.sub === claims.sub && access.client_id === client.client_id, "another's token");

    const info = await oauth.processUserInfoResponse(as, client, claims.sub,
      await oauth.userInfoRequest(as, client, tokens.access_token, { ...insecure, DPoP }));
    expect(info.preferred_username === login, JSON.stringify(info));
    const refreshed = await oauth.processRefreshTokenResponse(as, client,
      await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, { ...insecure, DPoP }));
    expect(oauth.getValidatedIdTokenClaims(refreshed).sub === claims.sub, "refresh");
    const revoked = await oauth.revocationRequest(as, client, auth, refreshed.refresh_token, insecure);
    await oauth.processRevocationResponse(revoked);
    const dead = await oauth.userInfoRequest(as, client, refreshed.access_token, { ...insecure, DPoP });
    await oauth.processUserInfoResponse(as, client, claims.sub, dead).then(
      () => { throw new Error("a revoked token was good"); },
      (error) => expect(error instanceof oauth.WWWAuthenticateChallengeError, error),
    );
    const out = new URL(as.end_session_endpoint);
    out.search = new URLSearchParams({
      id_token_hint: refreshed.id_token, post_logout_redirect_uri: redirectUri,
    });
    expect((await person.visit(out)).href === redirectUri, "logout");
  }
}
