//! An issuer with a path: which routes are served where, and that no link leads outside.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;
use signet::http::routes::TABLE;

use crate::support::ports::free_port;
use crate::support::process::Launch;
use crate::support::relying_party::{
    App, FORM, Person, REDIRECT_URI, Site, VERIFIER, field, form, param, signed,
};
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

use super::below_path::{Below, ISSUER, PATH, served, start};

/// An existing administrator, logged in through `below`.
pub async fn log_in(below: &Below, login: &str) -> Tokens {
    let body = json!({"login": login, "password": PASSWORD, "scope": "signet:admin"});
    Tokens::of(&below.post("/v1/login", &body).await)
}

/// Creates an administrator on a server whose base is not that of its routes.
pub async fn administrator(server: &Server, below: &Below) -> Tokens {
    use signet::admin::users;
    use signet::domain::attributes::Attributes;
    use signet::domain::request_info::RequestInfo;
    use signet::domain::user::Role;
    use signet::domain::user_email::EmailChange;
    let create = users::Create {
        login: "root".to_owned(),
        password: Some(PASSWORD.to_owned()),
        name: None,
        email: EmailChange::default(),
        role: Role::Admin,
        attributes: Attributes::default(),
        must_change_password: false,
    };
    let work = users::create(server.app.clone(), create, RequestInfo::cli(server.now()));
    server.app.run_to_completion(work).await.unwrap_or_else(|stop| panic!("{stop:?}"));
    log_in(below, "root").await
}

pub async fn register(below: &Below, login: &str) {
    below.post("/v1/register", &json!({"login": login, "password": PASSWORD})).await.is(201);
}

/// The addresses in a page's links, forms and files.
pub fn addresses(html: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in ["href", "src", "action"] {
        for rest in html.split(&format!(" {name}=\"")).skip(1) {
            found.insert(rest.split_once('"').unwrap().0.to_owned());
        }
    }
    found
}

/// Every address of the server on `page`, as a path below the issuer.
fn own_addresses(page: &Answer) -> Vec<String> {
    let own = addresses(&page.text).into_iter().filter(|address| !address.contains(':'));
    own.map(|address| {
        let below = address.strip_prefix(PATH).unwrap_or_else(|| panic!("{address} leads outside"));
        assert!(below.starts_with('/'), "{address} leads outside");
        below.to_owned()
    })
    .collect()
}

/// The life of a session through `below`, and its pages. The files of every page can be loaded.
pub async fn whole_way(below: &Below, root: &Tokens) {
    let app = App::register(below, root, json!({"type": "web"})).await;
    register(below, "ada").await;
    let ada = Person::new(below, "ada");

    let asked = ada.get(&app.url(&[])).await;
    let mut pages = vec![asked];
    let refused = ada.log_in(&pages[0], "not the password").await;
    pages.push(refused);
    let answer = ada.log_in(&pages[0], PASSWORD).await;
    let consent = ada.get(&ada.below_base(answer.is(303).header("location"))).await;
    let answer = ada.decide(&consent, "allow").await;
    pages.push(consent);
    let callback = url::Url::parse(answer.is(303).header("location")).unwrap();
    assert!(callback.as_str().starts_with(REDIRECT_URI), "{callback}");
    assert_eq!(param(&callback, "iss").as_deref(), Some(ISSUER));

    let code = param(&callback, "code").unwrap();
    let tokens = app.redeem(below, &code).await.is(200).json();
    let access = tokens["access_token"].as_str().unwrap();
    let request = below.request(Method::GET, "/oauth2/userinfo").bearer_auth(access);
    assert_eq!(below.send(request).await.is(200).json()["preferred_username"], "ada");
    let refreshed = app.refresh(below, tokens["refresh_token"].as_str().unwrap()).await;
    refreshed.is(200);

    let account = ada.get("/account").await;
    assert!(account.is(200).text.contains("Your account"), "{}", account.text);
    let changed = ada.get("/.well-known/change-password").await;
    assert_eq!(changed.is(302).header("location"), "/auth/account#password");
    let csrf = field(&account.text, "csrf");
    let saved = ada.post("/account/profile", &[("csrf", &csrf), ("name", "Ada")]).await;
    assert_eq!(saved.is(303).header("location"), "/auth/account?done=profile");
    pages.push(account);
    for path in ["", "/", "/device", "/login", "/nothing/here"] {
        pages.push(ada.get(path).await);
    }
    for page in &pages {
        assert!(page.header("content-type").starts_with("text/html"), "{}", page.text);
        for address in own_addresses(page) {
            if address.starts_with("/assets/") {
                below.get(&address).await.is(200);
            }
        }
    }

    // Log-out by the client's request.
    let out =
        form([("id_token_hint", tokens["id_token"].as_str().unwrap()), ("client_id", &*app.id)]);
    let page = ada.get(&format!("/oauth2/logout?{out}")).await;
    assert!(page.is(200).text.contains("You are signed out"), "{}", page.text);
    let account = ada.get("/account").await;
    assert_eq!(account.is(303).header("location"), "/auth/login");
    let refreshed = refreshed.string("refresh_token");
    app.refresh(below, &refreshed).await.is(400);
}

