//! Queries of the audit trail: filters, pages, exports.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::id::{SessionId, UserId};
use signet::base::{TimeSpan, Timestamp};
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::{Event, EventKind, Origin, Via};
use signet::domain::failure_reason::FailureReason;
use signet::store::audit;

use crate::support::server::Tokens;
use crate::support::{Server, on_both};

/// A pseudorandom sequence that is the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

const KINDS: [EventKind; 5] = [
    EventKind::LoginSucceeded,
    EventKind::LoginSucceeded,
    EventKind::LoginFailed,
    EventKind::ClientCreated,
    EventKind::SessionEnded,
];
const ADDRESSES: [&str; 4] = ["192.0.2.1", "192.0.2.200", "198.51.100.7", "2001:db8::7"];
const CLIENTS: [&str; 3] = ["shop", "desk", "=1+1"];
const REASONS: [FailureReason; 2] = [FailureReason::WrongPassword, FailureReason::Disabled];

/// The users, clients and sessions of the events.
struct Seeded {
    users: Vec<UserId>,
    sessions: Vec<SessionId>,
    began: Timestamp,
}

/// Four hundred events, one a second, with randomly drawn members.
async fn seed(server: &Server) -> Seeded {
    let (mut numbers, began) = (Numbers(7), server.now());
    let users: Vec<UserId> = (0..3).map(|_| UserId::new(began, &SystemEntropy)).collect();
    let sessions: Vec<SessionId> = (0..3).map(|_| SessionId::new(began, &SystemEntropy)).collect();
    let mut tx = server.app.db.begin().await.unwrap();
    for n in 0..400 {
        let mut event = Event::new(*numbers.one(&KINDS));
        if numbers.below(4) > 0 {
            event = event.about(*numbers.one(&users));
        }
        if numbers.below(2) > 0 {
            event = event.in_session(*numbers.one(&sessions));
        }
        if numbers.below(3) > 0 {
            event = event.for_client(*numbers.one(&CLIENTS));
        }
        if numbers.below(2) > 0 {
            event.reason = Some(*numbers.one(&REASONS));
        }
        let address = (numbers.below(5) > 0).then(|| numbers.one(&ADDRESSES).parse().unwrap());
        let actor = (numbers.below(2) > 0).then(|| *numbers.one(&users));
        let request_id = format!("req-{}", numbers.below(20));
        let origin = Origin { actor, via: Via::Http, address, request_id, ..Origin::system() };
        let at = began + TimeSpan::from_secs(n);
        audit::record(&mut tx, &event, &origin, at, &SystemEntropy).await.unwrap();
    }
    tx.commit().await.unwrap();
    Seeded { users, sessions, began }
}

