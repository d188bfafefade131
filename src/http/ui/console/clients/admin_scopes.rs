//! The administration scopes of a service client.

use actix_web::HttpRequest;
use actix_web::web::Path;

use crate::admin::clients::{self, Change};
use crate::app::FormResult;
use crate::domain::client::Client;
use crate::domain::permission::TargetKind;
use crate::domain::shell_word::{command, option};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::edit::EditForm;
use crate::http::ui::console::{Console, OrPageOf, client_path, enter, secret, submitted};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::Field;

/// The form for the administration scopes of a client.
pub async fn get(context: Context, id: Path<String>) -> PageResult {
    let console = enter(context, Action::GrantAdminScopes).await?;
    let client = console.service_client(id.into_inner()).await.or_page_of(&console)?;
    let scopes = client.metadata.admin_scopes.to_string();
    console.edit(console.scopes_form(&client, scopes, String::new()), None).await
}

/// Gives the client exactly the entered scopes.
pub async fn post(
    context: Context,
    request: HttpRequest,
    id: Path<String>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let action = Action::GrantAdminScopes;
    let (console, mut form) = submitted(context, &request, form, action).await?;
    let id = id.into_inner();
    let path = client_path(&id);
    console.require_fresh(&format!("{path}/admin-scopes")).await?;
    let client = console.service_client(id.clone()).await.or_page_of(&console)?;
    let (typed, form) = (form.take("admin_scopes"), form.take("form"));
    let scopes = typed.split_whitespace().map(str::to_owned).collect();
    let change = Change { admin_scopes: Some(scopes), ..Change::default() };
    let (app, info) = (console.context().app.clone(), console.info());
    let work = async move {
        let changed = clients::update(app, id.clone(), change, info).await?;
        Ok(match changed.client_secret {
            Some(secret) => secret::of_client(id, secret),
            None => FormResult::Done { path, what: "saved" },
        })
    };
    match console.once(form.clone(), work).await {
        Ok(result) => Ok(console.answer(result)),
        Err(problem) => {
            console.edit(console.scopes_form(&client, typed, form), Some(&problem)).await
        }
    }
}

impl Console {
    /// The client, if this user may grant it administration scopes.
    async fn service_client(&self, id: String) -> Result<Client, Problem> {
        self.require_to(Action::GrantAdminScopes, TargetKind::AdminClient)?;
        Ok(self.named_client(id).await?.client)
    }

    fn scopes_form(&self, client: &Client, value: String, form: String) -> EditForm {
        let (locale, id) = (self.locale(), &client.client_id);
        let own: String = client
            .metadata
            .admin_scopes
            .iter()
            .map(|scope| option("--admin-scope", scope))
            .collect();
        EditForm {
            menu: "/admin/clients",
            title: locale.t("console.client.admin_scopes").to_owned(),
            lead: Some(format!("{} ({id})", client.metadata.name)),
            path: format!("{}/admin-scopes", client_path(id)),
            cancel: client_path(id),
            form,
            fields: vec![Field {
                name: "admin_scopes",
                label: locale.t("console.client.admin_scopes"),
                hint: Some(locale.t("console.client.admin_scopes_hint").to_owned()),
                value,
                ..Field::default()
            }],
            submit: locale.t("console.save").to_owned(),
            same_as: command("signet client update", id, &own),
        }
    }
}
