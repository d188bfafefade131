//! The console of a server that has been used for a week, in a real browser.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::http::routes::TABLE;

use super::bulk::tick;
use crate::support::relying_party::{App, Person, Site};
use crate::support::scripts::{Browser, browser_script, output};
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, require};

/// The issuer, whose name is on every page.
const ISSUER: &str = "http://id.example.com";
const API: &str = "https://orders.example.com";

/// The users: login and name.
const USERS: [(&str, &str); 12] = [
    ("ada@example.com", "Ada Lovelace"),
    ("alan@example.com", "Alan Turing"),
    ("barbara@example.com", "Barbara Liskov"),
    ("donald@example.com", "Donald Knuth"),
    ("edsger@example.com", "Edsger Dijkstra"),
    ("frances@example.com", "Frances Allen"),
    ("grace@example.com", "Grace Hopper"),
    ("hedy@example.com", "Hedy Lamarr"),
    ("john@example.com", "John Backus"),
    ("katherine@example.com", "Katherine Johnson"),
    ("margaret@example.com", "Margaret Hamilton"),
    ("radia@example.com", "Radia Perlman"),
];

async fn call(server: &Server, root: &Tokens, path: &str, body: serde_json::Value) {
    let answer = server.call_as(Method::POST, path, &root.access, body).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
}

/// The user agents of users.
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

/// The server as a browser behind a proxy reaches it.
struct Proxied<'a> {
    server: &'a Server,
    address: String,
}

impl Site for Proxied<'_> {
    fn base(&self) -> &str {
        &self.server.base
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.server.request(method, path).header("x-real-ip", &self.address);
        request.header("user-agent", FIREFOX)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.server.send(request).await
    }
}

/// A log-in from an address that a proxy names.
async fn log_in(server: &Server, login: &str, password: &str, address: &str) -> Answer {
    let site = Proxied { server, address: address.to_owned() };
    let body = json!({"login": login, "password": password, "scope": "signet:admin"});
    let body = if login == "root" { body } else { json!({"login": login, "password": password}) };
    site.send(site.request(Method::POST, "/v1/login").json(&body)).await
}

