//! The missing privileges of a PostgreSQL role, and the statements that grant them.
//!
//! Owns the texts for three privileges: to create tables, to change those of another role, to read and write rows.

use super::error::OpenError;
use crate::domain::outcome::Fault;
use crate::store::pg_server::ServerFacts;

/// Which privilege the current role lacks, and the statement for the owner.
pub(super) fn missing_rights(facts: Option<ServerFacts>, fault: &Fault) -> OpenError {
    let Some(ServerFacts { role, schema, .. }) = facts else {
        return OpenError::Configuration(format!("PostgreSQL refuses what Signet needs: {fault}."));
    };
    let role = quoted(&role);
    let Some(schema) = schema.map(|schema| quoted(&schema)) else {
        return OpenError::Configuration(format!(
            "the role {role} may not use any schema of the database in SIGNET_DATABASE_URL: {fault}.\n  As \
             a superuser, type one of\n    GRANT USAGE, CREATE ON SCHEMA public TO {role};\n    \
             CREATE SCHEMA AUTHORIZATION {role};"
        ));
    };
    let text = fault.to_string();
    if text.contains("for schema") {
        return OpenError::Configuration(format!(
            "the role {role} may not create tables in the schema {schema}: {fault}.\n  As the owner of \
             the database, type\n    GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};\n  or run \
             `signet migrate up` once as a role that may, and let {role} read and write the tables."
        ));
    }
    if text.contains("must be owner") {
        return OpenError::Configuration(format!(
            "the role {role} may not change the tables of another role: {fault}.\n  Run `signet \
             migrate up` once as their owner, then start again."
        ));
    }
    OpenError::Configuration(format!(
        "the role {role} may not read and write the tables in the schema {schema}: {fault}.\n  As \
         their owner, type\n    GRANT USAGE ON SCHEMA {schema} TO {role};\n    GRANT SELECT, INSERT, \
         UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};"
    ))
}

/// A quoted SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
