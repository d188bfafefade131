//! The statements of a warm flow: one for the sign-in and the consent, and none for a client in its own name.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::base::id::BrowserId;
use signet::base::opaque_token::{BROWSER_SESSION, generate};
use signet::crypto::digest::token_hash;
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::Origin;
use signet::domain::browser_session::BrowserSession;
use signet::domain::request_info::RequestInfo;
use signet::domain::scope::Scopes;
use signet::domain::user_agent::Device;
use signet::identity::current_login::BrowserCookies;
use signet::oauth::authorize;
use signet::oauth::page_step::PageStep;
use signet::oauth::params::Params;
use signet::oauth::token::{ClientRequest, token_endpoint};
use signet::oauth::userinfo;
use signet::store::db::counted;
use signet::store::{browser_sessions, consents, users};
use signet::tokens::validate;

use crate::support::Backend;
use crate::support::server::{Server, on_both};

fn request(form: &str) -> ClientRequest {
    ClientRequest {
        params: Params::parse(form.as_bytes()).unwrap(),
        authorization: None,
        proof: None,
        origin: Origin::system(),
        device: Device::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_flow_asks_once_for_each_step() {
    on_both("statements of a warm flow", async |backend| {
        let server = Server::start(backend).await;
        let (app, now) = (&server.app, server.now());
        let root = server.administrator("root").await;
        let ada = server.register("ada").await.parse().unwrap();
        let client = json!({"name": "Shop", "type": "spa", "redirect_uris": ["https://shop.example.com/cb"]});
        let made = server.call_as(Method::POST, "/v1/admin/clients", &root.access, client).await;
        let client_id = made.is(201).string("client_id");
        app.reload_if_changed().await.unwrap();

        // A user who is signed in and has consented before.
        let cookie = generate(BROWSER_SESSION, &SystemEntropy);
        let user = users::find(&mut app.db.reader().await.unwrap(), ada).await.unwrap().unwrap();
        let browser = BrowserSession {
            id: BrowserId::new(now, &SystemEntropy),
            user_id: ada,
            user_epoch: user.session_epoch,
            auth_time: now,
            factors: None,
            expires_at: now + TimeSpan::from_mins(60),
            persistent: false,
            ended_at: None,
        };
        let mut tx = app.db.begin().await.unwrap();
        let device = Device::default();
        assert!(browser_sessions::begin(&mut tx, &browser, &token_hash(&cookie), &device).await.unwrap());
        let scopes = Scopes::parse("openid profile").unwrap();
        consents::remember(&mut tx, consents::ConsentKey { user: ada, client_id: &client_id, audience: None }, &scopes, now).await.unwrap();
        tx.commit().await.unwrap();

        let visitor = BrowserCookies { browser: "sbr".to_owned(), session: Some(cookie) };
        let verifier = "a".repeat(43);
        let challenge = signet::crypto::digest::sha256_base64url(verifier.as_bytes());
        let asked = format!(
            "client_id={client_id}&redirect_uri=https%3A%2F%2Fshop.example.com%2Fcb&\
             response_type=code&scope=openid+profile&code_challenge={challenge}&\
             code_challenge_method=S256"
        );
        let params = Params::parse(asked.as_bytes()).unwrap();
        let info = RequestInfo::system(now);
        let (step, statements) =
            counted(authorize::begin(app.clone(), params, visitor, info)).await;
        let Ok(PageStep::Answer(answer)) = step else { panic!("not answered at once") };
        // The sign-in and the consent; the code; the codes beyond the limit.
        assert_eq!(statements, 3);

        let code = &answer.params.iter().find(|(name, _)| *name == "code").unwrap().1;
        let form = format!(
            "grant_type=authorization_code&client_id={client_id}&code={code}&\
             redirect_uri=https%3A%2F%2Fshop.example.com%2Fcb&code_verifier={verifier}"
        );
        let (tokens, statements) = counted(token_endpoint(app.clone(), request(&form), now)).await;
        let tokens = tokens.unwrap();
        // The code used up; the user and the sign-in locked; the existing branches; the sessions beyond the
        // limit; the session and its device written.
        assert!(statements <= 7, "{statements}");

        let (live, statements) = counted(validate::require_active(app, tokens.access_token(), now)).await;
        assert!(live.unwrap().is_some());
        assert_eq!(statements, 1, "a token that comes back");
        let presented = userinfo::Presented {
            token: tokens.access_token().to_owned(),
            as_bound: false,
            proof: None,
            method: "GET",
        };
        let (said, statements) = counted(userinfo::userinfo(app.clone(), presented, now)).await;
        assert_eq!((said.unwrap()["preferred_username"].clone(), statements), (json!("ada"), 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_speaks_for_itself_asks_for_nothing() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let api = json!({"identifier": "https://api.example.com", "scopes": ["orders:read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let client = json!({"name": "Job", "type": "service", "audiences": ["https://api.example.com"],
        "token_endpoint_auth_method": "client_secret_post"});
    let made = server.call_as(Method::POST, "/v1/admin/clients", &root.access, client).await;
    let (id, secret) = (made.is(201).string("client_id"), made.string("client_secret"));
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let (tokens, statements) =
        counted(token_endpoint(server.app.clone(), request(&form), server.now())).await;
    assert!(tokens.is_ok());
    assert_eq!(statements, 0);
}
