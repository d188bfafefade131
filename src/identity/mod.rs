//! What people do with their own account: register, log in, refresh, look, change, log out.
//!
//! Owns these use cases, each a transaction or two around a decision of the domain. Must not know
//! HTTP; must not decide what a rule says.

pub mod account;
pub mod admission;
pub mod authenticate;
pub mod authentication;
pub mod bearer;
mod browser_limit;
pub mod browser_login;
pub mod email;
pub mod factors;
pub mod fresh_authentication;
mod lockout;
pub mod login;
pub mod logout;
pub mod logout_notices;
pub mod notifications;
pub mod open_session;
pub mod passkey;
pub mod passkey_enrolment;
pub mod passkey_login;
pub mod passkey_options;
pub mod password;
pub mod profile;
pub mod refresh;
pub mod register;
pub mod second_factor;
pub mod sessions;
pub mod setup;
pub mod totp_enrolment;
pub mod write_limit;
