//! Issuing the tokens of a session.
//!
//! The only place that issues access tokens. An [`UnsignedToken`] is shown by a preview and signed by a log-in, so
//! both are identical.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::app::cache::Audience;
use crate::base::entropy::random;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::at_hash;
use crate::domain::attributes::Subject;
use crate::domain::claims::{
    AccessClaims, AccessTokenGrant, Header, IdClaims, IssueContext, TokenType, asked_by,
};
use crate::domain::client::Client;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::session::Session;
use crate::domain::signing_key::SigningAlg;
use crate::domain::token_rules::TokenAlg;

use super::lineage;

/// A token response (RFC 6749 §5.1), without absent members.
#[derive(Serialize)]
pub struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(flatten)]
    refresh: Option<RefreshToken>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    #[serde(skip)]
    alg: TokenAlg,
}

/// A refresh token and its remaining lifetime.
#[derive(Serialize)]
struct RefreshToken {
    refresh_token: String,
    refresh_expires_in: i64,
}

/// The content and the audience of an ID token.
pub struct IdTokenContext<'a> {
    /// The client it is for.
    pub client: &'a Client,
    /// The session whose user it names, with the time of their authentication.
    pub session: &'a Session,
    /// The `nonce` of the authorization request; `None` after a refresh.
    pub nonce: Option<&'a str>,
    /// The claims about the user.
    pub asked: Map<String, Value>,
}

/// An access token without its signature.
pub struct UnsignedToken<'a> {
    /// The claims.
    pub claims: AccessClaims<'a>,
    token_type: TokenType,
    alg: TokenAlg,
    audience: Arc<Audience>,
    expires: Timestamp,
}

/// The refusal of an audience that is not a registered API (RFC 8707 §2).
#[must_use]
pub fn invalid_target() -> Refusal {
    Refusal::new(Code::InvalidTarget, "The audience is not a registered API.")
}

/// Signs the access token for `entitled`. `subject` is only read if the audience requests claims about the user.
///
/// # Errors
/// `invalid_target` when the API no longer exists; otherwise only faults.
pub fn access_token(
    app: &App,
    entitled: &AccessTokenGrant<'_>,
    subject: impl FnOnce() -> Result<Subject, Fault>,
    now: Timestamp,
) -> Result<Tokens, Failure> {
    let own = uuid::Builder::from_random_bytes(random(&*app.entropy)).into_uuid();
    let jti = match &entitled.parent {
        Some(parent) => lineage::child(parent, own),
        None => own.to_string(),
    };
    let draft = draft(app, entitled, subject, &jti, now)?;
    let access_token = draft.sign(app)?;
    app.count_issued(entitled.client_id, entitled.audience, now);
    Ok(Tokens {
        access_token,
        token_type: if entitled.jkt.is_some() { "DPoP" } else { "Bearer" },
        expires_in: (draft.expires - app.claim_time(now)).secs(),
        refresh: None,
        scope: draft.claims.scope,
        id_token: None,
        issued_token_type: None,
        alg: draft.alg,
    })
}

/// The tokens of `session`, whose chain names the live refresh token.
///
/// # Errors
/// As [`access_token`].
pub fn tokens(
    app: &App,
    session: &Session,
    subject: impl FnOnce() -> Result<Subject, Fault>,
    now: Timestamp,
) -> Result<Tokens, Failure> {
    access_token(app, &AccessTokenGrant::of(session), subject, now)?
        .with_refresh_token(app, session, now)
}

/// The access token for `entitled`, by the rules of its audience that are in force at `now`.
///
/// # Errors
/// `invalid_target` when the API no longer exists; otherwise only faults.
pub fn draft<'a>(
    app: &'a App,
    entitled: &AccessTokenGrant<'a>,
    subject: impl FnOnce() -> Result<Subject, Fault>,
    jti: &'a str,
    now: Timestamp,
) -> Result<UnsignedToken<'a>, Failure> {
    let audience = app.audience(entitled.audience).ok_or_else(invalid_target)?;
    Ok(draft_for(app, audience, entitled, subject, (jti, now))?)
}

/// The same for an audience that need not be in force, for plans.
///
/// # Errors
/// Only faults.
pub fn draft_for<'a>(
    app: &'a App,
    audience: Arc<Audience>,
    entitled: &AccessTokenGrant<'a>,
    subject: impl FnOnce() -> Result<Subject, Fault>,
    (jti, now): (&'a str, Timestamp),
) -> Result<UnsignedToken<'a>, Fault> {
    let rules = audience.target.rules();
    let life = rules.access_ttl.or(entitled.life).unwrap_or(app.lifetimes.access);
    // The expiry of an exchanged token comes from claims, that of others from a stored time.
    let not_after = entitled.not_after.min(app.claim_time(entitled.not_after));
    let now = app.claim_time(now);
    let expires = (now + life).min(not_after);
    let asked = if rules.asks() { asked_by(rules, &subject()?) } else { Map::new() };
    let occasion = IssueContext { issuer: app.issuer(), jti, now, expires };
    Ok(UnsignedToken {
        claims: AccessClaims::new(&occasion, entitled, &audience.target, asked),
        token_type: rules.token_type(),
        alg: rules.alg(app.config.signing_alg),
        expires,
        audience,
    })
}