/// Users, applications and an API, with a week of activity.
async fn used_for_a_week(server: &Server) -> Vec<(&'static str, String)> {
    let root = Tokens::of(&log_in(server, "root", PASSWORD, "192.0.2.2").await);
    let mut ids = Vec::new();
    for (login, name) in USERS {
        let body = json!({"login": login, "name": name, "password": PASSWORD});
        let made = server.call_as(Method::POST, "/v1/admin/users", &root.access, body).await;
        ids.push(made.is(201).string("id"));
    }
    let scopes = json!(["orders:read", "orders:write"]);
    let key_scopes = json!(["orders:read"]);
    let api = json!({"identifier": API, "scopes": scopes, "key_scopes": key_scopes});
    call(server, &root, "/v1/admin/apis", api).await;
    for (id, name, kind) in [
        ("shop", "Shop", "web"),
        ("shop-app", "Shop for phones", "native"),
        ("back-office", "Back office", "spa"),
        ("nightly", "Nightly job", "service"),
    ] {
        let mut client = json!({"client_id": id, "name": name, "type": kind, "audiences": [API]});
        if kind == "service" {
            client["admin_scopes"] = json!(["signet:users", "signet:read"]);
        } else {
            let uri = if kind == "native" {
                "com.example.shop:/callback"
            } else {
                "https://shop.example.com/callback"
            };
            client["redirect_uris"] = json!([uri]);
        }
        call(server, &root, "/v1/admin/clients", client).await;
    }
    let key = json!({"name": "Import of new staff", "scopes": ["signet:users"], "expires_in": 1_555_200,
                     "networks": ["192.0.2.0/24"]});
    call(server, &root, "/v1/admin/clients/nightly/keys", key).await;
    for hour in 0..7 * 24 {
        count_hour(server, hour);
        server.app.write_activity().await.unwrap();
        server.advance(TimeSpan::from_mins(60));
        if hour == 6 * 24 {
            server.get("/.well-known/jwks.json?rs=shop").await.is(200);
        }
    }
    for (place, (login, _)) in USERS.iter().enumerate() {
        server.advance(TimeSpan::from_mins(7));
        log_in(server, login, PASSWORD, &format!("192.0.2.{}", 10 + place)).await;
        if place % 4 == 0 {
            log_in(server, login, "not the password", "198.51.100.23").await;
        }
    }
    let owner = Tokens::of(&log_in(server, USERS[0].0, PASSWORD, "192.0.2.10").await);
    let key =
        json!({"name": "Export", "audience": API, "scopes": key_scopes, "expires_in": 864_000});
    let key = server.call_as(Method::POST, "/v1/api-keys", &owner.access, key).await;
    let user_key = key.is(201).string("id");
    let root = Tokens::of(&log_in(server, "root", PASSWORD, "192.0.2.2").await);
    call(server, &root, &format!("/v1/admin/users/{}/disable", ids[4]), json!(null)).await;
    call(server, &root, "/v1/admin/keys/rotate", json!({})).await;
    server.advance(TimeSpan::from_mins(3));
    server.get(&format!("/.well-known/jwks.json?rs={API}")).await.is(200);
    let shop = App {
        id: "back-office".to_owned(),
        secret: None,
        redirect_uri: "https://shop.example.com/callback".to_owned(),
    };
    for (place, (login, _)) in USERS[..3].iter().enumerate() {
        let site = Proxied { server, address: format!("203.0.113.{}", 40 + place) };
        shop.tokens(&site, &Person::new(&site, login)).await;
    }
    let keys = server.get("/.well-known/jwks.json").await.is(200).json();
    let kid = keys["keys"][0]["kid"].as_str().unwrap().to_owned();
    let get = async |path: &str| server.get_as(path, &root.access).await.is(200).json();
    let first = |page: &serde_json::Value| page["data"][0]["id"].as_str().unwrap().to_owned();
    let api = first(&get("/v1/admin/apis").await);
    let key = first(&get("/v1/admin/clients/nightly/keys").await);
    let user = format!("/v1/admin/sessions?user_id={}", ids[0]);
    let sid = first(&get(&user).await);
    let site = Proxied { server, address: "192.0.2.2".to_owned() };
    let person = Person::new(&site, "root");
    let page = person.get("/login?to=console").await;
    person.log_in(&page, PASSWORD).await.is(303);
    let ticked = tick(&person, "disable", &[&ids[0], &ids[1]]).await;
    let ticked = person.below_base(ticked.is(303).header("location"));
    let (user, keys) = (format!("/admin/users/{}", ids[0]), "/admin/clients/nightly/keys");
    // Pages without a name are checked and get no picture.
    vec![
        ("", "/admin/search?q=ada".to_owned()),
        ("", "/admin/why?login=adda".to_owned()),
        ("", "/admin/users/new".to_owned()),
        ("", ticked),
        ("", format!("{user}/why")),
        ("", format!("{user}/token")),
        ("", format!("{user}/disable")),
        ("", format!("{user}/delete")),
        ("", format!("{user}/keys/{user_key}/revoke")),
        ("", format!("/admin/sessions/{sid}/end")),
        ("", "/admin/clients/nightly/admin-scopes".to_owned()),
        ("", format!("{keys}/new")),
        ("", format!("{keys}/{key}/revoke")),
        ("", "/admin/apis/new".to_owned()),
        ("", format!("/admin/apis/{api}")),
        ("", format!("/admin/apis/{api}/edit")),
        ("", format!("/admin/apis/{api}/delete")),
        ("", "/admin/keys/rotate".to_owned()),
        ("", "/admin/keys/rotate-now".to_owned()),
        ("", format!("/admin/keys/{kid}/retire")),
        ("overview", "/admin".to_owned()),
        ("users", "/admin/users".to_owned()),
        ("user", format!("/admin/users/{}", ids[0])),
        ("sessions", "/admin/sessions".to_owned()),
        ("clients", "/admin/clients".to_owned()),
        ("client", "/admin/clients/nightly".to_owned()),
        ("new-client", "/admin/clients/new?type=spa".to_owned()),
        ("confirm", "/admin/clients/back-office/delete".to_owned()),
        ("apis", "/admin/apis".to_owned()),
        ("keys", "/admin/keys".to_owned()),
        ("emergency", format!("/admin/keys/{kid}/retire-now")),
        ("audit", "/admin/audit?kind=login.failed%2Cclient.created%2Clogin.succeeded".to_owned()),
        ("health", "/admin/health".to_owned()),
        ("settings", "/admin/settings".to_owned()),
    ]
}

