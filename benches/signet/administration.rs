//! The times of administration on a server with many users: searches, pages of the console, the end of all sessions,
//! and the demo with a configuration file.
//!
//! Owns the limits. Each request is repeated 20 times over one connection; the limit is for the median, because one
//! slow response may be caused by the machine.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::args::Args;
use crate::bench::Done;
use crate::cpu;
use crate::process::{ADMIN, PASSWORD, Process, Site};
use crate::report::say;
use crate::run::flow;
use crate::seed::Size;
use crate::world::{self, Http, text};

/// The time limit of a page of a search.
const SEARCH: Duration = Duration::from_millis(50);
/// The time limit of a page of the console.
const PAGE: Duration = Duration::from_millis(150);
/// The time limit of the end of all sessions.
const END: Duration = Duration::from_secs(1);
/// The time limit for the start of the demo with a configuration file.
const DEMO: Duration = Duration::from_secs(2);
/// The memory, in MiB, by which the server may grow while all requests are repeated.
const GROWTH: f64 = 8.0;
/// The number of times that each request is repeated.
const SAMPLES: usize = 20;
/// The number of pages of a list that are read one after the other.
const WALKED: usize = 200;

/// Searches over `/v1/admin/users`, with a description. A family name belongs to 1 of 20 users, a given name to 1
/// of 10; if the last digits of a given name and a family name differ, no user has both.
const SEARCHES: [(&str, &str); 15] = [
    ("the first page", ""),
    ("a login", "login=person7"),
    ("a word of one user", "q=person777777"),
    ("a word of every user", "q=example"),
    ("a beginning of every user", "q=p"),
    ("an address", "q=person777@example.com"),
    ("two words of many users", "q=given3+family13"),
    ("two words of no user together", "q=given3+family14"),
    ("three words of no user together", "q=given3+family14+example"),
    ("no user", "q=zzz"),
    ("disabled", "disabled=true"),
    ("must change their password", "must_change_password=true"),
    ("locked", "locked=true"),
    ("a role of nobody", "role=support"),
    ("disabled, with two words of no user", "disabled=true&q=given3+family14"),
];

/// Measures everything. With `--check`, fails if a limit is exceeded.
pub fn measure(args: &Args) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let dir = tempfile::tempdir()?;
    let mut site = Site::new(dir.path());
    if let Some(url) = &args.database_url {
        site = site.with("SIGNET_DATABASE_URL", url);
    }
    say(&format!("{}; {} users and as many sessions", cpu::machine(), args.users))?;
    let slow = runtime.block_on(at(&site, args.users))?;
    let slow = slow + demo(dir.path())?;
    match slow {
        0 => say("everything is within its limit").map_err(Into::into),
        _ if args.check => Err(format!("{slow} limits are passed").into()),
        _ => say(&format!("{slow} limits are passed")).map_err(Into::into),
    }
}

/// The state of the measurement, and the number of exceeded limits.
struct Desk<'a> {
    http: Http,
    root: String,
    cookies: String,
    server: &'a Process,
    slow: usize,
}

async fn at(site: &Site, users: u64) -> Done<usize> {
    let size = Size { users, sessions: users, is_searched: true };
    let world = world::make(site, size).await?;
    let server = site.start()?;
    let at_rest = cpu::resident(server.pid());
    let http = Http::to(&server);
    let root = administrator(&http).await?;
    let mut desk = Desk { http, root, cookies: String::new(), server: &server, slow: 0 };
    desk.cookies = desk.sign_in().await?;
    let user = desk.get("/v1/admin/users?login=person777").await?;
    let user = text(&user["data"][0], "id")?;
    let pages = pages(&user, &world.spa);
    say(&format!("{:<44} {:>10} {:>10} {:>8}", "question", "median", "slowest", "KiB"))?;
    desk.searches().await?;
    desk.pages(&pages).await?;
    let first = cpu::resident(server.pid());
    for path in ["/v1/admin/users?limit=200", "/v1/admin/users?limit=200&q=example"] {
        desk.walk(path).await?;
    }
    say("the same once more:")?;
    desk.searches().await?;
    desk.pages(&pages).await?;
    desk.memory(at_rest, first)?;
    desk.end_everything().await?;
    // A new sign-in: the sessions in the lists have ended, but are still stored.
    desk.root = administrator(&desk.http).await?;
    desk.cookies = desk.sign_in().await?;
    say("after that:")?;
    let of_client = format!("/admin/sessions?client={}", world.spa);
    let ended = [
        ("sessions, which have ended", "/admin/sessions".to_owned()),
        ("sessions of a client, which have ended", of_client),
    ];
    desk.pages(&ended).await?;
    let slow = desk.slow;
    server.stop()?;
    Ok(slow)
}