/// Every event of the query, page by page.
async fn walk(server: &Server, root: &Tokens, query: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/admin/audit?limit={limit}{query}{after}");
        let page = server.get_as(&path, &root.access).await.is(200).json();
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

/// A parameter, and its predicate for an event, implemented independently of the server.
type Filter = (String, Box<dyn Fn(&Value) -> bool>);

fn filters(seeded: &Seeded) -> Vec<Filter> {
    fn is(member: &'static str, value: &str) -> Box<dyn Fn(&Value) -> bool> {
        let value = value.to_owned();
        Box::new(move |event| event[member] == value.as_str())
    }
    let (user, actor) = (seeded.users[0].to_string(), seeded.users[1].to_string());
    let session = seeded.sessions[2].to_string();
    let at = |secs| (seeded.began + TimeSpan::from_secs(secs)).rfc3339();
    let (since, until) = (at(100), at(300));
    let (since_text, until_text) = (since.clone(), until.clone());
    vec![
        (format!("user={user}"), is("user_id", &user)),
        (format!("user_id={user}"), is("user_id", &user)),
        (format!("actor={actor}"), is("actor_id", &actor)),
        (format!("session={session}"), is("session_id", &session)),
        ("kind=login.failed".to_owned(), is("kind", "login.failed")),
        (
            "kind=client.created,session.ended,user.deleted".to_owned(),
            Box::new(|event| event["kind"] == "client.created" || event["kind"] == "session.ended"),
        ),
        ("kind=login.succeeded".to_owned(), is("kind", "login.succeeded")),
        ("reason=disabled".to_owned(), is("reason", "disabled")),
        ("address=192.0.2.1".to_owned(), is("address", "192.0.2.1")),
        (
            "address=192.0.2.0/24".to_owned(),
            Box::new(|event| {
                event["address"].as_str().is_some_and(|at| at.starts_with("192.0.2."))
            }),
        ),
        ("client=desk".to_owned(), is("client_id", "desk")),
        ("request=req-3".to_owned(), is("request_id", "req-3")),
        (
            format!("since={since}"),
            Box::new(move |event| event["at"].as_str().unwrap() >= &*since_text),
        ),
        (
            format!("until={until}"),
            Box::new(move |event| event["at"].as_str().unwrap() < &*until_text),
        ),
    ]
}

/// Each filter, and every pair of them, finds exactly the events that a full scan finds, in their order.
#[tokio::test(flavor = "multi_thread")]
async fn each_filter_and_each_pair_agrees_with_a_look_at_everything() {
    on_both("audit filters", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let seeded = seed(&server).await;
        let everything = walk(&server, &root, "", 200).await;
        assert!(everything.len() > 400);
        let filters = filters(&seeded);
        let ids = |events: &[Value]| -> Vec<String> {
            events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
        };
        let mut found_something = 0;
        for (place, (one, is_one)) in filters.iter().enumerate() {
            let expected: Vec<Value> =
                everything.iter().filter(|event| is_one(event)).cloned().collect();
            assert!(!expected.is_empty(), "{one} finds nothing to compare");
            let found = walk(&server, &root, &format!("&{one}"), 60).await;
            assert_eq!(ids(&found), ids(&expected), "{one}");
            for (other, is_other) in &filters[place + 1..] {
                let name = |filter: &str| filter.split('=').next().unwrap().to_owned();
                let same = |a: &str, b: &str| name(a) == name(b);
                // `user` has precedence over `user_id`; repeated parameters are refused.
                if same(one, other) || (name(one) == "user" && name(other) == "user_id") {
                    continue;
                }
                let both: Vec<Value> =
                    expected.iter().filter(|event| is_other(event)).cloned().collect();
                let found = walk(&server, &root, &format!("&{one}&{other}"), 60).await;
                assert_eq!(ids(&found), ids(&both), "{one} and {other}");
                found_something += usize::from(!both.is_empty());
            }
        }
        assert!(found_something > 60, "only {found_something} pairs find anything");
    })
    .await;
}

/// Pages of one event are the same list, also for several kinds.
#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_a_page_changes_nothing() {
    on_both("audit pages", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        seed(&server).await;
        for query in ["&kind=login.failed,client.created&since=2h", "&client=shop&reason=disabled"]
        {
            let all = walk(&server, &root, query, 200).await;
            assert!(all.len() > 5);
            assert_eq!(walk(&server, &root, query, 1).await, all, "{query}");
            assert_eq!(walk(&server, &root, query, 7).await, all, "{query}");
        }
    })
    .await;
}

