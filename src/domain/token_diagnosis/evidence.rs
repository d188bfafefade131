//! The evidence about a token, before any decision.
//!
//! Owns the types that `crypto` and `admin` fill in. They contain data of the token, never the token itself.

use serde_json::{Map, Value};

use crate::base::{Timestamp, opaque_token};
use crate::domain::api_key::ApiKey;
use crate::domain::audit::EventKind;
use crate::domain::claims::TokenType;
use crate::domain::key_rotation::KeyFacts;
use crate::domain::liveness::Registered;
use crate::domain::session::Session;
use crate::domain::token_rules::TokenAlg;
use crate::domain::user::User;

use super::code::TokenCode;

/// The complete evidence.
#[derive(Debug)]
pub struct Evidence {
    /// The issuer in force.
    pub issuer: String,
    /// The requested audience; `None` when the issuer or any registered API is accepted.
    pub audience: Option<String>,
    /// The presented token.
    pub presented: Presented,
}

/// The presented token.
#[derive(Debug)]
pub enum Presented {
    /// An opaque secret, recognised by its prefix.
    Opaque(Box<Opaque>),
    /// A text that may be a signed token.
    Signed(Box<Signed>),
}

/// The parts of a text that can be read without a key.
#[derive(Debug, Default)]
pub struct TokenStructure {
    /// The first error of its form.
    pub flaw: Option<Flaw>,
    /// The header, where it can be read.
    pub header: Option<Map<String, Value>>,
    /// Whether the header is exactly `alg`, `kid` and `typ`, once each, all texts.
    pub plain_header: bool,
    /// The payload, where it can be read.
    pub claims: Option<Map<String, Value>>,
}

/// An error of a token's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Longer than this many bytes.
    TooLarge(usize),
    /// It has this many parts instead of three.
    Parts(usize),
    /// This part is empty.
    Empty(&'static str),
    /// This part is not base64url without padding (RFC 7515 §2).
    NotBase64(&'static str),
    /// This part is not a JSON object.
    NotAnObject(&'static str),
}

/// A text that should be a signed token, and the results of checking it.
#[derive(Debug)]
pub struct Signed {
    /// Its readable parts.
    pub anatomy: TokenStructure,
    /// The `typ` of tokens that are issued for its audience now.
    pub expected_type: TokenType,
    /// Whether the other `typ` is accepted as well, because the API's setting may have changed since. The
    /// `typ` of tokens for the issuer itself never changes.
    pub either_type: bool,
    /// The key that it names, if it ever existed.
    pub key: Option<NamedKey>,
    /// Whether the signature is valid under that key; `None` when there is no key, or the algorithm differs.
    pub signature: Option<bool>,
    /// Whether the verifier of Signet's own endpoints accepts it for its issuer and audience, regardless of
    /// times. The diagnosis never passes a token that this verifier refuses.
    pub accepted: bool,
    /// Whether the audience is a registered API, and was the same API when the token was issued.
    pub registered: bool,
    /// The stored session, user and clients; `None` without a valid signature.
    pub state: Option<StoredState>,
    /// Whether the token itself was revoked, which is only read with a valid signature.
    pub revoked: bool,
}

/// The key that a token names.
#[derive(Debug)]
pub enum NamedKey {
    /// A signing key of this server.
    Signing(Box<KeyFacts>),
    /// The secret the API in `aud` shares with this server.
    SharedSecret,
}

impl NamedKey {
    /// The only algorithm of the key.
    #[must_use]
    pub const fn alg(&self) -> TokenAlg {
        match self {
            Self::Signing(key) => TokenAlg::Key(key.alg),
            Self::SharedSecret => TokenAlg::SharedSecret,
        }
    }
}

impl Signed {
    /// Evidence of a text that has not been checked.
    #[must_use]
    pub const fn of(anatomy: TokenStructure) -> Self {
        Self {
            anatomy,
            expected_type: TokenType::AtJwt,
            either_type: false,
            key: None,
            signature: None,
            accepted: false,
            registered: false,
            state: None,
            revoked: false,
        }
    }

    /// The `typ` in the header, if a token for this audience may have it.
    #[must_use]
    pub fn fitting_type(&self) -> Option<TokenType> {
        let found: TokenType = self.header("typ")?.parse().ok()?;
        let other = self.either_type && matches!(found, TokenType::AtJwt | TokenType::Jwt);
        (found == self.expected_type || other).then_some(found)
    }

    /// A claim that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.anatomy.claims.as_ref()?.get(name)?.as_str()
    }

    /// A claim that is a time: whole seconds since the epoch, before the year 10000.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.anatomy.claims.as_ref()?.get(name).and_then(seconds)
    }

    /// Whether it has an `act` claim (RFC 8693 §4.1).
    #[must_use]
    pub fn acts(&self) -> bool {
        self.anatomy
            .claims
            .as_ref()
            .is_some_and(|claims| claims.get("act").is_some_and(Value::is_object))
    }

    /// Whether the token has no session: it was issued to a client in its own name (RFC 9068 §2.2), possibly
    /// acting for another client.
    #[must_use]
    pub fn is_of_client(&self) -> bool {
        let Some(claims) = &self.anatomy.claims else { return false };
        let subject = self.text("sub");
        let own = subject.is_some() && subject == self.text("client_id");
        !claims.contains_key("sid") && !self.is_of_key() && (own || self.acts())
    }

    /// Whether the token was issued for an API key instead of a session.
    #[must_use]
    pub fn is_of_key(&self) -> bool {
        self.text("api_key_id").is_some()
    }

    /// A header parameter that is a string.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.anatomy.header.as_ref()?.get(name)?.as_str()
    }
}

