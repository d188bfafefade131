//! Ending many sessions at once over HTTP: which end, which continue, and the notices.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::jobs;

use crate::support::relying_party::{App, Person, field};
use crate::support::server::{Answer, PASSWORD, Tokens, pair};
use crate::support::{Server, on_both};

pub(super) const END: &str = "/v1/admin/sessions/end";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A server with an administrator, two users and two clients.
pub(super) struct Stage {
    pub server: Server,
    pub root: Tokens,
    pub shop: App,
    desk: App,
}

impl Stage {
    pub async fn on(backend: crate::support::Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        server.register("bob").await;
        let client = json!({"type": "web"});
        let shop = App::register(&server, &root, client.clone()).await;
        let desk = App::register(&server, &root, client).await;
        Self { server, root, shop, desk }
    }

    pub async fn end(&self, body: Value) -> Value {
        self.server.call_as(Method::POST, END, &self.root.access, body).await.is(200).json()
    }

    /// Tokens of a client, for the user of this browser.
    pub async fn tokens(&self, app: &App, person: &Person<'_>) -> Value {
        app.tokens(&self.server, person).await
    }

    async fn client_lives(&self, app: &App, tokens: &mut Value) -> bool {
        let answer = app.refresh(&self.server, tokens["refresh_token"].as_str().unwrap()).await;
        if answer.status == 200 {
            *tokens = answer.json();
        }
        let access = tokens["access_token"].as_str().unwrap();
        let userinfo = self.server.get_as("/oauth2/userinfo", access).await.status;
        assert_eq!(answer.status == 200, userinfo == 200, "refresh and userinfo agree");
        answer.status == 200
    }

    pub async fn lives(&self, tokens: &mut Tokens) -> bool {
        let me = self.server.get_as("/v1/me", &tokens.access).await.status;
        let answer = self.server.refresh(&tokens.refresh).await;
        if answer.status == 200 {
            *tokens = Tokens::of(&answer);
        }
        assert_eq!(me == 200, answer.status == 200, "refresh and /v1 agree");
        me == 200
    }

    pub async fn signed_in(&self, person: &Person<'_>) -> bool {
        person.get("/account").await.status == 200
    }
}

/// All sessions end at once: the next refresh, page and `/v1` call of each is refused, in every process; the caller's
/// own session as well. No row of a session is written, however many there are. Then users log in again.
#[tokio::test(flavor = "multi_thread")]
async fn everything_of_every_user_ends_with_one_row() {
    on_both("end everything", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        let ada = Person::new(server, "ada");
        let mut of_shop = stage.tokens(&stage.shop, &ada).await;
        let (mut of_ada, mut of_bob) = (server.login("ada").await, server.login("bob").await);
        assert!(stage.client_lives(&stage.shop, &mut of_shop).await);
        assert!(stage.lives(&mut of_ada).await && stage.signed_in(&ada).await);

        let counted = stage.end(json!({"all": true, "dry_run": true})).await;
        assert_eq!(
            counted,
            json!({"dry_run": true, "sessions": 4, "sign_ins": 1, "next": null}),
            "root, ada, bob and the shop"
        );
        assert!(stage.lives(&mut of_bob).await, "counting ends nothing");

        let ended = stage.end(json!({"all": true})).await;
        let expected = json!({"dry_run": false, "sessions": null, "sign_ins": null, "next": null});
        assert_eq!(ended, expected);
        assert!(!stage.client_lives(&stage.shop, &mut of_shop).await);
        assert!(!stage.lives(&mut of_ada).await && !stage.lives(&mut of_bob).await);
        assert!(!stage.signed_in(&ada).await);
        let body = json!({"all": true});
        let answer = server.call_as(Method::POST, END, &stage.root.access, body).await;
        answer.is_problem(401, "invalid_token");
        let mut reader = server.app.db.reader().await.unwrap();
        let written = signet::fetch_optional!(
            &mut reader,
            (i64,),
            "SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL"
        );
        assert_eq!(written.unwrap().unwrap().0, 0, "no row of a session was written");

        let mut again = server.login("ada").await;
        assert!(stage.lives(&mut again).await);
        let browser = Person::new(server, "ada");
        let mut of_shop = stage.tokens(&stage.shop, &browser).await;
        assert!(stage.client_lives(&stage.shop, &mut of_shop).await);
        assert!(stage.signed_in(&browser).await);
        let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
        let root = Tokens::of(&server.post("/v1/login", body).await);
        let events = server.events(&root, "sessions.ended").await;
        assert_eq!(events.len(), 1);
        assert_eq!(
            (&events[0]["detail"], &events[0]["user_id"]),
            (&json!("all_by_admin"), &Value::Null)
        );
    })
    .await;
}

