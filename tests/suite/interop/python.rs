//! Libraries for Python.

use std::process::Command;

use super::application::Application;
use super::{Library, Protection, provider};
use crate::support::packages::{copy_of, have, venv};
use crate::support::require;

/// A script of `tests/interop/python` with its packages; `None`, reported, where it cannot run.
fn script(name: &str) -> Option<Command> {
    have("python3", "python")?;
    let folder = copy_of("tests/interop/python");
    if !venv(&folder) {
        let why = "the packages of tests/interop/python cannot be installed";
        require::missing("python", why);
        return None;
    }
    let mut command = Command::new(folder.join(".venv/bin/python"));
    command.arg(name).current_dir(&folder);
    Some(command)
}

async fn runs(name: &str, library: Library) {
    let Some(script) = script(name) else { return };
    provider().await.runs(&library, |at| Application::start(script, at)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mozilla_django_oidc() {
    let library = Library::at("/oidc/callback/", Protection::Nonce).with_silent_renewal();
    runs("mozilla_django_oidc_app.py", library).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn django_allauth() {
    let library = Library::at("/accounts/oidc/signet/login/callback/", Protection::Neither);
    runs("django_allauth_app.py", library).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn django_allauth_told_to_send_a_challenge() {
    let library = Library::at("/accounts/oidc/signet/login/callback/", Protection::Neither);
    runs("django_allauth_app.py", library.told_to_send(Protection::Challenge)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn social_auth() {
    runs("social_auth_app.py", Library::at("/complete/oidc/", Protection::Nonce)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_oauthlib() {
    runs("requests_oauthlib_app.py", Library::at("/callback", Protection::Neither)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_oauthlib_told_to_send_a_challenge() {
    let library = Library::at("/callback", Protection::Neither);
    runs("requests_oauthlib_app.py", library.told_to_send(Protection::Challenge)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flask_oidc() {
    runs("flask_oidc_app.py", Library::at("/authorize", Protection::Nonce)).await;
}
