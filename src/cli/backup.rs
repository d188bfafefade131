//! `signet backup`: making, verifying and restoring backups.

mod rows;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::admin::backups::{self, BackupError, Carried, Restored, Undone};
use crate::base::{Clock as _, SystemClock};
use crate::config::{Config, Database};
use crate::crypto::age::Identity;
use crate::domain::request_info::RequestInfo;
use crate::domain::terminal_text::escaped;

use super::error::CommandError;
use super::exit::Exit;
use super::output::Output;
use super::prompt;
use super::startup_report;
use super::with_app::{self, with_app};

/// What to do with backups.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy the database while it is served, and verify the copy
    #[command(after_help = "Examples:
  signet backup create
  signet backup create --to /mnt/backups -o json

The copy is verified before it counts: it is checked, its rows are counted and summed, everything sealed in it is opened with
the master key, and a user who is added to a copy of it signs in. Backups are sealed for SIGNET_BACKUP_RECIPIENTS, age public
keys. The master key is never inside: keep a copy of it elsewhere. A file appears under its name when it is complete. A backup
of PostgreSQL is a SQLite file too, without sessions, which a restore would end.")]
    Create(CreateArgs),
    /// Verify a backup, or a whole database, on this machine; changes nothing
    #[command(after_help = "Examples:
  signet backup verify signet-20261128T030000Z-v0035-0123456789abcdef.db
  signet backup verify FILE.db.age --identity key.txt
  signet backup verify --database postgres://signet@restored.example.com/signet

Needs the master key of the server that the backup was made on. --database verifies a database that was restored in another
way, from a snapshot or to a point in time; it is copied into SIGNET_BACKUP_DIR meanwhile. Exit code 7: it is damaged or does
not work; the text says what was found.")]
    Verify(VerifyArgs),
    /// Put a backup in the place of the SQLite database; the server must be stopped
    #[command(after_help = "Examples:
  signet backup restore signet-20261128T030000Z-v0035-0123456789abcdef.db
  signet backup restore FILE.db.age --identity key.txt --carry disabled,retired --yes

The backup is verified first, and what the restore undoes is listed. The database is kept beside the new one, as
signet.db.before-restore-TIME. Every session and every code ends: users sign in again, with the passwords of the backup.
--carry disables users, and retires signing keys, that were disabled or retired since the backup. Exit codes: 7 the backup is
damaged, 75 a server works on the database, 78 the backup was made by a newer Signet.")]
    Restore(RestoreArgs),
}

/// `signet backup create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The directory (default: SIGNET_BACKUP_DIR)
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// `signet backup verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The backup
    #[arg(value_name = "FILE", required_unless_present = "database")]
    file: Option<PathBuf>,
    /// A file with the age identity that opens it, where it is sealed
    #[arg(long, value_name = "FILE", conflicts_with = "database")]
    identity: Option<PathBuf>,
    /// A database in the place of a backup
    #[arg(long, value_name = "URL", conflicts_with = "file")]
    database: Option<String>,
}

/// `signet backup restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A file with the age identity that opens it, where it is sealed
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Do again what was done since the backup, with a comma between them
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    carry: Vec<Carry>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What a restore carries over.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Carry {
    /// Users who were disabled
    Disabled,
    /// Signing keys that were retired
    Retired,
}

impl From<Carry> for Carried {
    fn from(carry: Carry) -> Self {
        match carry {
            Carry::Disabled => Self::Disabled,
            Carry::Retired => Self::Retired,
        }
    }
}

impl From<BackupError> for CommandError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Open(error) => error.into(),
            BackupError::Unusable(text) => Self::new(Exit::CheckFailed, text),
        }
    }
}

/// Carries out a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Create(args) => create(args, output),
        Command::Verify(args) => verify(args, output),
        Command::Restore(args) => restore(args, output),
    }
}

