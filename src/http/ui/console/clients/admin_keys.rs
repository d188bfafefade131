//! The administration keys of a service client: shown, created and revoked.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Path;

use crate::admin::admin_keys;
use crate::app::FormResult;
use crate::base::TimeSpan;
use crate::base::id::AdminKeyId;
use crate::domain::admin_key::{AdminKey, NewAdminKey};
use crate::domain::client::Client;
use crate::domain::outcome::{Code, Failure};
use crate::domain::pagination::{MAX_LIMIT, PageRequest};
use crate::domain::permission::TargetKind;
use crate::domain::shell_word::{command, option, quoted};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::confirm::Question;
use crate::http::ui::console::edit::EditForm;
use crate::http::ui::console::{Console, OrPageOf, client_path, enter, submitted};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Fact, Field, Section, State, Table};

/// Above every allowed lifetime, and small enough that no sum overflows.
const MAX_DAYS: i64 = 1 << 20;

/// The entries of the form.
struct Typed {
    name: String,
    scopes: String,
    days: String,
    networks: String,
    form: String,
}

/// The form of a new key.
pub async fn get_new(context: Context, id: Path<String>) -> PageResult {
    let console = enter(context, Action::CreateAdminKey).await?;
    let stored = console.named_client(id.into_inner()).await.or_page_of(&console)?;
    let typed = Typed {
        name: String::new(),
        scopes: stored.client.metadata.admin_scopes.to_string(),
        days: "90".to_owned(),
        networks: String::new(),
        form: String::new(),
    };
    console.edit(console.key_form(&stored.client, typed), None).await
}

/// Creates the key. Only this response contains its secret.
pub async fn post_new(
    context: Context,
    request: HttpRequest,
    id: Path<String>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let right = Action::CreateAdminKey;
    let (console, mut form) = submitted(context, &request, form, right).await?;
    let id = id.into_inner();
    let path = client_path(&id);
    console.require_fresh(&format!("{path}/keys/new")).await?;
    let client = console.named_client(id.clone()).await.or_page_of(&console)?.client;
    let typed = Typed {
        name: form.take("name").trim().to_owned(),
        scopes: form.take("scopes"),
        days: form.take("expires_in"),
        networks: form.take("networks"),
        form: form.take("form"),
    };
    // An entry that is not a number becomes an invalid lifetime, which is refused with the other errors.
    let days = typed.days.trim().parse::<i64>().unwrap_or_default().clamp(0, MAX_DAYS);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let new = NewAdminKey {
        name: typed.name.clone(),
        scopes: words(&typed.scopes),
        life: TimeSpan::from_days(days),
        networks: words(&typed.networks),
    };
    let (app, info) = (console.context().app.clone(), console.info());
    let work = async move {
        let made = admin_keys::create(app, id, new, info).await?;
        Ok::<_, Failure>(FormResult::Secret {
            facts: vec![("client_id", made.key.client_id), ("key", made.key.id.to_string())],
            name: "sak",
            secret: Arc::new(made.secret),
            path,
        })
    };
    match console.once(typed.form.clone(), work).await {
        Ok(result) => Ok(console.answer(result)),
        Err(problem) => console.edit(console.key_form(&client, typed), Some(&problem)).await,
    }
}

/// The confirmation before a key is revoked.
pub async fn get_revoke(context: Context, path: Path<(String, String)>) -> PageResult {
    let console = enter(context, Action::RevokeAdminKey).await?;
    let (id, key) = path.into_inner();
    let key = console.named_key(&id, &key).await.or_page_of(&console)?;
    console.ask(console.revoke_question(&key), None).await
}

/// Revokes a key. Succeeds if it is already revoked.
pub async fn post_revoke(
    context: Context,
    request: HttpRequest,
    path: Path<(String, String)>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let right = Action::RevokeAdminKey;
    let (console, mut form) = submitted(context, &request, form, right).await?;
    let (id, key) = path.into_inner();
    let path = client_path(&id);
    console.require_fresh(&format!("{path}/keys/{key}/revoke")).await?;
    let parsed = key.parse::<AdminKeyId>().map_err(|_| admin_keys::no_key());
    let key = console.context().check(parsed).or_page_of(&console)?;
    let (app, info) = (console.context().app.clone(), console.info());
    let work = async move {
        match admin_keys::revoke(app, id, key, info).await {
            Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => {}
            outcome => outcome?,
        }
        Ok(FormResult::Done { path, what: "revoked" })
    };
    let result = console.once(form.take("form"), work).await.or_page_of(&console)?;
    Ok(console.answer(result))
}

impl Console {
    async fn named_key(&self, id: &str, key: &str) -> Result<AdminKey, Problem> {
        self.require_to(Action::RevokeAdminKey, TargetKind::AdminClient)?;
        let keys = self.keys_of(id).await?;
        let found = keys.into_iter().find(|known| known.id.to_string() == key);
        self.context().check(found.ok_or_else(admin_keys::no_key))
    }

    /// All keys of a client; there are only a few.
    async fn keys_of(&self, id: &str) -> Result<Vec<AdminKey>, Problem> {
        let context = self.context();
        let request = PageRequest { after: None, limit: MAX_LIMIT };
        let work = admin_keys::list(context.app.clone(), id.to_owned(), request);
        Ok(context.run(work).await?.data)
    }

