//! The use cases of users for their own account: registration, log-in, refresh, changes, log-out.
//!
//! Each is one or two transactions around a decision of the domain. Must not depend on HTTP, and must not contain
//! rules.

pub mod account;
mod account_networks;
pub mod administrator;
pub mod admission;
mod attempt_names;
pub mod authenticate;
pub mod authentication;
pub mod bearer;
mod browser_limit;
pub mod browser_login;
pub mod browser_step_up;
pub mod console_session;
pub mod continue_login;
pub mod current_login;
pub mod deletion;
pub mod email;
pub mod email_change;
mod email_limits;
pub mod email_undo;
pub mod export;
pub mod factors;
pub mod failed_attempts;
pub mod fresh_authentication;
pub mod history;
mod invitation;
pub mod last_administrator;
pub mod links;
pub mod lockout;
pub mod login;
pub mod login_change;
pub mod logout;
pub mod logout_notices;
pub mod mailed_codes;
pub mod notifications;
pub mod open_session;
pub mod passkey;
pub mod passkey_enrolment;
pub mod passkey_login;
pub mod passkey_options;
pub mod password;
pub mod profile;
pub mod recovery;
pub mod refresh;
pub mod register;
pub mod second_factor;
pub mod sessions;
pub mod setup;
mod sign_in_alarms;
pub mod sign_in_counters;
pub mod sign_up;
pub mod step_up;
pub mod totp_enrolment;
pub mod unlock;
pub mod write_limit;