fn create(args: &CreateArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let settings = &app.config.backups;
        let to = args.to.as_ref().unwrap_or(&settings.directory);
        let info = RequestInfo::cli(SystemClock.now());
        let created = backups::create(&app, to, &settings.recipients, &info).await?;
        startup_report::say(&format!(
            "Verified. The master key is not in it: keep a copy of it in another place.{}\n",
            if created.is_sealed {
                ""
            } else {
                "\nIt is not sealed: set SIGNET_BACKUP_RECIPIENTS to an age public key, or protect it like the database."
            }
        ));
        Ok(output.one(&created)?)
    })
}

fn verify(args: &VerifyArgs, output: Output) -> Result<(), CommandError> {
    let config = Config::load()?.config;
    let runtime = with_app::runtime()?;
    let verification = match (&args.file, &args.database) {
        (Some(file), _) => {
            let identity = identity(args.identity.as_deref())?;
            runtime.block_on(backups::verify(&config, file, identity.as_ref()))?
        }
        (None, url) => {
            let database = Database::from_argument(url.as_deref().unwrap_or_default())
                .map_err(|wrong| CommandError::usage(format!("--database {wrong}.")))?;
            runtime.block_on(backups::verify_database(&config, database))?
        }
    };
    Ok(output.one(&verification)?)
}

fn restore(args: &RestoreArgs, output: Output) -> Result<(), CommandError> {
    let config = Config::load()?.config;
    let identity = identity(args.identity.as_deref())?;
    prompt::needs_terminal_or_yes(args.yes)?;
    let kinds: Vec<Carried> = args.carry.iter().copied().map(Carried::from).collect();
    let runtime = with_app::runtime()?;
    let prepared = backups::prepare(&config, &args.file, identity.as_ref(), kinds);
    let prepared = runtime.block_on(prepared)?;
    if prepared.replaces {
        startup_report::say(&undone(prepared.undone.as_ref()));
    }
    prompt::confirm("Put the backup in the place of the database? Every session ends.", args.yes)?;
    let restored = runtime.block_on(prepared.finish())?;
    startup_report::say(&done(&restored));
    Ok(output.one(&restored)?)
}

fn identity(path: Option<&Path>) -> Result<Option<Identity>, CommandError> {
    let Some(path) = path else { return Ok(None) };
    let wrong = |why: String| {
        CommandError::usage(format!(
            "--identity {}: {why}.\n  Name a file as age-keygen writes it.",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let text = zeroize::Zeroizing::new(text);
    Identity::from_file(&text).map(Some).map_err(|error| wrong(error.to_string()))
}

fn done(restored: &Restored) -> String {
    let mut text = "Restored. Every session has ended; users sign in again.\n".to_owned();
    if let Some(before) = &restored.before {
        text.push_str(&format!("The database before is kept: {}\n", before.display()));
    }
    for refused in &restored.refused {
        text.push_str(&format!("Not carried over: {}\n", escaped(refused)));
    }
    text
}

/// What the restore undoes.
fn undone(undone: Option<&Undone>) -> String {
    /// The most names of a kind.
    const NAMES: usize = 10;
    let Some(undone) = undone else {
        return "The present database cannot be read, so what has happened since the backup cannot be listed.\n"
            .to_owned();
    };
    if undone.is_empty() {
        return "Nothing that is listed here has happened since the backup.\n".to_owned();
    }
    let disabled: Vec<String> = undone.disabled.iter().map(|(_, login)| login.clone()).collect();
    let kinds = [
        ("users who were disabled, and can sign in again", &disabled),
        ("users who were deleted, and exist again", &undone.deleted),
        ("users who were created, and do not exist any more", &undone.created),
        ("users whose password is an earlier one again", &undone.passwords),
        ("signing keys that were retired, and are published again", &undone.keys),
        ("clients that were created, changed or deleted", &undone.clients),
    ];
    let mut text = "Has happened since the backup, and is undone by it:\n".to_owned();
    for (what, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
        let shown: Vec<String> =
            names.iter().take(NAMES).map(|name| escaped(name).to_string()).collect();
        let more = match names.len().saturating_sub(NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text.push_str(&format!("  {what}: {}{more}\n", shown.join(", ")));
    }
    text
}