    /// The section about the administration rights of a service client, unless it would be empty.
    pub(super) async fn admin_section(
        &self,
        client: &Client,
        is_managed: bool,
    ) -> Result<Option<Section>, Problem> {
        let (locale, scopes) = (self.locale(), &client.metadata.admin_scopes);
        let path = client_path(&client.client_id);
        let is_service = client.metadata.client_type.as_str() == "service";
        if !is_service || !self.may(Action::ReadAdminKeys) {
            return Ok(None);
        }
        let shown = match scopes.is_empty() {
            true => Cell::text(locale.t("console.none")),
            false => Cell::text(scopes.to_string()),
        };
        let name = locale.t("console.client.admin_scopes");
        let mut blocks = vec![Block::Facts(vec![Fact { name, value: shown }])];
        let keys = self.keys_of(&client.client_id).await?;
        if !keys.is_empty() || !scopes.is_empty() {
            blocks.push(Block::table(self.admin_key_table(&keys, &path)));
        }
        let mut links = Vec::new();
        if !is_managed && self.may_administer(Action::GrantAdminScopes) {
            let label = locale.t("console.client.admin_scopes_change");
            links.push(Choice::action(label, self.link(&format!("{path}/admin-scopes"))));
        }
        if !scopes.is_empty() && self.may_administer(Action::CreateAdminKey) {
            let label = locale.t("console.admin_key.new");
            links.push(Choice::action(label, self.link(&format!("{path}/keys/new"))));
        }
        if !links.is_empty() {
            blocks.push(Block::Links(links));
        }
        let heading = Some(locale.t("console.client.administration").to_owned());
        Ok(Some(Section { id: "administration", heading, blocks }))
    }

    fn admin_key_table(&self, keys: &[AdminKey], path: &str) -> Table {
        let (locale, now) = (self.locale(), self.now());
        let may_revoke = self.may_administer(Action::RevokeAdminKey);
        let row = |key: &AdminKey| {
            let networks: Vec<String> = key.networks.iter().map(ToString::to_string).collect();
            let expires = locale.date_time(key.expires_at);
            let expires = match key.expires_at <= now {
                true => {
                    Cell::state(State::Alarm, locale.t("console.admin_key.expired")).noting(expires)
                }
                false => Cell::text(expires),
            };
            let used = key.last_used_at.map(|at| self.when(at));
            let mut cells = vec![
                Cell::text(&key.name).noting(key.id.to_string()),
                Cell::text(key.scopes.to_string()),
                Cell::text(match networks.is_empty() {
                    true => locale.t("console.admin_key.everywhere").to_owned(),
                    false => networks.join(", "),
                }),
                expires,
                Cell::text(used.unwrap_or_else(|| locale.t("console.never").to_owned())),
            ];
            if may_revoke {
                let to = self.link(&format!("{path}/keys/{}/revoke", key.id));
                cells.push(Cell::link(locale.t("console.admin_key.revoke"), to));
            }
            cells
        };
        let columns = [
            "console.name",
            "console.scopes",
            "console.admin_key.networks",
            "console.admin_key.expires",
            "console.used",
            "console.action",
        ];
        let shown = if may_revoke { columns.len() } else { columns.len() - 1 };
        let n = keys.len().to_string();
        Table {
            caption: locale.with("console.admin_keys.caption", &[("n", &n)]),
            columns: columns.iter().take(shown).map(|key| locale.t(key)).collect(),
            rows: keys.iter().map(row).collect(),
            empty: locale.t("console.admin_keys.none").to_owned(),
            ..Table::default()
        }
    }

    fn key_form(&self, client: &Client, typed: Typed) -> EditForm {
        let (locale, id) = (self.locale(), &client.client_id);
        let field = |name, label: &str, hint: &str, value| Field {
            name,
            label: locale.t(label),
            hint: Some(locale.t(hint).to_owned()),
            value,
            ..Field::default()
        };
        let scopes = client.metadata.admin_scopes.iter().map(|scope| option("--scope", scope));
        let options = format!(" --name NAME{} --expires 90d", scopes.collect::<String>());
        EditForm {
            menu: "/admin/clients",
            title: locale.t("console.admin_key.new").to_owned(),
            lead: Some(format!("{} ({id})", client.metadata.name)),
            path: format!("{}/keys/new", client_path(id)),
            cancel: client_path(id),
            form: typed.form,
            fields: vec![
                field("name", "console.name", "console.admin_key.name_hint", typed.name),
                field("scopes", "console.scopes", "console.admin_key.scopes_hint", typed.scopes),
                field(
                    "expires_in",
                    "console.admin_key.days",
                    "console.admin_key.days_hint",
                    typed.days,
                ),
                field(
                    "networks",
                    "console.admin_key.networks",
                    "console.admin_key.networks_hint",
                    typed.networks,
                ),
            ],
            submit: locale.t("console.admin_key.create").to_owned(),
            same_as: command("signet client key create", id, &options),
        }
    }

    fn revoke_question(&self, key: &AdminKey) -> Question {
        let locale = self.locale();
        let path = client_path(&key.client_id);
        Question {
            menu: "/admin/clients",
            title: locale.t("console.admin_key.revoke").to_owned(),
            target: format!("{} ({})", key.name, key.id),
            facts: Vec::new(),
            effects: ["console.effect.admin_key", "console.effect.not_undone"]
                .map(|effect| locale.t(effect).to_owned())
                .to_vec(),
            path: format!("{path}/keys/{}/revoke", key.id),
            cancel: path,
            form: self.form_id(),
            typed: None,
            options: Vec::new(),
            same_as: format!("signet client key revoke {} {}", quoted(&key.client_id), key.id),
        }
    }
}