/// A code that was issued before the end of all sessions cannot be redeemed.
#[tokio::test(flavor = "multi_thread")]
async fn codes_issued_before_all_sessions_ended_are_refused() {
    on_both("end everything: codes", async |backend| {
        let stage = Stage::on(backend).await;
        let ada = Person::new(&stage.server, "ada");
        let code = stage.shop.code(&ada, &[]).await;
        stage.end(json!({"all": true})).await;
        let answer = stage.shop.redeem(&stage.server, &code).await;
        assert_eq!(answer.is(400).json()["error"], "invalid_grant");
    })
    .await;
}

/// The sessions of a client end, and no others; its later sessions are active.
#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_a_client_end_and_no_others() {
    on_both("end sessions of a client", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        let ada = Person::new(server, "ada");
        let mut of_shop = stage.tokens(&stage.shop, &ada).await;
        let mut of_desk = stage.tokens(&stage.desk, &ada).await;
        let mut own = server.login("ada").await;
        let shop = json!({"client_id": stage.shop.id});
        let dry = json!({"client_id": stage.shop.id, "dry_run": true});
        assert_eq!(stage.end(dry).await["sessions"], 1);
        let path = format!("/v1/admin/sessions?client_id={}", stage.shop.id);
        let listed = async || {
            let answer = server.get_as(&path, &stage.root.access).await.is(200).json();
            answer["data"].as_array().unwrap().len()
        };
        assert_eq!(listed().await, 1);
        stage.end(shop.clone()).await;
        assert_eq!(listed().await, 0);
        assert!(!stage.client_lives(&stage.shop, &mut of_shop).await);
        assert!(stage.client_lives(&stage.desk, &mut of_desk).await);
        assert!(stage.lives(&mut own).await && stage.signed_in(&ada).await);
        let mut again = stage.tokens(&stage.shop, &ada).await;
        assert!(stage.client_lives(&stage.shop, &mut again).await);
        stage.end(shop).await;
        assert!(!stage.client_lives(&stage.shop, &mut again).await);
        assert!(stage.client_lives(&stage.desk, &mut of_desk).await);
        // The built-in client is one as well.
        stage.end(json!({"client_id": "signet", "dry_run": true})).await;
        let events = server.events(&stage.root, "sessions.ended").await;
        assert_eq!(events.len(), 2);
        assert_eq!(events[0]["client_id"], stage.shop.id);
        let body = json!({"client_id": "none"});
        let answer = server.call_as(Method::POST, END, &stage.root.access, body).await;
        answer.is_problem(404, "not_found");
    })
    .await;
}

/// Approvals for a client without a session end with its sessions: unredeemed codes, and approved devices. Those of
/// other clients are redeemed.
#[tokio::test(flavor = "multi_thread")]
async fn approvals_of_a_client_end_with_its_sessions() {
    on_both("end approvals of a client", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        let device = json!({"type": "native", "grant_types": [DEVICE, "refresh_token"]});
        let tv = App::register(server, &stage.root, device.clone()).await;
        let radio = App::register(server, &stage.root, device).await;
        let ada = Person::new(server, "ada");
        let (of_shop, of_desk) =
            (stage.shop.code(&ada, &[]).await, stage.desk.code(&ada, &[]).await);
        let (of_tv, of_radio) =
            (approved(server, &ada, &tv).await, approved(server, &ada, &radio).await);
        for app in [&stage.shop, &tv] {
            stage.end(json!({"client_id": app.id})).await;
        }
        let refused = stage.shop.redeem(server, &of_shop).await;
        assert_eq!(refused.is(400).json()["error"], "invalid_grant");
        let refused = poll(server, &tv, &of_tv).await;
        assert_eq!(refused.is(400).json()["error"], "invalid_grant");
        stage.desk.redeem(server, &of_desk).await.is(200);
        poll(server, &radio, &of_radio).await.is(200);
    })
    .await;
}

