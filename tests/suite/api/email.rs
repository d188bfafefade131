//! E-mail addresses that administrators set and verify: one owner for each, and no effect before a verification.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::execute;

use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

const USERS: &str = "/v1/admin/users";

pub struct Place {
    pub server: Server,
    pub root: Tokens,
}

impl Place {
    pub async fn on(backend: Backend) -> Self {
        Self::around(Server::start(backend).await).await
    }

    pub async fn around(server: Server) -> Self {
        let root = server.administrator("root").await;
        Self { server, root }
    }

    pub async fn create(&self, user: Value) -> Answer {
        self.server.call_as(Method::POST, USERS, &self.root.access, user).await
    }

    /// Creates a user with this login. Returns the id.
    pub async fn user(&self, login: &str) -> String {
        let made = self.create(json!({"login": login, "password": PASSWORD})).await;
        made.is(201).string("id")
    }

    pub async fn patch(&self, id: &str, patch: Value) -> Answer {
        let path = format!("{USERS}/{id}");
        self.server.call_as(Method::PATCH, &path, &self.root.access, patch).await
    }

    pub async fn verify(&self, id: &str, address: &str) -> Answer {
        self.patch(id, json!({"email": address, "email_verified": true})).await
    }

    /// Address and state of a user.
    pub async fn email(&self, id: &str) -> (Value, Value) {
        let path = format!("{USERS}/{id}");
        let user = self.server.get_as(&path, &self.root.access).await.is(200).json();
        (user["email"].clone(), user["email_verified"].clone())
    }

    async fn owners(&self) -> i64 {
        let mut link = self.server.app.db.reader().await.unwrap();
        let row = signet::fetch_optional!(&mut link, (i64,), "SELECT count(*) FROM email_owners");
        row.unwrap().unwrap().0
    }
}

fn verified(address: &str) -> (Value, Value) {
    (json!(address), json!(true))
}

fn unverified(address: &str) -> (Value, Value) {
    (json!(address), json!(false))
}

