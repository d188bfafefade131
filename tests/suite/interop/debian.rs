//! Libraries for Ruby and Go, as Debian packages them.

use std::path::Path;
use std::process::Command;

use super::application::Application;
use super::{Library, Protection, provider};
use crate::support::packages::{copy_of, run};
use crate::support::require;

const OMNIAUTH: &str = "omniauth_openid_connect";
const GO_PATH: &str = "/usr/share/gocode";

#[tokio::test(flavor = "multi_thread")]
async fn omniauth_openid_connect() {
    let there = Command::new("ruby").args(["-e", &format!("require '{OMNIAUTH}'")]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        return require::missing("ruby", &format!("there is no Ruby with {OMNIAUTH}"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/ruby");
    let mut command = Command::new("ruby");
    command.arg(folder.join("omniauth_openid_connect.rb"));
    let library = Library::at("/auth/openid_connect/callback", Protection::Nonce);
    provider().await.runs(&library, |at| Application::start(command, at)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go_oidc() {
    let packages = ["github.com/coreos/go-oidc", "golang.org/x/oauth2"];
    let there = packages.iter().all(|name| Path::new(GO_PATH).join("src").join(name).exists());
    if !there || Command::new("go").arg("version").output().is_err() {
        return require::missing("go", &format!("there is no Go with {packages:?}"));
    }
    let folder = copy_of("tests/interop/go");
    let program = folder.join("application");
    let mut build = Command::new("go");
    build
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(&folder)
        // Debian's packages are sources in one folder, not modules.
        .envs([("GO111MODULE", "off"), ("GOPATH", GO_PATH), ("GOFLAGS", "")])
        .env("GOCACHE", folder.join("cache"));
    let built = tokio::task::spawn_blocking(move || run(&mut build)).await.unwrap();
    assert!(built, "the application in tests/interop/go does not build");
    let library = Library::at("/callback", Protection::Nonce);
    let command = Command::new(program);
    provider().await.runs(&library, |at| Application::start(command, at)).await;
}
