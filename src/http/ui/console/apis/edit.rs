//! The forms of a new API and of a change.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Path;

use crate::admin::apis::{self, Change, Changed};
use crate::app::FormResult;
use crate::base::TimeSpan;
use crate::domain::api::Api;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::shell_word::command;
use crate::domain::token_rules::{TokenAlg, TokenProfile, TokenRules};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::edit::EditForm;
use crate::http::ui::console::{Console, OrPageOf, enter, submitted};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::Field;
use crate::store::apis::StoredApi;

/// The entries of the form.
struct Typed {
    identifier: String,
    scopes: String,
    key_scopes: String,
    signing_alg: String,
    token_profile: String,
    access_token_ttl: String,
    claims: String,
    documents: String,
    form: String,
}

impl Typed {
    fn of(mut form: FormFields) -> Self {
        Self {
            identifier: form.take("identifier").trim().to_owned(),
            scopes: form.take("scopes"),
            key_scopes: form.take("key_scopes"),
            signing_alg: form.take("signing_alg"),
            token_profile: form.take("token_profile"),
            access_token_ttl: form.take("access_token_ttl"),
            claims: form.take("claims"),
            documents: form.take("documents"),
            form: form.take("form"),
        }
    }

    /// The current values of an API.
    fn of_stored(api: &Api) -> Self {
        let line = |scope: &str| match api.scope_descriptions.get(scope) {
            Some(text) => format!("{scope}={text}"),
            None => scope.to_owned(),
        };
        let TokenRules { signing_alg, profile, access_ttl, claims } = &api.rules;
        Self {
            identifier: api.identifier.clone(),
            scopes: api.scopes.iter().map(line).collect::<Vec<_>>().join("\n"),
            key_scopes: api.key_scopes.to_string(),
            signing_alg: signing_alg.map(|alg| alg.to_string()).unwrap_or_default(),
            token_profile: profile.to_string(),
            access_token_ttl: access_ttl.map(|ttl| ttl.secs().to_string()).unwrap_or_default(),
            claims: claims.join(" "),
            documents: api.documents.to_string(),
            form: String::new(),
        }
    }

    /// The requested change. A line of the scopes that is, as a whole, a scope of the API stands for that scope.
    fn change(&self, before: Option<&Api>) -> Result<Change, Refusal> {
        let (mut scopes, mut descriptions) = (Vec::new(), BTreeMap::new());
        for line in self.scopes.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let is_known = before.is_some_and(|api| api.scopes.contains(line));
            let (scope, text) = match line.split_once('=') {
                Some((scope, text)) if !is_known => (scope.trim(), Some(text.trim().to_owned())),
                _ => (line, None),
            };
            scopes.push(scope.to_owned());
            descriptions.insert(scope.to_owned(), text);
        }
        let word = |field, text: &str, message| match text {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Refusal::field(field, "unknown", message)),
        };
        let algs = "An algorithm is ES256, ES384, RS256, PS256, EdDSA or HS256.";
        let alg: Option<TokenAlg> = word("signing_alg", &self.signing_alg, algs)?;
        let profile = match &*self.token_profile {
            "" => None,
            text => Some(text.parse::<TokenProfile>().map_err(|_| {
                let message = "A token profile is rfc9068 or jwt.";
                Refusal::field("token_profile", "unknown", message)
            })?),
        };
        let seconds = match self.access_token_ttl.trim() {
            "" => None,
            text => Some(text.parse::<u32>().map_err(|_| {
                let message =
                    "The lifetime is a number of seconds, or empty for the server's default.";
                Refusal::field("access_token_ttl", "not_a_number", message)
            })?),
        };
        let documents = match &*self.documents {
            "" => None,
            text => Some(text.parse::<bool>().map_err(|_| {
                Refusal::field("documents", "unknown", "Choose yes (true) or no (false).")
            })?),
        };
        Ok(Change {
            scopes: Some(scopes),
            scope_descriptions: descriptions,
            key_scopes: Some(self.key_scopes.split_whitespace().map(str::to_owned).collect()),
            signing_alg: Some(alg),
            token_profile: Some(profile.unwrap_or(TokenRules::DEFAULT.profile)),
            access_token_ttl: Some(seconds.map(|secs| TimeSpan::from_secs(i64::from(secs)))),
            claims: Some(self.claims.split_whitespace().map(str::to_owned).collect()),
            documents,
            new_secret: false,
        })
    }
}

/// The form of a new API.
pub async fn get_new(context: Context) -> PageResult {
    let console = enter(context, Action::CreateApi).await?;
    let typed = Typed {
        identifier: String::new(),
        scopes: String::new(),
        key_scopes: String::new(),
        signing_alg: String::new(),
        token_profile: TokenRules::DEFAULT.profile.to_string(),
        access_token_ttl: String::new(),
        claims: String::new(),
        documents: false.to_string(),
        form: String::new(),
    };
    console.edit(console.api_form(None, typed), None).await
}

/// Registers an API. Only this response contains its shared secret, if it has one.
pub async fn post_new(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, form) = submitted(context, &request, form, Action::CreateApi).await?;
    console.require_fresh("/admin/apis/new").await?;
    console.save_api(None, Typed::of(form)).await
}