/// A token for `/v1/admin`.
async fn administrator(http: &Http) -> Done<String> {
    let body = json!({"login": ADMIN, "password": PASSWORD, "scope": "signet:admin"});
    text(&http.json(Method::POST, "/v1/login", None, &body).await?, "access_token")
}

/// Pages of the console: what they show, and their paths.
fn pages(user: &str, client: &str) -> Vec<(&'static str, String)> {
    let fixed = [
        ("overview", "/admin"),
        ("overview, 30 days", "/admin?range=30d"),
        ("users", "/admin/users"),
        ("users, a word of every user", "/admin/users?q=example"),
        ("users, two words of no user together", "/admin/users?q=given3+family14"),
        ("users, no user", "/admin/users?q=zzz"),
        ("users, disabled", "/admin/users?state=disabled"),
        ("users, locked", "/admin/users?state=locked"),
        ("users, active", "/admin/users?state=active"),
        ("users, a role of nobody", "/admin/users?role=support"),
        ("search of everything", "/admin/search?q=person"),
        ("search of everything, nothing found", "/admin/search?q=zzz"),
        ("why, a login that does not exist", "/admin/why?login=persom777"),
        ("sessions", "/admin/sessions"),
        ("applications", "/admin/clients"),
        ("APIs", "/admin/apis"),
        ("keys", "/admin/keys"),
        ("audit", "/admin/audit"),
        ("audit, a rare kind", "/admin/audit?kind=login.failed"),
        ("audit, an absent kind", "/admin/audit?kind=master_key.replaced"),
        ("audit, an absent user's address", "/admin/audit?address=203.0.113.9"),
        ("health", "/admin/health"),
        ("settings", "/admin/settings"),
    ];
    let of = |path: String| path.replace("{user}", user).replace("{client}", client);
    let named = [
        ("one user", "/admin/users/{user}"),
        ("one user, why", "/admin/users/{user}/why"),
        ("one user, question before deletion", "/admin/users/{user}/delete"),
        ("sessions of a user", "/admin/sessions?user={user}"),
        ("sessions of an application", "/admin/sessions?client={client}"),
        ("one application", "/admin/clients/{client}"),
        ("application, question before its sessions end", "/admin/clients/{client}/end-sessions"),
        ("application, question before deletion", "/admin/clients/{client}/delete"),
        ("audit of a user", "/admin/audit?user={user}"),
    ];
    fixed.into_iter().chain(named).map(|(name, path)| (name, of(path.to_owned()))).collect()
}