impl Tokens {
    /// The same with the refresh token of `session`.
    ///
    /// # Errors
    /// Only faults.
    pub fn with_refresh_token(
        mut self,
        app: &App,
        session: &Session,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let expires = session.idle_expires_at.min(session.expires_at);
        let refresh_token = app
            .refresh_keys()
            .mint(session.branch, session.chain.current)
            .ok_or_else(|| Fault::internal("minting a refresh token"))?;
        let refresh_expires_in = (expires - now).secs();
        self.refresh = Some(RefreshToken { refresh_token, refresh_expires_in });
        Ok(self)
    }

    /// The same with an ID token (OpenID Connect Core §3.1.3.3).
    ///
    /// # Errors
    /// Only faults.
    pub fn with_id_token(
        mut self,
        app: &App,
        IdTokenContext { client, session, nonce, asked }: IdTokenContext<'_>,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let now = app.claim_time(now);
        let claims = IdClaims {
            iss: app.issuer(),
            sub: session.user_id.to_string(),
            aud: &client.client_id,
            exp: (now + TimeSpan::from_secs(self.expires_in.max(1))).secs(),
            iat: now.secs(),
            auth_time: session.auth_time.secs(),
            acr: session.factors().acr(),
            amr: session.factors().amr(),
            sid: session.id.to_string(),
            nonce,
            at_hash: at_hash(&self.access_token),
            asked,
        };
        self.id_token =
            Some(sign_with_key(app, client.metadata.id_token_alg, TokenType::Jwt, &claims)?);
        Ok(self)
    }

    /// The same with the type of the issued token (RFC 8693 §2.2.1).
    #[must_use]
    pub const fn of_type(mut self, issued: &'static str) -> Self {
        self.issued_token_type = Some(issued);
        self
    }

    /// The algorithm of the access token.
    #[must_use]
    pub const fn alg(&self) -> TokenAlg {
        self.alg
    }

    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.access_token
    }
}

impl UnsignedToken<'_> {
    /// The header it would have, without the name of the key.
    #[must_use]
    pub fn form(&self) -> Value {
        json!({ "alg": self.alg.as_str(), "typ": self.token_type })
    }

    /// Its header.
    ///
    /// # Errors
    /// When there is nothing to sign with.
    pub fn header(&self, app: &App) -> Result<Value, Fault> {
        let of = |kid: &str| json!(Header { alg: self.alg.as_str(), kid, typ: self.token_type });
        match (self.alg, &self.audience.secret) {
            (TokenAlg::Key(alg), _) => {
                app.keyring().signer(alg).map(|signer| of(&signer.key().kid))
            }
            (TokenAlg::SharedSecret, secret) => secret.as_ref().map(|secret| of(secret.kid())),
        }
        .ok_or_else(nothing_to_sign_with)
    }

    /// The token.
    ///
    /// # Errors
    /// When there is no signing key, or the crypto library fails.
    pub fn sign(&self, app: &App) -> Result<String, Fault> {
        let began = Instant::now();
        let signed = match (self.alg, &self.audience.secret) {
            (TokenAlg::Key(alg), _) => app
                .keyring()
                .signer(alg)
                .ok_or_else(nothing_to_sign_with)?
                .sign(self.token_type, &self.claims),
            (TokenAlg::SharedSecret, secret) => secret
                .as_ref()
                .ok_or_else(nothing_to_sign_with)?
                .sign(self.token_type, &self.claims),
        };
        app.metrics.signed(self.alg, began.elapsed());
        signed
    }
}

/// Signs `claims` as a token of this kind with the active key for `alg`, and measures the time.
///
/// # Errors
/// When no key of the algorithm is active, or the crypto library fails.
pub(super) fn sign_with_key(
    app: &App,
    alg: SigningAlg,
    token_type: TokenType,
    claims: &impl Serialize,
) -> Result<String, Fault> {
    let keyring = app.keyring();
    let signer = keyring.signer(alg).ok_or_else(nothing_to_sign_with)?;
    let began = Instant::now();
    let signed = signer.sign(token_type, claims);
    app.metrics.signed(TokenAlg::Key(alg), began.elapsed());
    signed
}

const fn nothing_to_sign_with() -> Fault {
    Fault::internal("there is no key of the algorithm that the audience requires")
}
