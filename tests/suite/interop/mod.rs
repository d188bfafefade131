//! Interoperability: applications that are written with third-party client libraries sign a user in, read
//! userinfo, refresh and log out, with a client that has nothing set beyond what the library needs.
//!
//! Each application is a small program below `tests/interop` that shows what its library does:
//!
//! | path | |
//! |---|---|
//! | `/sign-in` | starts the library's sign-in |
//! | `/user` | JSON: `sub`, `userinfo`, `access_token`; `refresh_token`, `shown` and `claims` where there are any |
//! | `/refresh` | has the library renew the tokens |
//! | `/sign-out` | starts the library's log-out |
//! | `/goodbye` | the post-logout redirect URI |
//!
//! `shown` is the name of the user where the library takes it from the ID token alone, `claims` the claims of the ID
//! token where the library hands them out.
//!
//! `docs/interop.md` lists the libraries; a test compares it with the lock files and with this module.

mod apache;
mod application;
mod debian;
mod node;
mod python;
mod visitor;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::Backend;
use crate::support::ports::free_port;
use crate::support::server::{Options, PASSWORD, Server, Tokens};
use application::{Application, Registration};
use visitor::Visitor;

const LOGIN: &str = "ada@example.com";

/// How a library renews tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewal {
    /// With the refresh token.
    RefreshToken,
    /// With an authorization request that has `prompt=none`.
    PromptNone,
}

/// What a library adds to its authorization requests against code injection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    Challenge,
    Nonce,
    ChallengeAndNonce,
    /// Its clients are registered with `--pkce optional`.
    Neither,
}

impl Protection {
    /// The protection of an authorization request.
    fn of(asked: &BTreeMap<String, String>) -> Self {
        match (asked.contains_key("code_challenge"), asked.contains_key("nonce")) {
            (true, true) => Self::ChallengeAndNonce,
            (true, false) => Self::Challenge,
            (false, true) => Self::Nonce,
            (false, false) => Self::Neither,
        }
    }
}

/// What a library does by itself, and its configuration.
struct Library {
    /// The path of its redirect URI.
    callback: &'static str,
    sends: Protection,
    renewal: Renewal,
    claims_in_the_id_token: bool,
    told_to_protect: bool,
}

impl Library {
    fn at(callback: &'static str, sends: Protection) -> Self {
        Self {
            callback,
            sends,
            renewal: Renewal::RefreshToken,
            claims_in_the_id_token: false,
            told_to_protect: false,
        }
    }

    /// A library that shows a name from the ID token, with a client whose ID tokens have it.
    fn with_claims_in_the_id_token(self) -> Self {
        Self { claims_in_the_id_token: true, ..self }
    }

    /// A library that sends neither by default and is configured to send one.
    fn told_to_send(self, sends: Protection) -> Self {
        Self { sends, told_to_protect: true, ..self }
    }

    fn with_silent_renewal(self) -> Self {
        Self { renewal: Renewal::PromptNone, ..self }
    }

    /// The client: a name, a type, addresses, and the options that the library requires.
    fn client(&self, home: &str) -> Value {
        let mut client = json!({
            "name": "Shop", "type": "web",
            "redirect_uris": [format!("{home}{}", self.callback)],
            "post_logout_redirect_uris": [format!("{home}/goodbye")],
        });
        if self.sends == Protection::Neither {
            client["pkce"] = json!("optional");
        }
        if self.claims_in_the_id_token {
            client["id_token_claims"] = json!("scopes");
        }
        client
    }
}

/// A server on the machine's clock, because other programs have no other.
async fn provider() -> Provider {
    Provider::started(Options::on(Backend::Sqlite)).await
}

struct Provider {
    server: Server,
    root: Tokens,
    sub: String,
}

impl Provider {
    async fn started(options: Options) -> Self {
        let server = options.real_clock().start().await;
        let root = server.administrator("root").await;
        let sub = server.register(LOGIN).await;
        let path = format!("/v1/admin/users/{sub}");
        let verified = json!({"email": LOGIN, "email_verified": true});
        server.call_as(reqwest::Method::PATCH, &path, &root.access, verified).await.is(200);
        Self { server, root, sub }
    }

