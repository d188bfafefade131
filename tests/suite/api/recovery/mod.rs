//! Choosing a new password with a mailed code or link: the request, the redemption, and the account afterwards.

mod accounts;
mod codes;
mod limits;
mod links;
mod requests;

const ADA: &str = "ada@example.org";
const NEW: &str = "a password that is new";
