//! The HTTP API under `/v1`: accounts, log-ins, sessions and administration.

mod apis;
mod attributes;
mod client_address;
mod clients;
mod decoys;
mod expired_sessions;
mod first_party;
mod forged_tokens;
mod judged_passwords;
mod lockout;
mod login;
mod login_steps;
mod login_timing;
mod malformed_input;
mod names;
mod null_characters;
mod path_spelling;
mod races;
mod readiness;
mod refresh;
mod run_to_completion;
mod sent_back;
mod sessions;
mod strict_requests;
mod token_diagnosis;
mod write_limit;
