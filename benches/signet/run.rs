//! The order of the measurements.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use signet::crypto::digest::sha256_base64url;

use crate::args::Args;
use crate::bench::{Bench, Done, LIVE};
use crate::load::{Measured, Plan, Talk, drive};
use crate::process::{self, PASSWORD, Process, Site};
use crate::report::{self, Row, say};
use crate::seed::{Seeded, Size};
use crate::work::{
    AskedWith, Authorize, CodeFlow, Dice, Fetch, Form, Forms, Login, Paced, Refresh, WithToken,
    member,
};
use crate::world::{self, Http, VERIFIER, World};
use crate::{administration, bare, cpu, feed, peers, plot, replicas};

/// Runs all selected measurements.
pub fn run(args: &Args) -> Done {
    if args.administration {
        return administration::measure(args);
    }
    let seconds =
        |whole: u64, quick: u64| Duration::from_millis(if args.quick { quick } else { whole });
    let plan = Plan { warm: seconds(1500, 400), measure: seconds(6000, 1500) };
    say(&format!("{}; ES256, argon2id 19 MiB t=2 p=1, full durability", cpu::machine()))?;
    let (argon2, es256) = (bare::argon2(plan.measure), bare::es256(plan.warm));
    say(&format!(
        "bare: {argon2:.1} argon2id hashes/s on all cores, {es256:.0} ES256 signatures/s on one"
    ))?;
    let mut bench = Bench {
        args,
        plan,
        ceilings: HashMap::new(),
        argon2,
        rows: Vec::new(),
        runtime: tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?,
    };
    report::head()?;
    bench.ceilings()?;
    if args.peers {
        bench.peers()?;
    }
    let dir = tempfile::tempdir()?;
    let size = Size { users: 1_000, sessions: LIVE, is_searched: false };
    let mut facts = match (&args.database_url, args.processes) {
        (Some(url), true) => {
            replicas::measure(&mut bench, dir.path(), url)?;
            Vec::new()
        }
        _ => bench.at_size(dir.path(), size, "")?,
    };
    if args.scale {
        let dir = tempfile::tempdir()?;
        let (users, sessions) = (args.sessions / 10, args.sessions);
        let size = Size { users, sessions, is_searched: false };
        say(&format!("writing {} users and {} sessions", size.users, size.sessions))?;
        facts.extend(bench.at_size(
            dir.path(),
            size,
            &format!(", {} M sessions", args.sessions / 1_000_000),
        )?);
    }
    for fact in &facts {
        say(fact)?;
    }
    let rows: Vec<_> = bench.rows.iter().map(Row::json).collect();
    let all = json!({"machine": cpu::machine(), "argon2_per_second": argon2, "es256_per_second": es256,
        "rows": rows, "facts": facts});
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)?;
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, plot::svg(&bench.rows))?;
    }
    Ok(())
}

