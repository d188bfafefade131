//! Finding users: words, filters, pages, and parameters that do not exist.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::execute;

use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

async fn create(server: &Server, root: &Tokens, body: Value) -> String {
    let made = server.call_as(Method::POST, "/v1/admin/users", &root.access, body).await;
    made.is(201).string("id")
}

async fn list(server: &Server, root: &Tokens, query: &str) -> Answer {
    server.get_as(&format!("/v1/admin/users?{query}"), &root.access).await
}

/// The logins of all pages, in their order.
async fn found(server: &Server, root: &Tokens, query: &str) -> Vec<String> {
    let (mut logins, mut after) = (Vec::new(), String::new());
    loop {
        let page = list(server, root, &format!("{query}{after}")).await.is(200).json();
        for user in page["data"].as_array().unwrap() {
            logins.push(user["login"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return logins,
        }
    }
}

/// Users of one moment have no order.
fn sorted<T: ToString>(logins: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut logins: Vec<String> = logins.into_iter().map(|login| login.to_string()).collect();
    logins.sort();
    logins
}

/// A query finds users by the beginning of login, local part, name and address, of several words, in any spelling.
#[tokio::test(flavor = "multi_thread")]
async fn words_find_users_by_their_beginnings() {
    on_both("words", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = json!({"login": "ada.lovelace@example.org", "name": "Augusta Ada King"});
        create(&server, &root, ada).await;
        let zoe = json!({"login": "zoe", "name": "Zoë Ångström", "email": "z.a@bücher.example"});
        create(&server, &root, zoe).await;
        create(&server, &root, json!({"login": "Ἀρχιμήδης", "name": "Archimedes Syracuse"})).await;
        create(&server, &root, json!({"login": "ada2"})).await;
        for (query, logins) in [
            ("ada.love", &["ada.lovelace@example.org"][..]),
            ("LOVELACE", &["ada.lovelace@example.org"]),
            ("king", &["ada.lovelace@example.org"]),
            ("king aug", &["ada.lovelace@example.org"]),
            ("king zoe", &[]),
            ("ada", &["ada.lovelace@example.org", "ada2"]),
            ("ada.lovelace@exa", &["ada.lovelace@example.org"]),
            ("ångstr", &["zoe"]),
            ("ÅNGSTR", &["zoe"]),
            ("z.a@bücher.example", &["zoe"]),
            ("ἀρχ", &["Ἀρχιμήδης"]),
            ("syra", &["Ἀρχιμήδης"]),
            ("lace", &[]),
            ("", &["root", "ada.lovelace@example.org", "zoe", "Ἀρχιμήδης", "ada2"]),
        ] {
            let query: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("q", query)
                .finish();
            assert_eq!(sorted(found(&server, &root, &query).await), sorted(logins), "{query}");
        }
        // Exactly one, in any spelling; a part of a login does not match.
        for login in ["ada2", "ADA2", "%20Ada2%20"] {
            assert_eq!(found(&server, &root, &format!("login={login}")).await, ["ada2"]);
        }
        assert_eq!(found(&server, &root, "login=ada").await, [""; 0]);
        let many = "q=a+b+c+d+e+f+g+h+i";
        list(&server, &root, many).await.is_problem(422, "validation_failed");
    })
    .await;
}

/// Each filter selects its users, alone and together with words.
#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_lists_and_searches() {
    on_both("filters", async |backend| {
        let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
        let server = options.start().await;
        let root = server.administrator("root").await;
        let disabled = create(&server, &root, json!({"login": "d.ada"})).await;
        let path = format!("/v1/admin/users/{disabled}/disable");
        server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
        let body = json!({"login": "m.ada", "password": PASSWORD, "must_change_password": true});
        create(&server, &root, body).await;
        let support = json!({"login": "s.ada", "password": PASSWORD, "roles": ["support"]});
        create(&server, &root, support).await;
        create(&server, &root, json!({"login": "locked", "password": PASSWORD})).await;
        for _ in 0..20 {
            server.try_login("locked", "wrong password").await.is(401);
        }
        server.advance(TimeSpan::from_mins(1));
        let since = server.now().rfc3339();
        create(&server, &root, json!({"login": "new"})).await;
        for (query, logins) in [
            ("disabled=true", &["d.ada"][..]),
            ("disabled=false&q=ada", &["m.ada", "s.ada"]),
            ("must_change_password=true", &["m.ada"]),
            ("role=support", &["s.ada"]),
            ("role=admin", &["root"]),
            ("role=admin&q=ada", &[]),
            ("locked=true", &["locked"]),
            ("locked=false&q=ada", &["d.ada", "m.ada", "s.ada"]),
            ("password_class=none", &["d.ada", "new"]),
            ("password_class=argon2id&disabled=false&role=support", &["s.ada"]),
            (&format!("created_since={since}"), &["new"]),
            (&format!("created_until={since}&role=admin"), &["root"]),
            ("last_login_before=2000-01-01T00:00:00Z&role=support", &["s.ada"]),
        ] {
            assert_eq!(sorted(found(&server, &root, query).await), sorted(logins), "{query}");
        }
        let signed_in = found(&server, &root, "last_login_before=2000-01-01T00:00:00Z").await;
        assert!(!signed_in.contains(&"root".to_owned()), "{signed_in:?}");
    })
    .await;
}

