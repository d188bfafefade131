//! The common steps of every measurement: drive, compare with the ceiling, store the row.

use std::collections::HashMap;
use std::error::Error;

use crate::args::Args;
use crate::load::{Measured, Plan, Talk, Target, drive};
use crate::process::Process;
use crate::report::{self, Row};

pub type Done<T = ()> = Result<T, Box<dyn Error>>;

/// The number of sessions that are used at every size: those of an hour.
pub const LIVE: u64 = 64_000;

/// The context of the measurements, and their results.
pub struct Bench<'a> {
    pub args: &'a Args,
    pub plan: Plan,
    pub ceilings: HashMap<(&'static str, usize), f64>,
    pub argon2: f64,
    pub rows: Vec<Row>,
    /// The runtime for requests that are not measured.
    pub runtime: tokio::runtime::Runtime,
}

impl Bench<'_> {
    /// Whether a measurement was selected.
    pub fn wanted(&self, work: &str) -> bool {
        self.args.only.as_ref().is_none_or(|only| work.contains(only.as_str()))
    }

    /// Drives one server.
    pub fn drive(&self, server: &Process, talks: Vec<Box<dyn Talk>>) -> Done<Measured> {
        Ok(drive(&[server.target()], self.plan, talks)?)
    }

    /// Runs one measurement and returns its rate.
    pub fn measure(
        &mut self,
        servers: &[Target],
        work: &str,
        talks: Vec<Box<dyn Talk>>,
        ceiling: Option<&'static str>,
    ) -> Done<f64> {
        if !self.wanted(work) && ceiling.is_some() && work != "authorize, to the code" {
            return Ok(0.0);
        }
        let connections = talks.len();
        let measured = drive(servers, self.plan, talks)?;
        let rate = measured.rate();
        let beside = ceiling.and_then(|method| {
            let name = if method == "GET" { "actix GET" } else { "actix POST" };
            self.ceilings.get(&(method, connections)).map(|rate| (*rate, name))
        });
        self.keep(work.to_owned(), connections, measured, beside)?;
        Ok(rate)
    }

    /// Prints a row and stores it.
    pub fn keep(
        &mut self,
        work: String,
        connections: usize,
        measured: Measured,
        beside: Option<(f64, &'static str)>,
    ) -> Done {
        let row = Row { work, connections, measured, beside };
        report::row(&row)?;
        self.rows.push(row);
        Ok(())
    }
}
