//! The provider from outside: OAuth 2.1 and OpenID Connect as clients and people meet them.

mod attacks;
mod authorize;
mod browser;
mod languages;
mod oidc;
mod statements;
mod token;
mod tokens;
