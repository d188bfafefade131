//! Backups: making and verifying them, damage, sealing, restoring, the schedule, and copies between databases.

mod created;
mod damaged;
mod database_copy;
mod disk_space;
mod interrupted;
mod postgres;
mod restored;
mod scheduled;
mod sealed;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use signet::crypto::digest::Sha256Sum;
use signet::domain::backup_name::{BackupName, DIGEST_DIGITS};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::cli::{Place, Server, text};

/// The password of every user.
const PASSWORD: &str = "plaid sofa under rain";

/// A place with a database, an administrator `root` and a user `ada`.
fn inhabited() -> Place {
    let place = Place::served().with("SIGNET_REGISTRATION", "open");
    place.administrator("root");
    create_user(&place, "ada");
    place
}

fn create_user(place: &Place, login: &str) {
    let args = ["user", "create", login, "--password-file", "-"];
    place.run_with(&args, PASSWORD.as_bytes()).ok();
}

/// Makes a backup where the settings say, and returns its file.
#[track_caller]
fn backup(place: &Place) -> PathBuf {
    let created = place.run(&["backup", "create"]).ok().one();
    PathBuf::from(text(&created, "file"))
}

/// The arguments of a command about a file.
fn about<'a>(verb: &'a str, file: &'a Path) -> [&'a str; 3] {
    ["backup", verb, file.to_str().unwrap()]
}

/// The names in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// The beginning of the SHA-256 of a file, as names have it.
fn digest(path: &Path) -> String {
    let mut sum = Sha256Sum::default();
    sum.update(&std::fs::read(path).unwrap());
    sum.hex()[..DIGEST_DIGITS].to_owned()
}

/// What the name of a backup says.
fn name_of(path: &Path) -> BackupName {
    let name = path.file_name().unwrap().to_str().unwrap();
    BackupName::parse(name).unwrap_or_else(|| panic!("{name}"))
}

/// A copy of a backup under another name, which says nothing about its content.
fn renamed(file: &Path, name: &str) -> PathBuf {
    let copy = file.with_file_name(name);
    std::fs::copy(file, &copy).unwrap();
    copy
}

async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).foreign_keys(false).connect().await.unwrap()
}

/// Changes a backup with statements. Its manifest stays as it was.
async fn change(path: &Path, statements: &'static str) {
    let mut database = open(path).await;
    database.execute(sqlx::raw_sql(statements)).await.unwrap();
    database.close().await.unwrap();
}

/// The manifest of a backup.
async fn manifest(path: &Path) -> Value {
    let mut database = open(path).await;
    let text: String = sqlx::query_scalar("SELECT manifest FROM backup_manifest")
        .fetch_one(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Writes another manifest into a backup.
async fn set_manifest(path: &Path, manifest: &Value) {
    let mut database = open(path).await;
    sqlx::query("UPDATE backup_manifest SET manifest = $1")
        .bind(manifest.to_string())
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
}

/// The status of a log-in at `/v1`.
async fn log_in(server: &Server, login: &str, password: &str) -> u16 {
    server.post("/v1/login", json!({"login": login, "password": password})).await.0
}

/// The status of a refresh, and the tokens if it was answered.
async fn refresh(server: &Server, token: &str) -> (u16, Value) {
    server.post("/v1/refresh", json!({"refresh_token": token})).await
}
