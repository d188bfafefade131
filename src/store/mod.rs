//! Storage: all SQL, with every statement written once for both databases.
//!
//! Owns all SQL and the only use of `sqlx`. Functions that must be atomic with others take `&mut Tx`; functions
//! that may stand alone take `&mut impl Link`. It makes no decisions: guards in statements enforce those of the
//! domain, and a failed guard returns no row.

pub mod activity;
pub mod admin_keys;
pub mod api_keys;
pub mod apis;
pub mod attributes;
pub mod audit;
pub mod audit_query;
pub mod authorization_codes;
pub mod backup_file;
mod batch_read;
pub mod browser_sessions;
pub mod client_documents;
pub mod client_findings;
pub mod client_logos;
pub mod clients;
mod codec;
pub mod consents;
pub mod db;
pub mod device_codes;
pub mod email_owners;
pub mod error;
pub mod factors;
pub mod helpdesk_resets;
pub mod housekeeping;
pub mod impact;
pub mod keys;
pub mod known_networks;
pub mod login_limits;
pub mod login_names;
pub mod login_retention;
pub mod logout_fanouts;
pub mod logout_notices;
pub mod mailed_codes;
pub mod mails;
pub mod managed;
pub mod meta;
pub mod migrate;
pub mod passkeys;
pub mod password_costs;
pub mod passwords;
pub mod pg_server;
pub mod processes;
pub mod pushed_requests;
pub mod recovery_codes;
pub mod refresh_batch;
pub mod restored;
pub mod revocations;
pub mod sampled_counts;
pub mod scheduled_jobs;
pub mod session_generations;
pub mod session_loader;
mod session_row;
pub mod sessions;
pub mod setup_links;
pub mod spent_ids;
pub mod table_copy;
pub mod trusted_issuers;
pub mod unlocked_networks;
pub mod user_language;
pub mod user_search;
pub mod user_words;
pub mod users;
pub mod verifiers;

pub use db::{Db, Link, Tx, commit_unless_failed};