/// The set-up page and the administrator that it creates. `setup` is the printed link.
pub async fn set_up(below: &Below, setup: &str) -> Tokens {
    let path = setup.strip_prefix(ISSUER).unwrap_or_else(|| panic!("{setup} leads elsewhere"));
    let page = below.get(path).await;
    let action = format!("{PATH}{path}");
    assert!(addresses(&page.is(200).text).contains(&action), "{}", page.text);
    let filled = form([("login", "root"), ("password", PASSWORD)]);
    let sent = below.request(Method::POST, path).header("content-type", FORM).body(filled);
    let made = below.send(sent).await;
    assert!(made.is(200).text.contains(&format!("{ISSUER}/v1/login")), "{}", made.text);
    own_addresses(&made);
    log_in(below, "root").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_and_out_below_the_path_on_both_databases() {
    on_both("an issuer with a path", async |backend| {
        for stripped in [false, true] {
            let (server, below) = start(backend, stripped).await;
            let root = administrator(&server, &below).await;
            whole_way(&below, &root).await;
        }
    })
    .await;
}

/// A route with values for its variables.
fn address(pattern: &str) -> String {
    pattern
        .replace("{token}", "x")
        .replace("{id}", "x")
        .replace("{client_id}", "x")
        .replace("{kid}", "x")
        .replace("{factor_id}", "x")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_in_one_form_only() {
    const PROBES: [&str; 3] = ["/health", "/ready", "/ready/read"];
    for stripped in [false, true] {
        let (server, _) = start(Backend::Sqlite, stripped).await;
        let no_route = server.get("/nothing").await;
        for route in TABLE {
            let method: Method = route.method.parse().unwrap();
            let path = address(route.path);
            let wrong = served(&server, !stripped, &path);
            let answer = server.send(reqwest::Client::new().request(method.clone(), wrong)).await;
            if PROBES.contains(&route.path) {
                let at_root = server.get(&path).await;
                assert_eq!(at_root.status, 200, "{path}: {}", at_root.text);
                continue;
            }
            assert_eq!(answer.status, 404, "{stripped} {method} {path}: {}", answer.text);
            assert_eq!(answer.header("set-cookie"), "", "{path}");
        }
        // An error page, whose own files can be loaded.
        for address in own_addresses(&no_route) {
            let asset = reqwest::get(served(&server, stripped, &address)).await.unwrap();
            assert_eq!(asset.status(), 200, "{address}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_resemble_the_issuers_are_not_served() {
    let (server, _) = start(Backend::Sqlite, false).await;
    for path in ["/login", "/authority/login", "/Auth/login", "/autH"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    server.get("/auth%2Flogin").await.is(400);
    server.get("/auth/login").await.is(200);
    // In absolute form, as clients of a proxy send it.
    let absolute =
        "GET http://id.example.com/auth/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(absolute.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_is_at_both_well_known_forms() {
    for stripped in [false, true] {
        let (server, below) = start(Backend::Sqlite, stripped).await;
        let wanted = below.get("/.well-known/openid-configuration").await.is(200).json();
        assert_eq!(wanted["issuer"], ISSUER);
        for (name, value) in wanted.as_object().unwrap() {
            let Some(url) = value.as_str().filter(|_| name != "issuer") else { continue };
            assert!(url.starts_with(&format!("{ISSUER}/")), "{name}: {url}");
        }
        for name in ["oauth-authorization-server", "openid-configuration"] {
            let below = below.get(&format!("/.well-known/{name}")).await;
            let at_root = server.get(&format!("/.well-known/{name}/auth")).await;
            for answer in [&below, &at_root] {
                assert_eq!(answer.is(200).json(), wanted, "{name}");
                assert_eq!(answer.header("access-control-allow-origin"), "*");
            }
            let at_root = server.request(Method::OPTIONS, &format!("/.well-known/{name}/auth"));
            server.send(at_root).await.is(204);
            for other in ["auth/", "other", "auth/x"] {
                assert_eq!(server.get(&format!("/.well-known/{name}/{other}")).await.status, 404);
            }
        }
        let jwks = wanted["jwks_uri"].as_str().unwrap();
        below.get(jwks.strip_prefix(ISSUER).unwrap()).await.is(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_path_in_the_issuer_only_the_plain_form_is_served() {
    let server = Server::start(Backend::Sqlite).await;
    for name in ["oauth-authorization-server", "openid-configuration"] {
        server.get(&format!("/.well-known/{name}")).await.is(200);
        assert_eq!(server.get(&format!("/.well-known/{name}/auth")).await.status, 404);
    }
}

/// The cookies that a sign-in sets, each as a whole.
async fn cookies(below: &Below) -> Vec<String> {
    let ada = Person::new(below, "ada");
    let page = ada.get("/login").await;
    let answer = ada.log_in(&page, PASSWORD).await;
    [&page, &answer]
        .iter()
        .flat_map(|answer| answer.headers.get_all("set-cookie"))
        .map(|value| {
            let text = value.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            format!("{name}; {}", rest.split_once("; ").unwrap().1)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_name_the_path_and_the_session_is_sent_below_it() {
    let set = async |issuer: &str, prefix: &str| {
        let server = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", issuer).start().await;
        let below = Below::at(&server.url(prefix));
        below.post("/v1/register", &json!({"login": "ada", "password": PASSWORD})).await.is(201);
        let request = below.request(Method::GET, "/login");
        let page = below.send(request).await;
        let action = format!("action=\"{prefix}/login\"");
        assert!(page.text.contains(&action), "{}", page.text);
        if prefix == PATH { cookies(&below).await } else { plain_cookies(&server).await }
    };
    let rest = "HttpOnly; SameSite=Lax; Secure";
    assert_eq!(
        set("https://id.example.com", "").await,
        [
            format!("__Host-signet_browser; Path=/; {rest}"),
            format!("__Host-signet_session; Path=/; {rest}")
        ]
    );
    let below = set(ISSUER, PATH).await;
    let name = |cookie: &str| cookie.split_once(';').unwrap().0.to_owned();
    let hash = name(&below[0]).strip_prefix("__Host-signet_browser_").unwrap().to_owned();
    assert_eq!(hash.len(), 8);
    assert_eq!(
        below,
        [
            format!("__Host-signet_browser_{hash}; Path=/; {rest}"),
            format!("__Secure-signet_session_{hash}; Path=/auth; {rest}")
        ]
    );
    let plain = set("http://localhost/auth", PATH).await;
    assert_eq!(
        plain,
        [
            format!("signet_browser_{hash}; Path=/; HttpOnly; SameSite=Lax"),
            format!("signet_session_{hash}; Path=/auth; HttpOnly; SameSite=Lax")
        ]
    );
}

async fn plain_cookies(server: &Server) -> Vec<String> {
    let ada = Person::new(server, "ada");
    let page = ada.get("/login").await;
    let answer = ada.log_in(&page, PASSWORD).await;
    let all = [&page, &answer];
    let all = all.iter().flat_map(|answer| answer.headers.get_all("set-cookie"));
    all.map(|value| {
        let (name, rest) = value.to_str().unwrap().split_once('=').unwrap();
        format!("{name}; {}", rest.split_once("; ").unwrap().1)
    })
    .collect()
}

/// Another host of the domain can set a session cookie, but not the browser cookie.
#[tokio::test(flavor = "multi_thread")]
async fn below_a_path_a_session_counts_only_in_the_browser_it_was_issued_to() {
    on_both("sessions below a path", async |backend| {
        for stripped in [false, true] {
            let (_server, below) = start(backend, stripped).await;
            register(&below, "ada").await;
            register(&below, "mallory").await;
            let browser = "__Host-signet_browser_";
            let cookie = |person: &Person<'_, Below>, start: &str| {
                person.cookies().into_iter().find(|(name, _)| name.starts_with(start)).unwrap()
            };
            let mallory = Person::new(&below, "mallory");
            let page = mallory.get("/login").await;
            mallory.log_in(&page, PASSWORD).await.is(303);
            mallory.get("/account").await.is(200);
            let planted = cookie(&mallory, "__Secure-signet_session_");

            let ada = Person::new(&below, "ada");
            ada.get("/login").await.is(200);
            let own = cookie(&ada, browser);
            ada.set_cookie(&planted.0, &planted.1);
            let account = ada.get("/account").await;
            assert_eq!(account.is(303).header("location"), "/auth/login");
            assert_eq!(cookie(&ada, browser), own);
            // Nor without any browser cookie.
            let bare = Person::new(&below, "ada");
            bare.set_cookie(&planted.0, &planted.1);
            assert_eq!(bare.get("/account").await.is(303).header("location"), "/auth/login");
            // A sign-in with a foreign cookie is independent, and does not affect the other session.
            let page = ada.get("/login").await;
            ada.log_in(&page, PASSWORD).await.is(303);
            assert!(ada.get("/account").await.is(200).text.contains("Signed in as ada"));
            mallory.get("/account").await.is(200);
        }
    })
    .await;
}

/// Values that contain the address of an endpoint: proofs, assertions, codes of devices, pushed requests.
#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_named_with_the_path() {
    for stripped in [false, true] {
        let (server, below) = start(Backend::Sqlite, stripped).await;
        let root = administrator(&server, &below).await;
        let key = SigningKey::generate(SigningAlg::Es256).unwrap().key;
        let device = "urn:ietf:params:oauth:grant-type:device_code";
        let origin = "https://app.example.com";
        let app = App::register(
            &below,
            &root,
            json!({"type": "spa", "grant_types": ["authorization_code", device, "refresh_token"],
                "web_origins": [origin]}),
        )
        .await;
        register(&below, "ada").await;
        let ada = Person::new(&below, "ada");

        // DPoP (RFC 9449 §4.3).
        let proof = |htu: &str, jti: &str| {
            let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public});
            let claims = json!({"htm": "POST", "htu": htu, "jti": jti, "iat": server.now().secs()});
            signed(&key, &header, &claims)
        };
        let redeem = async |code: &str, proof: String| {
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", VERIFIER),
                ("client_id", &*app.id),
            ];
            let request = below.request(Method::POST, "/oauth2/token").header("dpop", proof);
            let request = request.header("content-type", FORM).body(form(fields));
            below.send(request.header("origin", origin)).await
        };
        let code = app.code(&ada, &[]).await;
        let outside = "https://id.example.com/oauth2/token";
        redeem(&code, proof(outside, "a")).await.is(400);
        let bound = redeem(&code, proof(&format!("{ISSUER}/oauth2/token"), "b")).await;
        assert_eq!(bound.is(200).string("token_type"), "DPoP");
        assert_eq!(bound.header("access-control-allow-origin"), origin);

        let request = app.request(&[]);
        let named = request.iter().filter(|(name, _)| name != "client_id");
        let fields: Vec<_> = named.map(|(name, value)| (&**name, &**value)).collect();
        let pushed = app.call(&below, "/oauth2/par", &fields).await;
        let name = pushed.is(201).string("request_uri");
        let url = form([("client_id", &*app.id), ("request_uri", &*name)]);
        ada.visit(&format!("/oauth2/authorize?{url}")).await.said("code");

        let asked = app.call(&below, "/oauth2/device_authorization", &[("scope", "openid")]).await;
        let page = asked.is(200).string("verification_uri_complete");
        let path = page.strip_prefix(ISSUER).unwrap();
        assert!(ada.get(path).await.is(200).text.contains("action=\"/auth/device\""));

        // A form from another site is sent without cookies, and once more with the same parameters in the address.
        for path in ["/oauth2/authorize", "/oauth2/logout"] {
            let request = below.request(Method::POST, path).header("content-type", FORM);
            let request = request.header("sec-fetch-site", "cross-site");
            let again = below.send(request.body(form([("state", "x")]))).await;
            assert_eq!(again.is(303).header("location"), format!("{PATH}{path}?state=x"));
        }

        let described = below.get("/v1/openapi.json").await.is(200).json();
        assert_eq!(described["servers"], json!([{ "url": ISSUER }]));
        let made = below.request(Method::POST, "/v1/admin/apis").bearer_auth(&root.access);
        let made = below.send(made.json(&json!({"identifier": "urn:x"}))).await;
        let location = made.is(201).header("location").to_owned();
        assert!(location.starts_with(&format!("{ISSUER}/v1/admin/apis/")), "{location}");
    }
}

/// A client that authenticates with a key names the called endpoint, with the path.
#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_may_name_the_endpoint_with_the_path() {
    let (server, below) = start(Backend::Sqlite, false).await;
    let root = administrator(&server, &below).await;
    let key = SigningKey::generate(SigningAlg::Es256).unwrap().key;
    below
        .send(
            below
                .request(Method::POST, "/v1/admin/apis")
                .bearer_auth(&root.access)
                .json(&json!({"identifier": "https://api.example.com", "scopes": ["read"]})),
        )
        .await
        .is(201);
    let mut public = json!(key.public);
    public["alg"] = json!("ES256");
    let client = json!({"type": "service", "name": "Job", "audiences": ["https://api.example.com"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [public]},
        "assertion_audience": "endpoint"});
    let app = App::register(&below, &root, client).await;
    let call = async |aud: &str, jti: &str| {
        let now = server.now().secs();
        let claims = json!({"iss": app.id, "sub": app.id, "aud": aud, "jti": jti,
            "iat": now, "exp": now + 60});
        let assertion = signed(&key, &json!({"alg": "ES256"}), &claims);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &*app.id),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &*assertion),
            ("scope", "read"),
        ];
        let request = below.request(Method::POST, "/oauth2/token").header("content-type", FORM);
        below.send(request.body(form(fields))).await.status
    };
    assert_eq!(call(&format!("{ISSUER}/oauth2/token"), "a").await, 200);
    assert_eq!(call("https://id.example.com/oauth2/token", "b").await, 401);
}

/// The label of a metric names the route, for either form of the address.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_name_routes_without_the_path() {
    let (server, below) = start(Backend::Sqlite, false).await;
    below.get("/login").await.is(200);
    server.get("/.well-known/oauth-authorization-server/auth").await.is(200);
    server.get("/login").await.is(404);
    let text = signet::http::metrics_text(&server.app);
    for route in ["/login", "/.well-known/oauth-authorization-server", "unmatched"] {
        assert!(text.contains(&format!("route=\"{route}\"")), "{route}: {text}");
    }
    assert!(!text.contains("/auth/") && !text.contains("-server/auth"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_finds_a_server_below_a_path_and_the_set_up_link_leads_there() {
    for stripped in [false, true] {
        let port = free_port();
        let launch = Launch::new()
            .with("SIGNET_LISTEN", &format!("127.0.0.1:{port}"))
            .with("SIGNET_ISSUER", ISSUER)
            .with("SIGNET_PROXY_STRIPS_PATH", &stripped.to_string());
        let process = launch.start().await;
        let health = launch.command().arg("health").output().unwrap();
        assert!(health.status.success(), "{}", String::from_utf8_lossy(&health.stderr));
        let path = process.setup_path().await;
        process.until_logged(&format!("{ISSUER}{path}")).await;
        let below = Below::at(&format!("{}{}", process.base, if stripped { "" } else { PATH }));
        set_up(&below, &format!("{ISSUER}{path}")).await;
    }
}

#[test]
fn config_check_says_where_the_server_answers() {
    for (stripped, said) in [("false", "below it only"), ("true", "without it only")] {
        let launch =
            Launch::new().with("SIGNET_ISSUER", ISSUER).with("SIGNET_PROXY_STRIPS_PATH", stripped);
        let output = launch.command().args(["config", "check"]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.success() && text.contains("SIGNET_ISSUER has the path /auth"),
            "{text}"
        );
        assert!(text.contains(&format!("SIGNET_PROXY_STRIPS_PATH={stripped}")), "{text}");
        assert!(text.contains(said) && text.ends_with("The settings are good.\n"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_names_addresses_that_answer() {
    for (stripped, path) in [("false", "/auth/v1/login"), ("true", "/v1/login")] {
        let launch = Launch::new()
            .with("SIGNET_ISSUER", "http://localhost/auth")
            .with("SIGNET_LOG_FORMAT", "auto")
            .with("SIGNET_PROXY_STRIPS_PATH", stripped);
        let process = launch.start_as(&["dev"]).await;
        let wanted = format!("curl -s {}{path} ", process.base);
        crate::support::process::until("the command to copy", async || {
            process.log().contains(&wanted)
        })
        .await;
    }
}
