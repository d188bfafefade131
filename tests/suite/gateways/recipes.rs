//! The recipes of `deploy/gateways` with the real gateways.

use std::path::PathBuf;
use std::process::Command;

use reqwest::Method;
use serde_json::json;
use signet::domain::forward_auth::HEADERS;

use super::process::{Recipe, installed, start};
use super::service::{Service, values};
use super::{API, Place};
use crate::support::packages::{copy_of, venv};
use crate::support::server::Options;
use crate::support::{Backend, require};

/// A gateway with a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gateway {
    Nginx,
    Haproxy,
    Caddy,
    Traefik,
    Envoy,
}

impl Gateway {
    const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Envoy => "envoy",
        }
    }

    /// The program, if it is installed or can be installed.
    fn program(self) -> Option<PathBuf> {
        let found = match self {
            Self::Nginx | Self::Haproxy | Self::Caddy => {
                let version = if self == Self::Caddy { "version" } else { "-v" };
                let output = Command::new(self.name()).arg(version).output();
                output.is_ok_and(|output| output.status.success()).then(|| self.name().into())
            }
            Self::Traefik | Self::Envoy => {
                let folder = copy_of("tests/gateways");
                let venv = venv(&folder).then(|| folder.join(".venv"));
                venv.and_then(|venv| match self {
                    Self::Envoy => installed(&venv, "envoy/_bin/envoy"),
                    _ => Some(venv.join("bin/traefik")),
                })
            }
        };
        if found.is_none() {
            require::missing(self.name(), &format!("{} is not here", self.name()));
        }
        found
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["-p", ".", "-c", "nginx.conf", "-e", "stderr"],
            Self::Haproxy => &["-db", "-f", "haproxy.cfg"],
            Self::Caddy => &["run", "--config", "Caddyfile"],
            Self::Traefik => &["--configFile=traefik.yml"],
            Self::Envoy => &["-c", "envoy.yaml", "--concurrency", "1", "--log-level", "error"],
        }
    }
}

