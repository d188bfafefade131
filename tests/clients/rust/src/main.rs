//! The library `openidconnect` against an issuer of which it has only the URL: a log-in with PKCE and a
//! checked ID token, userinfo, refresh, revocation, log-out; for a client without a secret and both ways to
//! send one.
//!
//! Usage: signet-test-client SCENARIO_JSON

mod person;

use std::process::ExitCode;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType,
    CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreGrantType, CoreIdToken,
    CoreIdTokenClaims, CoreIdTokenVerifier, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType, CoreRevocableToken,
    CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::reqwest::blocking::Client as Http;
use openidconnect::reqwest::redirect::Policy;
use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthorizationCode, ClientId,
    ClientSecret, CsrfToken, EndSessionUrl, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpClientError, HttpRequest, HttpResponse, IssuerUrl, LogoutRequest, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadata,
    RedirectUrl, RefreshToken, RequestTokenError, RevocationUrl, Scope, SubjectIdentifier,
    SyncHttpClient as _, TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use person::Person;

/// The cause of a failure.
pub type Failure = Box<dyn std::error::Error>;

/// Metadata beyond those that the library reads by itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct More {
    revocation_endpoint: String,
    end_session_endpoint: EndSessionUrl,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// The library's client, with the endpoints that exist.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// One client of the scenario.
struct Dance {
    http: Http,
    client: Client,
    end_session: EndSessionUrl,
    person: Person,
    sub: SubjectIdentifier,
    login: String,
    goodbye: String,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let file = std::env::args().nth(1).ok_or("usage: signet-test-client SCENARIO_JSON")?;
    let scenario: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    for (name, auth_type) in [
        ("public", AuthType::RequestBody),
        ("basic", AuthType::BasicAuth),
        ("post", AuthType::RequestBody),
    ] {
        let mut dance = Dance::new(&scenario, name, auth_type)?;
        dance.whole_way().map_err(|failure| format!("{name}: {failure} ({failure:?})"))?;
    }
    Ok(())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Failure> {
    value[name].as_str().ok_or_else(|| format!("the scenario has no {name}").into())
}

fn expect(condition: bool, what: &str) -> Result<(), Failure> {
    if condition { Ok(()) } else { Err(what.into()) }
}

impl Dance {
    fn new(scenario: &Value, name: &str, auth_type: AuthType) -> Result<Self, Failure> {
        // Redirects of the issuer are followed by the user's browser, never by the client.
        let http = Http::builder().redirect(Policy::none()).build()?;
        let issuer = text(scenario, "issuer")?;
        let metadata = Metadata::discover(&IssuerUrl::new(issuer.to_owned())?, &http)?;
        let More { revocation_endpoint: revocation, end_session_endpoint } =
            metadata.additional_metadata().clone();
        let facts = &scenario["clients"][name];
        let id = ClientId::new(text(facts, "client_id")?.to_owned());
        let secret = facts["client_secret"].as_str().map(|text| ClientSecret::new(text.to_owned()));
        let client = CoreClient::from_provider_metadata(metadata, id, secret)
            .set_auth_type(auth_type)
            .set_redirect_uri(RedirectUrl::new(text(scenario, "callback")?.to_owned())?)
            .set_revocation_url(RevocationUrl::new(revocation.replacen("http:", "https:", 1))?);
        let login = text(scenario, "login")?;
        let person =
            Person::new(http.clone(), &issuer.parse()?, login, text(scenario, "password")?);
        Ok(Self {
            http,
            client,
            end_session: end_session_endpoint,
            person,
            sub: SubjectIdentifier::new(text(scenario, "sub")?.to_owned()),
            login: login.to_owned(),
            goodbye: text(scenario, "goodbye")?.to_owned(),
        })
    }

    fn whole_way(&mut self) -> Result<(), Failure> {
        let (tokens, nonce) = self.log_in(None)?;
        self.userinfo(&tokens)?;
        let refresh = tokens.refresh_token().ok_or("no refresh token")?;
        let next = self.refresh(refresh)?;
        let successor = next.refresh_token().ok_or("no refresh token after a refresh")?;
        expect(successor.secret() != refresh.secret(), "the refresh token did not change")?;
        self.userinfo(&next)?;
        if let Some(id_token) = next.id_token() {
            // A refresh need not repeat the nonce, but may not change it (OpenID Connect Core §12.2).
            let same = |said: Option<&Nonce>| match said {
                Some(said) if said.secret() != nonce.secret() => Err("another nonce".to_owned()),
                _ => Ok(()),
            };
            self.check(id_token, &next, same)?;
        }
        let revoked = CoreRevocableToken::RefreshToken(successor.clone());
        let plain = |request| self.without_tls(request);
        self.client.revoke_token(revoked)?.request(&plain)?;
        self.refused(successor, "a revoked refresh token")?;
        self.log_out()
    }