/// Approvals from before a time without a session end with the sessions of that time; later ones are redeemed.
#[tokio::test(flavor = "multi_thread")]
async fn approvals_from_before_a_time_end_with_its_sessions() {
    on_both("end approvals by time", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        let device = json!({"type": "native", "grant_types": [DEVICE, "refresh_token"]});
        let tv = App::register(server, &stage.root, device).await;
        let ada = Person::new(server, "ada");
        let early = (stage.shop.code(&ada, &[]).await, approved(server, &ada, &tv).await);
        server.advance(TimeSpan::from_secs(10));
        let cut = server.now().rfc3339();
        let bob = Person::new(server, "bob");
        let late = (stage.shop.code(&bob, &[]).await, approved(server, &bob, &tv).await);
        let dry = stage.end(json!({"before": cut, "dry_run": true})).await;
        assert_eq!(dry["dry_run"], true);
        let root = server.administrator("second").await;
        let body = json!({"before": cut});
        server.call_as(Method::POST, END, &root.access, body).await.is(200);
        let refused = stage.shop.redeem(server, &early.0).await;
        assert_eq!(refused.is(400).json()["error"], "invalid_grant");
        let refused = poll(server, &tv, &early.1).await;
        assert_eq!(refused.is(400).json()["error"], "invalid_grant");
        stage.shop.redeem(server, &late.0).await.is(200);
        poll(server, &tv, &late.1).await.is(200);
    })
    .await;
}

/// A device that the user has approved. Returns its device code.
async fn approved(server: &Server, person: &Person<'_>, app: &App) -> String {
    let fields = [("scope", "openid")];
    let begun = app.call(server, "/oauth2/device_authorization", &fields).await;
    let user_code = begun.is(200).string("user_code");
    let page = person.get("/device").await;
    let flow = field(&page.is(200).text, "flow");
    let mut page = person.post("/device", &[("flow", &flow), ("user_code", &user_code)]).await;
    if page.text.contains(r#"action="/login""#) {
        let answer = person.log_in(&page, PASSWORD).await;
        page = person.get(answer.is(303).header("location")).await;
    }
    person.decide(&page, "allow").await.is(200);
    begun.string("device_code")
}

/// A device asks for its tokens.
async fn poll(server: &Server, app: &App, code: &str) -> Answer {
    let fields = [("grant_type", DEVICE), ("device_code", code)];
    app.call(server, "/oauth2/token", &fields).await
}

/// Ended in one process, refused at the next request in another.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_ended_in_one_process_have_ended_in_every_other() {
    let Some((one, two)) = pair("end sessions: processes").await else { return };
    let root = one.administrator("root").await;
    one.register("ada").await;
    let shop = App::register(&one, &root, json!({"type": "web"})).await;
    two.app.reload_if_changed().await.unwrap();
    let tokens = shop.tokens(&one, &Person::new(&one, "ada")).await;
    let refreshed = shop.refresh(&two, tokens["refresh_token"].as_str().unwrap()).await;
    let refreshed = refreshed.is(200).json();
    let own = two.login("ada").await;
    let end = async |body| {
        one.call_as(Method::POST, END, &root.access, body).await.is(200);
    };
    end(json!({"client_id": shop.id})).await;
    let answer = shop.refresh(&two, refreshed["refresh_token"].as_str().unwrap()).await;
    assert_eq!(answer.is(400).json()["error"], "invalid_grant");
    end(json!({"all": true})).await;
    two.get_as("/v1/me", &own.access).await.is_problem(401, "invalid_token");
    two.refresh(&own.refresh).await.is_problem(401, "refresh_token_invalid");
}

