//! The types of clients, and how a client of each type authenticates.
//!
//! Apart from `client` because the rules for redirect URIs and for grants depend on the type. The
//! grants of a type are said by the grants (`grant_type`).

use crate::text_enum;

text_enum! {
    /// What kind of application it is; decides what it starts with and what it may be given.
    pub enum ClientType {
        /// Runs in a browser and can keep no secret.
        Spa = "spa",
        /// Runs on a server and keeps a secret.
        Web = "web",
        /// Runs on people's devices and can keep no secret.
        Native = "native",
        /// Has no user: asks for tokens in its own name.
        Service = "service",
    }
}

text_enum! {
    /// How a client proves who it is (RFC 7591 §2, `token_endpoint_auth_method`).
    pub enum AuthMethod {
        /// It does not: a public client, which proves with PKCE that it is the one that began.
        None = "none",
        /// Its id and secret in the `Authorization` header.
        Basic = "client_secret_basic",
        /// Its id and secret in the body.
        Post = "client_secret_post",
        /// A JWT signed with its own key (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
    }
}

impl AuthMethod {
    /// Whether it is a secret that is presented.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::Basic | Self::Post)
    }
}

impl ClientType {
    /// How a client of this type authenticates when nothing else is said.
    #[must_use]
    pub const fn auth_method(self) -> AuthMethod {
        match self {
            Self::Spa | Self::Native => AuthMethod::None,
            Self::Web | Self::Service => AuthMethod::Basic,
        }
    }
}
