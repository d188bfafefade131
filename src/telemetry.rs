//! Log output.
//!
//! Owns the format. What is never logged (passwords, tokens, logins, query strings) is kept out
//! where it would arise; a test drives everything at debug level and looks.