fn none() -> (Value, Value) {
    (json!(null), json!(false))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_verified_only_where_the_administrator_says_so() {
    on_both("addresses of users", async |backend| {
        let place = Place::on(backend).await;
        let made = json!({"login": "ada", "email": "Ada@Example.com"});
        let ada = place.create(made).await.is(201).string("id");
        assert_eq!(place.email(&ada).await, unverified("Ada@Example.com"));
        place.patch(&ada, json!({"email_verified": true})).await.is(200);
        assert_eq!(place.email(&ada).await, verified("Ada@Example.com"));
        // Another spelling is the same address.
        place.patch(&ada, json!({"email": "ada@example.com"})).await.is(200);
        assert_eq!(place.email(&ada).await, verified("ada@example.com"));
        place.patch(&ada, json!({"email": "ada@example.org"})).await.is(200);
        assert_eq!(place.email(&ada).await, unverified("ada@example.org"));
        assert_eq!(place.owners().await, 0);
        place.verify(&ada, "ada@example.net").await.is(200);
        assert_eq!(place.email(&ada).await, verified("ada@example.net"));
        place.patch(&ada, json!({"email_verified": false})).await.is(200);
        assert_eq!(
            (place.email(&ada).await, place.owners().await),
            (unverified("ada@example.net"), 0)
        );
        place.verify(&ada, "ada@example.net").await.is(200);
        place.patch(&ada, json!({"email": null})).await.is(200);
        assert_eq!((place.email(&ada).await, place.owners().await), (none(), 0));
        let refused = place.patch(&ada, json!({"email_verified": true})).await;
        assert_eq!(
            refused.is_problem(422, "validation_failed").json()["errors"][0]["code"],
            "no_address"
        );
        // A login that looks like an address is not one.
        let bob = place.user("bob@example.com").await;
        assert_eq!(place.email(&bob).await, none());
        // Events of one moment have no order.
        let mut details = Vec::new();
        for event in place.server.events(&place.root, "email.changed").await {
            assert_eq!(event["user_id"], json!(ada));
            assert!(!event.to_string().contains('@'), "{event}");
            details.push(event["detail"].as_str().unwrap().to_owned());
        }
        let count = |detail| details.iter().filter(|found| *found == detail).count();
        assert_eq!((count("removed"), count("unverified"), count("verified")), (1, 3, 4));
        assert_eq!(details.len(), 8);
        assert!(place.server.events(&place.root, "user.updated").await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_verifications_of_one_address_one_succeeds() {
    on_both("address races", async |backend| {
        let place = Place::on(backend).await;
        let ids = join_all((0..16).map(async |n| place.user(&format!("user{n}")).await)).await;
        let address = |n: usize| if n.is_multiple_of(2) { "vic@x.org" } else { "VIC@X.ORG" };
        let all =
            join_all(ids.iter().enumerate().map(|(n, id)| place.verify(id, address(n)))).await;
        let won: Vec<usize> = (0..16).filter(|n| all[*n].status == 200).collect();
        assert_eq!((won.len(), place.owners().await), (1, 1));
        for (n, (id, answer)) in ids.iter().zip(&all).enumerate() {
            if n == won[0] {
                assert_eq!(place.email(id).await, verified(address(n)));
                continue;
            }
            let problem = answer.is_problem(409, "email_taken").json();
            assert_eq!(problem["errors"][0]["field"], "email");
            assert!(!answer.text.to_lowercase().contains("x.org"), "{}", answer.text);
            assert_eq!(place.email(id).await, none());
        }
        // Users that are created with it race without a lock that administrators share.
        place.patch(&ids[won[0]], json!({"email": null})).await.is(200);
        let all = join_all((0..16).map(|n| {
            let login = format!("new{n}");
            place.create(json!({"login": login, "email": "vic@x.org", "email_verified": true}))
        }))
        .await;
        let made = all.iter().filter(|answer| answer.status == 201).count();
        let taken = all.iter().filter(|answer| answer.status == 409).count();
        assert_eq!((made, taken, place.owners().await), (1, 15, 1));
        // A refused creation created no user: its login is free.
        for (n, made) in all.iter().enumerate() {
            let again = place.create(json!({"login": format!("new{n}")})).await;
            assert_eq!(again.status, if made.status == 201 { 409 } else { 201 });
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_leaves_the_address_and_its_owner_as_they_were() {
    on_both("refused addresses", async |backend| {
        let place = Place::on(backend).await;
        let (ada, bob) = (place.user("ada").await, place.user("bob").await);
        place.verify(&ada, "ada@x.org").await.is(200);
        place.verify(&bob, "bob@x.org").await.is(200);
        let patch = json!({"email": "ada@x.org", "email_verified": true, "name": "Bob"});
        place.patch(&bob, patch).await.is_problem(409, "email_taken");
        let patch = json!({"email": "new@x.org", "email_verified": true, "roles": ["admin"]});
        place.patch(&bob, patch).await.is_problem(422, "validation_failed");
        assert_eq!(place.email(&bob).await, verified("bob@x.org"));
        place.server.try_login("bob@x.org", PASSWORD).await.is(200);
        // Two owners cannot swap, and a released address can be verified by another user.
        place.patch(&ada, json!({"email": null})).await.is(200);
        place.verify(&bob, "ada@x.org").await.is(200);
        place.server.try_login("bob@x.org", PASSWORD).await.is_problem(401, "invalid_credentials");
        place.verify(&ada, "bob@x.org").await.is(200);
        assert_eq!(place.owners().await, 2);
    })
    .await;
}

/// Unverified addresses do not prevent their verification by another user, and are removed by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_verification_takes_the_address_from_users_who_have_not_verified_it() {
    on_both("unverified addresses", async |backend| {
        let place = Place::on(backend).await;
        let mut others = Vec::new();
        for n in 0..3 {
            let id = place.user(&format!("user{n}")).await;
            place.patch(&id, json!({"email": "Vic@x.org"})).await.is(200);
            others.push(id);
        }
        let vic = place.user("vic").await;
        place.verify(&vic, "vic@x.org").await.is(200);
        for id in &others {
            assert_eq!(place.email(id).await, none());
        }
        // Afterwards it can be claimed again, unverified.
        place.patch(&others[0], json!({"email": "vic@x.org"})).await.is(200);
        let refused = place.patch(&others[0], json!({"email_verified": true})).await;
        refused.is_problem(409, "email_taken");
        assert_eq!(place.email(&others[0]).await, unverified("vic@x.org"));
        assert_eq!(place.email(&vic).await, verified("vic@x.org"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_an_address_is_the_same_one_or_refused() {
    on_both("spellings of addresses", async |backend| {
        let place = Place::on(backend).await;
        let (alice, eve) = (place.user("alice").await, place.user("eve").await);
        place.verify(&alice, "alice@ex.com").await.is(200);
        for spelling in [
            "Alice@Ex.com",
            " alice@ex.com",
            "alice@ex.com ",
            "ALİCE@ex.com",
            "\u{ff41}lice@ex.com",
            "alice@ex.com\u{200b}",
            "a@b@c",
            "alice\u{ff20}ex.com",
            "alice@ex\u{3002}com",
            "alice@x.org,eve@y.org",
            "alice@ex.com\n",
            "alice@ex.com\r\nbcc: eve@y.org",
            "al\u{131}ce@ex.com",
            "alice",
            "",
        ] {
            let refused = place.verify(&eve, spelling).await;
            let same = refused.status == 409 && refused.code() == "email_taken";
            let invalid = refused.status == 422 && refused.code() == "validation_failed";
            assert!(same || invalid, "{spelling:?}: {} {}", refused.status, refused.text);
            assert_eq!(refused.json()["errors"][0]["field"], "email", "{spelling:?}");
            assert_eq!(place.email(&eve).await, none(), "{spelling:?}");
            // Nor does any of them sign in another user than its owner.
            let answer = place.server.try_login(spelling, PASSWORD).await;
            if answer.status == 200 {
                assert_eq!(Tokens::of(&answer).claims()["sub"], alice, "{spelling:?}");
            }
        }
        let refused = place.verify(&eve, "\u{e9}ve@ex.com").await;
        assert_eq!(refused.is(422).json()["errors"][0]["code"], "email_unsupported");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_goes_with_its_user_and_stays_with_a_disabled_one() {
    on_both("addresses of deleted users", async |backend| {
        let place = Place::on(backend).await;
        let (ada, bob) = (place.user("ada").await, place.user("bob").await);
        place.verify(&ada, "ada@x.org").await.is(200);
        let path = format!("{USERS}/{ada}");
        let root = &place.root.access;
        place
            .server
            .call_as(Method::POST, &format!("{path}/disable"), root, Value::Null)
            .await
            .is(200);
        place.server.try_login("ada@x.org", PASSWORD).await.is_problem(401, "invalid_credentials");
        place.verify(&bob, "ada@x.org").await.is_problem(409, "email_taken");
        place.server.call_as(Method::DELETE, &path, root, Value::Null).await.is(204);
        assert_eq!(place.owners().await, 0);
        place.verify(&bob, "ada@x.org").await.is(200);
        let tokens = Tokens::of(&place.server.try_login("ada@x.org", PASSWORD).await);
        assert_eq!(tokens.claims()["sub"], bob);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_see_their_address_and_cannot_verify_it_themselves() {
    let place = Place::on(Backend::Sqlite).await;
    let ada = place.user("ada").await;
    place.patch(&ada, json!({"email": "ada@x.org"})).await.is(200);
    let tokens = place.server.login("ada").await;
    let me = async || place.server.get_as("/v1/me", &tokens.access).await.is(200).json();
    assert_eq!(
        (&me().await["email"], &me().await["email_verified"]),
        (&json!("ada@x.org"), &json!(false))
    );
    let patch =
        async |body| place.server.call_as(Method::PATCH, "/v1/me", &tokens.access, body).await;
    for body in [
        json!({"email_verified": true}),
        json!({"email": "eve@x.org"}),
        json!({"email": null}),
        json!({"name": "Ada", "email_verified": true}),
    ] {
        let refused = patch(body).await;
        refused.is_problem(422, "read_only");
    }
    patch(me().await).await.is(200);
    assert_eq!(place.email(&ada).await, unverified("ada@x.org"));
}

/// `email` could be the name of a custom claim. Stored ones are kept, are no longer in tokens, and block no
/// other change.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_have_the_verified_address_and_never_a_custom_claim_of_that_name() {
    on_both("custom claims called email", async |backend| {
        let place = Place::on(backend).await;
        let api = json!({"identifier": "urn:shop", "claims": ["email", "email_verified"]});
        let root = &place.root.access;
        place.server.call_as(Method::POST, "/v1/admin/apis", root, api).await.is(201);
        let ada = place.user("ada").await;
        for claims in [json!({"email": "z@x.org"}), json!({"email_verified": true})] {
            let refused = place.patch(&ada, json!({ "claims": claims.clone() })).await;
            assert_eq!(refused.is(422).json()["errors"][0]["code"], "reserved");
            let refused = place.create(json!({"login": "new", "claims": claims})).await;
            assert_eq!(refused.is(422).json()["errors"][0]["field"], "claims");
        }
        let mut tx = place.server.app.db.begin().await.unwrap();
        let claims = json!({"email": "old@x.org", "email_verified": true}).to_string();
        execute!(&mut tx, "UPDATE users SET claims = $1 WHERE login = 'ada'", claims).unwrap();
        tx.commit().await.unwrap();
        let body = json!({"login": "ada", "password": PASSWORD, "audience": "urn:shop"});
        let mut tokens = Tokens::of(&place.server.post("/v1/login", body).await);
        for (patch, email) in [
            (json!({}), Value::Null),
            (json!({"email": "ada@x.org"}), Value::Null),
            (json!({"email_verified": true}), json!("ada@x.org")),
            (json!({"claims": {"floor": 3}}), json!("ada@x.org")),
            (json!({"claims": {"email": null}}), json!("ada@x.org")),
            (json!({"email_verified": false}), Value::Null),
        ] {
            place.patch(&ada, patch.clone()).await.is(200);
            tokens = Tokens::of(&place.server.refresh(&tokens.refresh).await);
            let claims = tokens.claims();
            assert_eq!(claims.get("email").cloned().unwrap_or_default(), email, "{patch}");
            let verified = (!email.is_null()).then_some(json!(true));
            assert_eq!(claims.get("email_verified").cloned(), verified, "{patch}");
        }
        let shown = place.server.get_as(&format!("{USERS}/{ada}"), root).await.json();
        assert_eq!(shown["claims"], json!({"email_verified": true, "floor": 3}));
    })
    .await;
}
