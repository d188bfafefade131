//! The kinds of tokens, as their headers tell them apart.

use crate::text_enum;

text_enum! {
    /// The `typ` of a token (RFC 7515 §4.1.9), which keeps one kind from passing for another
    /// (RFC 8725 §3.11).
    pub enum TokenType {
        /// An access token that cannot be taken for anything else (RFC 9068 §2.1).
        AtJwt = "at+jwt",
        /// Any signed token (RFC 7519 §5.1).
        Jwt = "JWT",
        /// A notice to a client that a session has ended (OpenID Connect Back-Channel Logout §2.4).
        LogoutJwt = "logout+jwt",
    }
}