impl Bench<'_> {
    fn ceilings(&mut self) -> Done {
        let server = process::ceiling()?;
        for connections in [16, 64, 256] {
            let get = || Box::new(Fetch("/constant")) as Box<dyn Talk>;
            let post = || {
                let body = "grant_type=client_credentials&scope=read".repeat(4);
                let (path, header) = ("/constant", String::new());
                Box::new(Form { path, header, body, expects: "keys" }) as Box<dyn Talk>
            };
            let get = self.measure(
                &[server.target()],
                "actix-web, GET a constant",
                times(connections, get),
                None,
            )?;
            self.ceilings.insert(("GET", connections), get);
            let post = self.measure(
                &[server.target()],
                "actix-web, POST, a constant",
                times(connections, post),
                None,
            )?;
            self.ceilings.insert(("POST", connections), post);
        }
        server.stop()?;
        Ok(())
    }

    fn peers(&mut self) -> Done {
        let server = peers::oidc_provider()?;
        for (work, path) in [("JWKS", "/jwks"), ("discovery", "/.well-known/openid-configuration")]
        {
            let talks = times(16, || Box::new(Fetch(path)) as _);
            self.measure(
                &[server.target()],
                &format!("oidc-provider: {work}"),
                talks,
                Some("GET"),
            )?;
        }
        let talk = || {
            let (path, header) = ("/token", peers::basic());
            let body = "grant_type=client_credentials&scope=read".to_owned();
            Box::new(Form { path, header, body, expects: "\"access_token\"" }) as Box<dyn Talk>
        };
        let work = "oidc-provider: client_credentials";
        self.measure(&[server.target()], work, times(16, talk), Some("POST"))?;
        server.stop()?;
        Ok(())
    }

    /// Measures one size of the database. Returns facts that are not part of the table.
    fn at_size(&mut self, dir: &Path, size: Size, label: &str) -> Done<Vec<String>> {
        let mut site = Site::new(dir);
        if let Some(url) = &self.args.database_url {
            site = site.with("SIGNET_DATABASE_URL", url);
        }
        for setting in &self.args.set {
            let (name, value) = setting.split_once('=').ok_or("--set takes NAME=VALUE")?;
            site = site.with(name, value);
        }
        let world = self.runtime.block_on(world::make(&site, size))?;
        let before = site.database_size();
        let server = site.start()?;
        let mut facts = vec![format!(
            "start{label}: {:.0} ms; resident {:.1} MiB at rest",
            server.start.as_secs_f64() * 1000.0,
            cpu::resident(server.pid())
        )];
        if let Some(bytes) = before {
            facts.push(format!(
                "database{label}: {:.1} MB for {} users and {} sessions",
                bytes as f64 / 1e6,
                size.users,
                size.sessions
            ));
        }
        if label.is_empty() {
            self.documents(&server)?;
            self.client_credentials(&server, &world)?;
        }
        self.refresh(&server, &world, label)?;
        self.introspection(&server, &world, label)?;
        if label.is_empty() {
            self.forward_auth(&server, &world)?;
            self.codes(&server, &world)?;
        }
        self.login(&server, &world, label)?;
        if label.is_empty() {
            self.under_attack(&server, &world)?;
            feed::measure(self, &server, &world)?;
        }
        facts.push(format!(
            "resident{label}: {:.1} MiB after all of it",
            cpu::resident(server.pid())
        ));
        if let Some(bytes) = site.database_size() {
            facts.push(format!("database{label}: {:.1} MB after all of it", bytes as f64 / 1e6));
        }
        server.stop()?;
        Ok(facts)
    }

    fn documents(&mut self, server: &Process) -> Done {
        for (work, path) in
            [("JWKS", "/.well-known/jwks.json"), ("discovery", "/.well-known/openid-configuration")]
        {
            for connections in [16, 64] {
                let talks = times(connections, || Box::new(Fetch(path)) as _);
                self.measure(&[server.target()], work, talks, Some("GET"))?;
            }
        }
        Ok(())
    }

    fn client_credentials(&mut self, server: &Process, world: &World) -> Done {
        let header = world.basic();
        let body = "grant_type=client_credentials&scope=read";
        for connections in [16, 64] {
            let talk = || {
                let (path, header, body) = ("/oauth2/token", header.clone(), body.to_owned());
                Box::new(Form { path, header, body, expects: "\"access_token\"" }) as Box<dyn Talk>
            };
            self.measure(
                &[server.target()],
                "client_credentials",
                times(connections, talk),
                Some("POST"),
            )?;
        }
        Ok(())
    }

    fn refresh(&mut self, server: &Process, world: &World, label: &str) -> Done {
        let total = world.seeded.size().sessions;
        let recent = total.saturating_sub(LIVE);
        let share = LIVE / 4;
        for (turn, connections) in [16_usize, 64, 256].into_iter().enumerate() {
            let first = recent + turn as u64 * share;
            let talks = Refresh::share(&world.seeded, first..first + share, connections);
            self.measure(&[server.target()], &format!("refresh{label}"), talks, Some("POST"))?;
        }
        if !label.is_empty() {
            // Sessions are used at random, so that a page of the file is rarely read twice.
            let mut dice = Dice::new(total);
            let mut drawn: Vec<u64> = (0..400_000).map(|_| dice.below(recent)).collect();
            drawn.sort_unstable();
            drawn.dedup();
            // Neighbours in time must not be neighbours in the file.
            for at in (1..drawn.len()).rev() {
                drawn.swap(at, dice.below(at as u64 + 1) as usize);
            }
            let talks = Refresh::share(&world.seeded, drawn.into_iter(), 64);
            self.measure(
                &[server.target()],
                &format!("refresh, uniform{label}"),
                talks,
                Some("POST"),
            )?;
        }
        Ok(())
    }

    /// Access tokens of users for the API.
    fn api_tokens(&self, server: &Process, world: &World) -> Done<Vec<String>> {
        let http = Http::to(server);
        self.runtime.block_on(async {
            let mut tokens = Vec::new();
            for number in 0..1000 {
                let body = json!({"refresh_token": world.seeded.api_token(number)});
                let said = http.json(reqwest::Method::POST, "/v1/refresh", None, &body).await?;
                tokens.push(world::text(&said, "access_token")?);
            }
            Ok(tokens)
        })
    }

    fn introspection(&mut self, server: &Process, world: &World, label: &str) -> Done {
        let work = format!("introspection{label}");
        if !self.wanted(&work) {
            return Ok(());
        }
        let tokens = self.api_tokens(server, world)?;
        let bodies =
            Arc::<Vec<String>>::new(tokens.iter().map(|token| format!("token={token}")).collect());
        for connections in [16, 64] {
            let mut next = 0;
            let talk = || {
                next += 37;
                let (path, header) = ("/oauth2/introspect", world.basic());
                let bodies = Arc::clone(&bodies);
                Box::new(Forms { path, header, bodies, next, expects: "\"active\":true" })
                    as Box<dyn Talk>
            };
            self.measure(&[server.target()], &work, times(connections, talk), Some("POST"))?;
        }
        Ok(())
    }

    /// Decision requests of a gateway: valid tokens of a thousand sessions, and invalid ones.
    fn forward_auth(&mut self, server: &Process, world: &World) -> Done {
        let path = "/v1/forward-auth?audience=https://api.example.com&scope=read";
        if !["forward-auth", "forward-auth, garbage"].iter().any(|work| self.wanted(work)) {
            return Ok(());
        }
        let good = Arc::new(self.api_tokens(server, world)?);
        let garbage: Vec<String> = good.iter().map(|token| format!("{token}x")).collect();
        for (work, tokens, expects) in
            [("forward-auth", good, 200), ("forward-auth, garbage", Arc::new(garbage), 401)]
        {
            for connections in [16, 64] {
                let mut next = 0;
                let talk = || {
                    next += 37;
                    let tokens = Arc::clone(&tokens);
                    Box::new(AskedWith { path, tokens, next, expects }) as Box<dyn Talk>
                };
                self.measure(&[server.target()], work, times(connections, talk), Some("GET"))?;
            }
        }
        Ok(())
    }

    /// The requests of a signed-in browser: codes, their redemption, userinfo.
    fn codes(&mut self, server: &Process, world: &World) -> Done {
        if !["authorize", "code exchange", "userinfo"].iter().any(|work| self.wanted(work)) {
            return Ok(());
        }
        let path = format!(
            "/oauth2/authorize?client_id={}&redirect_uri={}&response_type=code&scope=openid+profile&\
             state=s&code_challenge={}&code_challenge_method=S256",
            world.spa,
            "https%3A%2F%2Fapp.example.com%2Fcb",
            sha256_base64url(VERIFIER.as_bytes())
        );
        let cookies = self.runtime.block_on(log_in(&Http::to(server), &path))?;
        let talk = || Authorize { path: path.clone(), cookies: cookies.clone() };
        let authorize = times(16, || Box::new(talk()));
        self.measure(&[server.target()], "authorize, to the code", authorize, Some("GET"))?;
        let before = format!(
            "grant_type=authorization_code&client_id={}&redirect_uri={}&code_verifier={VERIFIER}",
            world.spa, "https%3A%2F%2Fapp.example.com%2Fcb"
        );
        let flow = || {
            let (authorize, before) = (talk(), before.clone());
            Box::new(CodeFlow { authorize, before, code: None, redeeming: false }) as Box<dyn Talk>
        };
        let work = "authorize and code exchange, by turns";
        self.measure(&[server.target()], work, times(16, flow), Some("POST"))?;
        let http = Http::to(server);
        let some = redeem_some(&http, (&path, &cookies), &before);
        let some = self.runtime.block_on(some)?;
        let tokens = Arc::new(some);
        for connections in [16, 64] {
            let mut next = 0;
            let talk = || {
                next += 7;
                let (path, tokens) = ("/oauth2/userinfo", Arc::clone(&tokens));
                Box::new(WithToken { path, tokens, next }) as Box<dyn Talk>
            };
            self.measure(&[server.target()], "userinfo", times(connections, talk), Some("GET"))?;
        }
        Ok(())
    }

    fn login(&mut self, server: &Process, world: &World, label: &str) -> Done {
        let work = format!("login{label}");
        if !self.wanted(&work) {
            return Ok(());
        }
        let users = world.seeded.size().users;
        let mut seed = 0;
        let talk = || {
            seed += 1;
            Box::new(Login { users, dice: Dice::new(seed) }) as Box<dyn Talk>
        };
        let measured = self.drive(server, times(16, talk))?;
        self.keep(work, 16, measured, Some((self.argon2, "bare argon2")))
    }

    /// Refreshes and fetches at a steady rate, without load and during 500 log-in attempts a second.
    fn under_attack(&mut self, server: &Process, world: &World) -> Done {
        if !self.wanted("refresh beside log-ins") {
            return Ok(());
        }
        let every = Duration::from_millis(20);
        let first = LIVE / 4 * 3;
        let mut probes: HashMap<&'static str, f64> = HashMap::new();
        for attacked in [false, true] {
            let when = if attacked { "while 500 log-ins/s come" } else { "at a steady pace" };
            for work in ["refresh", "JWKS"] {
                let sessions =
                    first + u64::from(attacked) * 4000..first + 4000 + u64::from(attacked) * 4000;
                let probe: Vec<Box<dyn Talk>> = (0..8)
                    .map(|number| match work {
                        "refresh" => {
                            let tokens = sessions.clone().skip(number).step_by(8);
                            let tokens = tokens.map(|number| world.seeded.token(number)).collect();
                            let talk = Refresh::new(tokens, number as u64 + 1);
                            Box::new(Paced { talk, every }) as Box<dyn Talk>
                        }
                        _ => Box::new(Paced { talk: Fetch("/.well-known/jwks.json"), every }) as _,
                    })
                    .collect();
                let measured = if attacked {
                    self.beside_logins(server, world, probe)?
                } else {
                    self.drive(server, probe)?
                };
                let p99 = measured.quantile(0.99);
                self.keep(format!("{work} {when}"), 8, measured, None)?;
                if let Some(before) = probes.insert(work, p99) {
                    say(&format!(
                        "  p99 of {work}: {:.2} times what it is at rest",
                        p99 / before.max(1e-9)
                    ))?;
                }
            }
        }
        Ok(())
    }

    fn beside_logins(
        &self,
        server: &Process,
        world: &World,
        probe: Vec<Box<dyn Talk>>,
    ) -> Done<Measured> {
        let (target, plan) = (server.target(), self.plan);
        let users = world.seeded.size().users;
        let longer = Plan { warm: plan.warm, measure: plan.measure + Duration::from_millis(500) };
        let attack = std::thread::spawn(move || {
            // Enough connections that each waits as long as the server allows.
            let every = Duration::from_millis(2400);
            let talk = |seed| {
                let talk = Login { users, dice: Dice::new(seed) };
                Box::new(Paced { talk, every }) as Box<dyn Talk>
            };
            drive(&[target], longer, (1..=1200).map(talk).collect())
        });
        let measured = self.drive(server, probe)?;
        let attack = attack.join().map_err(|_| "the log-ins ended")??;
        say(&format!(
            "  log-ins meanwhile: {:.0}/s tried, {:.0}/s let in, {} turned away, {} wrong",
            attack.answers as f64 / attack.seconds,
            attack.rate(),
            attack.turned_away,
            attack.wrong
        ))?;
        Ok(measured)
    }
}