/// An invalid value is refused with the name of the parameter; a user can be named by login or id.
#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_none_are_refused_by_name() {
    on_both("audit parameters", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        for (query, name) in [
            ("kind=login.faild", "kind"),
            ("kind=", "kind"),
            ("kind=login.failed,", "kind"),
            ("reason=none", "reason"),
            ("since=yesterday", "since"),
            ("until=x", "until"),
            ("address=192.0.2.1/24", "address"),
            ("address=somewhere", "address"),
            ("session=x", "session"),
            ("user_id=ada", "user_id"),
            ("usr=ada", "usr"),
            ("kind=login.failed&kind=user.created", "kind"),
            ("limit=0", "limit"),
        ] {
            for path in ["/v1/admin/audit", "/v1/admin/audit/export"] {
                if path.ends_with("export") && name == "limit" {
                    continue;
                }
                let answer = server.get_as(&format!("{path}?{query}"), &root.access).await;
                answer.is_problem(422, "validation_failed");
                let errors = answer.json()["errors"].clone();
                let named = errors.as_array().unwrap().iter().any(|error| error["field"] == name);
                assert!(named, "{path}?{query}: {errors}");
            }
        }
        let typo = server.get_as("/v1/admin/audit?kind=login.faild", &root.access).await;
        assert!(typo.text.contains("login.failed"), "{}", typo.text);
        server
            .get_as("/v1/admin/audit?user=nobody", &root.access)
            .await
            .is_problem(404, "not_found");
        let by_login = walk(&server, &root, "&user=ada", 50).await;
        assert!(!by_login.is_empty() && by_login.iter().all(|event| event["user_id"] == ada));
        assert_eq!(walk(&server, &root, &format!("&user={ada}"), 50).await, by_login);
    })
    .await;
}

/// The description of the API lists exactly the kinds that the server knows.
#[tokio::test(flavor = "multi_thread")]
async fn the_description_lists_the_kinds() {
    let server = Server::start(crate::support::Backend::Sqlite).await;
    let document = server.get("/v1/openapi.json").await.is(200).json();
    let event = &document["components"]["schemas"]["Event"]["properties"]["kind"]["enum"];
    let kinds: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(event, &json!(kinds));
}

/// A strict reader of RFC 4180. Returns the rows of a file.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut rest = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => cell.push(rest.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(rest.next(), Some('\n'), "a line ends with CR LF");
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\n' if !quoted => panic!("a line feed outside of quotes"),
            c => cell.push(c),
        }
    }
    assert!(cell.is_empty() && row.is_empty(), "the last line ends as the others do");
    rows
}

/// An export has every event of the filter, in both formats, is sent as a file, and is an event itself. In CSV,
/// cells that would be formulas are text.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_all_events_and_is_one() {
    on_both("audit export", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        seed(&server).await;
        let listed = walk(&server, &root, "&until=2h&client=shop", 200).await;
        assert!(listed.is_empty(), "nothing is as old");
        let listed = walk(&server, &root, "&client==1%2B1", 200).await;
        assert!(listed.len() > 20);
        let export = async |format: &str| {
            let path = format!("/v1/admin/audit/export?format={format}&client==1%2B1");
            server.get_as(&path, &root.access).await
        };
        let file = export("ndjson").await;
        assert_eq!(file.is(200).header("content-type"), "application/x-ndjson");
        assert_eq!(file.header("content-disposition"), "attachment; filename=\"audit.ndjson\"");
        let lines: Vec<Value> =
            file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, listed);
        let file = export("csv").await;
        assert_eq!(file.is(200).header("content-type"), "text/csv; charset=utf-8");
        let rows = csv_rows(&file.text);
        let members: Vec<String> = listed[0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(rows[0], members);
        assert_eq!(rows.len(), listed.len() + 1);
        for (row, event) in rows[1..].iter().zip(&listed) {
            for (cell, member) in row.iter().zip(&members) {
                let expected = match &event[member] {
                    Value::Null => String::new(),
                    Value::String(text) if text.starts_with('=') => format!("'{text}"),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(*cell, expected, "{member}");
            }
        }
        // More than a page, and the exports are included.
        let all = server.get_as("/v1/admin/audit/export", &root.access).await.is(200).text.clone();
        assert_eq!(all.lines().count(), walk(&server, &root, "", 200).await.len());
        let exports = walk(&server, &root, "&kind=audit.exported", 50).await;
        // Events of one millisecond have no order.
        let mut details: Vec<&str> =
            exports.iter().map(|event| event["detail"].as_str().unwrap()).collect();
        details.sort_unstable();
        assert_eq!(details, ["csv", "ndjson", "ndjson"]);
        assert!(exports.iter().all(|event| event["actor_id"] == root.claims()["sub"]));
        let answer = server.get_as("/v1/admin/audit/export?format=xml", &root.access).await;
        answer.is_problem(422, "validation_failed");
        let ada = server.register("ada").await;
        assert!(!ada.is_empty());
        let ada = server.login("ada").await;
        let refused = server.get_as("/v1/admin/audit/export", &ada.access).await;
        assert_eq!(refused.status, 403);
        assert_eq!(walk(&server, &root, "&kind=audit.exported", 50).await.len(), 3);
    })
    .await;
}

