//! What is known of a token before anything is decided.
//!
//! Owns the shapes that `crypto` and `admin` fill in. Holds what the token says, never the token.

use serde_json::{Map, Value};

use crate::base::Timestamp;
use crate::domain::api_key::ApiKey;
use crate::domain::audit::EventKind;
use crate::domain::claims::TokenType;
use crate::domain::key_rotation::KeyFacts;
use crate::domain::liveness::Registered;
use crate::domain::session::Session;
use crate::domain::token_rules::TokenAlg;
use crate::domain::user::User;

/// Everything a decision is made on.
#[derive(Debug)]
pub struct Evidence {
    /// The issuer in force.
    pub issuer: String,
    /// The audience that was asked for; none when the issuer or any registered API will do.
    pub audience: Option<String>,
    /// What was presented.
    pub presented: Presented,
}

/// What was presented.
#[derive(Debug)]
pub enum Presented {
    /// A secret that only says what kind it is.
    Opaque(Box<Opaque>),
    /// What may be a signed token, or nothing at all.
    Signed(Box<Signed>),
}

/// What can be read of a text that should be a signed token, without a key.
#[derive(Debug, Default)]
pub struct TokenStructure {
    /// The first thing that is wrong with its form.
    pub flaw: Option<Flaw>,
    /// The header, where it can be read.
    pub header: Option<Map<String, Value>>,
    /// Whether the header is exactly `alg`, `kid` and `typ`, once each, all texts.
    pub plain_header: bool,
    /// The payload, where it can be read.
    pub claims: Option<Map<String, Value>>,
}

/// What is wrong with the form of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Longer than this many bytes.
    TooLarge(usize),
    /// So many parts between dots instead of three.
    Parts(usize),
    /// This part is empty.
    Empty(&'static str),
    /// This part is not base64url without padding (RFC 7515 §2).
    NotBase64(&'static str),
    /// This part is no JSON object.
    NotAnObject(&'static str),
}

/// A text that should be a signed token, and what became of checking it.
#[derive(Debug)]
pub struct Signed {
    /// What can be read of it.
    pub anatomy: TokenStructure,
    /// The `typ` of the tokens that are made for its audience now.
    pub expected_type: TokenType,
    /// Whether the other `typ` passes as well: an API may have chosen otherwise since. The
    /// issuer's own tokens are of one kind for ever.
    pub either_type: bool,
    /// The key it names, if there ever was one of that name here.
    pub key: Option<NamedKey>,
    /// Whether that key made the signature; none when there is no key, or for another algorithm.
    pub signature: Option<bool>,
    /// Whether the verifier our own endpoints use takes it for its own issuer and audience, time
    /// aside: the last word, so that nothing here is ever more lenient.
    pub accepted: bool,
    /// Whether the audience is a registered API, and was that API when the token was made.
    pub registered: bool,
    /// What its session, user and clients say; none while no valid signature vouches for the claims that name
    /// them.
    pub state: Option<StoredState>,
    /// Whether the token itself was revoked, which is asked only where its claims are vouched for.
    pub revoked: bool,
}

/// What a token says it was signed with.
#[derive(Debug)]
pub enum NamedKey {
    /// A signing key of this server.
    Signing(Box<KeyFacts>),
    /// The secret the API in `aud` shares with this server.
    SharedSecret,
}

impl NamedKey {
    /// The one algorithm it is for.
    #[must_use]
    pub const fn alg(&self) -> TokenAlg {
        match self {
            Self::Signing(key) => TokenAlg::Key(key.alg),
            Self::SharedSecret => TokenAlg::SharedSecret,
        }
    }
}

impl Signed {
    /// A text of which nothing has been checked yet.
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

    /// A claim that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.anatomy.claims.as_ref()?.get(name)?.as_str()
    }

    /// A claim that is a time: whole seconds since the epoch, before the year 10000.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.anatomy.claims.as_ref()?.get(name).and_then(seconds)
    }

    /// Whether it names an actor (RFC 8693 §4.1).
    #[must_use]
    pub fn acts(&self) -> bool {
        self.anatomy
            .claims
            .as_ref()
            .is_some_and(|claims| claims.get("act").is_some_and(Value::is_object))
    }

    /// Whether no session vouches for it: a client speaks in its own name (RFC 9068 §2.2), or acts in
    /// that of another client.
    #[must_use]
    pub fn is_of_client(&self) -> bool {
        let Some(claims) = &self.anatomy.claims else { return false };
        let subject = self.text("sub");
        let own = subject.is_some() && subject == self.text("client_id");
        !claims.contains_key("sid") && !self.is_of_key() && (own || self.acts())
    }

    /// Whether an API key of a user vouches for it in the place of a session.
    #[must_use]
    pub fn is_of_key(&self) -> bool {
        self.text("api_key_id").is_some()
    }

    /// A member of the header that is a text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.anatomy.header.as_ref()?.get(name)?.as_str()
    }
}

/// A `NumericDate` in the one form in which we write it.
pub(super) fn seconds(value: &Value) -> Option<Timestamp> {
    let secs = value.as_i64().filter(|secs| (0..253_402_300_800).contains(secs))?;
    Some(Timestamp::from_secs(secs))
}

/// The session, the user and the clients a token names, as stored now.
#[derive(Debug, Default)]
pub struct StoredState {
    /// The session, if its row is still there.
    pub session: Option<Session>,
    /// The user.
    pub user: Holder,
    /// What ended everything the user had, or may have; the newest first.
    pub raises: Vec<EpochRaise>,
    /// The registered clients it relies on.
    pub clients: Vec<ReliedRows>,
    /// The API key in the place of a session, if its row is still there.
    pub key: Option<ApiKey>,
}

/// A client that a token relies on: it speaks for itself, acts, or has opened the session.
#[derive(Debug)]
pub struct ReliedRows {
    /// Its name.
    pub client_id: String,
    /// When it did so: a client that was registered later is another one. Unknown where the token
    /// does not say.
    pub since: Option<Timestamp>,
    /// What is registered under the name now.
    pub found: Option<Registered>,
}

/// Whose a token is.
#[derive(Debug, Default)]
pub enum Holder {
    /// A user who is there.
    Known(Box<User>),
    /// One who is not; with the time of the deletion where the audit trail has it.
    Gone(Option<Timestamp>),
    /// Unknown: the token names a session only, and that is not there; or it names no user.
    #[default]
    Unnamed,
}

/// Something that raises a user's epoch, which ends every session of an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochRaise {
    /// When.
    pub at: Timestamp,
    /// What it was.
    pub why: EventKind,
    /// Whether it surely raised the epoch: a change of the profile does only when it takes the
    /// role `admin` away.
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
    /// What the prefix of `text` says it is. Signed tokens have dots, opaque secrets have none.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        if text.contains('.') {
            return None;
        }
        [
            ("srt_", Self::RefreshToken),
            ("sac_", Self::AuthorizationCode),
            ("scs_", Self::ClientSecret),
            ("sak_", Self::AdminKey),
            ("spk_", Self::ApiKey),
        ]
        .into_iter()
        .find_map(|(prefix, kind)| text.starts_with(prefix).then_some(kind))
    }
}

/// An opaque secret.
#[derive(Debug)]
pub struct Opaque {
    /// What kind it is.
    pub kind: OpaqueKind,
    /// What it says if it is a genuine refresh token.
    pub genuine: Option<Genuine>,
}

/// A genuine refresh token.
#[derive(Debug)]
pub struct Genuine {
    /// Which of its session's tokens it is.
    pub counter: u32,
    /// Its session and user.
    pub state: StoredState,
}
