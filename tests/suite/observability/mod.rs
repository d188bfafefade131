//! What an operator sees without asking: log lines and traces.

mod log_lines;
mod traces;
