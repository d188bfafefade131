//! mod_auth_openidc, the relying party for Apache.

use std::path::Path;
use std::process::Command;

use super::application::Application;
use super::{Library, Protection, provider};
use crate::support::require;

const APACHE: &str = "/usr/sbin/apache2";
const MODULE: &str = "/usr/lib/apache2/modules/mod_auth_openidc.so";

#[tokio::test(flavor = "multi_thread")]
async fn mod_auth_openidc() {
    for file in [APACHE, MODULE] {
        if !Path::new(file).exists() {
            return require::missing("apache", &format!("there is no {file}"));
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/apache");
    let server_root = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.arg(folder.join("start.sh")).arg(server_root.path()).env("APACHE", APACHE);
    let library = Library::at("/secret/callback", Protection::Nonce);
    provider().await.runs(&library, |at| Application::start(command, at)).await;
}
