//! The API keys of a user: shown and revoked.

use actix_web::HttpRequest;
use actix_web::web::Path;

use crate::admin::api_keys;
use crate::app::FormResult;
use crate::domain::outcome::{Code, Failure};
use crate::domain::permission::TargetKind;
use crate::domain::shell_word::quoted;
use crate::domain::user::User;
use crate::http::api::api_keys::key_id;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::confirm::Question;
use crate::http::ui::console::{Console, OrPageOf, enter, submitted};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Section, State, Table};
use crate::identity::api_keys::{KeyState, ListedKey, no_key};

/// The confirmation before a key is revoked.
pub async fn get_revoke(context: Context, path: Path<(String, String)>) -> PageResult {
    let console = enter(context, Action::RevokeApiKey).await?;
    let (id, key) = path.into_inner();
    let user = console.named_user(&id).await.or_page_of(&console)?;
    let question = console.revoke_key_question(&user, &key).await.or_page_of(&console)?;
    console.ask(question, None).await
}

/// Revokes a key. Succeeds if it is already revoked.
pub async fn post_revoke(
    context: Context,
    request: HttpRequest,
    path: Path<(String, String)>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, mut form) = submitted(context, &request, form, Action::RevokeApiKey).await?;
    let (id, key) = path.into_inner();
    console.require_fresh(&format!("/admin/users/{id}/keys/{key}/revoke")).await?;
    let user = console.named_user(&id).await.or_page_of(&console)?;
    let right = console.require_to(Action::RevokeApiKey, TargetKind::of_user(user.role));
    right.or_page_of(&console)?;
    let key = console.context().check(key_id(&key)).or_page_of(&console)?;
    let (app, info) = (console.context().app.clone(), console.info());
    let work = async move {
        match api_keys::revoke(app, user.id, key, info).await {
            Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => {}
            outcome => outcome?,
        }
        Ok(FormResult::Done { path: format!("/admin/users/{id}"), what: "revoked" })
    };
    let result = console.once(form.take("form"), work).await.or_page_of(&console)?;
    Ok(console.answer(result))
}

impl Console {
    /// The section about the API keys of a user; `None` if there are none.
    pub(super) async fn api_key_section(&self, user: &User) -> Result<Option<Section>, Problem> {
        let keys = self.api_keys_of(user).await?;
        Ok((!keys.is_empty()).then(|| Section {
            id: "api-keys",
            heading: Some(self.locale().t("api_keys.title").to_owned()),
            blocks: vec![Block::table(self.api_key_table(user, &keys))],
        }))
    }

    async fn api_keys_of(&self, user: &User) -> Result<Vec<ListedKey>, Problem> {
        let context = self.context();
        context.run(api_keys::list(context.app.clone(), user.id, context.now())).await
    }

    fn api_key_table(&self, user: &User, keys: &[ListedKey]) -> Table {
        let locale = self.locale();
        let may_revoke = self.may_to(Action::RevokeApiKey, TargetKind::of_user(user.role));
        let row = |listed: &ListedKey| {
            let key = &listed.key;
            let used = key.last_used_at.map(|at| self.when(at));
            let expires = locale.date_time(key.expires_at);
            let ended = |text: &str| Cell::state(State::Alarm, locale.t(text)).noting(&*expires);
            let mut cells = vec![
                Cell::text(&key.name).noting(key.id.to_string()),
                Cell::text(&key.audience).noting(key.scopes.to_string()),
                match listed.state {
                    KeyState::Active => Cell::text(&*expires),
                    KeyState::Revoked => ended("api_keys.revoked"),
                    KeyState::Expired => ended("api_keys.expired"),
                    KeyState::Ended => ended("api_keys.ended"),
                },
                Cell::text(used.unwrap_or_else(|| locale.t("console.never").to_owned())),
            ];
            if may_revoke {
                cells.push(match listed.state {
                    KeyState::Active => {
                        let to =
                            self.link(&format!("/admin/users/{}/keys/{}/revoke", user.id, key.id));
                        Cell::link(locale.t("console.admin_key.revoke"), to)
                    }
                    _ => Cell::text(""),
                });
            }
            cells
        };
        let columns = [
            "console.name",
            "console.api",
            "console.admin_key.expires",
            "console.used",
            "console.action",
        ];
        let shown = if may_revoke { columns.len() } else { columns.len() - 1 };
        Table {
            caption: locale.with("console.api_keys.caption", &[("n", &keys.len().to_string())]),
            columns: columns.iter().take(shown).map(|key| locale.t(key)).collect(),
            rows: keys.iter().map(row).collect(),
            ..Table::default()
        }
    }

    async fn revoke_key_question(&self, user: &User, key: &str) -> Result<Question, Problem> {
        self.require_to(Action::RevokeApiKey, TargetKind::of_user(user.role))?;
        let keys = self.api_keys_of(user).await?;
        let found = keys.into_iter().find(|listed| listed.key.id.to_string() == key);
        let key = self.context().check(found.ok_or_else(no_key))?.key;
        let (locale, path) = (self.locale(), format!("/admin/users/{}", user.id));
        Ok(Question {
            menu: "/admin/users",
            title: locale.t("console.admin_key.revoke").to_owned(),
            target: format!("{} ({}), {}", key.name, key.id, user.login),
            facts: Vec::new(),
            effects: ["console.effect.admin_key", "console.effect.not_undone"]
                .map(|effect| locale.t(effect).to_owned())
                .to_vec(),
            path: format!("{path}/keys/{}/revoke", key.id),
            cancel: path,
            form: self.form_id(),
            typed: None,
            options: Vec::new(),
            same_as: format!("signet user key revoke {} {}", quoted(&user.login), key.id),
        })
    }
}
