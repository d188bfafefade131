//! The types of clients, and how a client of each type authenticates.
//!
//! Separate from `client` because the rules for redirect URIs and for grants depend on the type. Which grants a
//! type has is defined by the grants (`grant_type`).

use crate::text_enum;

text_enum! {
    /// The type of an application, which decides its defaults and what it may have.
    pub enum ClientType {
        /// Runs in a browser and can keep no secret.
        Spa = "spa",
        /// Runs on a server and keeps a secret.
        Web = "web",
        /// Runs on users' devices and cannot keep a secret.
        Native = "native",
        /// Has no user and requests tokens for itself.
        Service = "service",
    }
}

text_enum! {
    /// How a client authenticates (RFC 7591 §2, `token_endpoint_auth_method`).
    pub enum AuthMethod {
        /// Not at all: a public client, which relies on PKCE.
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
    /// Whether the client presents a secret.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::Basic | Self::Post)
    }
}

impl ClientType {
    /// The default authentication method of this type.
    #[must_use]
    pub const fn auth_method(self) -> AuthMethod {
        match self {
            Self::Spa | Self::Native => AuthMethod::None,
            Self::Web | Self::Service => AuthMethod::Basic,
        }
    }
}