/// The audit trail alone answers why a user was logged out at a time, for each way in which a session can end.
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_tells_why_a_user_was_logged_out() {
    on_both("audit: why logged out", async |backend| {
        let server = Server::start(backend).await;
        let ada = server.register("ada").await;
        for (cause, kind, detail) in [
            ("logout", "session.ended", "logout"),
            ("one", "session.ended", "ended_by_admin"),
            ("user", "sessions.ended", "by_admin"),
            ("client", "sessions.ended", "client_by_admin"),
            ("before", "session.ended", "ended_by_admin"),
            ("disable", "user.disabled", ""),
        ] {
            let tokens = server.login("ada").await;
            server.advance(TimeSpan::from_mins(42));
            let (began, sid) = (server.now(), tokens.claims()["sid"].as_str().unwrap().to_owned());
            // The administrator's session outlives the test.
            let root = server.administrator(&format!("root-{cause}")).await;
            let call = async |method, path: &str, body| {
                server.call_as(method, path, &root.access, body).await
            };
            match cause {
                "logout" => {
                    let body = json!({"refresh_token": tokens.refresh});
                    server.post("/v1/logout", body).await.is(204);
                }
                "one" => {
                    let path = format!("/v1/admin/sessions/{sid}");
                    call(Method::DELETE, &path, Value::Null).await.is(204);
                }
                "user" => {
                    let body = json!({"user_id": ada});
                    call(Method::POST, "/v1/admin/sessions/end", body).await.is(200);
                }
                "client" => {
                    let body = json!({"client_id": "signet"});
                    call(Method::POST, "/v1/admin/sessions/end", body).await.is(200);
                }
                "before" => {
                    let body = json!({"before": "1m"});
                    call(Method::POST, "/v1/admin/sessions/end", body).await.is(200);
                }
                _ => {
                    let path = format!("/v1/admin/users/{ada}/disable");
                    call(Method::POST, &path, Value::Null).await.is(200);
                }
            }
            server.get_as("/v1/me", &tokens.access).await.is(401);
            // The operator's query: the events of this user, or of all users, at that time.
            let reader = server.administrator(&format!("reader-{cause}")).await;
            let query = format!(
                "&since={}&kind=session.ended,sessions.ended,user.disabled",
                began.rfc3339()
            );
            let found = walk(&server, &reader, &query, 50).await;
            // Events that name the session, the user, or the client of the session and no user.
            let names = |event: &&Value| {
                event["session_id"] == sid
                    || (event["user_id"] == ada && event["session_id"].is_null())
                    || (event["user_id"].is_null() && event["client_id"] == "signet")
            };
            let causes: Vec<&Value> = found.iter().filter(names).collect();
            let [event] = causes.as_slice() else { panic!("{cause}: {found:#?}") };
            assert_eq!(event["kind"], kind, "{cause}");
            assert_eq!(event["detail"].as_str().unwrap_or_default(), detail, "{cause}");
            let actor = match cause {
                // A refresh token ended it, which is not a sign-in.
                "logout" => Value::Null,
                _ => root.claims()["sub"].clone(),
            };
            assert_eq!(event["actor_id"], actor, "{cause}");
        }
    })
    .await;
}
