//! The names of the checks, and of everything that can be wrong with a token.
//!
//! Owns both lists. The texts are stable; `docs/token-codes` has a page for each code, and a test
//! keeps the two in step.

use crate::text_enum;

text_enum! {
    /// One check of a token.
    pub enum Check {
        /// Three parts in base64url with JSON in them, of a size we look at (RFC 7515 §7.1).
        Form = "form",
        /// Exactly `alg`, `kid` and `typ`.
        Header = "header",
        /// `typ` is that of an access token (RFC 9068 §2.1).
        Type = "type",
        /// The key named by `kid` is one of ours and published.
        Key = "key",
        /// `alg` is the algorithm of that key (RFC 8725 §3.1).
        Algorithm = "algorithm",
        /// The key made the signature.
        Signature = "signature",
        /// `iss` is this server.
        Issuer = "issuer",
        /// `aud` is who was asked for.
        Audience = "audience",
        /// `iat` is not in the future.
        IssuedAt = "issued_at",
        /// `exp` is.
        Expiry = "expiry",
        /// Every claim is there and of its type (RFC 9068 §2.2).
        Claims = "claims",
        /// It was not revoked by itself (RFC 7009).
        Revocation = "revocation",
        /// The user exists, is enabled and has not ended everything.
        User = "user",
        /// The session is alive, or the API key in its place.
        Session = "session",
        /// The clients it relies on are there and enabled.
        Client = "client",
        /// The API in `aud` is registered.
        Api = "api",
        /// An opaque secret was made here.
        Genuine = "genuine",
    }
}

text_enum! {
    /// What is wrong with a token. `docs/token-codes` explains each.
    pub enum TokenCode {
        /// Not three parts in base64url with JSON objects in the first two.
        Malformed = "malformed",
        /// Longer than any token we look at.
        TooLarge = "too_large",
        /// A refresh token.
        RefreshToken = "refresh_token",
        /// An authorization code.
        AuthorizationCode = "authorization_code",
        /// A client secret.
        ClientSecret = "client_secret",
        /// An API key.
        ApiKey = "api_key",
        /// The form of our refresh tokens, but not made here.
        NotGenuine = "not_genuine",
        /// The header is not exactly `alg`, `kid` and `typ`.
        UnexpectedHeader = "unexpected_header",
        /// `typ` is that of another kind of token.
        WrongType = "wrong_type",
        /// There never was a key of this name here.
        UnknownKey = "unknown_key",
        /// The key has left the published set.
        KeyRetired = "key_retired",
        /// The key is published but has not begun to sign.
        KeyNotSigning = "key_not_signing",
        /// `alg` is not the key's algorithm.
        WrongAlgorithm = "wrong_algorithm",
        /// The signature does not fit.
        BadSignature = "bad_signature",
        /// Made for another issuer.
        WrongIssuer = "wrong_issuer",
        /// Made for another audience.
        WrongAudience = "wrong_audience",
        /// Made for an audience that is no registered API.
        UnregisteredAudience = "unregistered_audience",
        /// Made later than the time it is judged at.
        IssuedInFuture = "issued_in_future",
        /// Its time is over.
        Expired = "expired",
        /// A claim is missing, of the wrong type or there twice.
        IncompleteClaims = "incomplete_claims",
        /// The user is gone.
        UserDeleted = "user_deleted",
        /// The user is disabled.
        UserDisabled = "user_disabled",
        /// Something ended everything the user had: a new password, a log-out everywhere.
        UserChanged = "user_changed",
        /// There is no such session.
        SessionUnknown = "session_unknown",
        /// The session is another user's, another client's or for another audience.
        SessionMismatch = "session_mismatch",
        /// The session was ended.
        SessionEnded = "session_ended",
        /// The session's time is over.
        SessionExpired = "session_expired",
        /// The API key it was given for was revoked, has expired or is gone.
        ApiKeyEnded = "api_key_ended",
        /// There is no such client, or it is another one that was given the name later.
        ClientUnknown = "client_unknown",
        /// The client is disabled.
        ClientDisabled = "client_disabled",
        /// The token itself was revoked.
        TokenRevoked = "token_revoked",
    }
}
