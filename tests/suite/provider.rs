//! The provider from outside: OAuth 2.1 and OpenID Connect as clients and people meet them.

mod attacks;
mod authorize;
mod browser;
mod client_auth;
mod codes;
mod cors;
mod device;
mod discovery;
mod dpop;
mod exchange;
mod form_post;
mod hints;
mod languages;
mod oidc;
mod statements;
mod token;
mod tokens;
