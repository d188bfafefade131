//! The crate `openidconnect` against Signet, configured with nothing but the issuer and a client.
//!
//! Usage: signet-client-test ISSUER CLIENT_ID CLIENT_SECRET REDIRECT_URI LOGIN PASSWORD

use std::error::Error;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl,
    LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, Scope, TokenResponse as _,
};
use reqwest::Url;
use reqwest::blocking::Client;
use reqwest::redirect::Policy;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, client_id, secret, redirect_uri, login, password] = arguments.as_slice() else {
        return Err("six arguments are needed".into());
    };
    let http = Client::builder().redirect(Policy::none()).build()?;
    let person = Client::builder().redirect(Policy::none()).cookie_store(true).build()?;

    let metadata = ProviderMetadataWithLogout::discover(&IssuerUrl::new(issuer.clone())?, &http)?;
    let out = metadata.additional_metadata().end_session_endpoint.clone().ok_or("no logout")?;
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(client_id.clone()),
        Some(ClientSecret::new(secret.clone())),
    )
    .set_redirect_uri(RedirectUrl::new(redirect_uri.clone())?);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("profile".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let callback = visit(&person, issuer, url, login, password)?;
    let said = |name: &str| {
        callback.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    same(said("state").as_deref(), Some(state.secret().as_str()), "state")?;
    same(said("iss").as_deref(), Some(issuer.as_str()), "iss")?;

    let code = AuthorizationCode::new(said("code").ok_or("no code")?);
    let tokens = client.exchange_code(code)?.set_pkce_verifier(verifier).request(&http)?;
    let id_token = tokens.id_token().ok_or("no ID token")?;
    let checker = client.id_token_verifier();
    let claims = id_token.claims(&checker, &nonce)?;
    let hash = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg()?,
        id_token.signing_key(&checker)?,
    )?;
    same(claims.access_token_hash(), Some(&hash), "at_hash")?;

    let info: CoreUserInfoClaims = client
        .user_info(tokens.access_token().to_owned(), Some(claims.subject().clone()))?
        .request(&http)?;
    let name = info.preferred_username().map(|name| name.as_str());
    same(name, Some(login.as_str()), "preferred_username")?;

    let refresh = tokens.refresh_token().ok_or("no refresh token")?;
    let again = client.exchange_refresh_token(refresh)?.request(&http)?;
    let second = again.id_token().ok_or("no ID token with a refresh")?;
    // A refreshed ID token has no nonce; everything else is checked the same.
    let refreshed = second.claims(&checker, |_: Option<&Nonce>| Ok(()))?;
    same(refreshed.subject(), claims.subject(), "the subject of a refresh")?;

    let back = PostLogoutRedirectUrl::new(redirect_uri.clone())?;
    let leave = LogoutRequest::from(out)
        .set_id_token_hint(second)
        .set_post_logout_redirect_uri(back)
        .http_get_url();
    same(visit(&person, issuer, leave, login, password)?.as_str(), redirect_uri, "after logout")?;
    let dead = again.refresh_token().ok_or("no refresh token")?;
    if client.exchange_refresh_token(dead)?.request(&http).is_ok() {
        return Err("a refresh token outlived the logout".into());
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, wanted: T, what: &str) -> Outcome<()> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:?}, not {wanted:?}").into()) }
}

/// A person who fills in Signet's pages until the application gets its answer.
fn visit(person: &Client, issuer: &str, url: Url, login: &str, password: &str) -> Outcome<Url> {
    let mut answer = person.get(url).send()?;
    for _ in 0..10 {
        if let Some(location) = answer.headers().get("location") {
            let next = Url::parse(issuer)?.join(location.to_str()?)?;
            if !next.as_str().starts_with(issuer) {
                return Ok(next);
            }
            answer = person.get(next).send()?;
            continue;
        }
        let html = answer.text()?;
        let flow = html
            .split_once(r#"name="flow" value=""#)
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(flow, _)| flow.to_owned())
            .ok_or_else(|| html.clone())?;
        let (path, more) = if html.contains(r#"action="/login""#) {
            ("/login", format!("login={login}&password={}", password.replace(' ', "+")))
        } else {
            ("/consent", "decision=allow".to_owned())
        };
        answer = person
            .post(format!("{issuer}{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("flow={flow}&{more}"))
            .send()?;
    }
    Err("no end of pages".into())
}
