//! Libraries for Node.js.

use std::path::Path;
use std::process::Command;

use super::application::Application;
use super::{Library, Protection, Provider, provider};
use crate::support::scripts::script;
use crate::support::server::Options;
use crate::support::{Backend, require};

const FOLDER: &str = "tests/interop/node";

async fn runs(name: &str, library: Library) {
    let Some(script) = script(FOLDER, name) else { return };
    provider().await.runs(&library, |at| Application::start(script, at)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passport_openidconnect() {
    runs("passport-openidconnect.mjs", Library::at("/callback", Protection::Neither)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passport_openidconnect_told_to_send_a_nonce() {
    let library = Library::at("/callback", Protection::Neither).told_to_send(Protection::Nonce);
    runs("passport-openidconnect.mjs", library).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn express_openid_connect() {
    runs("express-openid-connect.mjs", Library::at("/callback", Protection::ChallengeAndNonce))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn express_openid_connect_shows_the_name_in_the_id_token() {
    let library =
        Library::at("/callback", Protection::ChallengeAndNonce).with_claims_in_the_id_token();
    runs("express-openid-connect.mjs", library).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auth_js() {
    runs("auth-js.mjs", Library::at("/auth/callback/signet", Protection::Challenge)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auth_js_shows_the_name_in_the_id_token() {
    let library =
        Library::at("/auth/callback/signet", Protection::Challenge).with_claims_in_the_id_token();
    runs("auth-js.mjs", library).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn badgateway_oauth2_client() {
    runs("badgateway-oauth2-client.mjs", Library::at("/callback", Protection::Challenge)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_oauth2() {
    runs("simple-oauth2.mjs", Library::at("/callback", Protection::Neither)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grant() {
    runs("grant.mjs", Library::at("/connect/signet/callback", Protection::Neither)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grant_told_to_send_a_challenge() {
    let library = Library::at("/connect/signet/callback", Protection::Neither);
    runs("grant.mjs", library.told_to_send(Protection::Challenge)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn msal_node() {
    runs_msal(Library::at("/callback", Protection::Challenge)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn msal_node_shows_the_name_in_the_id_token() {
    runs_msal(Library::at("/callback", Protection::Challenge).with_claims_in_the_id_token()).await;
}

/// Over TLS: the library refuses a plain-http issuer.
async fn runs_msal(library: Library) {
    let Some(mut script) = script(FOLDER, "msal-node.mjs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    if !self_signed(&certificate, &key) {
        return require::missing("openssl", "a certificate for an issuer that MSAL accepts");
    }
    let options = Options::on(Backend::Sqlite)
        .with("SIGNET_TLS_CERT", certificate.to_str().unwrap())
        .with("SIGNET_TLS_KEY", key.to_str().unwrap());
    script.env("NODE_EXTRA_CA_CERTS", &certificate);
    let provider = Provider::started(options).await;
    provider.runs(&library, |at| Application::start(script, at)).await;
}

/// A certificate for 127.0.0.1 that is its own authority.
fn self_signed(certificate: &Path, key: &Path) -> bool {
    Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .output()
        .is_ok_and(|output| output.status.success())
}