pub fn times(count: usize, mut talk: impl FnMut() -> Box<dyn Talk>) -> Vec<Box<dyn Talk>> {
    (0..count).map(|_| talk()).collect()
}

/// The hidden field with the pending request of a page.
pub fn flow(page: &str) -> Done<String> {
    let rest = page.split_once("name=\"flow\" value=\"").ok_or("no form on the page")?.1;
    Ok(rest.split_once('"').ok_or("no form on the page")?.0.to_owned())
}

/// Signs in at the pages and gives consent to the client; returns the cookies of the browser.
async fn log_in(http: &Http, path: &str) -> Done<String> {
    let (page, cookies) = http.browse(path, "", None).await?;
    let flow_now = flow(&page.text().await?)?;
    let encode = |fields: &[(&str, &str)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    let login = Seeded::login(1);
    let typed = encode(&[("flow", &flow_now), ("login", &login), ("password", PASSWORD)]);
    let (answer, cookies) = http.browse("/login", &cookies, Some(typed)).await?;
    let next = answer.headers().get("location").ok_or("the log-in failed")?.to_str()?.to_owned();
    let next = next.find("/oauth2/").map_or(next.clone(), |at| next[at..].to_owned());
    let (page, cookies) = http.browse(&next, &cookies, None).await?;
    if page.status() == 200 {
        let flow_now = flow(&page.text().await?)?;
        let allowed = encode(&[("flow", &flow_now), ("decision", "allow")]);
        let (_, cookies) = http.browse("/consent", &cookies, Some(allowed)).await?;
        return Ok(cookies);
    }
    Ok(cookies)
}

/// Redeems some codes, for their access tokens.
async fn redeem_some(
    http: &Http,
    (path, cookies): (&str, &str),
    before: &str,
) -> Done<Vec<String>> {
    let mut tokens = Vec::new();
    for _ in 0..64 {
        let (answer, _) = http.browse(path, cookies, None).await?;
        let place = answer.headers().get("location").ok_or("no code came")?.to_str()?;
        let code = place.split_once("code=").ok_or("no code came")?.1;
        let code = code.split('&').next().unwrap_or_default();
        let form = format!("{before}&code={code}");
        let (answer, _) = http.browse("/oauth2/token", "", Some(form)).await?;
        let said = answer.bytes().await?;
        tokens.push(member(&said, "access_token").ok_or("no token came")?.to_owned());
    }
    Ok(tokens)
}