    /// Registers the application, starts it and takes a user through the complete flow.
    async fn runs(&self, library: &Library, start: impl FnOnce(&Registration) -> Application) {
        let registration = self.register(library, free_port()).await;
        let application = start(&registration);
        self.completes(library, &registration, &application).await;
    }

    async fn register(&self, library: &Library, port: u16) -> Registration {
        let home = format!("http://localhost:{port}");
        let body = library.client(&home);
        let path = "/v1/admin/clients";
        let answer =
            self.server.call_as(reqwest::Method::POST, path, &self.root.access, body).await;
        answer.is(201);
        Registration {
            issuer: self.server.base.clone(),
            client_id: answer.string("client_id"),
            client_secret: answer.string("client_secret"),
            callback: format!("{home}{}", library.callback),
            port,
            home,
            protected: library.told_to_protect,
        }
    }

    async fn completes(&self, library: &Library, at: &Registration, application: &Application) {
        let visitor = Visitor::new(&self.server, &at.home, LOGIN, PASSWORD, application);
        visitor.opens("/sign-in").await;
        assert_eq!(visitor.passwords(), 1, "signed in without a password");
        let asked = visitor.asked();
        assert_eq!(Protection::of(&asked), library.sends, "{asked:?}");
        assert_eq!(asked["redirect_uri"], at.callback);

        let first = visitor.user().await;
        assert_eq!(first["sub"], *self.sub, "{first}");
        assert_eq!(first["userinfo"]["sub"], *self.sub, "{first}");
        if asked["scope"].split(' ').any(|scope| scope == "profile") {
            assert_eq!(first["userinfo"]["preferred_username"], LOGIN, "{first}");
        }
        if asked["scope"].split(' ').any(|scope| scope == "email") {
            assert_eq!(first["userinfo"]["email"], LOGIN, "{first}");
            assert_eq!(first["userinfo"]["email_verified"], true, "{first}");
        }
        if let Some(claims) = first.get("claims") {
            assert_eq!(claims["acr"], "urn:signet:acr:single", "{first}");
            assert_eq!(claims["amr"], json!(["pwd"]), "{first}");
            let named = library.claims_in_the_id_token;
            let email = if named { json!(LOGIN) } else { Value::Null };
            assert_eq!(claims["email"], email, "{first}");
        }
        if let Some(shown) = first.get("shown") {
            let named = library.claims_in_the_id_token;
            let expected = if named { json!(LOGIN) } else { Value::Null };
            assert_eq!(*shown, expected, "{first}");
        }
        self.accepts(&first).await;

        visitor.opens("/refresh").await;
        let second = visitor.user().await;
        assert_ne!(first["access_token"], second["access_token"], "nothing was renewed");
        self.accepts(&second).await;
        assert_eq!(visitor.passwords(), 1, "the renewal asked for the password");
        let silently = visitor.asked().get("prompt").is_some_and(|prompt| prompt == "none");
        assert_eq!(silently, library.renewal == Renewal::PromptNone, "{:?}", visitor.asked());

        let arrived = visitor.opens("/sign-out").await;
        assert!(arrived.starts_with(&at.home), "the log-out ends at {arrived}");
        if let Some(token) = second["refresh_token"].as_str() {
            let refused = self.refresh(at, token).await;
            assert_eq!(refused["error"], "invalid_grant", "the session goes on: {refused}");
        }
        visitor.opens("/sign-in").await;
        assert_eq!(visitor.passwords(), 2, "the user was still signed in at the issuer");
    }

    /// The access token was issued by this server and is valid.
    async fn accepts(&self, user: &Value) {
        let token = user["access_token"].as_str().unwrap_or_else(|| panic!("no token: {user}"));
        let answer = self.server.get_as("/oauth2/userinfo", token).await;
        assert_eq!(answer.is(200).string("sub"), self.sub);
    }

    async fn refresh(&self, at: &Registration, token: &str) -> Value {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let request = self.server.request(reqwest::Method::POST, "/oauth2/token");
        let request = request.basic_auth(&at.client_id, Some(&at.client_secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let body = crate::support::relying_party::form(fields);
        self.server.send(request.body(body)).await.json()
    }
}