/// The identity headers come from Signet only, in every spelling of their names; refusals reach the client with their
/// challenge; the decision selects the service; and without Signet no request passes.
async fn guards(gateway: Gateway) {
    let Some(program) = gateway.program() else { return };
    let place = Place::with(Options::on(Backend::Sqlite).real_clock()).await;
    let (service, billing) = (Service::start("service").await, Service::start("billing").await);
    let signet = place.server.base.strip_prefix("http://").unwrap().to_owned();
    let recipe =
        Recipe { folder: gateway.name(), program: &program, arguments: gateway.arguments() };
    let running = start(&recipe, &signet, [service.port, billing.port], &[]).await;
    service.take();
    let client = reqwest::Client::new();
    let ask = async |path: &str, token: Option<&str>, headers: &[(&str, &str)]| {
        let request = client.get(format!("{}{path}", running.base));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await.unwrap();
        let challenge = answer.headers().get("www-authenticate");
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), challenge.unwrap_or_default(), answer.text().await.unwrap())
    };
    let good = place.login(Some(API), "orders:read").await.access;
    let machine = place.service_token(None).await;

    // Tokens of a user and of a client go to their services, independent of headers of the client.
    for (token, name, subject) in
        [(&good, "service", &*place.ada), (&machine, "billing", "billing")]
    {
        for spoofed in ["", "Signetclient", "SIGNETCLIENT", "signetclient", "sIgNeTcLiEnT"] {
            let other = if name == "billing" { "shop" } else { "billing" };
            let headers = [(spoofed, other)];
            let headers = if spoofed.is_empty() { &[][..] } else { &headers };
            let (status, _, text) = ask("/orders?x=y", Some(token), headers).await;
            assert_eq!((status, &*text), (200, name), "{spoofed}");
        }
        let mut arrived = if name == "billing" { billing.take() } else { service.take() };
        let last = arrived.pop().unwrap();
        assert!(last[0].starts_with("GET /orders?x=y"), "{last:?}");
        assert_eq!(values(&last, "signetsubject"), [subject]);
        assert_eq!(values(&last, "signetscope"), ["orders:read"]);
        assert_eq!(values(&last, "signetidentity")[0].split('.').count(), 3);
        assert_eq!(values(&last, "authorization"), [format!("Bearer {token}")]);
    }

    // Headers of the client with these names are removed, also if Signet's own value is empty.
    for name in HEADERS {
        let upper = name.to_uppercase();
        let mixed = format!("S{}", &name[1..]);
        for spelt in [name, &upper, &mixed] {
            let twice = [(spelt, "evil-1"), (spelt, "evil-2")];
            let (status, _, _) = ask("/orders", Some(&machine), &twice).await;
            assert_eq!(status, 200, "{spelt}");
            let arrived = billing.take().pop().unwrap();
            let found = values(&arrived, name).join(" ");
            assert!(!found.contains("evil"), "{spelt}: {arrived:?}");
        }
    }

    // Headers listed in `Connection` are kept, and no stream is opened around the gateway.
    for options in [
        "Signetidentity, Signetclient, Signetroles, Signetsubject, Signetscope",
        "Upgrade, HTTP2-Settings",
    ] {
        let headers =
            [("connection", options), ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__")];
        let (status, _, text) = ask("/orders", Some(&machine), &headers).await;
        assert_eq!((status, &*text), (200, "billing"), "{options}");
        let arrived = billing.take().pop().unwrap();
        assert_eq!(values(&arrived, "signetclient"), ["billing"], "{arrived:?}");
        assert!(values(&arrived, "upgrade").is_empty(), "{arrived:?}");
        let named = values(&arrived, "connection").join(" ").to_lowercase();
        assert!(!named.contains("signet"), "{arrived:?}");
    }

    // Refusals reach the client, and the request reaches no service.
    let path = format!("/v1/admin/users/{}", place.ada);
    let narrow = place.login(Some(API), "orders:write").await.access;
    let (status, challenge, _) = ask("/orders", None, &[]).await;
    assert_eq!(status, 401);
    assert!(challenge.starts_with("Bearer resource_metadata="), "{challenge}");
    let (status, challenge, _) = ask("/orders", Some("x.y.z"), &[]).await;
    assert_eq!(status, 401);
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    let (status, challenge, _) = ask("/orders", Some(&narrow), &[]).await;
    assert_eq!(status, 403);
    assert!(
        challenge.contains("error=\"insufficient_scope\", scope=\"orders:read\""),
        "{challenge}"
    );
    for hidden in ["/orders?access_token=", "/.signet/..%2forders?access_token="] {
        let (status, _, _) = ask(&format!("{hidden}{good}"), None, &[]).await;
        assert!([400, 401].contains(&status), "{status}");
    }
    // After the user is disabled, the next request is refused.
    let disable = format!("{path}/disable");
    place.server.call_as(Method::POST, &disable, &place.root.access, json!(null)).await.is(200);
    assert_eq!(ask("/orders", Some(&good), &[]).await.0, 401);

    // Without Signet no request passes.
    assert_eq!(ask("/orders", Some(&machine), &[]).await.0, 200);
    billing.take();
    drop(place);
    let (status, _, _) = ask("/orders", Some(&machine), &[]).await;
    assert!((500..600).contains(&status), "{status}");
    assert!(service.take().is_empty() && billing.take().is_empty(), "no service is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_asks_before_it_passes_requests_on() {
    guards(Gateway::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_asks_before_it_passes_requests_on() {
    guards(Gateway::Haproxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_asks_before_it_passes_requests_on() {
    guards(Gateway::Caddy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_asks_before_it_passes_requests_on() {
    guards(Gateway::Traefik).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_asks_before_it_passes_requests_on() {
    guards(Gateway::Envoy).await;
}