/// The form of a change.
pub async fn get(context: Context, id: Path<String>) -> PageResult {
    let console = enter(context, Action::UpdateApi).await?;
    let stored = console.named_api(&id).await.or_page_of(&console)?;
    let typed = Typed::of_stored(&stored.api);
    console.edit(console.api_form(Some(&stored), typed), None).await
}

/// Changes an API.
pub async fn post(
    context: Context,
    request: HttpRequest,
    id: Path<String>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, form) = submitted(context, &request, form, Action::UpdateApi).await?;
    console.require_fresh(&format!("/admin/apis/{id}/edit")).await?;
    let stored = console.named_api(&id).await.or_page_of(&console)?;
    console.save_api(Some(&stored), Typed::of(form)).await
}

/// The page after a change: the API, or the secret that was created for it.
fn saved(changed: Changed, what: &'static str) -> FormResult {
    let path = format!("/admin/apis/{}", changed.stored.id);
    match changed.shared_secret {
        Some(secret) => FormResult::Secret {
            facts: vec![("identifier", changed.stored.api.identifier)],
            name: "shared_secret",
            secret: Arc::new(secret),
            path,
        },
        None => FormResult::Done { path, what },
    }
}

impl Console {
    async fn save_api(&self, stored: Option<&StoredApi>, typed: Typed) -> PageResult {
        let change = self.context().check(typed.change(stored.map(|stored| &stored.api)));
        let outcome = match change {
            Ok(change) => {
                let (app, info) = (self.context().app.clone(), self.info());
                let identifier = typed.identifier.clone();
                let id = stored.map(|stored| stored.id.to_string());
                let work = async move {
                    Ok::<_, Failure>(match id {
                        None => {
                            saved(apis::create(app, identifier, change, info).await?, "created")
                        }
                        Some(id) => saved(apis::update(app, id, change, info).await?, "saved"),
                    })
                };
                self.once(typed.form.clone(), work).await
            }
            Err(problem) => Err(problem),
        };
        match outcome {
            Ok(result) => Ok(self.answer(result)),
            Err(problem) => self.edit(self.api_form(stored, typed), Some(&problem)).await,
        }
    }

    fn api_form(&self, stored: Option<&StoredApi>, typed: Typed) -> EditForm {
        let locale = self.locale();
        let field = |name, label: &str, hint: &str, value| Field {
            name,
            label: locale.t(label),
            hint: (!hint.is_empty()).then(|| locale.t(hint).to_owned()),
            value,
            ..Field::default()
        };
        let yes_or_no = |value: &str| {
            let label = if value == "true" { "console.yes" } else { "console.no" };
            (value.to_owned(), locale.t(label).to_owned())
        };
        let of_server = (String::new(), locale.t("console.api.of_server").to_owned());
        let algs = TokenAlg::all().map(|alg| (alg.to_string(), alg.to_string()));
        let profiles = TokenProfile::ALL.iter().map(|one| (one.to_string(), one.to_string()));
        let identifier = field(
            "identifier",
            "console.api.identifier",
            "console.api.identifier_hint",
            typed.identifier,
        );
        let mut fields = if stored.is_none() { vec![identifier] } else { Vec::new() };
        fields.extend([
            Field {
                is_long: true,
                ..field("scopes", "console.scopes", "console.api.scopes_hint", typed.scopes)
            },
            field(
                "key_scopes",
                "console.api.key_scopes",
                "console.api.key_scopes_hint",
                typed.key_scopes,
            ),
            Field {
                options: [of_server].into_iter().chain(algs).collect(),
                ..field("signing_alg", "console.alg", "", typed.signing_alg)
            },
            Field {
                options: profiles.collect(),
                ..field(
                    "token_profile",
                    "console.api.profile",
                    "console.api.profile_hint",
                    typed.token_profile,
                )
            },
            field(
                "access_token_ttl",
                "console.api.ttl",
                "console.api.ttl_hint",
                typed.access_token_ttl,
            ),
            field("claims", "console.api.claims", "console.api.claims_hint", typed.claims),
            Field {
                options: ["false", "true"].map(yes_or_no).into(),
                ..field(
                    "documents",
                    "console.api.documents",
                    "console.api.documents_hint",
                    typed.documents,
                )
            },
        ]);
        let (title, path, cancel, same_as) = match stored {
            None => (
                locale.t("console.api.new"),
                "/admin/apis/new".to_owned(),
                "/admin/apis".to_owned(),
                "signet api create IDENTIFIER --scope SCOPE".to_owned(),
            ),
            Some(stored) => (
                locale.t("console.api.change"),
                format!("/admin/apis/{}/edit", stored.id),
                format!("/admin/apis/{}", stored.id),
                command("signet api set", &stored.api.identifier, " --scope SCOPE"),
            ),
        };
        EditForm {
            menu: "/admin/apis",
            title: title.to_owned(),
            lead: stored.map(|stored| stored.api.identifier.clone()),
            path,
            cancel,
            form: typed.form,
            fields,
            submit: locale
                .t(if stored.is_none() { "console.api.create" } else { "console.save" })
                .to_owned(),
            same_as,
        }
    }
}
