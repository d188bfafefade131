//! Tokens of clients: of the client itself, of their sessions, exchanged; and that the diagnosis never calls
//! a token valid that the provider refuses.

use super::{API, Bench, at, check, is_good, kid_of, with};
use crate::support::sessions as test_sessions;
use crate::support::{Backend, on_both};
use serde_json::{Value, json};
use signet::admin::tokens::{self, Problem};
use signet::base::id::{BranchId, SessionId};
use signet::base::{TimeSpan, Timestamp};
use signet::crypto::random::SystemEntropy;
use signet::domain::claims::TokenType;
use signet::domain::client::{Client, ClientMetadata, ClientType};
use signet::domain::outcome::Fault;
use signet::domain::session::{Chain, EndReason, Session};
use signet::domain::token_diagnosis::TokenCode;
use signet::domain::user_agent::Device;
use signet::oauth::grants;
use signet::store::clients::{self, StoredClient};
use signet::store::{Tx, spent_ids};
use signet::tokens::lineage::revocation_hash;
use signet::tokens::validate;

impl Bench {
    async fn commit<T>(&self, work: impl AsyncFnOnce(&mut Tx) -> Result<T, Fault>) -> T {
        let mut tx = self.server.app.db.begin().await.unwrap();
        let value = work(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        self.server.app.reload_if_changed().await.unwrap();
        value
    }

    /// Registers a client.
    async fn client(&self, client_id: &str) {
        let now = self.server.now();
        let settings = ClientMetadata::new("Shop".to_owned(), ClientType::Service, grants::ALL);
        let client = Client::new(client_id.to_owned(), settings, now);
        let new = StoredClient {
            id: SessionId::new(now, &SystemEntropy).uuid(),
            client,
            updated_at: now,
        };
        assert!(self.commit(async |tx| clients::insert(tx, &new).await).await);
    }

    async fn set_disabled(&self, client_id: &str, since: Option<Timestamp>) {
        let change = async |tx: &mut Tx| {
            let mut stored = clients::hold(tx, client_id).await?.unwrap();
            stored.client.disabled_at = since;
            clients::update(tx, &stored).await
        };
        assert!(self.commit(change).await);
    }

    async fn delete_client(&self, client_id: &str) {
        assert!(
            self.commit(async |tx| clients::delete(tx, client_id, self.server.now()).await).await
        );
    }

    async fn revoke(&self, jti: &str) {
        let (id, until) = (revocation_hash(jti), self.server.now());
        assert!(self.commit(async |tx| spent_ids::spend(tx, &id, until).await).await);
    }

    /// A session of the root user that the client `shop` has opened.
    async fn session(&self) -> Session {
        let now = self.server.now();
        let id = SessionId::new(now, &SystemEntropy);
        let session = Session {
            id,
            branch: BranchId::from_uuid(id.uuid()),
            user_id: self.root.claims()["sub"].as_str().unwrap().parse().unwrap(),
            client_id: "shop".to_owned(),
            audience: None,
            scopes: Default::default(),
            chain: Chain::opened(now),
            created_at: now,
            idle_expires_at: now + TimeSpan::from_days(1),
            expires_at: now + TimeSpan::from_days(1),
            revoked: None,
            user_epoch: 0,
            grant_type: Some("authorization_code".to_owned()),
            auth_time: now,
            factors: None,
            browser: None,
            asked_claims: Default::default(),
            dpop_jkt: None,
            requested_scopes: None,
        };
        let device = Device::default();
        assert!(self.commit(async |tx| test_sessions::open(tx, &session, &device).await).await);
        session
    }

    /// A token of these claims, and the required ones.
    fn token(&self, jti: &str, more: &Value) -> String {
        let now = self.server.now();
        let mut claims = json!({
            "iss": self.server.base, "aud": API, "jti": jti, "scope": "", "client_id": "shop",
            "iat": now.secs(), "exp": (now + TimeSpan::from_mins(10)).secs(),
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.sign(&kid_of(&self.root.access), TokenType::AtJwt, &claims)
    }

    /// The output of `token verify` for an invalid token.
    async fn problem(&self, token: &str) -> Problem {
        let (app, now) = (self.server.app.clone(), self.server.now());
        tokens::verify(app, token.to_owned(), None, now).await.unwrap().unwrap_err()
    }

    /// The current diagnosis, which must agree with the provider.
    async fn agreed(&mut self, token: &str) -> Value {
        let report = self.ask(token, json!({})).await;
        let live =
            validate::require_active(&self.server.app, token, self.server.now()).await.unwrap();
        assert_eq!(report["good"], json!(live.is_some()), "{report:#}");
        report
    }
}

/// A token of the shop itself.
fn own() -> Value {
    json!({ "sub": "shop" })
}

fn of(session: &Session) -> Value {
    json!({ "sub": session.user_id, "sid": session.id })
}

/// Every code that a token of a client can produce.
pub(super) async fn every_code(bench: &mut Bench) {
    bench.client("shop").await;
    let made = bench.server.now();
    let token = bench.token("own", &own());
    let report = bench.agreed(&token).await;
    is_good(&report);
    for without in ["user", "session"] {
        let checks = report["checks"].as_array().unwrap();
        assert!(checks.iter().all(|check| check["check"] != without), "{report:#}");
    }
    let session = bench.session().await;
    let of_session = bench.token("session", &of(&session));
    is_good(&bench.agreed(&of_session).await);
    let refresh =
        bench.server.app.refresh_keys().mint(session.branch, session.chain.current).unwrap();
    let report = bench.ask(&refresh, json!({})).await;
    assert_eq!(check(&report, "client")["ok"], true, "{report:#}");

    bench.server.advance(TimeSpan::from_secs(5));
    let disabled = bench.server.now();
    bench.set_disabled("shop", Some(disabled)).await;
    for token in [&token, &of_session] {
        let report = bench.agreed(token).await;
        Bench::is(&report, TokenCode::ClientDisabled);
        assert!(report["message"].as_str().unwrap().contains(&disabled.rfc3339()), "{report}");
        is_good(&bench.ask(token, at(made)).await);
        assert_eq!(bench.problem(token).await, Problem::ClientDisabled);
    }
    let report = bench.ask(&refresh, json!({})).await;
    assert_eq!(check(&report, "client")["code"], "client_disabled", "{report:#}");
    bench.set_disabled("shop", None).await;
    is_good(&bench.agreed(&token).await);

    bench.revoke("own").await;
    Bench::is(&bench.agreed(&token).await, TokenCode::TokenRevoked);
    assert_eq!(bench.problem(&token).await, Problem::Revoked);
    let fresh = bench.token("fresh", &own());
    is_good(&bench.agreed(&fresh).await);
    bench.delete_client("shop").await;
    for token in [&fresh, &of_session] {
        Bench::is(&bench.agreed(token).await, TokenCode::ClientUnknown);
        assert_eq!(bench.problem(token).await, Problem::ClientUnknown);
    }
    // The same id, another client.
    bench.server.advance(TimeSpan::from_secs(5));
    bench.client("shop").await;
    for token in [&fresh, &of_session] {
        let report = bench.agreed(token).await;
        Bench::is(&report, TokenCode::ClientUnknown);
        assert!(report["message"].as_str().unwrap().contains("registered only on"), "{report}");
    }
    is_good(&bench.agreed(&bench.token("anew", &own())).await);
    // The user of this session exists longer than the rest; its end is reported like any other.
    let ended = async |tx: &mut Tx| {
        test_sessions::end(tx, session.id, EndReason::TokenRevoked, disabled).await
    };
    assert!(bench.commit(ended).await.is_some());
    let report = bench.agreed(&of_session).await;
    Bench::is(&report, TokenCode::SessionEnded);
    assert!(report["message"].as_str().unwrap().contains("token_revoked"), "{report}");
}

/// RFC 8693: for another API, held by another client, for a client itself.
#[tokio::test(flavor = "multi_thread")]
async fn exchanged_tokens_are_judged_by_whom_they_rely_on() {
    on_both("why: exchange", async |backend| {
        let mut bench = Bench::on(backend).await;
        bench.client("shop").await;
        bench.client("blog").await;
        let session = bench.session().await;
        let act = json!({"sub": "blog", "client_id": "blog"});
        let acted = with(&with(&of(&session), "act", act.clone()), "client_id", json!("blog"));
        // For a client that speaks for itself.
        let for_shop = json!({"sub": "shop", "act": act, "client_id": "blog"});
        let (user, client) = (bench.token("user", &acted), bench.token("client", &for_shop));
        for token in [&user, &client] {
            is_good(&bench.agreed(token).await);
        }
        // A token that names an actor without a session of another is not accepted.
        let taken = with(&of(&session), "client_id", json!("blog"));
        let report = bench.agreed(&bench.token("taken", &taken)).await;
        Bench::is(&report, TokenCode::SessionMismatch);
        let taken = json!({"sub": "shop", "client_id": "blog"});
        let report = bench.agreed(&bench.token("taken", &taken)).await;
        Bench::is(&report, TokenCode::IncompleteClaims);
        let nobodys = with(&acted, "sub", json!("shop"));
        let report = bench.agreed(&bench.token("nobodys", &nobodys)).await;
        Bench::is(&report, TokenCode::SessionMismatch);
        // Either of the two clients may be deleted.
        let now = bench.server.now();
        for name in ["shop", "blog"] {
            bench.set_disabled(name, Some(now)).await;
            for token in [&user, &client] {
                Bench::is(&bench.agreed(token).await, TokenCode::ClientDisabled);
            }
            bench.set_disabled(name, None).await;
        }
        for (jti, token) in [("user", &user), ("client", &client)] {
            is_good(&bench.agreed(token).await);
            bench.revoke(jti).await;
            Bench::is(&bench.agreed(token).await, TokenCode::TokenRevoked);
        }
        let user = bench.token("more", &acted);
        let end =
            async |tx: &mut Tx| test_sessions::end(tx, session.id, EndReason::Logout, now).await;
        assert!(bench.commit(end).await.is_some());
        Bench::is(&bench.agreed(&user).await, TokenCode::SessionEnded);
    })
    .await;
}

/// The client of a token is found in every form in which the token names it.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_clients_are_no_way_in() {
    let mut bench = Bench::on(Backend::Sqlite).await;
    for name in ["shop", "signet", "' OR 1=1--", "\u{1b}[31m", &"x".repeat(1_000)] {
        let claims = json!({"sub": name, "client_id": name});
        let report = bench.agreed(&bench.token("j", &claims)).await;
        Bench::is(&report, TokenCode::ClientUnknown);
        let message = report["message"].as_str().unwrap();
        assert!(!message.contains('\u{1b}') && message.len() < 500, "{message}");
    }
    for (name, value) in
        [("sub", json!("")), ("sub", json!(5)), ("sid", json!("")), ("act", json!(1))]
    {
        let claims = with(&own(), name, value);
        assert_eq!(bench.agreed(&bench.token("j", &claims)).await["good"], false);
    }
}
