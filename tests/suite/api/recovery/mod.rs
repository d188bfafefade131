//! Choosing a new password with a mailed code or link: what a request tells, what a code redeems, and what becomes of
//! the account.

mod accounts;
mod codes;
mod limits;
mod links;
mod requests;

const ADA: &str = "ada@example.org";
const NEW: &str = "a password that is new";