/// An unknown, repeated or misspelt parameter, or an invalid value, is refused with its name, on every list for
/// administrators.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_do_not_exist_are_named() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    for (query, named) in [
        ("querry=ada", "querry"),
        ("q=ada&q=bob", "q"),
        ("disabled=true&disabled=true", "disabled"),
        ("disabled=maybe", "disabled"),
        ("created_since=yesterday", "created_since"),
        ("password_class=md5", "password_class"),
        ("limit=0", "limit"),
        ("after=x", "after"),
    ] {
        let answer = list(&server, &root, query).await;
        answer.is_problem(422, "validation_failed");
        assert!(answer.text.contains(named), "{query}: {}", answer.text);
    }
    let misspelt = list(&server, &root, "disabeld=true").await;
    assert!(misspelt.text.contains("Did you mean \\\"disabled\\\"?"), "{}", misspelt.text);
    for path in ["users", "clients", "apis", "keys", "sessions", "audit"] {
        let path = format!("/v1/admin/{path}?colour=red");
        let answer = server.get_as(&path, &root.access).await;
        answer.is_problem(422, "validation_failed");
        assert!(answer.text.contains("colour"), "{path}");
    }
    let body = json!({"login": "ada", "pasword": PASSWORD});
    let answer = server.call_as(Method::POST, "/v1/admin/users", &root.access, body).await;
    answer.is_problem(422, "validation_failed");
    assert!(answer.text.contains("pasword"), "{}", answer.text);
}

/// While users are created and deleted, paging through a search returns every user that exists throughout,
/// and none twice.
#[tokio::test(flavor = "multi_thread")]
async fn pages_neither_repeat_nor_lose_users() {
    on_both("pages", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        for (round, query) in ["q=kim&limit=4", "limit=4"].into_iter().enumerate() {
            let login = |number: usize| format!("kim{round}{number:02}");
            let mut goes = Vec::new();
            for number in 0..30 {
                let body = json!({"login": login(number), "name": "Kim Kimber Kimono"});
                let id = create(&server, &root, body).await;
                if number % 5 == 0 {
                    goes.push(id);
                }
            }
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let page = list(&server, &root, &format!("{query}{after}")).await.is(200).json();
                for user in page["data"].as_array().unwrap() {
                    seen.push(user["login"].as_str().unwrap().to_owned());
                }
                if let Some(id) = goes.pop() {
                    let path = format!("/v1/admin/users/{id}");
                    server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
                    let body =
                        json!({"login": format!("akim{round}{}", goes.len()), "name": "Kim"});
                    create(&server, &root, body).await;
                }
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            assert!(goes.is_empty(), "{query}: nobody left during the last pages");
            let mut once = seen.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "{query}: {seen:?}");
            for number in (0..30).filter(|number| number % 5 != 0) {
                let login = login(number);
                assert!(seen.contains(&login), "{query}: {login} in {seen:?}");
            }
        }
    })
    .await;
}

/// A search for words that no user has together examines a bounded number of rows for one page, and returns a cursor.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_looks_at_a_bounded_number_of_rows() {
    on_both("budget", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let mut tx = server.app.db.begin().await.unwrap();
        for number in 0..2_500_u128 {
            let id = uuid::Uuid::from_u128((1 << 100) + number);
            let login = format!("kim{number}");
            execute!(
                &mut tx,
                "INSERT INTO users (id, login, login_key, login_skeleton, name, role, session_epoch, \
                 created_at, updated_at) VALUES ($1, $2, $2, $2, 'Kimber', 'user', 0, 0, 0)",
                id,
                &login
            )
            .unwrap();
            for word in ["kimber", &login] {
                execute!(&mut tx, "INSERT INTO user_words (word, user_id) VALUES ($1, $2)", word, id)
                    .unwrap();
            }
        }
        tx.commit().await.unwrap();
        let first = list(&server, &root, "q=kimber+zebra").await.is(200).json();
        assert_eq!(first["data"], json!([]));
        let next = first["next"].as_str().unwrap();
        let second = list(&server, &root, &format!("q=kimber+zebra&after={next}")).await;
        assert_eq!(second.is(200).json(), json!({"data": [], "next": null}));
        assert_eq!(found(&server, &root, "q=kimber&limit=200").await.len(), 2_500);
    })
    .await;
}

/// While words of users of an earlier version are incomplete, a search is refused instead of leaving users out.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_does_not_pretend_to_be_complete() {
    on_both("incomplete", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        assert_eq!(found(&server, &root, "q=root").await, ["root"]);
        let mut tx = server.app.db.begin().await.unwrap();
        execute!(&mut tx, "DELETE FROM meta WHERE name = 'user_words'").unwrap();
        tx.commit().await.unwrap();
        let answer = list(&server, &root, "q=root").await;
        answer.is_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(found(&server, &root, "role=admin").await, ["root"], "filters work");
        signet::jobs::complete_user_words(&server.app).await.unwrap();
        assert_eq!(found(&server, &root, "q=root").await, ["root"]);
    })
    .await;
}
