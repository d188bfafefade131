//! Raw values and their sources.
//!
//! The only module that reads the process environment. Owns precedence: the environment before `.env`; an empty
//! value is treated as unset. Never writes the environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use super::dotenv;
use super::errors::Mistake;
use super::host_limits::Machine;
use crate::base::{Deadlines, Secret};

/// The factor of all deadlines in a test build, so that a busy machine does not fail tests. A release ignores it.
const STRETCH: &str = "SIGNET_TEST_DEADLINES";
/// How long an answer may wait to be read in a test build, in milliseconds.
#[cfg(feature = "test-support")]
const UNREAD: &str = "SIGNET_TEST_UNREAD_MILLIS";
/// How long one mail may take to be delivered in a test build, in milliseconds.
#[cfg(feature = "test-support")]
const MAIL: &str = "SIGNET_TEST_MAIL_MILLIS";

/// How long fetching a document may take in a build for tests, in milliseconds.
#[cfg(feature = "test-support")]
const FETCH: &str = "SIGNET_TEST_FETCH_MILLIS";
/// The file that maps hosts of the Internet to loopback, in a build for tests.
#[cfg(feature = "test-support")]
const STAND_IN: &str = "SIGNET_TEST_HOSTS";

/// The source of a value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is not set.
    Default,
    /// The process environment.
    Environment,
    /// The `.env` file of the working directory.
    DotEnv,
    /// The file a `NAME_FILE` variable names, by its absolute path.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment => f.write_str("environment"),
            Self::DotEnv => f.write_str(".env"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// One value as typed. It is secret until its setting is known.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) value: Secret<String>,
    pub(super) origin: Origin,
}

/// Every `SIGNET_*` value, with the context needed to interpret it.
#[derive(Debug, Clone)]
pub struct Source {
    pub(super) typed: BTreeMap<String, Typed>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) working_dir: PathBuf,
    pub(super) machine: Machine,
    pub(super) deadlines: Deadlines,
    #[cfg(feature = "test-support")]
    pub(super) stand_in: Option<PathBuf>,
}

impl Source {
    /// The source of this process: its environment and the working directory's `.env`.
    #[must_use]
    pub fn from_process() -> Self {
        match std::env::current_dir() {
            Ok(dir) => Self::assemble(dir, std::env::vars_os(), Machine::measure()),
            Err(error) => {
                // The root directory is used instead, so that other mistakes can be reported as well.
                let mut source = Self::empty(PathBuf::from("/"), Machine::measure());
                source.mistakes.push(Mistake {
                    subject: "The working directory".to_owned(),
                    found: format!("it cannot be determined ({error})"),
                    advice: "Change into a directory that exists and start again".to_owned(),
                });
                std::env::vars_os().for_each(|(name, value)| source.add(&name, &value));
                source
            }
        }
    }

    /// `pairs` as the environment, with relative paths starting at `working_dir` (itself absolute) and without a
    /// `.env`. For tests.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn from_pairs(working_dir: impl Into<PathBuf>, pairs: &[(&str, &str)]) -> Self {
        let mut source = Self::empty(working_dir.into(), Machine::measure());
        for (name, value) in pairs {
            source.add(OsStr::new(name), OsStr::new(value));
        }
        source
    }

    /// The same source on another machine, for the defaults that depend on cores and memory.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub const fn on(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    /// `environment` over the `.env` in `working_dir`.
    pub(super) fn assemble(
        working_dir: PathBuf,
        environment: impl Iterator<Item = (OsString, OsString)>,
        machine: Machine,
    ) -> Self {
        let mut source = Self::empty(working_dir, machine);
        for (name, value) in environment {
            source.add(&name, &value);
        }
        let file = dotenv::read(&source.working_dir.join(".env"));
        source.mistakes.extend(file.mistakes);
        for (name, value) in file.values {
            if is_ours(&name) && !value.expose().is_empty() {
                source.typed.entry(name).or_insert(Typed { value, origin: Origin::DotEnv });
            }
        }
        source
    }

    const fn empty(working_dir: PathBuf, machine: Machine) -> Self {
        Self {
            typed: BTreeMap::new(),
            mistakes: Vec::new(),
            working_dir,
            machine,
            deadlines: Deadlines::IN_SERVICE,
            #[cfg(feature = "test-support")]
            stand_in: None,
        }
    }

    /// Adds an environment variable, if it is one of Signet's and not empty.
    fn add(&mut self, name: &OsStr, value: &OsStr) {
        let name = name.to_string_lossy();
        if cfg!(feature = "test-support") && name == STRETCH {
            let factor = value.to_str().and_then(|factor| factor.parse().ok());
            self.deadlines = factor.map_or(self.deadlines, |factor| self.deadlines.times(factor));
        }
        #[cfg(feature = "test-support")]
        if name == UNREAD {
            let millis = value.to_str().and_then(|millis| millis.parse().ok());
            self.deadlines = millis.map_or(self.deadlines, |ms| self.deadlines.with_unread(ms));
        }
        #[cfg(feature = "test-support")]
        if name == MAIL {
            let millis = value.to_str().and_then(|millis| millis.parse().ok());
            self.deadlines = millis.map_or(self.deadlines, |ms| self.deadlines.with_mail(ms));
        }
        #[cfg(feature = "test-support")]
        if name == FETCH {
            let millis = value.to_str().and_then(|millis| millis.parse().ok());
            self.deadlines = millis.map_or(self.deadlines, |ms| self.deadlines.with_fetch(ms));
        }
        #[cfg(feature = "test-support")]
        if name == STAND_IN {
            self.stand_in = Some(PathBuf::from(value));
        }
        if !is_ours(&name) || value.is_empty() {
            return;
        }
        match value.to_str() {
            Some(text) => {
                let value = Secret::new(text.to_owned());
                self.typed.insert(name.into_owned(), Typed { value, origin: Origin::Environment });
            }
            None => self.mistakes.push(Mistake {
                subject: name.into_owned(),
                found: "found bytes in the environment that are not UTF-8".to_owned(),
                advice: "Type the value as UTF-8 text".to_owned(),
            }),
        }
    }

    /// `path` made absolute: relative to the working directory, `.` parts dropped. `..` stays,
    /// because only the file system knows what it means behind a symbolic link.
    pub(super) fn absolute(&self, path: &str) -> PathBuf {
        self.working_dir.join(Path::new(path)).components().collect()
    }
}

/// The value of a variable that a configuration file refers to. `None` if it is not set or not UTF-8.
#[must_use]
pub fn environment(name: &str) -> Option<Secret<String>> {
    let mut variables = std::env::vars_os();
    let (_, value) = variables.find(|(known, _)| known == name)?;
    value.into_string().ok().map(Secret::new)
}

/// Whether a name belongs to Signet's settings. Kubernetes injects `SIGNET_SERVICE_*` and `SIGNET_PORT*` for a
/// service called `signet`; `SIGNET_TEST_*` belongs to the test suite.
fn is_ours(name: &str) -> bool {
    name.strip_prefix("SIGNET_").is_some_and(|rest| {
        !["TEST_", "SERVICE_", "PORT"].iter().any(|foreign| rest.starts_with(foreign))
    })
}