impl Desk<'_> {
    async fn get(&self, path: &str) -> Done<Value> {
        self.http.json(Method::GET, path, Some(&self.root), &Value::Null).await
    }

    /// Signs the administrator in at the console; the cookies of the browser.
    async fn sign_in(&self) -> Done<String> {
        let (page, cookies) = self.http.browse("/login?to=console&at=%2Fadmin", "", None).await?;
        let flow = flow(&page.text().await?)?;
        let typed = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("flow", &*flow), ("login", ADMIN), ("password", PASSWORD)])
            .finish();
        let (answer, cookies) = self.http.browse("/login", &cookies, Some(typed)).await?;
        if answer.status() != 303 {
            return Err(format!("the sign-in failed: {}", answer.status()).into());
        }
        Ok(cookies)
    }

    async fn searches(&mut self) -> Done {
        for (name, query) in SEARCHES {
            let path = format!("/v1/admin/users?{query}");
            let mut taken = Vec::with_capacity(SAMPLES);
            let mut size = 0;
            for _ in 0..SAMPLES {
                let began = Instant::now();
                let page = self.get(&path).await?;
                taken.push(began.elapsed());
                size = page.to_string().len();
            }
            self.row(&format!("search: {name}"), taken, size, SEARCH)?;
        }
        Ok(())
    }

    async fn pages(&mut self, pages: &[(&str, String)]) -> Done {
        for (name, path) in pages {
            let mut taken = Vec::with_capacity(SAMPLES);
            let mut size = 0;
            for _ in 0..SAMPLES {
                let began = Instant::now();
                let (answer, cookies) = self.http.browse(path, &self.cookies, None).await?;
                let status = answer.status();
                size = answer.bytes().await?.len();
                taken.push(began.elapsed());
                if status != 200 {
                    return Err(format!("{path}: {status}").into());
                }
                self.cookies = cookies;
            }
            self.row(&format!("page: {name}"), taken, size, PAGE)?;
        }
        Ok(())
    }

    /// Prints a line of the table, and counts it where it is over its limit.
    fn row(&mut self, name: &str, mut taken: Vec<Duration>, size: usize, most: Duration) -> Done {
        taken.sort_unstable();
        let (median, slowest) = (taken[taken.len() / 2], taken[taken.len() - 1]);
        let mark = if median > most { "  TOO SLOW" } else { "" };
        self.slow += usize::from(median > most);
        let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        let (median, slowest, size) = (ms(median), ms(slowest), size as f64 / 1024.0);
        Ok(say(&format!("{name:<44} {median:>10} {slowest:>10} {size:>8.1}{mark}"))?)
    }

    /// Reads a list page by page.
    async fn walk(&mut self, path: &str) -> Done {
        let (mut after, mut taken) = (String::new(), Vec::with_capacity(WALKED));
        for _ in 0..WALKED {
            let began = Instant::now();
            let page = self.get(&format!("{path}{after}")).await?;
            taken.push(began.elapsed());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        let name = format!("{} pages of {}", taken.len(), path.trim_start_matches("/v1/admin/"));
        self.row(&name, taken, 0, SEARCH)
    }

    fn memory(&mut self, at_rest: f64, first: f64) -> Done {
        let last = cpu::resident(self.server.pid());
        let has_grown = last - first > GROWTH;
        self.slow += usize::from(has_grown);
        Ok(say(&format!(
            "resident: {at_rest:.1} MiB at rest, {first:.1} after everything was asked, {last:.1} after the lists and \
             everything once more{}",
            if has_grown { "  GROWS" } else { "" }
        ))?)
    }

    /// Ends every session, including that of the token of the request.
    async fn end_everything(&mut self) -> Done {
        let began = Instant::now();
        let body = json!({"all": true});
        self.http.json(Method::POST, "/v1/admin/sessions/end", Some(&self.root), &body).await?;
        let taken = began.elapsed();
        self.row("the end of all sessions", vec![taken], 0, END)?;
        if self.get("/v1/admin/users").await.is_ok() {
            return Err("a token of an ended session is good".into());
        }
        Ok(())
    }
}

/// An API, a browser application, a service and an administrator.
const FILE: &str = r#"
[source]
name = "ci"
[[api]]
identifier = "https://orders.example.com"
scopes = { "orders:read" = "See your orders" }
[[client]]
client_id = "app"
type = "spa"
redirect_uris = ["http://localhost:3000/cb"]
audiences = ["https://orders.example.com"]
[[client]]
client_id = "worker"
type = "service"
audiences = ["https://orders.example.com"]
client_secret = { env = "WORKER_SECRET" }
[[user]]
login = "ada@example.com"
role = "admin"
password = { env = "ADA_PASSWORD" }
"#;

/// Starts the demo with a configuration file; returns the number of exceeded limits.
fn demo(dir: &Path) -> Done<usize> {
    std::fs::write(dir.join("signet.toml"), FILE)?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let log = dir.join("demo.log");
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_signet"))
            .args(["dev", "--apply", "signet.toml"])
            .current_dir(dir)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SIGNET_LISTEN", "127.0.0.1:0")
            .env("WORKER_SECRET", "a-secret-of-a-service-for-measuring-7Rk")
            .env("ADA_PASSWORD", PASSWORD)
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        // Dropping it ends the process.
        let mut process = Process::of(child, "127.0.0.1:0")?;
        loop {
            let said = std::fs::read_to_string(&log)?;
            if said.contains("Press Ctrl+C") {
                break;
            }
            if process.has_ended()? || began.elapsed() > DEMO * 10 {
                return Err(format!("the demo does not start: {said}").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        times.push(began.elapsed());
        process.stop()?;
    }
    times.sort_unstable();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    let mark = if median > DEMO { "  TOO SLOW" } else { "" };
    say(&format!(
        "signet dev --apply, until it serves: {median:.0?}, slowest {slowest:.0?}{mark}"
    ))?;
    Ok(usize::from(median > DEMO))
}