/// A `NumericDate` in the exact form in which Signet writes it.
pub(super) fn seconds(value: &Value) -> Option<Timestamp> {
    let secs = value.as_i64().filter(|secs| (0..253_402_300_800).contains(secs))?;
    Some(Timestamp::from_secs(secs))
}

/// The session, the user and the clients a token names, as stored now.
#[derive(Debug, Default)]
pub struct StoredState {
    /// The session, if its row still exists.
    pub session: Option<Session>,
    /// The user of the token.
    pub user: Holder,
    /// The events that ended, or may have ended, all sessions of the user; newest first.
    pub raises: Vec<EpochRaise>,
    /// The registered clients it relies on.
    pub clients: Vec<ReliedRows>,
    /// The API key in the place of a session, if its row is still there.
    pub key: Option<ApiKey>,
}

/// A client that a token depends on: as its subject, as the actor, or because it opened the session.
#[derive(Debug)]
pub struct ReliedRows {
    /// The `client_id` of the client.
    pub client_id: String,
    /// When the token or session was issued to the client: one that was registered later is a different client.
    /// `None` if the token does not tell.
    pub since: Option<Timestamp>,
    /// The present registration under the name.
    pub found: Option<Registered>,
}

/// The subject of a token.
#[derive(Debug, Default)]
pub enum Holder {
    /// An existing user.
    Known(Box<User>),
    /// A deleted user, with the time of the deletion if the audit trail has it.
    Gone(Option<Timestamp>),
    /// Unknown: the token names only a session, which does not exist, or no user.
    #[default]
    Unnamed,
}

/// An event that raises a user's epoch, which ends all sessions of earlier epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochRaise {
    /// The time of the event.
    pub at: Timestamp,
    /// The kind of event.
    pub why: EventKind,
    /// Whether it certainly raised the epoch: a change of the profile does so only when it withdraws the role
    /// `admin`.
    pub certain: bool,
}

/// The kinds of opaque secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpaqueKind {
    /// `srt_`.
    RefreshToken,
    /// `sac_`.
    AuthorizationCode,
    /// `scs_`.
    ClientSecret,
    /// `sak_`.
    AdminKey,
    /// `spk_`.
    ApiKey,
}

impl OpaqueKind {
    /// The kind of an opaque secret by its prefix. Signed tokens contain dots, opaque secrets do not.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        if text.contains('.') {
            return None;
        }
        [
            (opaque_token::REFRESH_TOKEN, Self::RefreshToken),
            (opaque_token::AUTHORIZATION_CODE, Self::AuthorizationCode),
            (opaque_token::CLIENT_SECRET, Self::ClientSecret),
            (opaque_token::ADMIN_KEY, Self::AdminKey),
            (opaque_token::API_KEY, Self::ApiKey),
        ]
        .into_iter()
        .find_map(|(prefix, kind)| text.starts_with(prefix).then_some(kind))
    }

    /// The failure to report if it is presented as an access token.
    #[must_use]
    pub const fn code(self) -> TokenCode {
        match self {
            Self::RefreshToken => TokenCode::RefreshToken,
            Self::AuthorizationCode => TokenCode::AuthorizationCode,
            Self::ClientSecret => TokenCode::ClientSecret,
            Self::AdminKey | Self::ApiKey => TokenCode::ApiKey,
        }
    }
}

/// An opaque secret.
#[derive(Debug)]
pub struct Opaque {
    /// Its kind.
    pub kind: OpaqueKind,
    /// Its content if it is a genuine refresh token.
    pub genuine: Option<Genuine>,
}

/// A genuine refresh token.
#[derive(Debug)]
pub struct Genuine {
    /// Its position among the tokens of its session.
    pub counter: u32,
    /// Its session and user.
    pub state: StoredState,
}
