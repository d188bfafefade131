//! `signet dev`: a throw-away demo on loopback.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;

use crate::admin::{apis, users};
use crate::app::startup::OpenPurpose;
use crate::base::entropy::random;
use crate::base::{Clock as _, SystemClock};
use crate::config::{Config, Database, MailSettings, NewDatabase, Registration};
use crate::crypto::random::SystemEntropy;
use crate::domain::attributes::Attributes;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::Role;
use crate::domain::user_email::EmailChange;

use super::serve::{self, Refused};
use super::startup_report;

const LOGIN: &str = "alice@example.test";
const API: &str = "https://api.example.com";

/// Serves a demo that is gone at exit.
pub fn run() -> ExitCode {
    match Config::load().map_err(Refused::from).and_then(|loaded| demo(loaded.config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => refused.say(),
    }
}

fn demo(mut config: Config) -> Result<(), Refused> {
    if let Some(address) = config.listen.iter().find(|address| !address.ip().is_loopback()) {
        return Err(Refused::new(
            78,
            format!(
                "signet dev serves on loopback only, SIGNET_LISTEN names {address}.\n  Its \
                 password is printed. Use signet serve, or a loopback address."
            ),
        ));
    }
    let voice = serve::start_logging(&config)?;
    let directory = tempfile::Builder::new()
        .prefix("signet-dev-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| Refused::new(1, format!("no temporary directory: {error}")))?;
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
    let password = readable_password();
    let app = opened.app.clone();
    let now = SystemClock.now();
    let prepared = runtime.block_on(async {
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
        let scopes = vec!["orders:read".to_owned(), "orders:write".to_owned()];
        let change = apis::Change { scopes: Some(scopes), ..apis::Change::default() };
        apis::create(app.clone(), API.to_owned(), change, RequestInfo::system(now)).await
    });
    if let Err(stop) = prepared {
        let why = match stop {
            Failure::Refused(refusal) => refusal.message.into_owned(),
            Failure::Failed(fault) => fault.to_string(),
        };
        return Err(Refused::new(1, format!("the demo could not be prepared: {why}")));
    }
    let login = app.base_path.served("/v1/login");
    drop(app);
    startup_report::started(voice, &opened, &bound, None);
    let base = bound.urls().into_iter().next().unwrap_or_default();
    startup_report::say(&format!(
        "\nDEV MODE - everything is lost at exit - loopback only\n\
         user  {LOGIN}   password  {password}   role  admin\n\
         mail  {}\n\n\
         Get a token (copy, paste, done):\n\n  \
         curl -s {base}{login} -H 'content-type: application/json' \\\n    \
         -d '{{\"login\":\"{LOGIN}\",\"password\":\"{password}\"}}'\n\n\
         One for the API {API}:\n\n  \
         curl -s {base}{login} -H 'content-type: application/json' \\\n    \
         -d '{{\"login\":\"{LOGIN}\",\"password\":\"{password}\",\"audience\":\"{API}\",\"scope\":\"orders:read\"}}'\n\n\
         Press Ctrl+C to stop.\n",
        mail.display()
    ));
    let served = serve::serve_until_stopped(runtime, interrupts, opened, bound);
    if let Err(error) = directory.close() {
        tracing::warn!(%error, "the temporary directory stays");
    }
    served
}

/// Six syllables and four digits: easy to read, and good enough for an afternoon on loopback.
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
