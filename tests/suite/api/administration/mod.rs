//! Callers of administration: users with Signet's own roles, service clients with administration scopes, and
//! their keys.

mod helpdesk;
mod keys;
mod matrix;
mod races;
mod recovery_links;
mod revoked_callers;
mod roles;
mod service_clients;

use reqwest::Method;
use serde_json::{Value, json};
use signet::admin::clients::{self, Change, New};
use signet::admin::users::{self, Create};
use signet::base::id::UserId;
use signet::domain::attributes::Attributes;
use signet::domain::client::ClientType;
use signet::domain::request_info::RequestInfo;
use signet::domain::user::Role;
use signet::domain::user_email::EmailChange;

use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server};

const USERS: &str = "/v1/admin/users";
const CLIENTS: &str = "/v1/admin/clients";

/// A server with an administrator.
struct Place {
    server: Server,
    root: Tokens,
}

impl Place {
    async fn on(backend: Backend) -> Self {
        Self::with(Options::on(backend)).await
    }

    async fn with(options: Options) -> Self {
        let server = options.start().await;
        let root = server.administrator("root").await;
        Self { server, root }
    }

    fn cli(&self) -> RequestInfo {
        RequestInfo::cli(self.server.now())
    }

    /// A user created on the command line. Returns the id.
    async fn user(&self, login: &str, role: Role, password: Option<&str>) -> UserId {
        let create = Create {
            login: login.to_owned(),
            password: password.map(str::to_owned),
            name: None,
            email: EmailChange::default(),
            role,
            attributes: Attributes::default(),
            must_change_password: false,
        };
        let app = self.server.app.clone();
        let work = users::create(app.clone(), create, self.cli());
        app.run_to_completion(work).await.unwrap_or_else(|stop| panic!("{stop:?}")).id
    }

    async fn try_log_in(&self, login: &str, scope: &str) -> Answer {
        let body = json!({"login": login, "password": PASSWORD, "scope": scope});
        self.server.post("/v1/login", body).await
    }

    async fn log_in(&self, login: &str, scope: &str) -> Tokens {
        Tokens::of(&self.try_log_in(login, scope).await)
    }

    /// A user with this role, logged in with these scopes.
    async fn administrator(&self, login: &str, role: Role, scope: &str) -> Tokens {
        self.user(login, role, Some(PASSWORD)).await;
        self.log_in(login, scope).await
    }

    /// A client created on the command line. Returns its secret.
    async fn client(&self, client_id: &str, client_type: ClientType, change: Change) -> String {
        let app = self.server.app.clone();
        let new =
            New { client_id: Some(client_id.to_owned()), name: "Client".to_owned(), client_type };
        let work = clients::create(app.clone(), new, change, self.cli());
        let made = app.run_to_completion(work).await.unwrap_or_else(|stop| panic!("{stop:?}"));
        made.client_secret.map(|secret| secret.expose().clone()).unwrap_or_default()
    }

    /// A service client with these administration scopes. Returns its secret.
    async fn service(&self, client_id: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let change = Change { admin_scopes: Some(scopes), ..Change::default() };
        self.client(client_id, ClientType::Service, change).await
    }

    async fn token_request(&self, client_id: &str, secret: &str, form: &[(&str, &str)]) -> Answer {
        let mut form = form.to_vec();
        form.push(("grant_type", "client_credentials"));
        by_form(&self.server, "/oauth2/token", (client_id, secret), &form).await
    }

    /// An access token of a service client for administration.
    async fn service_token(&self, client_id: &str, secret: &str, scope: &str) -> String {
        let answer = self.token_request(client_id, secret, &[("scope", scope)]).await;
        answer.is(200).string("access_token")
    }

    async fn call(&self, access: &str, method: Method, path: &str, body: Value) -> Answer {
        self.server.call_as(method, path, access, body).await
    }

    /// The event of this kind about a user.
    async fn event_about(&self, kind: &str, user: &str) -> Value {
        let events = self.events(kind).await;
        let found = events.into_iter().find(|event| event["user_id"] == user);
        found.unwrap_or_else(|| panic!("no {kind} about {user}"))
    }

    async fn events(&self, kind: &str) -> Vec<Value> {
        self.server.events(&self.root, kind).await
    }
}

/// A request to an endpoint of OAuth by a client that authenticates with its secret.
async fn by_form(
    server: &Server,
    path: &str,
    (client_id, secret): (&str, &str),
    form: &[(&str, &str)],
) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = server.request(Method::POST, path).basic_auth(client_id, Some(secret));
    let form = "application/x-www-form-urlencoded";
    server.send(request.header("content-type", form).body(body)).await
}

fn user_path(id: UserId) -> String {
    format!("{USERS}/{id}")
}

fn client_path(id: &str) -> String {
    format!("{CLIENTS}/{id}")
}
