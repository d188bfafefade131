//! Statements, schema and housekeeping, on SQLite and on PostgreSQL.

mod conformance;
mod housekeeping;
mod migrations;
mod old_clients;
mod old_users;
mod postgres_connections;
mod postgres_server;
mod query_plans;
mod refresh_batch;
mod revocations;
mod statements;
mod transactions;
mod two_clocks;