/// By time, role and group: the selected sessions and sign-ins end one by one, and others continue.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_by_time_role_and_group() {
    on_both("end sessions by what they have in common", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        let old = Person::new(server, "ada");
        let mut of_shop = stage.tokens(&stage.shop, &old).await;
        server.advance(TimeSpan::from_secs(100));
        let cut = server.now().rfc3339();
        let new = Person::new(server, "ada");
        let mut of_desk = stage.tokens(&stage.desk, &new).await;
        let before = json!({"before": cut});
        let dry = json!({"before": cut, "dry_run": true});
        // The administrator's own session is as old.
        let counted = stage.end(dry).await;
        assert_eq!((&counted["sessions"], &counted["sign_ins"]), (&json!(2), &json!(1)));
        let root = stage.server.administrator("second").await;
        let answer = server.call_as(Method::POST, END, &root.access, before).await.is(200).json();
        assert_eq!((&answer["sign_ins"], &answer["next"]), (&json!(1), &Value::Null));
        assert!(!stage.client_lives(&stage.shop, &mut of_shop).await);
        assert!(!stage.signed_in(&old).await && stage.signed_in(&new).await);
        assert!(stage.client_lives(&stage.desk, &mut of_desk).await);

        let path = |id: &str| format!("/v1/admin/users/{id}");
        let bob = server.get_as("/v1/me", &server.login("bob").await.access).await.json();
        let bob = bob["id"].as_str().unwrap().to_owned();
        let labels = json!({"roles": ["support"], "groups": ["night"]});
        server.call_as(Method::PATCH, &path(&bob), &root.access, labels).await.is(200);
        let (mut of_bob, mut of_ada) = (server.login("bob").await, server.login("ada").await);
        for named in ["role", "group"] {
            let name = if named == "role" { "support" } else { "night" };
            let end = async |body| {
                server.call_as(Method::POST, END, &root.access, body).await.is(200).json()
            };
            let dry = end(json!({named: name, "dry_run": true})).await;
            let ended = end(json!({named: name})).await;
            assert_eq!(dry["sessions"], ended["sessions"]);
            assert!(ended["sessions"].as_u64().unwrap() >= 1);
            assert!(!stage.lives(&mut of_bob).await, "{named}");
            assert!(stage.lives(&mut of_ada).await, "{named}");
            assert_eq!(end(json!({named: "nobody"})).await["sessions"], 0);
            of_bob = server.login("bob").await;
        }
    })
    .await;
}

/// Clients get one notice for each session that ended with one row, and none for sessions that continue.
#[tokio::test(flavor = "multi_thread")]
async fn one_row_notifies_clients_of_all_ended_sessions() {
    on_both("end sessions: notices", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        // No server listens there: the notices stay in the outbox, where they are counted.
        for app in [&stage.shop, &stage.desk] {
            let uri = json!({"backchannel_logout_uri": "http://127.0.0.1:9/logout"});
            let path = format!("/v1/admin/clients/{}", app.id);
            server.call_as(Method::PATCH, &path, &stage.root.access, uri).await.is(200);
        }
        let ada = Person::new(server, "ada");
        stage.tokens(&stage.shop, &ada).await;
        stage.tokens(&stage.shop, &ada).await;
        stage.tokens(&stage.desk, &ada).await;
        let notices = async |client_id: &str| {
            jobs::deliver_logout_notices(&server.app).await.unwrap();
            let mut reader = server.app.db.reader().await.unwrap();
            let row = signet::fetch_optional!(
                &mut reader,
                (i64,),
                "SELECT count(*) FROM logout_notices WHERE client_id = $1",
                client_id
            );
            row.unwrap().unwrap().0
        };
        assert_eq!(notices(&stage.shop.id).await, 0);
        stage.end(json!({"client_id": stage.shop.id})).await;
        assert_eq!(notices(&stage.shop.id).await, 1, "two branches are one session");
        assert_eq!(notices(&stage.desk.id).await, 0);
        stage.end(json!({"all": true})).await;
        assert_eq!(notices(&stage.desk.id).await, 1);
    })
    .await;
}

/// A request with no selection, several or an invalid one is refused with the member named, and ends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_selection_of_none_or_several_is_refused() {
    on_both("end sessions: bad requests", async |backend| {
        let stage = Stage::on(backend).await;
        let mut ada = stage.server.login("ada").await;
        for (body, member) in [
            (json!({}), "all"),
            (json!({"dry_run": true}), "all"),
            (json!({"all": false}), "all"),
            (json!({"all": true, "role": "x"}), "all"),
            (json!({"user_id": "ada"}), "user_id"),
            (json!({"before": "yesterday"}), "before"),
            (json!({"before": 5}), "before"),
            (json!({"all": true, "after": "x"}), "after"),
            (json!({"everyone": true}), "everyone"),
        ] {
            let access = &stage.root.access;
            let answer = stage.server.call_as(Method::POST, END, access, body.clone()).await;
            answer.is_problem(422, "validation_failed");
            let fields: Vec<Value> = answer.json()["errors"].as_array().unwrap().clone();
            assert!(fields.iter().any(|error| error["field"] == member), "{body}: {fields:?}");
        }
        let nobody = json!({"user_id": "0190f5a2-7c1e-7b7c-9d0e-2f6a8c1b3d4e"});
        let answer = stage.server.call_as(Method::POST, END, &stage.root.access, nobody).await;
        answer.is_problem(404, "not_found");
        assert!(stage.lives(&mut ada).await);
    })
    .await;
}