/// Whether a path, without its query, belongs to a route.
fn is_of(path: &str, route: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (own, of_route): (Vec<_>, Vec<_>) = (path.split('/').collect(), route.split('/').collect());
    let fits = |(own, of_route): (&&str, &&str)| own == of_route || of_route.starts_with('{');
    own.len() == of_route.len() && own.iter().zip(&of_route).all(fits)
}

/// The number of events in an hour of the week: few at night, most before noon.
fn count_hour(server: &Server, hour: i64) {
    let by_hour =
        [2, 1, 1, 1, 2, 4, 9, 18, 27, 31, 29, 26, 22, 27, 29, 26, 21, 17, 13, 10, 8, 6, 4, 3];
    let most = by_hour[usize::try_from(hour % 24).unwrap_or_default()] + (hour * 7) % 5;
    let now = server.now();
    for n in 0..most {
        server.app.count_login("ok");
        for _ in 0..3 {
            server.app.count_refresh("rotated");
        }
        if n % 9 == 0 {
            server.app.count_login("failed");
        }
        if n % 17 == 0 {
            server.app.count_refresh("resent");
        }
        for (client, every) in [("shop", 1), ("shop-app", 2), ("back-office", 4), ("nightly", 6)] {
            if n % every == 0 {
                server.app.count_issued(client, Some(API), now);
            }
        }
        server.app.count_issued("signet", None, now);
    }
}

/// Every page of the console, in light colours at 1280 pixels and in dark ones at 320, those with a picture in all four
/// ways: without a finding of axe-core, without anything that the policy blocks, and not too wide; so are a refused form
/// and a secret that is shown once. With `SIGNET_TEST_SCREENSHOTS=FOLDER` there are pictures.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_console_stands_up_to_a_browser() {
    let Some(mut command) = browser_script(Browser::Chromium, "console.mjs") else { return };
    let server = Options::on(Backend::Sqlite)
        .with("SIGNET_ISSUER", ISSUER)
        .with("SIGNET_INSECURE_HTTP", "true")
        .with("SIGNET_TRUSTED_PROXIES", "127.0.0.1")
        .with("SIGNET_PROXY_HEADER", "x-real-ip")
        .start()
        .await;
    server.create_administrator("root").await;
    let pages = used_for_a_week(&server).await;
    let paths: Vec<&str> = pages.iter().map(|(_, path)| &**path).collect();
    for route in TABLE.iter().filter(|route| route.method == "GET") {
        let is_looked_at = paths.iter().any(|path| is_of(path, route.path));
        assert!(is_looked_at || !route.path.starts_with("/admin"), "{} is not", route.path);
    }
    let pages: Vec<_> =
        pages.iter().map(|(name, path)| json!({"name": name, "path": path})).collect();
    let port = url::Url::parse(&server.url("/")).unwrap().port().unwrap().to_string();
    // A form that is refused, and a secret that is shown once.
    let forms = json!([
        {"path": "/admin/users/new", "status": 422, "text": "[role=alert]"},
        {"path": "/admin/clients/nightly/rotate-secret", "status": 200, "text": "dd code"},
    ]);
    let looked_at = json!({"pages": pages, "forms": forms}).to_string();
    command.args([ISSUER, &port, "root", PASSWORD, &looked_at]);
    if let Some(folder) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        std::fs::create_dir_all(&folder).unwrap();
        command.arg(folder);
    }
    output(command).await;
}
