//! The names of the checks and of their failures. They are stable; `docs/token-codes` has a page for each code.

use crate::text_enum;

text_enum! {
    /// One check of a token.
    pub enum Check {
        /// Three parts in base64url with JSON in them, of an accepted size (RFC 7515 §7.1).
        Form = "form",
        /// Exactly `alg`, `kid` and `typ`.
        Header = "header",
        /// `typ` is that of an access token (RFC 9068 §2.1).
        Type = "type",
        /// The key named by `kid` exists and is published.
        Key = "key",
        /// `alg` is the algorithm of that key (RFC 8725 §3.1).
        Algorithm = "algorithm",
        /// The signature is valid under the key.
        Signature = "signature",
        /// `iss` is this server.
        Issuer = "issuer",
        /// `aud` is the requested audience.
        Audience = "audience",
        /// `iat` is not in the future.
        IssuedAt = "issued_at",
        /// `exp` is in the future.
        Expiry = "expiry",
        /// Every claim is present and of the right type (RFC 9068 §2.2).
        Claims = "claims",
        /// The token itself was not revoked (RFC 7009).
        Revocation = "revocation",
        /// The user exists and is enabled, and the token is of the user's current session epoch.
        User = "user",
        /// The session, or the API key in its place, is active.
        Session = "session",
        /// The clients that the token depends on exist and are enabled.
        Client = "client",
        /// The API in `aud` is registered.
        Api = "api",
        /// An opaque secret was issued by this server.
        Genuine = "genuine",
    }
}

text_enum! {
    /// A failure of a check. `docs/token-codes` explains each.
    pub enum TokenCode {
        /// Not three parts in base64url with JSON objects in the first two.
        Malformed = "malformed",
        /// Longer than the longest accepted token.
        TooLarge = "too_large",
        /// A refresh token.
        RefreshToken = "refresh_token",
        /// An authorization code.
        AuthorizationCode = "authorization_code",
        /// A client secret.
        ClientSecret = "client_secret",
        /// An API key.
        ApiKey = "api_key",
        /// It has the form of a refresh token, but was not issued by this server.
        NotGenuine = "not_genuine",
        /// The header is not exactly `alg`, `kid` and `typ`.
        UnexpectedHeader = "unexpected_header",
        /// `typ` is of another kind of token.
        WrongType = "wrong_type",
        /// No key ever had this `kid`.
        UnknownKey = "unknown_key",
        /// The key has left the published set.
        KeyRetired = "key_retired",
        /// The key is published but has not begun to sign.
        KeyNotSigning = "key_not_signing",
        /// `alg` is not the key's algorithm.
        WrongAlgorithm = "wrong_algorithm",
        /// The signature is invalid.
        BadSignature = "bad_signature",
        /// Issued by another issuer.
        WrongIssuer = "wrong_issuer",
        /// Issued for another audience.
        WrongAudience = "wrong_audience",
        /// The audience is not a registered API.
        UnregisteredAudience = "unregistered_audience",
        /// Issued later than the time of the diagnosis.
        IssuedInFuture = "issued_in_future",
        /// The token has expired.
        Expired = "expired",
        /// A claim is missing, of the wrong type or repeated.
        IncompleteClaims = "incomplete_claims",
        /// The user was deleted.
        UserDeleted = "user_deleted",
        /// The user is disabled.
        UserDisabled = "user_disabled",
        /// All sessions of the user were ended, for example by a new password or a log-out everywhere.
        UserChanged = "user_changed",
        /// The session does not exist.
        SessionUnknown = "session_unknown",
        /// The session is of another user, another client or another audience.
        SessionMismatch = "session_mismatch",
        /// The session was ended.
        SessionEnded = "session_ended",
        /// The session has expired.
        SessionExpired = "session_expired",
        /// The API key that the token was issued for was revoked, has expired or was deleted.
        ApiKeyEnded = "api_key_ended",
        /// The client does not exist, or another client has its name now.
        ClientUnknown = "client_unknown",
        /// The client is disabled.
        ClientDisabled = "client_disabled",
        /// The token itself was revoked.
        TokenRevoked = "token_revoked",
    }
}

impl TokenCode {
    /// The path of its documentation page, from the root of the repository.
    #[must_use]
    pub fn page(self) -> String {
        format!("docs/token-codes/{self}.md")
    }
}
