//! `signet dev`: a temporary demo server on loopback.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::admin::{apis, users};
use crate::app::App;
use crate::app::startup::OpenPurpose;
use crate::base::entropy::random;
use crate::base::{Clock as _, SystemClock};
use crate::config::{Config, Database, MailSettings, NewDatabase, Registration};
use crate::crypto::random::SystemEntropy;
use crate::domain::attributes::Attributes;
use crate::domain::outcome::{Code, Failure};
use crate::domain::request_info::RequestInfo;
use crate::domain::shell_word;
use crate::domain::user::Role;
use crate::domain::user_email::EmailChange;
use crate::identity::setup;

use super::declarative::at_start;
use super::serve::{self, Refused};
use super::startup_report;

const LOGIN: &str = "alice@example.test";
const API: &str = "https://api.example.com";

/// `signet dev`.
#[derive(Debug, Args)]
pub struct DevArgs {
    /// A configuration file to apply first; may be given several times
    #[arg(long, value_name = "FILE")]
    apply: Vec<PathBuf>,
}

/// Serves a demo that is deleted at exit.
pub fn run(args: &DevArgs) -> ExitCode {
    match Config::load().map_err(Refused::from).and_then(|loaded| demo(loaded.config, args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => refused.say(),
    }
}

fn demo(mut config: Config, args: &DevArgs) -> Result<(), Refused> {
    if let Some(address) = config.listen.iter().find(|address| !address.ip().is_loopback()) {
        return Err(Refused::new(
            78,
            format!(
                "signet dev serves on loopback only, SIGNET_LISTEN names {address}.\n  It prints its password. Use \
                 signet serve, or a loopback address."
            ),
        ));
    }
    let voice = serve::start_logging(&config)?;
    let directory = tempfile::Builder::new()
        .prefix("signet-dev-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| Refused::new(1, format!("no temporary directory: {error}")))?;
    let names_database = !matches!(&config.database, Database::Sqlite(path) if *path == config.data_dir.join("signet.db"));
    config.data_dir = directory.path().to_owned();
    config.database = Database::Sqlite(directory.path().join("signet.db"));
    config.master_key = None;
    config.master_key_old = None;
    config.bootstrap_admin = None;
    config.registration = Registration::Open;
    config.new_database = NewDatabase::Allowed;
    let mail = directory.path().join("mail");
    config.mail = Some(MailSettings::to_files(mail.clone()));

    let (runtime, interrupts) = serve::storage_runtime(config.machine)?;
    let bound = serve::bind(&mut config)?;
    let opened = serve::open(&runtime, config, OpenPurpose::Serve)?;
    let app = opened.app.clone();
    runtime.block_on(at_start::apply(&app, &args.apply, "--apply"))?;
    let prepared = match args.apply.as_slice() {
        [] => runtime.block_on(prepare(&app, true)),
        _ => runtime.block_on(prepare_beside_files(&app)),
    };
    let password = prepared.map_err(|stop| {
        let why = match stop {
            Failure::Refused(refusal) => refusal.message.into_owned(),
            Failure::Failed(fault) => fault.to_string(),
        };
        Refused::new(1, format!("the demo could not be prepared: {why}"))
    })?;
    let login = app.base_path.served("/v1/login");
    drop(app);
    startup_report::started(voice, &opened, &bound, None);
    let base = bound.urls().into_iter().next().unwrap_or_default();
    let user = password.as_ref().map_or_else(String::new, |password| {
        format!("user  {LOGIN}   password  {password}   role  admin\n")
    });
    startup_report::say(&format!(
        "\nDEV MODE - everything is lost at exit - loopback only\n{user}mail  {}\n\n\
         Commands in another terminal:\n\n  {}\n\n",
        mail.display(),
        elsewhere(directory.path(), names_database)
    ));
    if let (Some(password), []) = (&password, args.apply.as_slice()) {
        startup_report::say(&format!(
            "Get a token (copy, paste, done):\n\n  \
             curl -s {base}{login} -H 'content-type: application/json' \\\n    \
             -d '{{\"login\":\"{LOGIN}\",\"password\":\"{password}\"}}'\n\n\
             One for the API {API}:\n\n  \
             curl -s {base}{login} -H 'content-type: application/json' \\\n    \
             -d '{{\"login\":\"{LOGIN}\",\"password\":\"{password}\",\"audience\":\"{API}\",\"scope\":\"orders:read\"}}'\n\n"
        ));
    }
    startup_report::say("Press Ctrl+C to stop.\n");
    let served = serve::serve_until_stopped(runtime, interrupts, opened, bound);
    if let Err(error) = directory.close() {
        tracing::warn!(%error, "the temporary directory was not removed");
    }
    served
}

/// Creates the user of the demo, an administrator, and its API if `api` is set. Returns the password.
async fn prepare(app: &App, api: bool) -> Result<Option<String>, Failure> {
    let (password, now) = (readable_password(), SystemClock.now());
    let create = users::Create {
        login: LOGIN.to_owned(),
        password: Some(password.clone()),
        name: Some("Alice".to_owned()),
        email: EmailChange::default(),
        role: Role::Admin,
        attributes: Attributes::default(),
        must_change_password: false,
    };
    users::create(app.clone(), create, RequestInfo::system(now)).await?;
    if api {
        let scopes = vec!["orders:read".to_owned(), "orders:write".to_owned()];
        let change = apis::Change { scopes: Some(scopes), ..apis::Change::default() };
        apis::create(app.clone(), API.to_owned(), change, RequestInfo::system(now)).await?;
    }
    Ok(Some(password))
}

/// Creates the user of the demo unless the files have created an administrator or a user of that name.
async fn prepare_beside_files(app: &App) -> Result<Option<String>, Failure> {
    if !setup::is_open(app).await? {
        return Ok(None);
    }
    match prepare(app, false).await {
        Err(Failure::Refused(refusal)) if refusal.code == Code::LoginTaken => Ok(None),
        prepared => prepared,
    }
}

/// The settings with which commands in another terminal work on this demo, even if the environment names another
/// database.
fn elsewhere(directory: &Path, names_database: bool) -> String {
    let word = |text: String| shell_word::quoted(&text).into_owned();
    let mut text = format!("export SIGNET_DATA_DIR={}", word(directory.display().to_string()));
    if names_database {
        let url = format!("sqlite://{}", directory.join("signet.db").display());
        text.push_str(&format!(" SIGNET_DATABASE_URL={}", word(url)));
    }
    text
}

/// Six syllables and four digits: easy to read, and sufficient for a demo on loopback.
fn readable_password() -> String {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aeio";
    let bytes: [u8; 8] = random(&SystemEntropy);
    let mut text = String::new();
    for (index, byte) in bytes[..6].iter().enumerate() {
        if index > 0 && index % 2 == 0 {
            text.push('-');
        }
        text.push(char::from(CONSONANTS[usize::from(byte >> 4)]));
        text.push(char::from(VOWELS[usize::from(byte & 3)]));
    }
    let number = u16::from_be_bytes([bytes[6], bytes[7]]) % 10_000;
    text.push_str(&format!("-{number:04}"));
    text
}