    /// Through the issuer's pages to tokens, all claims of which the library has checked.
    fn log_in(
        &mut self,
        prompt: Option<CoreAuthPrompt>,
    ) -> Result<(CoreTokenResponse, Nonce), Failure> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = self
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge);
        if let Some(prompt) = prompt {
            request = request.add_prompt(prompt);
        }
        let (url, state, nonce) = request.url();
        let answer = self.person.visit(url)?;
        expect(parameter(&answer, "state")? == *state.secret(), "another state came back")?;
        let code = AuthorizationCode::new(parameter(&answer, "code")?);
        let tokens: CoreTokenResponse =
            self.client.exchange_code(code)?.set_pkce_verifier(verifier).request(&self.http)?;
        let id_token = tokens.id_token().ok_or("no ID token")?;
        self.check(id_token, &tokens, &nonce)?;
        Ok((tokens, nonce))
    }

    /// Issuer, audience, times, signature and nonce, as the library checks them; and `at_hash`.
    fn check<N: openidconnect::NonceVerifier + Copy>(
        &self,
        id_token: &CoreIdToken,
        tokens: &CoreTokenResponse,
        nonce: N,
    ) -> Result<(), Failure> {
        let verifier: CoreIdTokenVerifier<'_> = self.client.id_token_verifier();
        let claims: &CoreIdTokenClaims = id_token.claims(&verifier, nonce)?;
        expect(*claims.subject() == self.sub, "the ID token is about somebody else")?;
        let hash = claims.access_token_hash().ok_or("no at_hash")?;
        let alg = id_token.signing_alg()?;
        let key = id_token.signing_key(&verifier)?;
        let wanted = AccessTokenHash::from_token(tokens.access_token(), alg, key)?;
        expect(*hash == wanted, "at_hash is of another token")
    }

    fn userinfo(&self, tokens: &CoreTokenResponse) -> Result<(), Failure> {
        let request =
            self.client.user_info(tokens.access_token().clone(), Some(self.sub.clone()))?;
        let about: CoreUserInfoClaims = request.request(&self.http)?;
        let name = about.preferred_username().map(|name| name.as_str());
        expect(name == Some(&self.login), "userinfo is about somebody else")
    }

    fn refresh(&self, token: &RefreshToken) -> Result<CoreTokenResponse, Failure> {
        Ok(self.client.exchange_refresh_token(token)?.request(&self.http)?)
    }

    /// Sends a request to https without it: the library revokes nothing over plain http, not even on
    /// loopback.
    fn without_tls(
        &self,
        mut request: HttpRequest,
    ) -> Result<HttpResponse, HttpClientError<openidconnect::reqwest::Error>> {
        let uri = request.uri().to_string().replacen("https:", "http:", 1);
        *request.uri_mut() = uri.parse().map_err(|_| HttpClientError::Other(uri))?;
        self.http.call(request)
    }

    fn refused(&self, token: &RefreshToken, what: &str) -> Result<(), Failure> {
        match self.client.exchange_refresh_token(token)?.request(&self.http) {
            Err(RequestTokenError::ServerResponse(answer))
                if *answer.error() == CoreErrorResponseType::InvalidGrant =>
            {
                Ok(())
            }
            Err(other) => Err(format!("{what} was refused in another way: {other:?}").into()),
            Ok(_) => Err(format!("{what} was accepted").into()),
        }
    }

    /// Logs in silently, logs out, and checks that the user is no longer signed in.
    fn log_out(&mut self) -> Result<(), Failure> {
        let (tokens, _) = self.log_in(Some(CoreAuthPrompt::None))?;
        let id_token = tokens.id_token().ok_or("no ID token")?;
        let out = LogoutRequest::from(self.end_session.clone())
            .set_id_token_hint(id_token)
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(self.goodbye.clone())?)
            .set_state(CsrfToken::new("bye".to_owned()));
        let arrived = self.person.visit(out.http_get_url())?;
        let wanted = format!("{}?state=bye", self.goodbye);
        expect(arrived.as_str() == wanted, &format!("the way out ends at {arrived}"))?;
        let refresh = tokens.refresh_token().ok_or("no refresh token")?;
        self.refused(refresh, "a session after its log-out")?;
        let (url, ..) = self
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(PkceCodeChallenge::new_random_sha256().0)
            .add_prompt(CoreAuthPrompt::None)
            .url();
        let error = parameter(&self.person.visit(url)?, "error")?;
        expect(error == "login_required", &format!("after the log-out: {error}"))
    }
}

fn parameter(url: &Url, name: &str) -> Result<String, Failure> {
    let found = url.query_pairs().find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned()).ok_or_else(|| format!("no {name} in {url}").into())
}
