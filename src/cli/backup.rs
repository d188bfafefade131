//! `signet backup`: making, proving and bringing back backups of a SQLite database.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::admin::backups::{self, BackupError, Created, Proof, Restored, Undone};
use crate::base::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::crypto::age::Identity;
use crate::domain::request_info::RequestInfo;

use super::error::CommandError;
use super::exit::Exit;
use super::output::{Output, Row};
use super::prompt;
use super::startup_report;
use super::with_app::{self, with_app};

/// What to do with backups.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy the database while it is served, and prove the copy
    #[command(after_help = "Examples:
  signet backup create
  signet backup create --to /mnt/backups -o json

The copy is proven before it counts: SQLite checks it, its rows are counted, everything sealed in it is opened with the
master key, and a user who is added to a copy of it signs in. Backups are sealed for SIGNET_BACKUP_RECIPIENTS, age public
keys. The master key is never inside: keep a copy of it elsewhere. A file appears under its name when it is whole.")]
    Create(CreateArgs),
    /// Prove a backup on this machine; changes nothing
    #[command(after_help = "Examples:
  signet backup verify signet-20261128T030000Z-v0031-0123456789abcdef.db
  signet backup verify FILE.db.age --identity key.txt

Needs the master key of the server that the backup was made on. Exit code 7: the backup is no good.")]
    Verify(FileArgs),
    /// Put a backup in the place of the database; the server must be stopped
    #[command(after_help = "Examples:
  signet backup restore signet-20261128T030000Z-v0031-0123456789abcdef.db
  signet backup restore FILE.db.age --identity key.txt --yes

The backup is proven first; then the database is kept beside the new one, as signet.db.before-restore-TIME. Every session
and every code ends: users sign in again, with the passwords of the backup. What the restore undoes is listed. Exit codes:
7 the backup is no good, 75 a server works on the database, 78 the backup was made by a newer Signet.")]
    Restore(RestoreArgs),
}

/// `signet backup create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The directory (default: SIGNET_BACKUP_DIR)
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// The file, and what opens it.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A file with the age identity that opens it, where it is sealed
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

/// `signet backup restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl From<BackupError> for CommandError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Open(error) => error.into(),
            BackupError::Unproven(text) => Self::new(Exit::CheckFailed, text),
        }
    }
}

impl Row for Created {
    const HEAD: &'static [&'static str] = &["file", "bytes", "schema", "users", "sealed"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let sealed = if self.is_sealed { "yes" } else { "no" };
        let path = self.path.display().to_string();
        let proof = &self.proof;
        vec![
            path,
            self.bytes.to_string(),
            proof.manifest.schema.to_string(),
            users(proof),
            sealed.to_owned(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "file": self.path,
            "bytes": self.bytes,
            "sealed": self.is_sealed,
            "backup": self.proof.json(),
        })
    }
}

impl Row for Proof {
    const HEAD: &'static [&'static str] = &["made", "version", "schema", "users", "bytes"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let manifest = &self.manifest;
        vec![
            manifest.at.rfc3339(),
            manifest.version.clone(),
            manifest.schema.to_string(),
            users(self),
            self.bytes.to_string(),
        ]
    }

    fn json(&self) -> Value {
        let manifest = &self.manifest;
        json!({
            "made_at": manifest.at.rfc3339(),
            "version": manifest.version,
            "schema": manifest.schema,
            "bytes": self.bytes,
            "rows": manifest.rows,
            "signing_keys": manifest.keys,
        })
    }
}

fn users(proof: &Proof) -> String {
    proof.manifest.rows.get("users").copied().unwrap_or_default().to_string()
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
            "Proven. The master key is not in it: keep a copy of it in another place.{}\n",
            if created.is_sealed {
                ""
            } else {
                "\nIt is not sealed: set SIGNET_BACKUP_RECIPIENTS to an age public key, or guard it as the database."
            }
        ));
        Ok(output.one(&created)?)
    })
}

fn verify(args: &FileArgs, output: Output) -> Result<(), CommandError> {
    let config = Config::load()?.config;
    let identity = identity(args)?;
    let proven = backups::verify(&config, &args.file, identity.as_ref());
    let proof = with_app::runtime()?.block_on(proven)?;
    Ok(output.one(&proof)?)
}

fn restore(args: &RestoreArgs, output: Output) -> Result<(), CommandError> {
    let config = Config::load()?.config;
    let identity = identity(&args.file)?;
    prompt::needs_terminal_or_yes(args.yes)?;
    prompt::confirm("Put the backup in the place of the database? Every session ends.", args.yes)?;
    let restored = backups::restore(&config, &args.file.file, identity.as_ref());
    let restored = with_app::runtime()?.block_on(restored)?;
    startup_report::say(&told(&restored));
    Ok(output.one(&restored.proof)?)
}

fn identity(args: &FileArgs) -> Result<Option<Identity>, CommandError> {
    let Some(path) = &args.identity else { return Ok(None) };
    let wrong = |why: String| {
        CommandError::usage(format!(
            "--identity {}: {why}.\n  Name a file as age-keygen writes it.",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    Identity::from_file(&text).map(Some).map_err(|error| wrong(error.to_string()))
}

/// What was done, and what is undone by it.
fn told(restored: &Restored) -> String {
    let mut text = "Restored. Every session has ended; users sign in again.\n".to_owned();
    let Some(before) = &restored.before else { return text };
    text.push_str(&format!("The database before is kept: {}\n", before.display()));
    match &restored.undone {
        None => text.push_str(
            "It cannot be read, so what has happened since the backup cannot be listed.\n",
        ),
        Some(undone) if undone.is_empty() => {
            text.push_str("Nothing that was done since the backup is undone.\n");
        }
        Some(undone) => text.push_str(&list(undone)),
    }
    text
}

fn list(undone: &Undone) -> String {
    /// The most names of a kind.
    const NAMES: usize = 10;
    let kinds = [
        ("users who were disabled, and can sign in again", &undone.disabled),
        ("users who were deleted, and exist again", &undone.deleted),
        ("users who were created, and are gone", &undone.created),
        ("users whose password is an earlier one again", &undone.passwords),
        ("signing keys that were retired, and are published again", &undone.keys),
        ("applications that were created, changed or deleted", &undone.clients),
    ];
    let mut text = "Since the backup, and undone now:\n".to_owned();
    for (what, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
        let shown: Vec<&str> = names.iter().take(NAMES).map(String::as_str).collect();
        let more = match names.len().saturating_sub(NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text.push_str(&format!("  {what}: {}{more}\n", shown.join(", ")));
    }
    text
}
